//! A tree from a folder of the host.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kurmadisk_formats::host::{HostDir, HostFound, HostKind, HostName};
use kurmadisk_formats::map::{ContentId, DirId, DiskMap, Extent, FileStore, Source};

use super::read_ahead::{DirNumber, Listing, ReadAhead, metadata};
use super::{DeviceNumber, Entries, NodeId, NodeKind, Tree, TreeError};

/// A folder's tree, and what its nodes are on the host.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The tree.
    pub tree: Tree,
    /// The host's file system and the inode number in it, by node.
    pub inodes: Vec<HostInode>,
}

/// Whether a path of a folder is left out; see [`folder`].
/// Several threads ask.
pub type Skip<'a> = dyn Fn(&[u8], bool) -> bool + Sync + 'a;

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
    let found = HostDir::open(path).and_then(|dir| dir.look(HostName::itself()));
    let root = found.map_err(|source| read_error(path, source))?;
    let meta = metadata(&root.stat, root.attributes);
    let (ahead, number) = ReadAhead::new(path, skip);
    let mut scan = Scan {
        tree: Tree::new(meta),
        inodes: vec![(root.stat.device, root.stat.inode)],
        store: FileStore::new(),
        files: Vec::new(),
        linked: HashMap::new(),
        pending: Vec::new(),
    };
    scan.pending.push(PendingDir {
        node: Tree::ROOT,
        number,
        host: path.to_path_buf(),
    });
    std::thread::scope(|scope| {
        let _stop = ahead.start(scope);
        while let Some(dir) = scan.pending.pop() {
            scan.directory(&dir, ahead.take(dir.number)?)?;
        }
        Ok(scan.finish())
    })
}

/// A directory whose entries are to join the tree.
struct PendingDir {
    node: NodeId,
    number: DirNumber,
    host: PathBuf,
}

/// A regular file whose content joins the tree when the store is complete.
struct PendingFile {
    node: NodeId,
    content: ContentId,
    len: u64,
    /// Nothing: all of it.
    data: Option<Vec<Range<u64>>>,
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
    fn directory(&mut self, dir: &PendingDir, listing: Listing) -> Result<(), TreeError> {
        let stored = self.store.add_dir(dir.host.clone());
        listing.each(|name, listed| {
            let node = self.entry(dir.node, stored, name, listed.found);
            let node = node.map_err(|source| TreeError::At {
                path: dir.host.join(name),
                source: Box::new(source),
            })?;
            if let Some(number) = listed.directory {
                let host = dir.host.join(name);
                self.pending.push(PendingDir { node, number, host });
            }
            Ok(())
        })?;
        if let NodeKind::Directory(entries) = &mut self.tree.nodes[dir.node.index()].kind {
            entries.shrink_to_fit();
        }
        Ok(())
    }

    /// Adds one entry; gives its node.
    fn entry(
        &mut self,
        dir: NodeId,
        stored: DirId,
        name: &OsStr,
        found: Result<HostFound, TreeError>,
    ) -> Result<NodeId, TreeError> {
        let found = found?;
        let stat = &found.stat;
        let name_bytes = name.as_encoded_bytes();
        let shared = stat.links > 1 && stat.kind != HostKind::Directory;
        let inode = (stat.device, stat.inode);
        if shared && let Some(node) = self.linked.get(&inode) {
            self.tree.link(dir, name_bytes, *node)?;
            return Ok(*node);
        }
        let device = DeviceNumber {
            major: stat.major,
            minor: stat.minor,
        };
        let kind = match stat.kind {
            HostKind::Directory => NodeKind::Directory(Entries::new()),
            HostKind::File => NodeKind::File(DiskMap::new(stat.len)),
            HostKind::Symlink => NodeKind::Symlink(found.target.into()),
            HostKind::CharDevice => NodeKind::CharDevice(device),
            HostKind::BlockDevice => NodeKind::BlockDevice(device),
            HostKind::Fifo => NodeKind::Fifo,
            HostKind::Socket => NodeKind::Socket,
        };
        let meta = metadata(stat, found.attributes);
        let node = self.tree.add(dir, name_bytes, meta, kind)?;
        self.inodes.push(inode);
        if shared {
            self.linked.insert(inode, node);
        }
        if stat.kind == HostKind::File && stat.len > 0 {
            let content = self.store.add_file(stored, name, stat.identity());
            self.files.push(PendingFile {
                node,
                content,
                len: stat.len,
                data: found.data,
            });
        }
        Ok(node)
    }

    fn finish(mut self) -> Folder {
        let store = Arc::new(self.store);
        for file in self.files {
            let mut content = DiskMap::new(file.len);
            let whole = file.data.is_none().then_some(0..file.len);
            for range in file.data.into_iter().flatten().chain(whole) {
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

pub(super) fn read_error(path: &Path, source: std::io::Error) -> TreeError {
    TreeError::Read {
        path: path.to_path_buf(),
        source,
    }
}
