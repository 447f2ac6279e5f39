//! The trees that a description names, read and put over one another.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;

use super::error::PlanError;
use crate::adjust::{Fakeroot, Filter, IdMap, Names, Unknown, exclude_xattrs, map_ids, set_owner};
use crate::source::{self, Scratch, SourceKind, SourceTree, Wanted};
use crate::spec::{IdRanges, ImageSpec, Located, Patterns, TreeChanges, TreeList, TreeSpec};
use crate::tree::{HostInode, Joining, Metadata, Tree};

/// Reads trees as one description wants them.
pub(super) struct TreeReader<'a> {
    /// Of directories that no tree describes.
    made: &'a Metadata,
    scratch: Scratch,
    /// How all trees are changed.
    changes: &'a TreeChanges,
    /// What was read so far, to tell whether the changes had any effect.
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    /// There was a tree.
    trees: Cell<bool>,
    /// There was a folder, whose ids are the host's.
    folders: Cell<bool>,
    /// What fakeroot saved for all was of a folder.
    saved: Cell<bool>,
    /// What it said of one that it knows nothing of.
    unknown: RefCell<Option<PlanError>>,
}

impl<'a> TreeReader<'a> {
    pub fn new(spec: &'a ImageSpec, made: &'a Metadata) -> Self {
        let folder = spec.scratch.as_ref().map(|folder| folder.value.clone());
        Self {
            made,
            scratch: folder.map_or(Scratch::Memory, Scratch::Folder),
            changes: &spec.trees,
            seen: Seen::default(),
        }
    }

    /// The trees of `list` over one another; none of an empty list. `field` is where it was written.
    pub fn trees(&self, list: &TreeList, field: &str) -> Result<Option<Tree>, PlanError> {
        let (mut lower, rest) = match list.0.split_first() {
            None => return Ok(None),
            // The lowest is not copied.
            Some((lowest, rest)) if lowest.at.is_none() => (self.tree(lowest, field)?, rest),
            _ => (Tree::with_implied_root(self.made.clone()), &list.0[..]),
        };
        for tree in rest {
            self.one_over(&mut lower, "", tree, field)?;
        }
        Ok(Some(lower))
    }

    /// Puts the trees of `list` over `lower`, their roots at `path`.
    pub fn lay_over(
        &self,
        lower: &mut Tree,
        path: &Located<String>,
        list: &TreeList,
        field: &str,
    ) -> Result<(), PlanError> {
        let made = lower.make_dirs(path.value.as_bytes(), self.made);
        made.map_err(|error| PlanError::from(error).at(path, "path"))?;
        list.0
            .iter()
            .try_for_each(|tree| self.one_over(lower, &path.value, tree, field))
    }

    /// Refuses changes for folders where there was none: archives and images keep their owners, so they would
    /// be without effect.
    pub fn check_used(&self) -> Result<(), PlanError> {
        let changes = self.changes;
        if !self.seen.trees.get() {
            let reason = "there is no tree that this could be left out of";
            refuse(changes.exclude.as_ref(), "exclude", reason)?;
            refuse(changes.include.as_ref(), "include", reason)?;
        }
        if self.seen.folders.get() {
            let unknown = self.seen.unknown.take();
            return match unknown.filter(|_| !self.seen.saved.get()) {
                Some(error) => Err(error),
                None => Ok(()),
            };
        }
        refuse_unused(changes.fakeroot.as_ref(), "fakeroot")?;
        refuse_unused(changes.map_uid.as_ref(), "map-uid")?;
        refuse_unused(changes.map_gid.as_ref(), "map-gid")?;
        refuse_unused(changes.owner.as_ref(), "owner")
    }

    fn one_over(
        &self,
        lower: &mut Tree,
        path: &str,
        spec: &TreeSpec,
        field: &str,
    ) -> Result<(), PlanError> {
        let upper = self.tree(spec, field)?;
        let below = spec.at.as_ref().map_or("", |at| &at.value);
        let at = lower
            .make_dirs(format!("{path}/{below}").as_bytes(), self.made)
            .map_err(|error| PlanError::from(error).near(spec.at.as_ref(), "at"))?;
        let asked = spec.changes.or(self.changes);
        let is_set = |key: Option<&Located<bool>>| key.is_some_and(|key| key.value);
        let how = Joining {
            keep_directories: is_set(asked.keep_directories.as_ref()),
            follow_links: is_set(asked.follow_links.as_ref()),
        };
        let laid = lower.overlay_as(at, &upper, how);
        laid.map_err(|error| PlanError::from(error).at(&spec.path, field))
    }

    fn tree(&self, spec: &TreeSpec, field: &str) -> Result<Tree, PlanError> {
        let filter = filter(&spec.changes.or(self.changes))?;
        let wanted = Wanted {
            kind: spec.kind.as_ref().map(|kind| kind.value),
            part: spec.part.as_ref().map(|part| part.value.as_str()),
            platform: spec.platform.as_ref().map(|name| name.value.as_str()),
            filter: filter.as_ref(),
            root: self.made.clone(),
        };
        let read = source::read(&spec.path.value, &wanted, &self.scratch);
        let read = read.map_err(|error| {
            let is_platform = error.is_of_platform();
            let error = PlanError::from(error);
            match &spec.platform {
                Some(platform) if is_platform => error.at(platform, "platform"),
                _ => error.at(&spec.path, field),
            }
        })?;
        self.changed(read, &spec.changes, filter.as_ref())
    }

