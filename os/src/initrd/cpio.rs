//! cpio archives in the kernel's format newc, written: a map of headers in memory, and files' content by reference.
//!
//! Format: the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`. Numbers are those of the walk:
//! the first name's has number 1. All names of a hard-linked file have the same number and follow one another's
//! order in the tree; the last of them brings the content, as GNU cpio does it and the kernel wants it.

use std::collections::HashMap;
use std::io::Write;

use kurmadisk::formats::map::{DiskMap, Extent, MapBuilder};
use kurmadisk::tree::{DeviceNumber, Node, NodeId, NodeKind, Tree, file_type};

use super::error::ArchiveError;
use super::sysroot::shown;

/// The longest path and the longest target of a link, in bytes: Linux's `PATH_MAX` without its NUL.
const LONGEST: usize = 4095;

/// Name and content are filled up to a multiple of so many bytes.
const ALIGNMENT: u64 = 4;

const TRAILER: &[u8] = b"TRAILER!!!";

/// What of a tree stays out of its archive; see [`archive`].
pub(super) type Skip<'a> = dyn Fn(&[u8], &Node) -> bool + 'a;

/// The tree as an archive, in the order of its paths, the root directory itself left out. A name for which `skip`
/// says yes is left out, not what lies below it.
///
/// Times have whole seconds from 1970 to 2106; earlier and later ones become the nearest.
pub(super) fn archive(tree: &Tree, skip: &Skip<'_>) -> Result<DiskMap, ArchiveError> {
    let mut writer = Writer {
        headers: Vec::new(),
        start: 0,
        at: 0,
        extents: Vec::new(),
    };
    let mut linked: HashMap<NodeId, (u32, u32)> = HashMap::new();
    let mut last = 0_u32;
    let mut names = tree.walk();
    while let Some((path, id)) = names.next_name() {
        let node = tree.node(id);
        if skip(path, node) {
            continue;
        }
        if path == TRAILER {
            return Err(ArchiveError::Trailer);
        }
        if path.len() > LONGEST {
            let len = path.len();
            return Err(ArchiveError::Long {
                path: shown(path),
                len,
            });
        }
        let (number, left) = if let Some(known) = linked.get(&id) {
            *known
        } else {
            last = last.checked_add(1).ok_or(ArchiveError::Many)?;
            (last, node.links())
        };
        linked.insert(id, (number, left.saturating_sub(1)));
        writer.member(path, node, number, left == 1)?;
    }
    writer.finish()
}

/// A member's header but for what its name says.
#[derive(Default)]
struct Header {
    number: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    mtime: u32,
    len: u32,
    device: (u32, u32),
}

struct Writer {
    /// Bytes that are not in an extent yet; they lie from `start` on.
    headers: Vec<u8>,
    start: u64,
    /// The length so far, in bytes.
    at: u64,
    extents: Vec<Extent>,
}

impl Writer {
    fn member(
        &mut self,
        path: &[u8],
        node: &Node,
        number: u32,
        is_last: bool,
    ) -> Result<(), ArchiveError> {
        let (kind, device) = match &node.kind {
            NodeKind::Directory(_) => (file_type::DIRECTORY, None),
            NodeKind::File(_) => (file_type::REGULAR, None),
            NodeKind::Symlink(_) => (file_type::SYMLINK, None),
            NodeKind::CharDevice(device) => (file_type::CHAR_DEVICE, Some(device)),
            NodeKind::BlockDevice(device) => (file_type::BLOCK_DEVICE, Some(device)),
            NodeKind::Fifo => (file_type::FIFO, None),
            NodeKind::Socket => (file_type::SOCKET, None),
        };
        let seconds = node.meta.mtime.seconds.clamp(0, u32::MAX.into());
        let mut header = Header {
            number,
            mode: kind | u32::from(node.meta.mode),
            uid: node.meta.uid,
            gid: node.meta.gid,
            links: node.links(),
            mtime: u32::try_from(seconds).unwrap_or(u32::MAX),
            len: 0,
            device: device.map_or((0, 0), |DeviceNumber { major, minor }| (*major, *minor)),
        };
        match &node.kind {
            NodeKind::File(content) if is_last => {
                let large = |_| ArchiveError::Large {
                    path: shown(path),
                    len: content.len(),
                };
                header.len = content.len().try_into().map_err(large)?;
                self.header(path, &header);
                self.content(content);
            }
            NodeKind::Symlink(target) => {
                let len = target.len();
                if len > LONGEST {
                    let path = shown(path);
                    return Err(ArchiveError::Target { path, len });
                }
                header.mode = file_type::SYMLINK | 0o777;
                header.len = u32::try_from(len).unwrap_or(u32::MAX);
                self.header(path, &header);
                self.bytes(target);
            }
            _ => self.header(path, &header),
        }
        self.align();
        Ok(())
    }

