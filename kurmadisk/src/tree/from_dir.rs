//! A tree from a folder of the host.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kurmadisk_formats::error::SourceError;
use kurmadisk_formats::host::{self, HostEntry, HostKind};
use kurmadisk_formats::map::{ContentId, DirId, DiskMap, Extent, FileStore, Source};

use super::edit::join;
use super::{
    DeviceNumber, Entries, FileFlags, Metadata, NodeId, NodeKind, Timestamp, Tree, TreeError,
};

/// A folder's tree, and what its nodes are on the host.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The tree.
    pub tree: Tree,
    /// The host's file system and the inode number in it, by node.
    pub inodes: Vec<HostInode>,
}

/// Whether a path of a folder is left out; see [`folder`].
pub type Skip<'a> = dyn Fn(&[u8], bool) -> bool + 'a;

/// A file system of the host, and the number of an inode in it.
pub type HostInode = (u64, u64);

/// Reads the names and metadata of everything below `path`; no content.
///
/// Each directory's names are taken in the order of their bytes, so the tree does not depend on how
/// the host stores them. Names of one inode become hard links. Holes are asked for only in files
/// that occupy less than their size or have extended attributes.
pub fn from_dir(path: &Path) -> Result<Tree, TreeError> {
    folder(path, &|_, _| false).map(|folder| folder.tree)
}

/// Reads a folder as [`from_dir`] does, and tells what its nodes are on the host.
///
/// What `skip` says yes to, given a path from the root (no leading `/`) and whether it is a directory, is left out
/// with all below it; nothing of it is read.
pub fn folder(path: &Path, skip: &Skip<'_>) -> Result<Folder, TreeError> {
    let root = host::stat(path).map_err(|source| read_error(path, source))?;
    if root.kind != HostKind::Directory {
        let source = std::io::Error::from(std::io::ErrorKind::NotADirectory);
        return Err(read_error(path, source));
    }
    // The folder, even where its path ends in a symbolic link.
    let meta = metadata(&root, &path.join("."))?;
    let mut scan = Scan {
        tree: Tree::new(meta),
        inodes: vec![(root.device, root.inode)],
        store: FileStore::new(),
        files: Vec::new(),
        linked: HashMap::new(),
        pending: Vec::new(),
    };
    scan.pending.push(PendingDir {
        node: Tree::ROOT,
        host: path.to_path_buf(),
        path: Vec::new(),
    });
    while let Some(dir) = scan.pending.pop() {
        scan.directory(&dir, skip)?;
    }
    Ok(scan.finish())
}

/// A directory that is to be read.
struct PendingDir {
    node: NodeId,
    host: PathBuf,
    /// Its path in the tree.
    path: Vec<u8>,
}

/// A regular file whose content joins the tree when the store is complete.
struct PendingFile {
    node: NodeId,
    content: ContentId,
    len: u64,
    data: Vec<std::ops::Range<u64>>,
}

struct Scan {
    tree: Tree,
    inodes: Vec<HostInode>,
    store: FileStore,
    files: Vec<PendingFile>,
    linked: HashMap<HostInode, NodeId>,
    pending: Vec<PendingDir>,
}

impl Scan {
    fn directory(&mut self, dir: &PendingDir, skip: &Skip<'_>) -> Result<(), TreeError> {
        let entries = host::read_dir(&dir.host);
        let mut entries = entries.map_err(|source| read_error(&dir.host, source))?;
        entries.sort_unstable_by(|a, b| a.name_bytes().cmp(b.name_bytes()));
        let stored = self.store.add_dir(dir.host.clone());
        for entry in entries {
            let path = join(&dir.path, entry.name_bytes());
            if skip(&path, entry.stat.kind == HostKind::Directory) {
                continue;
            }
            let host = dir.host.join(&entry.name);
            let node = self
                .entry(dir.node, stored, &host, entry)
                .map_err(|source| TreeError::At {
                    path: host.clone(),
                    source: Box::new(source),
                })?;
            if let Some(node) = node {
                self.pending.push(PendingDir { node, host, path });
            }
        }
        Ok(())
    }