    /// A tree with its own changes, and those for all that it has none of.
    fn changed(
        &self,
        read: SourceTree,
        own: &TreeChanges,
        filter: Option<&Filter>,
    ) -> Result<Tree, PlanError> {
        let SourceTree {
            mut tree,
            kind,
            inodes,
        } = read;
        self.seen.trees.set(true);
        let mut changes = own.or(self.changes);
        if kind == SourceKind::Folder {
            self.seen.folders.set(true);
            match (&own.fakeroot, &self.changes.fakeroot) {
                (Some(saved), _) => fakeroot(&mut tree, &inodes, saved)?,
                (None, Some(saved)) => self.saved_for_all(&mut tree, &inodes, saved)?,
                (None, None) => {}
            }
        } else {
            let reason = "this is for a folder, whose files fakeroot knows by their inodes";
            refuse(own.fakeroot.as_ref(), "fakeroot", reason)?;
            // The ids in an archive are those that it was made with.
            changes.map_uid.clone_from(&own.map_uid);
            changes.map_gid.clone_from(&own.map_gid);
            changes.owner.clone_from(&own.owner);
        }
        if let Some(filter) = filter {
            filter.apply(&mut tree);
        }
        change(&mut tree, &changes)?;
        Ok(tree)
    }

    /// What was saved for all trees must be of one of them.
    fn saved_for_all(
        &self,
        tree: &mut Tree,
        inodes: &[HostInode],
        saved: &Located<PathBuf>,
    ) -> Result<(), PlanError> {
        match fakeroot(tree, inodes, saved) {
            Err(error) if error.is_of_other_inodes() => {
                self.seen.unknown.replace(Some(error));
                Ok(())
            }
            Err(error) => Err(error),
            Ok(()) => {
                self.seen.saved.set(true);
                Ok(())
            }
        }
    }
}

fn refuse<T>(given: Option<&Located<T>>, field: &str, reason: &str) -> Result<(), PlanError> {
    match given {
        Some(given) => Err(PlanError::Value(reason.to_owned()).at(given, field)),
        None => Ok(()),
    }
}

fn refuse_unused<T>(given: Option<&Located<T>>, field: &str) -> Result<(), PlanError> {
    let reason = "this is for folders, and no tree here is one; an archive's or image's is changed by a table: \
                  root = { path = \"…\", owner = \"…\" }";
    refuse(given, field, reason)
}

/// Changes a tree as it was read, in the order in which the changes depend on each other.
fn change(tree: &mut Tree, changes: &TreeChanges) -> Result<(), PlanError> {
    if let Some(names) = &changes.xattrs_exclude {
        let excluded = exclude_xattrs(tree, &names.value.0);
        excluded.map_err(|error| PlanError::from(error).at(names, "xattrs-exclude"))?;
    }
    let users = changes
        .map_uid
        .as_ref()
        .map(|map| id_map(map, "map-uid"))
        .transpose()?;
    let groups = changes
        .map_gid
        .as_ref()
        .map(|map| id_map(map, "map-gid"))
        .transpose()?;
    if users.is_some() || groups.is_some() {
        map_ids(tree, users.as_ref(), groups.as_ref()).map_err(|error| {
            let (map, field) = match error.what {
                "user" => (changes.map_uid.as_ref(), "map-uid"),
                _ => (changes.map_gid.as_ref(), "map-gid"),
            };
            PlanError::from(error).near(map, field)
        })?;
    }
    if let Some(owner) = &changes.owner {
        let ids = [&owner.value.user, &owner.value.group];
        let names = Names::for_ids(tree, ids).map_err(PlanError::from);
        names
            .and_then(|names| Ok(set_owner(tree, &owner.value, &names)?))
            .map_err(|error| error.at(owner, "owner"))?;
    }
    Ok(())
}

fn fakeroot(
    tree: &mut Tree,
    inodes: &[HostInode],
    saved: &Located<PathBuf>,
) -> Result<(), PlanError> {
    let path = &saved.value;
    let text = std::fs::read(path).map_err(|source| {
        let path = path.clone();
        PlanError::File { path, source }
    });
    let applied = text.and_then(|text| {
        let saved = Fakeroot::parse(&text);
        let applied = saved.and_then(|saved| saved.apply(tree, inodes, Unknown::Root));
        applied.map_err(|source| PlanError::Fakeroot {
            path: path.clone(),
            source,
        })
    });
    applied.map_err(|error: PlanError| error.at(saved, "fakeroot"))
}

/// What is left out of a tree, if anything is.
fn filter(changes: &TreeChanges) -> Result<Option<Filter>, PlanError> {
    let (exclude, include) = (changes.exclude.as_ref(), changes.include.as_ref());
    if exclude.is_none() {
        let reason = "without an exclude everything is included; give one, or leave this out";
        refuse(include, "include", reason)?;
        return Ok(None);
    }
    let patterns = |given: Option<&Located<Patterns>>| {
        given.map_or_else(Vec::new, |patterns| patterns.value.0.clone())
    };
    let (excludes, includes) = (patterns(exclude), patterns(include));
    let filter = Filter::new(&excludes, &includes).map_err(|error| {
        let (given, field) = if excludes.contains(&error.pattern) {
            (exclude, "exclude")
        } else {
            (include, "include")
        };
        PlanError::from(error).near(given, field)
    })?;
    Ok(Some(filter))
}

fn id_map(ranges: &Located<IdRanges>, field: &str) -> Result<IdMap, PlanError> {
    IdMap::new(ranges.value.0.iter().copied())
        .map_err(|error| PlanError::from(error).at(ranges, field))
}
