//! The system that programs, libraries and modules come from: a folder, read as far as it is looked at, or any tree.
//!
//! Paths are those within it, of bytes, without a leading `/`. Links lead where they would lead if the sysroot were
//! the root directory: nothing outside of it is ever looked at.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use kurmadisk::formats::host::{self, HostKind, HostStat};
use kurmadisk::formats::map::DiskMap;
use kurmadisk::host_file;
use kurmadisk::tree::{Metadata, NodeKind, Timestamp, Tree};

use super::error::SysrootError;

/// Links that a path may lead through, as in Linux.
pub(super) const MOST_LINKS: usize = 40;

/// A system's files.
pub(super) struct Sysroot {
    name: String,
    kind: Kind,
}

enum Kind {
    Folder {
        path: PathBuf,
        /// Directories that were looked at, by path; each of them is a real one.
        seen: RefCell<HashMap<Vec<u8>, Rc<Listing>>>,
    },
    Tree(Tree),
}

/// A directory of the host.
struct Listing {
    path: PathBuf,
    entries: BTreeMap<Vec<u8>, (OsString, HostStat)>,
}

/// What lies at a path.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The path without links, but for the last part where that was not followed.
    pub(super) path: Vec<u8>,
    pub(super) kind: FoundKind,
    /// Mode and time; all of it is root's in the initrd.
    pub(super) meta: Metadata,
}

/// What kind of thing that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FoundKind {
    Directory,
    File,
    Symlink(Vec<u8>),
    /// A device, pipe or socket.
    Special,
}

impl Sysroot {
    /// The folder at `path`.
    pub(super) fn folder(path: &Path) -> Self {
        Self {
            name: path.display().to_string(),
            kind: Kind::Folder {
                path: path.to_path_buf(),
                seen: RefCell::default(),
            },
        }
    }

    /// A tree, which messages call `name`.
    pub(super) fn tree(name: String, tree: Tree) -> Self {
        Self {
            name,
            kind: Kind::Tree(tree),
        }
    }

    /// Its name for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What lies at `path`, links followed.
    pub(super) fn find(&self, path: &[u8]) -> Result<Option<Found>, SysrootError> {
        self.walk(path, true)
    }

    /// What lies at `path`; where that is a link, the link.
    pub(super) fn find_link(&self, path: &[u8]) -> Result<Option<Found>, SysrootError> {
        self.walk(path, false)
    }

    /// The names in the directory at `path`, in the order of their bytes; none where there is no such directory.
    pub(super) fn names(&self, path: &[u8]) -> Result<Vec<Vec<u8>>, SysrootError> {
        let Some(found) = self.find(path)? else {
            return Ok(Vec::new());
        };
        if found.kind != FoundKind::Directory {
            return Ok(Vec::new());
        }
        Ok(match &self.kind {
            Kind::Folder { .. } => self.listing(&found.path)?.entries.keys().cloned().collect(),
            Kind::Tree(tree) => match tree.lookup(&found.path) {
                Some(node) => tree
                    .entries(node)
                    .iter()
                    .map(|entry| entry.name.to_vec())
                    .collect(),
                None => Vec::new(),
            },
        })
    }

    /// The content of the regular file that was found.
    pub(super) fn content(&self, found: &Found) -> Result<DiskMap, SysrootError> {
        let gone = || SysrootError::Gone {
            path: shown(&found.path),
            sysroot: self.name.clone(),
        };
        match &self.kind {
            Kind::Folder { .. } => {
                let (parent, name) = split(&found.path);
                let listing = self.listing(parent)?;
                let (name, _) = listing.entries.get(name).ok_or_else(gone)?;
                Ok(host_file(&listing.path.join(name))?)
            }
            Kind::Tree(tree) => match tree.lookup(&found.path).map(|node| &tree.node(node).kind) {
                Some(NodeKind::File(content)) => Ok(content.clone()),
                _ => Err(gone()),
            },
        }
    }

