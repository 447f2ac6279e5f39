//! A tree from a filesystem: ext2, ext3 or ext4, as any mke2fs made it and any kernel left it.
//!
//! Names and metadata are read, contents are referred to: a file's content is a part of the volume's map, with
//! the holes that the file has. Space that was given to a file and never written is a hole too.
//!
//! Filesystems are hostile until shown otherwise. Every checksum there is is checked, every number is checked
//! before it is used, no block is gone through twice, and each inode is read once: so cost is bounded by what
//! the volume holds. A path has at most 4095 bytes. What a tree cannot express is refused (encrypted files, fs-verity, directories that ignore
//! case); flags that `chattr` sets and ext4 does not heed are dropped. Access, change and creation times, project
//! numbers and generations are not read.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | what only others put into filesystems |
//! | `superblock` | recognising a filesystem; its sizes and features |
//! | `feature_names` | features by the names of e2fsprogs |
//! | `volume` | blocks, groups, inodes |
//! | `inode` | an inode and its fields |
//! | `mapping` | where contents lie: extent trees, block lists |
//! | `dir` | names |
//! | `xattr` | extended attributes |
//! | `error` | [`Ext4ReadError`], [`Ext4Fault`] |

mod dir;
mod error;
pub(crate) mod feature_names;
mod inode;
mod mapping;
pub(crate) mod spec;
pub(crate) mod superblock;
mod volume;
mod xattr;

use std::collections::{HashMap, HashSet};

use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;

pub use error::{Ext4Fault, Ext4ReadError};

use super::numbers::LOST_FOUND;
use super::spec::{ROOT_INODE, file_type};
use crate::fs::paths::{path_len_below, shown_path};
use crate::tree::{Entries, LONGEST_PATH, Metadata, NodeId, NodeKind, Tree, TreeError, lossy};
use inode::RawInode;
use volume::Volume;
use xattr::Found;

/// Reads the tree of the filesystem that `volume` holds from its first byte on; contents stay where they are.
///
/// An empty `/lost+found` as `e2fsck` makes it is left out: it belongs to the filesystem, and whoever makes
/// one of the tree gives it its own.
///
/// Fails with the path of what can't be read, and when the filesystem is in use or damaged.
pub fn read_tree(volume: &DiskMap) -> Result<Tree, Ext4ReadError> {
    let mut volume = Volume::open(volume)?;
    let at_root = |source| Ext4ReadError::Entry {
        path: "/".to_owned(),
        inode: ROOT_INODE,
        source,
    };
    let mut attributes = xattr::Reader::default();
    let root = volume.inode(ROOT_INODE).map_err(at_root)?;
    let opened = open(&mut volume, &mut attributes, &root).map_err(at_root)?;
    if !root.is_directory() {
        let (field, value) = ("i_mode", root.fields.mode.get().into());
        return Err(at_root(Ext4Fault::Field { field, value }));
    }
    let mut walk = Walk {
        tree: Tree::new(opened.meta),
        volume,
        attributes,
        known: HashMap::new(),
        directories: HashSet::from([ROOT_INODE]),
        pending: Vec::new(),
    };
    walk.pending.push(Directory {
        node: Tree::ROOT,
        inode: root,
        inline: opened.inline,
        path_len: 0,
    });
    while let Some(dir) = walk.pending.pop() {
        walk.directory(&dir)?;
    }
    walk.volume.close()?;
    let mut tree = walk.tree;
    if let Some(id) = tree.child(Tree::ROOT, LOST_FOUND)
        && is_own_lost_found(&tree, id)
    {
        tree.remove(Tree::ROOT, LOST_FOUND);
    }
    Ok(tree)
}

fn is_own_lost_found(tree: &Tree, id: NodeId) -> bool {
    let node = tree.node(id);
    let own = Metadata {
        mode: 0o700,
        mtime: node.meta.mtime,
        ..Metadata::default()
    };
    matches!(&node.kind, NodeKind::Directory(entries) if entries.is_empty()) && node.meta == own
}

struct Walk<'a> {
    tree: Tree,
    volume: Volume<'a>,
    attributes: xattr::Reader,
    /// The nodes of inodes that are no directories.
    known: HashMap<u32, NodeId>,
    /// The inodes of directories.
    directories: HashSet<u32>,
    /// Directories whose names are to join the tree.
    pending: Vec<Directory>,
}

