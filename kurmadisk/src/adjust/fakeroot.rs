//! What fakeroot remembered: owners, modes and devices that a build without root pretended (`fakeroot -s FILE`).

use std::collections::HashMap;

use thiserror::Error;

use super::device::{from_dev_t, number};
use super::kind::{Kind, is_empty_file};
use crate::tree::{HostInode, NodeId, NodeKind, Tree, TreeError, file_type};

/// A file that fakeroot saved: which inode it pretends to be what.
///
/// It has a line an inode, such as `dev=fe00,ino=42,mode=100644,uid=0,gid=0,nlink=1,rdev=0`; extended attributes are
/// not among what fakeroot (as of 1.31) saves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fakeroot {
    records: HashMap<(u64, u64), Record>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    mode: u32,
    uid: u32,
    gid: u32,
    rdev: u64,
}

/// Whose a file is that fakeroot knows nothing of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// root's, as under fakeroot.
    #[default]
    Root,
    /// Its own, as under `fakeroot --unknown-is-real`.
    Real,
}

/// What fakeroot saved can't be read, or does not fit the tree.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FakerootError {
    /// A line is malformed.
    #[error(
        "line {line} is none that fakeroot saves; give it a file of `fakeroot -s` that is complete"
    )]
    Line {
        /// The line, from 1 on.
        line: usize,
    },
    /// None of the tree's files is known.
    #[error(
        "none of the tree's files is among the {count} that fakeroot saved: they are known by their inodes, which a copy does not keep; give the folder that fakeroot worked in"
    )]
    NoneKnown {
        /// How many were saved.
        count: usize,
    },
    /// A file is of another type than it can pretend.
    #[error(
        "{path} is {found}, and fakeroot saved that its inode is of type {saved:#o}; the file was replaced since, save again"
    )]
    Type {
        /// The path.
        path: String,
        /// What it is.
        found: &'static str,
        /// The type bits of its mode.
        saved: u32,
    },
    /// The tree can't be changed so.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl Fakeroot {
    /// Reads what `fakeroot -s` wrote. Of an inode that occurs twice, the last line counts.
    pub fn parse(text: &[u8]) -> Result<Self, FakerootError> {
        let mut records = HashMap::new();
        for (line, bytes) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let parsed = str::from_utf8(bytes).ok().and_then(parse_line);
            let (inode, record) = parsed.ok_or(FakerootError::Line { line })?;
            records.insert(inode, record);
        }
        Ok(Self { records })
    }

    /// Makes the tree what it was under fakeroot. `inodes` are the device and inode of the host, by the number of the
    /// node ([`Folder::inodes`](crate::tree::Folder)); nodes without are left alone.
    ///
    /// Fails when nothing of what was saved is in the tree, or a file's type can't be what was saved: nothing is
    /// changed then.
    pub fn apply(
        &self,
        tree: &mut Tree,
        inodes: &[HostInode],
        unknown: Unknown,
    ) -> Result<(), FakerootError> {
        let mut found = Vec::new();
        let mut strangers = Vec::new();
        for id in super::all_nodes(tree) {
            let Some(inode) = inodes.get(id.index()).copied() else {
                continue;
            };
            match self.records.get(&inode) {
                Some(record) => found.push((id, *record, new_kind(tree, id, record)?)),
                None => strangers.push(id),
            }
        }
        if found.is_empty() && !self.records.is_empty() {
            let count = self.records.len();
            return Err(FakerootError::NoneKnown { count });
        }
        for (id, record, kind) in found {
            if let Some(kind) = kind {
                tree.change_kind(id, kind)?;
            }
            let meta = tree.metadata_mut(id);
            // The mask leaves 12 bits.
            meta.mode = (record.mode & 0o7777) as u16;
            (meta.uid, meta.gid) = (record.uid, record.gid);
        }
        if unknown == Unknown::Root {
            for id in strangers {
                let meta = tree.metadata_mut(id);
                (meta.uid, meta.gid) = (0, 0);
            }
        }
        Ok(())
    }
}

