//! All that the kernel tells of a mounted filesystem, against the tree it was made of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use kurmadisk::tree::{Node, NodeId, NodeKind, Tree};
use kurmadisk_formats::read_at::ReadAt;
use rustix::fs::{lgetxattr, llistxattr, major, minor};

/// The top has every name of `tree` and no other but `lost+found`, and of each node the kernel tells all that the
/// tree says, the content and extended attributes among it.
pub fn same(tree: &Tree, top: &Path) {
    let all: BTreeMap<_, _> = tree.paths().into_iter().collect();
    let mut found = BTreeSet::new();
    names(top, &mut Vec::new(), &mut found);
    found.retain(|path| all.contains_key(path) || path != b"lost+found");
    assert!(found.iter().eq(all.keys()), "other names are there");
    node(tree.node(Tree::ROOT), top);
    let mut inodes: HashMap<NodeId, u64> = HashMap::new();
    for (path, id) in &all {
        let inode = node(tree.node(*id), &top.join(OsStr::from_bytes(path)));
        // All names of a node are those of one inode.
        assert_eq!(*inodes.entry(*id).or_insert(inode), inode);
    }
    let different: BTreeSet<_> = inodes.values().collect();
    assert_eq!(different.len(), inodes.len());
}

/// Every name below `dir`, whose path from the top is `path`.
fn names(dir: &Path, path: &mut Vec<u8>, found: &mut BTreeSet<Vec<u8>>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let entry = entry.expect("readable");
        let len = path.len();
        if len > 0 {
            path.push(b'/');
        }
        path.extend(entry.file_name().into_vec());
        assert!(found.insert(path.clone()), "a name is there twice");
        if entry.file_type().expect("known").is_dir() {
            names(&entry.path(), path, found);
        }
        path.truncate(len);
    }
}

/// One node; gives its inode.
fn node(node: &Node, path: &Path) -> u64 {
    let found = fs::symlink_metadata(path).expect("there");
    let meta = &node.meta;
    let what = path.as_os_str().as_bytes().escape_ascii();
    let told = (found.mode(), found.uid(), found.gid());
    let mode = type_bits(&node.kind) | u32::from(meta.mode);
    assert_eq!(told, (mode, meta.uid, meta.gid), "{what}");
    let time = (found.mtime(), found.mtime_nsec());
    let expected = (meta.mtime.seconds, meta.mtime.nanos.into());
    assert_eq!(time, expected, "{what}");
    if !found.is_dir() {
        assert_eq!(found.nlink(), u64::from(node.links()), "{what}");
    }
    content(&node.kind, path, &found);
    assert_eq!(attributes(path), expected_attributes(node), "{what}");
    found.ino()
}

fn type_bits(kind: &NodeKind) -> u32 {
    match kind {
        NodeKind::Fifo => 0x1000,
        NodeKind::CharDevice(_) => 0x2000,
        NodeKind::Directory(_) => 0x4000,
        NodeKind::BlockDevice(_) => 0x6000,
        NodeKind::File(_) => 0x8000,
        NodeKind::Symlink(_) => 0xa000,
        NodeKind::Socket => 0xc000,
    }
}

fn content(kind: &NodeKind, path: &Path, found: &Metadata) {
    match kind {
        NodeKind::File(map) => {
            assert_eq!(found.len(), map.len());
            let mut bytes = vec![0; usize::try_from(map.len()).expect("small")];
            map.reader().read_exact_at(0, &mut bytes).expect("readable");
            assert!(fs::read(path).expect("readable") == bytes);
        }
        NodeKind::Symlink(target) => {
            let link = fs::read_link(path).expect("readable");
            assert_eq!(link.as_os_str().as_bytes(), &**target);
        }
        NodeKind::CharDevice(device) | NodeKind::BlockDevice(device) => {
            let number = found.rdev();
            assert_eq!((major(number), minor(number)), (device.major, device.minor));
        }
        NodeKind::Directory(_) | NodeKind::Fifo | NodeKind::Socket => {}
    }
}

type Attributes = BTreeMap<Vec<u8>, Vec<u8>>;

fn expected_attributes(node: &Node) -> Attributes {
    let all = node.meta.xattrs.iter();
    all.map(|(name, value)| (name.to_vec(), value.to_vec()))
        .collect()
}

/// Each as it is listed and read by its name.
fn attributes(path: &Path) -> Attributes {
    let mut list = vec![0; 1 << 16];
    let len = llistxattr(path, &mut list).expect("readable");
    let names = list[..len].split(|byte| *byte == 0);
    let names = names.filter(|name| !name.is_empty());
    let mut value = vec![0; 1 << 16];
    names
        .map(|name| {
            let len = lgetxattr(path, OsStr::from_bytes(name), &mut value).expect("there");
            (name.to_vec(), value[..len].to_vec())
        })
        .collect()
}