struct Directory {
    node: NodeId,
    inode: RawInode,
    /// What of it lies among attributes.
    inline: Option<Vec<u8>>,
    /// The length of its path from the root, without a leading `/`.
    path_len: usize,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &Directory) -> Result<(), Ext4ReadError> {
        let inode = &dir.inode;
        let names = if inode.is_inline() {
            let rest = dir.inline.as_deref().unwrap_or_default();
            dir::inline_names(&self.volume, &inode.fields.block, rest)
        } else {
            dir::names(&mut self.volume, inode)
        };
        let mut names = names.map_err(|source| Ext4ReadError::Entry {
            path: self.tree.path_of(dir.node),
            inode: inode.number,
            source,
        })?;
        // So are blocks of inodes read once.
        names.sort_unstable();
        for (number, name) in names {
            if let Err(source) = self.entry(dir, number, &name) {
                // A name that can't be is the directory's fault.
                let number = match source {
                    Ext4Fault::Tree(TreeError::BadName { .. } | TreeError::Taken { .. }) => {
                        inode.number
                    }
                    _ => number,
                };
                return Err(Ext4ReadError::Entry {
                    path: shown_path(&self.tree.path_of(dir.node), &lossy(&name)),
                    inode: number,
                    source,
                });
            }
        }
        Ok(())
    }

    fn entry(&mut self, dir: &Directory, number: u32, name: &[u8]) -> Result<(), Ext4Fault> {
        let path_len = path_len_below(dir.path_len, name);
        if path_len > LONGEST_PATH {
            return Err(Ext4Fault::LongPath {
                len: path_len,
                limit: LONGEST_PATH,
            });
        }
        if let Some(known) = self.known.get(&number) {
            return Ok(self.tree.link(dir.node, name, *known)?);
        }
        if self.directories.contains(&number) {
            return Err(Ext4Fault::SecondName);
        }
        let inode = self.volume.inode(number)?;
        let opened = open(&mut self.volume, &mut self.attributes, &inode)?;
        let node = self.tree.add(dir.node, name, opened.meta, opened.kind)?;
        if inode.is_directory() {
            self.directories.insert(number);
            self.pending.push(Directory {
                node,
                inode,
                inline: opened.inline,
                path_len,
            });
        } else {
            self.known.insert(number, node);
        }
        Ok(())
    }
}

/// What an inode is of.
struct Opened {
    meta: Metadata,
    kind: NodeKind,
    /// What of its content lies behind `i_block` (`inline_data`).
    inline: Option<Vec<u8>>,
}

fn open(
    volume: &mut Volume<'_>,
    attributes: &mut xattr::Reader,
    inode: &RawInode,
) -> Result<Opened, Ext4Fault> {
    if inode.fields.links_count.get() == 0 {
        return Err(Ext4Fault::Deleted);
    }
    inode.check_special()?;
    let Found { xattrs, inline } = attributes.read(volume, inode)?;
    let kind = match inode.type_bits() {
        bits if bits == file_type::DIRECTORY.0 => NodeKind::Directory(Entries::new()),
        bits if bits == file_type::REGULAR.0 => {
            NodeKind::File(content(volume, inode, inline.as_deref())?)
        }
        bits if bits == file_type::SYMLINK.0 => {
            NodeKind::Symlink(target(volume, inode, inline.as_deref())?.into())
        }
        bits if bits == file_type::CHAR_DEVICE.0 => NodeKind::CharDevice(inode.device()),
        bits if bits == file_type::BLOCK_DEVICE.0 => NodeKind::BlockDevice(inode.device()),
        bits if bits == file_type::FIFO.0 => NodeKind::Fifo,
        bits if bits == file_type::SOCKET.0 => NodeKind::Socket,
        _ => {
            let (field, value) = ("i_mode", inode.fields.mode.get().into());
            return Err(Ext4Fault::Field { field, value });
        }
    };
    let meta = inode.metadata(xattrs)?;
    Ok(Opened { meta, kind, inline })
}

/// The content of a file or of a long symbolic link.
fn content(
    volume: &mut Volume<'_>,
    inode: &RawInode,
    inline: Option<&[u8]>,
) -> Result<DiskMap, Ext4Fault> {
    let size = inode.size(false);
    let impossible = Ext4Fault::Field {
        field: "i_size",
        value: size,
    };
    // Blocks of a content are counted in 32 bits.
    if size > volume.parameters.block_size << 32 {
        return Err(impossible);
    }
    if inode.is_inline() {
        // What is longer ends in a hole.
        let mut bytes = [&inode.fields.block[..], inline.unwrap_or_default()].concat();
        bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        let mut map = DiskMap::new(size);
        return match map.insert_bytes(0, bytes) {
            Ok(()) => Ok(map),
            Err(_) => Err(impossible),
        };
    }
    let runs = mapping::runs(volume, inode)?;
    mapping::content(volume, &runs, size)
}

/// The target of a symbolic link: in `i_block` when it is short.
fn target(
    volume: &mut Volume<'_>,
    inode: &RawInode,
    inline: Option<&[u8]>,
) -> Result<Vec<u8>, Ext4Fault> {
    let size = inode.size(false);
    let impossible = |field, value| Ext4Fault::Field { field, value };
    let len = usize::try_from(size).unwrap_or(usize::MAX);
    if size == 0 || size > volume.parameters.block_size {
        return Err(impossible("i_size", size));
    }
    let is_fast = !inode.is_inline() && !inode.has_extents() && len < inode.fields.block.len();
    let target = if is_fast {
        inode.fields.block[..len].to_vec()
    } else {
        let content = content(volume, inode, inline)?;
        let mut target = vec![0; len];
        content.reader().read_exact_at(0, &mut target)?;
        target
    };
    match target.iter().position(|byte| *byte == 0) {
        Some(at) => Err(impossible("i_size", at as u64)),
        None => Ok(target),
    }
}