/// What the node becomes, if that is not what it is. An empty regular file stands for whatever fakeroot's mknod was
/// asked for: devices, and pipes and sockets too.
fn new_kind(tree: &Tree, id: NodeId, record: &Record) -> Result<Option<NodeKind>, FakerootError> {
    let saved = record.mode & file_type::MASK;
    let device = from_dev_t(record.rdev);
    let kind = &tree.node(id).kind;
    let empty = is_empty_file(kind);
    match (kind, saved) {
        (NodeKind::CharDevice(_), file_type::CHAR_DEVICE) => Ok(Some(NodeKind::CharDevice(device))),
        (NodeKind::BlockDevice(_), file_type::BLOCK_DEVICE) => {
            Ok(Some(NodeKind::BlockDevice(device)))
        }
        (_, file_type::CHAR_DEVICE) if empty => Ok(Some(NodeKind::CharDevice(device))),
        (_, file_type::BLOCK_DEVICE) if empty => Ok(Some(NodeKind::BlockDevice(device))),
        (_, file_type::FIFO) if empty => Ok(Some(NodeKind::Fifo)),
        (_, file_type::SOCKET) if empty => Ok(Some(NodeKind::Socket)),
        (NodeKind::File(_), file_type::REGULAR)
        | (NodeKind::Directory(_), file_type::DIRECTORY)
        | (NodeKind::Symlink(_), file_type::SYMLINK)
        | (NodeKind::Fifo, file_type::FIFO)
        | (NodeKind::Socket, file_type::SOCKET) => Ok(None),
        _ => Err(FakerootError::Type {
            path: tree.path_of(id),
            found: Kind::of(kind).name(),
            saved,
        }),
    }
}

fn parse_line(line: &str) -> Option<((u64, u64), Record)> {
    let mut fields = line.trim_end().split(',');
    let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('=');
    let dev = u64::from_str_radix(field("dev")?, 16).ok()?;
    let ino = number(field("ino")?)?;
    let mode = u32::from_str_radix(field("mode")?, 8).ok()?;
    let record = Record {
        mode,
        uid: number(field("uid")?)?,
        gid: number(field("gid")?)?,
        rdev: {
            let _links: u64 = number(field("nlink")?)?;
            number(field("rdev")?)?
        },
    };
    Some(((dev, ino), record))
}

#[cfg(test)]
mod tests {
    use kurmadisk_formats::map::DiskMap;

    use super::*;
    use crate::tree::{DeviceNumber, Metadata};

    fn saved(lines: &[&str]) -> Fakeroot {
        Fakeroot::parse(lines.join("\n").as_bytes()).unwrap()
    }

    fn tree() -> (Tree, NodeId, Vec<HostInode>) {
        let meta = Metadata {
            uid: 1000,
            gid: 1000,
            mode: 0o600,
            ..Metadata::default()
        };
        let mut tree = Tree::new(meta.clone());
        let file = NodeKind::File(DiskMap::new(0));
        let file = tree.add(Tree::ROOT, b"null", meta, file).unwrap();
        (tree, file, vec![(0xfe00, 1), (0xfe00, 2)])
    }

    #[test]
    fn files_become_what_they_pretended_to_be() {
        let line = "dev=fe00,ino=2,mode=20666,uid=12,gid=34,nlink=1,rdev=259";
        for (unknown, root_owner) in [(Unknown::Root, 0), (Unknown::Real, 1000)] {
            let (mut tree, file, inodes) = tree();
            saved(&[line, ""])
                .apply(&mut tree, &inodes, unknown)
                .unwrap();
            let node = tree.node(file);
            let null = DeviceNumber { major: 1, minor: 3 };
            assert!(matches!(node.kind, NodeKind::CharDevice(device) if device == null));
            assert_eq!(
                (node.meta.mode, node.meta.uid, node.meta.gid),
                (0o666, 12, 34)
            );
            assert_eq!(tree.node(Tree::ROOT).meta.uid, root_owner);
        }
    }

