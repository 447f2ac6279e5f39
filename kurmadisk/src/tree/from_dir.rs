//! A tree from a folder of the host.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kurmadisk_formats::error::SourceError;
use kurmadisk_formats::host::{self, HostEntry, HostKind};
use kurmadisk_formats::map::{ContentId, DirId, DiskMap, Extent, FileStore, Source};

use super::{DeviceNumber, Metadata, NodeId, NodeKind, Timestamp, Tree, TreeError};

/// Reads the names and metadata of everything below `path`; no content.
///
/// Each directory's names are taken in the order of their bytes, so the tree does not depend on how
/// the host stores them. Names of one inode become hard links. Holes are asked for only in files
/// that occupy less than their size.
pub fn from_dir(path: &Path) -> Result<Tree, TreeError> {
    let root = host::stat(path).map_err(|source| read_error(path, source))?;
    if root.kind != HostKind::Directory {
        let source = std::io::Error::from(std::io::ErrorKind::NotADirectory);
        return Err(read_error(path, source));
    }
    let mut scan = Scan {
        tree: Tree::new(metadata(&root)),
        store: FileStore::new(),
        files: Vec::new(),
        linked: HashMap::new(),
    };
    let mut pending = vec![(Tree::ROOT, path.to_path_buf())];
    while let Some((dir, path)) = pending.pop() {
        scan.directory(dir, &path, &mut pending)?;
    }
    Ok(scan.finish())
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
    store: FileStore,
    files: Vec<PendingFile>,
    linked: HashMap<(u64, u64), NodeId>,
}

impl Scan {
    fn directory(
        &mut self,
        dir: NodeId,
        path: &Path,
        pending: &mut Vec<(NodeId, PathBuf)>,
    ) -> Result<(), TreeError> {
        let mut entries = host::read_dir(path).map_err(|source| read_error(path, source))?;
        entries.sort_unstable_by(|a, b| a.name_bytes().cmp(b.name_bytes()));
        let stored = self.store.add_dir(path.to_path_buf());
        for entry in entries {
            let at = path.join(&entry.name);
            let node = self
                .entry(dir, stored, &at, entry)
                .map_err(|source| TreeError::At {
                    path: at.clone(),
                    source: Box::new(source),
                })?;
            if let Some(node) = node {
                pending.push((node, at));
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
            HostKind::Directory => NodeKind::Directory(Vec::new()),
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
        let node = self
            .tree
            .add(dir, entry.name_bytes(), metadata(stat), kind)?;
        if shared {
            self.linked.insert(inode, node);
        }
        match stat.kind {
            HostKind::Directory => Ok(Some(node)),
            HostKind::File if stat.len > 0 => {
                let data = data_ranges(path, stat)?;
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

    fn finish(mut self) -> Tree {
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
        self.tree
    }
}

/// Where a file has data. Only one that occupies less than its size can have holes.
fn data_ranges(path: &Path, stat: &host::HostStat) -> Result<Vec<std::ops::Range<u64>>, TreeError> {
    if stat.allocated >= stat.len {
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

fn metadata(stat: &host::HostStat) -> Metadata {
    Metadata {
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        mtime: Timestamp {
            seconds: stat.mtime_seconds,
            nanos: stat.mtime_nanos,
        },
    }
}

fn read_error(path: &Path, source: std::io::Error) -> TreeError {
    TreeError::Read {
        path: path.to_path_buf(),
        source,
    }
}
