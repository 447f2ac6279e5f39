//! Overrides applied to a tree.

use globset::{Glob, GlobSet};

use super::error::{OverrideError, OverrideFault};
use super::target::Target;
use super::{Changes, Override, Overrides};
use crate::adjust::glob;
use crate::adjust::kind::{Kind, is_empty_file};
use crate::adjust::names::Names;
use crate::tree::{
    DeviceNumber, Entries, Metadata, NodeId, NodeKind, Timestamp, Tree, lossy, parts, split_path,
};

/// What an override names, as far as it is known before any is applied.
enum Named {
    /// What is at this path when the override's turn comes.
    Path(Vec<u8>),
    /// What a pattern matched: paths, and what was there.
    Matches(Vec<(Vec<u8>, NodeId)>),
}

/// What all overrides name.
struct Found {
    named: Vec<Named>,
    patterns: GlobSet,
    /// Whose the patterns are.
    owners: Vec<usize>,
}

impl Overrides {
    /// Changes the tree.
    ///
    /// First, in their order, overrides with a type make what is not there: folders, devices, pipes and sockets, and
    /// symbolic links, owned by root, with modes 0755, 0644 or 0777 and the time `made`. A pattern makes nothing, an
    /// optional override neither, and none a regular file. Then all are applied in their order; a pattern matches what
    /// was there then. What one removed, a later one with a type makes anew, for itself and all behind it.
    ///
    /// A directory that nobody described ([`Node::is_implied`](crate::tree::Node::is_implied)) is described by what is
    /// changed of it. A file of another type than said is an error, but an empty regular file, which stands for a device, pipe or link
    /// where those can't be made, becomes it. One that matches nothing is an error unless it is optional: a typing
    /// mistake would lose attributes without a word. After an error the tree may have been changed in part.
    pub fn apply(
        &self,
        tree: &mut Tree,
        names: &Names,
        made: Timestamp,
    ) -> Result<(), OverrideError> {
        for each in &self.all {
            each.make_early(tree, made)
                .map_err(|fault| each.fault(fault))?;
        }
        let mut found = self.find(tree)?;
        for (number, each) in self.all.iter().enumerate() {
            each.apply(number, &mut found, tree, names, made)
                .map_err(|fault| each.fault(fault))?;
        }
        Ok(())
    }

    /// What each of them names.
    fn find(&self, tree: &Tree) -> Result<Found, OverrideError> {
        let mut globs: Vec<Glob> = Vec::new();
        let mut owners = Vec::new();
        let mut named = Vec::with_capacity(self.all.len());
        for (number, each) in self.all.iter().enumerate() {
            let glob = match &each.target {
                Target::Path(path) => Err(path),
                Target::Either(path, _) if tree.lookup(path).is_some() => Err(path),
                Target::Glob(glob) | Target::Either(_, glob) => Ok(glob),
            };
            named.push(match glob {
                Ok(glob) => {
                    globs.push(glob.clone());
                    owners.push(number);
                    Named::Matches(Vec::new())
                }
                Err(path) => Named::Path(path.clone()),
            });
        }
        let first = owners.first().copied().unwrap_or_default();
        let patterns = glob::set(&globs).map_err(|error| self.all[first].fault(error.into()))?;
        let mut found = Found {
            named,
            patterns,
            owners,
        };
        if !found.owners.is_empty() {
            let mut walk = tree.walk();
            while let Some((path, id)) = walk.next_name() {
                found.compare(path, id);
            }
        }
        Ok(found)
    }
}

impl Found {
    /// Adds a path to what patterns match.
    fn compare(&mut self, path: &[u8], id: NodeId) {
        let mut matched = Vec::new();
        glob::matches(&self.patterns, path, &mut matched);
        for number in matched {
            if let Named::Matches(matches) = &mut self.named[self.owners[number]] {
                matches.push((path.to_vec(), id));
            }
        }
    }
}