    fn walk(&self, path: &[u8], follow: bool) -> Result<Option<Found>, SysrootError> {
        let mut here: Vec<u8> = Vec::new();
        let mut waiting: Vec<Vec<u8>> = parts(path).rev().map(<[u8]>::to_vec).collect();
        let mut links = 0;
        let mut last = None;
        while let Some(part) = waiting.pop() {
            if part == b".." {
                here = split(&here).0.to_vec();
                last = None;
                continue;
            }
            let Some(found) = self.child(&here, &part)? else {
                return Ok(None);
            };
            match &found.kind {
                FoundKind::Symlink(target) if follow || !waiting.is_empty() => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Ok(None);
                    }
                    if target.starts_with(b"/") {
                        here.clear();
                    }
                    waiting.extend(parts(target).rev().map(<[u8]>::to_vec));
                    last = None;
                }
                FoundKind::Directory => {
                    here.clone_from(&found.path);
                    last = Some(found);
                }
                _ if waiting.is_empty() => return Ok(Some(found)),
                _ => return Ok(None),
            }
        }
        match last {
            Some(found) => Ok(Some(found)),
            None => self.directory(&here),
        }
    }

    /// A directory that is known to be one.
    fn directory(&self, path: &[u8]) -> Result<Option<Found>, SysrootError> {
        if path.is_empty() {
            return Ok(Some(Found {
                path: Vec::new(),
                kind: FoundKind::Directory,
                meta: Metadata {
                    mode: 0o755,
                    ..Metadata::default()
                },
            }));
        }
        let (parent, name) = split(path);
        self.child(parent, name)
    }

    /// What the real directory `dir` has under `name`.
    fn child(&self, dir: &[u8], name: &[u8]) -> Result<Option<Found>, SysrootError> {
        let path = join(dir, name);
        match &self.kind {
            Kind::Folder { .. } => {
                let listing = self.listing(dir)?;
                let Some((name, stat)) = listing.entries.get(name) else {
                    return Ok(None);
                };
                let kind = match stat.kind {
                    HostKind::Directory => FoundKind::Directory,
                    HostKind::File => FoundKind::File,
                    HostKind::Symlink => {
                        let link = listing.path.join(name);
                        let target = host::read_link(&link);
                        let target = target.map_err(|error| SysrootError::read(&link, error))?;
                        FoundKind::Symlink(target)
                    }
                    _ => FoundKind::Special,
                };
                let mtime = Timestamp {
                    seconds: stat.mtime_seconds,
                    nanos: stat.mtime_nanos,
                };
                let meta = roots(stat.mode, mtime);
                Ok(Some(Found { path, kind, meta }))
            }
            Kind::Tree(tree) => {
                let node = tree.lookup(dir).and_then(|dir| tree.child(dir, name));
                let Some(node) = node.map(|node| tree.node(node)) else {
                    return Ok(None);
                };
                let kind = match &node.kind {
                    NodeKind::Directory(_) => FoundKind::Directory,
                    NodeKind::File(_) => FoundKind::File,
                    NodeKind::Symlink(target) => FoundKind::Symlink(target.to_vec()),
                    _ => FoundKind::Special,
                };
                let meta = roots(node.meta.mode, node.meta.mtime);
                Ok(Some(Found { path, kind, meta }))
            }
        }
    }

    /// The real directory at `path` of a folder of the host.
    fn listing(&self, path: &[u8]) -> Result<Rc<Listing>, SysrootError> {
        let Kind::Folder { path: folder, seen } = &self.kind else {
            return Ok(Rc::new(Listing {
                path: PathBuf::new(),
                entries: BTreeMap::new(),
            }));
        };
        if let Some(listing) = seen.borrow().get(path) {
            return Ok(Rc::clone(listing));
        }
        let host_path = match path {
            b"" => folder.clone(),
            path => {
                let (parent, name) = split(path);
                let parent = self.listing(parent)?;
                match parent.entries.get(name) {
                    Some((name, _)) => parent.path.join(name),
                    None => folder.clone(),
                }
            }
        };
        let entries = host::read_dir(&host_path);
        let entries = entries.map_err(|error| SysrootError::read(&host_path, error))?;
        let entries = entries
            .into_iter()
            .map(|entry| (entry.name_bytes().to_vec(), (entry.name, entry.stat)));
        let listing = Rc::new(Listing {
            entries: entries.collect(),
            path: host_path,
        });
        seen.borrow_mut().insert(path.to_vec(), Rc::clone(&listing));
        Ok(listing)
    }
}

/// What is taken along of a file's metadata.
fn roots(mode: u16, mtime: Timestamp) -> Metadata {
    Metadata {
        mode,
        mtime,
        ..Metadata::default()
    }
}

/// The names of a path; empty ones and `.` don't count.
pub(super) fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
}

/// A path as that of its parent and its name.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    match dir {
        b"" => name.to_vec(),
        dir => [dir, b"/", name].concat(),
    }
}

/// The path where a link at `link` with that target leads, links on the way not followed.
pub(super) fn target_of(link: &[u8], target: &[u8]) -> Vec<u8> {
    match target.strip_prefix(b"/") {
        Some(absolute) => absolute.to_vec(),
        None => join(split(link).0, target),
    }
}

/// A path for messages.
pub(super) fn shown(path: &[u8]) -> String {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    format!("/{}", String::from_utf8_lossy(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sysroot of each kind with the same in it.
    fn both(check: impl Fn(&Sysroot)) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("usr/lib/deep")).unwrap();
        std::fs::write(root.join("usr/lib/file"), "inside").unwrap();
        std::fs::write(folder.path().join("file"), "outside").unwrap();
        let links = [
            ("lib", "usr/lib"),
            ("absolute", "/usr/lib/file"),
            ("out", "../../../file"),
            ("up", "usr/lib/deep/../file"),
            ("a", "b"),
            ("b", "a"),
        ];
        for (name, target) in links {
            std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        }
        check(&Sysroot::folder(&root));
        let tree = kurmadisk::tree::from_dir(&root).unwrap();
        check(&Sysroot::tree("tree".to_owned(), tree));
    }

    #[test]
    fn links_lead_nowhere_but_inside() {
        both(|sysroot| {
            let path = |path: &str| {
                sysroot
                    .find(path.as_bytes())
                    .unwrap()
                    .map(|found| found.path)
            };
            let file = Some(b"usr/lib/file".to_vec());
            assert_eq!(path("lib/file"), file);
            assert_eq!(path("absolute"), file);
            assert_eq!(path("up"), file);
            assert_eq!(path("lib/deep/../../../lib/./file"), file);
            // There is no /file, and the one beside the sysroot is not looked at.
            assert_eq!(path("out"), None);
            assert_eq!(path("a"), None);
            assert_eq!(path("lib/file/more"), None);
            let link = sysroot.find_link(b"lib").unwrap().unwrap();
            assert_eq!(link.kind, FoundKind::Symlink(b"usr/lib".to_vec()));
            assert_eq!(path("/.."), Some(Vec::new()));
            assert_eq!(
                sysroot.names(b"lib").unwrap(),
                [b"deep".to_vec(), b"file".to_vec()]
            );
            assert!(sysroot.names(b"lib/file").unwrap().is_empty());
        });
    }
}