    /// Adds one entry; gives the node when it is a directory to be read.
    fn entry(
        &mut self,
        dir: NodeId,
        stored: DirId,
        path: &Path,
        entry: HostEntry,
    ) -> Result<Option<NodeId>, TreeError> {
        let stat = &entry.stat;
        let shared = stat.links > 1 && stat.kind != HostKind::Directory;
        let inode = (stat.device, stat.inode);
        if shared && let Some(node) = self.linked.get(&inode) {
            self.tree.link(dir, entry.name_bytes(), *node)?;
            return Ok(None);
        }
        let device = DeviceNumber {
            major: stat.major,
            minor: stat.minor,
        };
        let kind = match stat.kind {
            HostKind::Directory => NodeKind::Directory(Entries::new()),
            HostKind::File => NodeKind::File(DiskMap::new(stat.len)),
            HostKind::Symlink => NodeKind::Symlink(
                host::read_link(path)
                    .map_err(|source| read_error(path, source))?
                    .into(),
            ),
            HostKind::CharDevice => NodeKind::CharDevice(device),
            HostKind::BlockDevice => NodeKind::BlockDevice(device),
            HostKind::Fifo => NodeKind::Fifo,
            HostKind::Socket => NodeKind::Socket,
        };
        let meta = metadata(stat, path)?;
        let node = self.tree.add(dir, entry.name_bytes(), meta, kind)?;
        self.inodes.push(inode);
        if shared {
            self.linked.insert(inode, node);
        }
        match stat.kind {
            HostKind::Directory => Ok(Some(node)),
            HostKind::File if stat.len > 0 => {
                let counted = !self.tree.node(node).meta.xattrs.is_empty();
                let data = data_ranges(path, stat, counted)?;
                let len = stat.len;
                let content = self.store.add_file(stored, entry.name, stat.stamp());
                self.files.push(PendingFile {
                    node,
                    content,
                    len,
                    data,
                });
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn finish(mut self) -> Folder {
        let store = Arc::new(self.store);
        for file in self.files {
            let mut content = DiskMap::new(file.len);
            for range in file.data {
                let source = Source::Content {
                    store: store.clone(),
                    id: file.content,
                    offset: range.start,
                };
                let extent = Extent {
                    start: range.start,
                    len: range.end - range.start,
                    source,
                };
                // The host's ranges ascend within the file's length.
                content.insert(extent).expect("ranges of data are disjoint");
            }
            self.tree.nodes[file.node.index()].kind = NodeKind::File(content);
        }
        Folder {
            tree: self.tree,
            inodes: self.inodes,
        }
    }
}

/// Where a file has data. Only one that occupies less than its size can have holes, or one whose extended
/// attributes are `counted` with what it occupies.
fn data_ranges(
    path: &Path,
    stat: &host::HostStat,
    counted: bool,
) -> Result<Vec<std::ops::Range<u64>>, TreeError> {
    if stat.allocated >= stat.len && !counted {
        return Ok(std::iter::once(0..stat.len).collect());
    }
    let read_error = |source| read_error(path, source);
    let file = host::open_regular(path).map_err(read_error)?;
    if host::stamp(&file).map_err(read_error)? != stat.stamp() {
        let path = path.to_path_buf();
        return Err(SourceError::Changed { path }.into());
    }
    host::data_ranges(&file, stat.len).map_err(read_error)
}

fn metadata(stat: &host::HostStat, path: &Path) -> Result<Metadata, TreeError> {
    let attributes =
        host::attributes(path, stat.kind).map_err(|source| read_error(path, source))?;
    Ok(Metadata {
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        mtime: Timestamp {
            seconds: stat.mtime_seconds,
            nanos: stat.mtime_nanos,
        },
        xattrs: attributes.xattrs.into_iter().collect(),
        flags: FileFlags::from_bits(attributes.flags),
    })
}

fn read_error(path: &Path, source: std::io::Error) -> TreeError {
    TreeError::Read {
        path: path.to_path_buf(),
        source,
    }
}