impl Override {
    fn apply(
        &self,
        number: usize,
        found: &mut Found,
        tree: &mut Tree,
        names: &Names,
        made: Timestamp,
    ) -> Result<(), OverrideFault> {
        match &mut found.named[number] {
            Named::Path(path) => {
                let path = std::mem::take(path);
                let id = match tree.lookup(&path) {
                    Some(id) => id,
                    None if self.optional => return Ok(()),
                    None => {
                        let id = self.make(tree, &path, made)?;
                        let id = id.ok_or_else(|| self.unmatched())?;
                        found.compare(&path, id);
                        id
                    }
                };
                self.apply_to(tree, names, &path, id)
            }
            Named::Matches(matches) if matches.is_empty() && !self.optional => {
                Err(self.unmatched())
            }
            Named::Matches(matches) => {
                for (path, id) in std::mem::take(matches) {
                    // One before may have removed it, or what it lay in.
                    if tree.lookup(&path) == Some(id) {
                        self.apply_to(tree, names, &path, id)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn apply_to(
        &self,
        tree: &mut Tree,
        names: &Names,
        path: &[u8],
        id: NodeId,
    ) -> Result<(), OverrideFault> {
        if !self.remove {
            return self.changes.apply(tree, names, path, id);
        }
        let (folder, name) = split_path(path);
        if let Some(folder) = tree.lookup(folder) {
            tree.remove(folder, name);
        }
        Ok(())
    }

    fn unmatched(&self) -> OverrideFault {
        let path = match &self.target {
            Target::Path(path) | Target::Either(path, _) => absolute(path),
            Target::Glob(glob) => format!("/{}", glob.glob()),
        };
        OverrideFault::Unmatched { path }
    }

    /// Makes what it names and the tree has not, before any override is applied.
    fn make_early(&self, tree: &mut Tree, made: Timestamp) -> Result<(), OverrideFault> {
        let Target::Path(path) = &self.target else {
            return Ok(());
        };
        // Something else in place of the folder above can only be removed yet.
        if !self.optional && tree.lookup(path).is_none() && !lies_below_a_file(tree, path) {
            self.make(tree, path, made)?;
        }
        Ok(())
    }

    /// Makes what is not at `path`, if it can.
    fn make(
        &self,
        tree: &mut Tree,
        path: &[u8],
        made: Timestamp,
    ) -> Result<Option<NodeId>, OverrideFault> {
        let kind = self.changes.kind.filter(|kind| *kind != Kind::File);
        let Some(kind) = kind.filter(|_| !self.remove) else {
            return Ok(None);
        };
        let (folder, name) = split_path(path);
        let folder = tree.lookup(folder).ok_or_else(|| OverrideFault::NoFolder {
            path: absolute(path),
        })?;
        let mode = match kind {
            Kind::Directory => 0o755,
            Kind::Symlink => 0o777,
            _ => 0o644,
        };
        let meta = Metadata {
            mode,
            mtime: made,
            ..Metadata::default()
        };
        let kind = self.changes.new_kind(kind, path)?;
        Ok(Some(tree.add(folder, name, meta, kind)?))
    }
}

/// Whether what is there of a path ends in something that has no entries.
fn lies_below_a_file(tree: &Tree, path: &[u8]) -> bool {
    let mut last = Tree::ROOT;
    for name in parts(path) {
        match tree.child(last, name) {
            Some(child) => last = child,
            None => break,
        }
    }
    !matches!(tree.node(last).kind, NodeKind::Directory(_))
}

impl Changes {
    fn apply(
        &self,
        tree: &mut Tree,
        names: &Names,
        path: &[u8],
        id: NodeId,
    ) -> Result<(), OverrideFault> {
        self.change_kind(tree, path, id)?;
        let kind = &tree.node(id).kind;
        if self.capable && !matches!(kind, NodeKind::File(_)) {
            return Err(OverrideFault::NotCapable {
                path: absolute(path),
                found: Kind::of(kind).name(),
            });
        }
        let user = self
            .user
            .as_ref()
            .map(|user| user.user(names))
            .transpose()?;
        let group = self
            .group
            .as_ref()
            .map(|group| group.group(names))
            .transpose()?;
        if self.is_none() {
            return Ok(());
        }
        let mut meta = std::mem::take(tree.metadata_mut(id));
        meta.uid = user.unwrap_or(meta.uid);
        meta.gid = group.unwrap_or(meta.gid);
        meta.mode = self.mode.unwrap_or(meta.mode);
        meta.mtime = self.mtime.unwrap_or(meta.mtime);
        meta.flags = self.flags.unwrap_or(meta.flags);
        for (name, value) in &self.xattrs {
            match value {
                Some(value) => meta.xattrs.set(name, value),
                None => meta.xattrs.remove(name),
            }
        }
        // Nobody may have described a directory before; this does.
        tree.set_metadata(id, meta);
        Ok(())
    }

    /// Makes the node of the type that is asked for, with its device or target.
    fn change_kind(&self, tree: &mut Tree, path: &[u8], id: NodeId) -> Result<(), OverrideFault> {
        let kind = &tree.node(id).kind;
        let found = Kind::of(kind);
        let wanted = self.kind.unwrap_or(found);
        let no_such = |key| OverrideFault::NotOfType {
            path: absolute(path),
            found: wanted.name(),
            key,
        };
        if self.device.is_some() && !matches!(wanted, Kind::CharDevice | Kind::BlockDevice) {
            return Err(no_such("device"));
        }
        if self.link.is_some() && wanted != Kind::Symlink {
            return Err(no_such("target"));
        }
        let fits = found == wanted || is_empty_file(kind) && wanted.is_special();
        if !fits {
            return Err(OverrideFault::Type {
                path: absolute(path),
                found: found.name(),
                wanted: wanted.name(),
            });
        }
        if found == wanted && self.device.is_none() && self.link.is_none() {
            return Ok(());
        }
        let kind = self.new_kind(wanted, path)?;
        tree.change_kind(id, kind)?;
        Ok(())
    }

    /// A new node of a type, but for regular files.
    fn new_kind(&self, kind: Kind, path: &[u8]) -> Result<NodeKind, OverrideFault> {
        let incomplete = |missing| OverrideFault::Incomplete {
            path: absolute(path),
            what: kind.name(),
            missing,
        };
        let device = || -> Result<DeviceNumber, OverrideFault> {
            self.device.ok_or_else(|| incomplete("a device"))
        };
        Ok(match kind {
            Kind::Directory => NodeKind::Directory(Entries::new()),
            Kind::Symlink => {
                let link = self.link.as_deref().filter(|link| !link.is_empty());
                NodeKind::Symlink(link.ok_or_else(|| incomplete("a target"))?.into())
            }
            Kind::CharDevice => NodeKind::CharDevice(device()?),
            Kind::BlockDevice => NodeKind::BlockDevice(device()?),
            Kind::Fifo => NodeKind::Fifo,
            Kind::Socket => NodeKind::Socket,
            Kind::File => return Err(incomplete("content")),
        })
    }
}

impl Kind {
    /// Whether it has no content and no entries, so that an empty file can stand for it.
    fn is_special(self) -> bool {
        !matches!(self, Self::File | Self::Directory)
    }
}

fn absolute(path: &[u8]) -> String {
    format!("/{}", lossy(path))
}