    fn header(&mut self, path: &[u8], header: &Header) {
        let fields = [
            header.number,
            header.mode,
            header.uid,
            header.gid,
            header.links,
            header.mtime,
            header.len,
            0,
            0,
            header.device.0,
            header.device.1,
            u32::try_from(path.len() + 1).unwrap_or(u32::MAX),
            0,
        ];
        let before = self.headers.len();
        self.headers.extend(b"070701");
        for field in fields {
            // A vector takes everything.
            let _ = write!(self.headers, "{field:08X}");
        }
        self.headers.extend(path);
        self.headers.push(0);
        self.at += (self.headers.len() - before) as u64;
        self.align();
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.headers.extend(bytes);
        self.at += bytes.len() as u64;
    }

    fn content(&mut self, content: &DiskMap) {
        self.close();
        let at = self.at;
        let moved = content.extents().iter().cloned().map(|mut extent| {
            extent.start += at;
            extent
        });
        self.extents.extend(moved);
        self.at += content.len();
        self.start = self.at;
    }

    fn align(&mut self) {
        let end = self.at.next_multiple_of(ALIGNMENT);
        self.headers.extend((self.at..end).map(|_| 0));
        self.at = end;
    }

    /// Puts the headers so far into an extent.
    fn close(&mut self) {
        let bytes = std::mem::take(&mut self.headers);
        self.extents.push(Extent {
            start: self.start,
            len: bytes.len() as u64,
            source: kurmadisk::formats::map::Source::Bytes(bytes.into()),
        });
    }

    fn finish(mut self) -> Result<DiskMap, ArchiveError> {
        let end = Header {
            links: 1,
            ..Header::default()
        };
        self.header(TRAILER, &end);
        self.close();
        let mut map = MapBuilder::new(self.at);
        for extent in self.extents {
            map.push(extent);
        }
        Ok(map.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use kurmadisk::formats::read_at::ReadAt;
    use kurmadisk::source::{Scratch, cpio};
    use kurmadisk::tree::{Entries, Metadata, Timestamp};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn bytes(map: &DiskMap) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(map.len()).unwrap()];
        map.reader().read_exact_at(0, &mut bytes).unwrap();
        bytes
    }

    fn everything(_: &[u8], _: &Node) -> bool {
        false
    }

    /// Every name with what it is; a file's content, and the first of its names for the second.
    fn told(tree: &Tree) -> Vec<String> {
        let mut first: HashMap<NodeId, Vec<u8>> = HashMap::new();
        let names = tree.paths().into_iter();
        let lines = names.map(|(path, id)| {
            let node = tree.node(id);
            let first = first.entry(id).or_insert_with(|| path.clone());
            let kind = match &node.kind {
                NodeKind::File(content) => format!("{:?}", bytes(content)),
                NodeKind::Directory(_) => "directory".to_owned(),
                other => format!("{other:?}"),
            };
            format!("{path:?} is {first:?}: {:?} {kind}", node.meta)
        });
        lines.collect()
    }