    #[test]
    fn only_empty_files_stand_for_something_else() {
        for (file_type, kind) in [
            (0o020_000, "CharDevice"),
            (0o060_000, "BlockDevice"),
            (0o010_000, "Fifo"),
            (0o140_000, "Socket"),
        ] {
            let line = format!("dev=fe00,ino=2,mode={file_type:o},uid=0,gid=0,nlink=1,rdev=259");
            for (len, becomes) in [(0, true), (1, false)] {
                let (mut tree, file, inodes) = tree();
                tree.set_content(file, DiskMap::new(len));
                let applied = saved(&[&line]).apply(&mut tree, &inodes, Unknown::Root);
                let refused = matches!(applied, Err(FakerootError::Type { .. }));
                assert_eq!((applied.is_ok(), refused), (becomes, !becomes), "{line}");
                let expected = if becomes { kind } else { "File" };
                let found = format!("{:?}", tree.node(file).kind);
                assert!(found.starts_with(expected), "{line}: {found}");
            }
        }
    }

    #[test]
    fn what_has_no_inode_is_left_alone() {
        let (mut tree, file, mut inodes) = tree();
        inodes.pop();
        let line = "dev=fe00,ino=1,mode=40755,uid=0,gid=0,nlink=1,rdev=0";
        saved(&[line])
            .apply(&mut tree, &inodes, Unknown::Root)
            .unwrap();
        assert_eq!(
            (tree.node(Tree::ROOT).meta.uid, tree.node(file).meta.uid),
            (0, 1000)
        );
        inodes.clear();
        Fakeroot::default()
            .apply(&mut tree, &inodes, Unknown::Root)
            .unwrap();
        assert_eq!(tree.node(file).meta.uid, 1000);
    }

    #[test]
    fn a_file_of_another_tree_is_refused() {
        let (mut tree, file, inodes) = tree();
        let other = "dev=fe01,ino=2,mode=100644,uid=0,gid=0,nlink=1,rdev=0";
        let error = saved(&[other]).apply(&mut tree, &inodes, Unknown::Root);
        assert!(matches!(error, Err(FakerootError::NoneKnown { count: 1 })));
        let replaced = "dev=fe00,ino=2,mode=40755,uid=0,gid=0,nlink=1,rdev=0";
        let root = "dev=fe00,ino=1,mode=40711,uid=5,gid=0,nlink=1,rdev=0";
        let error = saved(&[root, replaced]).apply(&mut tree, &inodes, Unknown::Root);
        let message = error.unwrap_err().to_string();
        assert!(
            message.starts_with(
                "/null is a regular file, and fakeroot saved that its inode is of type 0o40000"
            ),
            "{message}"
        );
        assert_eq!(
            (tree.node(Tree::ROOT).meta.uid, tree.node(file).meta.uid),
            (1000, 1000)
        );
    }

    #[test]
    fn other_files_are_refused_by_line() {
        let good = "dev=fe00,ino=2,mode=100644,uid=0,gid=0,nlink=1,rdev=0";
        for bad in [
            "x",
            "dev=fe00,ino=2,mode=100644,uid=0,gid=0,nlink=1",
            "dev=fe00,ino=2,mode=9,uid=0,gid=0,nlink=1,rdev=0",
            "ino=2,dev=fe00,mode=100644,uid=0,gid=0,nlink=1,rdev=0",
            "dev=fe00,ino=2,mode=100644,uid=4294967296,gid=0,nlink=1,rdev=0",
        ] {
            let error = Fakeroot::parse([good, bad].join("\n").as_bytes());
            assert!(
                matches!(error, Err(FakerootError::Line { line: 2 })),
                "{bad}"
            );
        }
    }
}