    #[derive(Clone, Debug)]
    enum Kind {
        Directory,
        File(Vec<u8>),
        Symlink(Vec<u8>),
        Char(u32, u32),
        Block(u32, u32),
        Fifo,
        Socket,
        Link(usize),
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            3 => Just(Kind::Directory),
            4 => vec(any::<u8>(), 0..40).prop_map(Kind::File),
            2 => vec(1_u8.., 1..40).prop_map(Kind::Symlink),
            1 => (0_u32..4096, any::<u32>()).prop_map(|(major, minor)| Kind::Char(major, minor)),
            1 => (any::<u32>(), 0_u32..256).prop_map(|(major, minor)| Kind::Block(major, minor)),
            1 => Just(Kind::Fifo),
            1 => Just(Kind::Socket),
            3 => any::<usize>().prop_map(Kind::Link),
        ]
    }

    type Entry = (usize, Vec<u8>, Kind, (u16, u32, u32, u32));

    /// A tree of entries, each in one of the directories before it; names that can't be are left out.
    fn tree(entries: Vec<Entry>) -> Tree {
        let mut tree = Tree::with_implied_root(Metadata::default());
        let mut dirs = vec![Tree::ROOT];
        let mut nodes = Vec::new();
        for (dir, name, kind, (mode, uid, gid, seconds)) in entries {
            let dir = dirs[dir % dirs.len()];
            let is_link = matches!(kind, Kind::Symlink(_));
            let meta = Metadata {
                mode: if is_link { 0o777 } else { mode & 0o7777 },
                uid,
                gid,
                mtime: Timestamp {
                    seconds: seconds.into(),
                    nanos: 0,
                },
                ..Metadata::default()
            };
            let device = |major, minor| DeviceNumber { major, minor };
            let kind = match kind {
                Kind::Directory => NodeKind::Directory(Entries::new()),
                Kind::File(content) => {
                    let mut map = DiskMap::new(content.len() as u64);
                    map.insert_bytes(0, content).unwrap();
                    NodeKind::File(map)
                }
                Kind::Symlink(target) => NodeKind::Symlink(target.into()),
                Kind::Char(major, minor) => NodeKind::CharDevice(device(major, minor)),
                Kind::Block(major, minor) => NodeKind::BlockDevice(device(major, minor)),
                Kind::Fifo => NodeKind::Fifo,
                Kind::Socket => NodeKind::Socket,
                Kind::Link(to) => {
                    if !nodes.is_empty() {
                        let _ = tree.link(dir, &name, nodes[to % nodes.len()]);
                    }
                    continue;
                }
            };
            let is_dir = matches!(kind, NodeKind::Directory(_));
            if let Ok(node) = tree.add(dir, &name, meta, kind) {
                if is_dir {
                    dirs.push(node);
                } else {
                    nodes.push(node);
                }
            }
        }
        tree
    }

    proptest! {
        #[test]
        fn any_tree_is_read_back_as_it_was(entries in vec((any::<usize>(), vec(any::<u8>(), 1..9), kind(), any::<(u16, u32, u32, u32)>()), 0..40)) {
            let tree = tree(entries);
            let archive = archive(&tree, &everything).unwrap();
            prop_assert_eq!(archive.len() % ALIGNMENT, 0);
            let mut back = Tree::with_implied_root(Metadata::default());
            cpio::apply(&archive, &mut back, &Scratch::Memory).unwrap();
            prop_assert_eq!(told(&tree), told(&back));
        }
    }

    fn one(name: &[u8], meta: Metadata, kind: NodeKind) -> Result<DiskMap, ArchiveError> {
        let mut tree = Tree::with_implied_root(Metadata::default());
        tree.add(Tree::ROOT, name, meta, kind).unwrap();
        archive(&tree, &everything)
    }

    #[test]
    fn what_has_no_room_is_refused() {
        let file = |len| NodeKind::File(DiskMap::new(len));
        let meta = Metadata::default;
        let largest = one(b"x", meta(), file(u32::MAX.into())).unwrap();
        assert!(largest.len() > u32::MAX.into());
        let error = one(b"x", meta(), file(1 << 32)).unwrap_err().to_string();
        assert_eq!(
            error,
            "/x has 4294967296 bytes; files of 4 GiB or more have no room in an initrd"
        );
        assert!(matches!(
            one(TRAILER, meta(), NodeKind::Fifo),
            Err(ArchiveError::Trailer)
        ));
        let long = NodeKind::Symlink(vec![b'x'; 4096].into());
        assert!(matches!(
            one(b"x", meta(), long),
            Err(ArchiveError::Target { len: 4096, .. })
        ));
    }

    #[test]
    fn times_beyond_the_archives_become_the_nearest() {
        for (seconds, expected) in [(-1, 0), (1 << 32, i64::from(u32::MAX)), (7, 7)] {
            let mtime = Timestamp { seconds, nanos: 5 };
            let meta = Metadata {
                mtime,
                ..Metadata::default()
            };
            let archive = one(b"x", meta, NodeKind::Fifo).unwrap();
            let mut back = Tree::with_implied_root(Metadata::default());
            cpio::apply(&archive, &mut back, &Scratch::Memory).unwrap();
            let node = back.lookup(b"x").unwrap();
            assert_eq!(back.node(node).meta.mtime.seconds, expected);
        }
    }
}
