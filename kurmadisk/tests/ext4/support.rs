//! Trees, filesystems, and what the judges say of them.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ext4_view::Ext4;
use kurmadisk::fs::VolumeSize;
use kurmadisk::fs::ext4::{BlockSize, Ext4Error, Ext4Options, Ext4Plan, InodeSize, read_tree};
use kurmadisk::tree::{Metadata, Node, NodeKind, Timestamp, Tree, digest};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::emit::write_map;
use kurmadisk_formats::error::chain;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::output::NewFile;
use kurmadisk_formats::read_at::ReadAt;
use tempfile::TempDir;
use uuid::Uuid;

pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;
pub const GIB: u64 = 1 << 30;
pub const BLOCK_SIZES: [BlockSize; 3] = [BlockSize::B1024, BlockSize::B2048, BlockSize::B4096];
pub const UUID: Uuid = Uuid::from_u128(0x0102_0304_0506_4708_890a_0b0c_0d0e_0f10);
pub const HASH_SEED: Uuid = Uuid::from_u128(0xa1a2_a3a4_a5a6_47a8_a9aa_abac_adae_afb0);
/// 2001-09-09 01:46:40 UTC.
pub const TIME: Timestamp = Timestamp {
    seconds: 1_000_000_000,
    nanos: 0,
};

pub fn meta() -> Metadata {
    Metadata {
        mode: 0o644,
        mtime: TIME,
        ..Metadata::default()
    }
}

pub fn content(bytes: &[u8]) -> DiskMap {
    let mut map = DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes.to_vec())
        .expect("within its length");
    map
}

pub fn tree_of(files: &[(&str, &[u8])]) -> Tree {
    let mut tree = Tree::new(meta());
    for (path, bytes) in files {
        tree.place_file(path.as_bytes(), meta(), content(bytes))
            .expect("paths differ");
    }
    tree
}

pub fn options() -> Ext4Options {
    Ext4Options {
        label: "ROOT".to_owned(),
        time: TIME,
        ..Ext4Options::new(UUID, HASH_SEED)
    }
}

pub fn fixed(tree: &Tree, size: u64, options: &Ext4Options) -> Result<Ext4Plan, Ext4Error> {
    Ext4Plan::new(tree.clone(), VolumeSize::Fixed(size), options)
}

/// A filesystem as a sparse file that goes with this value.
pub struct Image {
    _folder: TempDir,
    path: PathBuf,
}

impl Image {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

pub fn write(map: &DiskMap) -> Image {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("filesystem");
    let mut file = NewFile::create(&path).expect("a new file");
    write_map(map, &mut file, &mut |_| ControlFlow::Continue(())).expect("room");
    file.commit().expect("room");
    Image {
        _folder: folder,
        path,
    }
}

/// What there is of one name.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub kind: Kind,
    pub mode: u16,
    pub owner: (u32, u32),
    pub mtime: (i64, u32),
}

#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    Directory,
    File(Vec<u8>),
    /// A file too long to be compared, of so many bytes.
    LongFile(u64),
    Symlink(Vec<u8>),
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
}

const LONGEST: u64 = 8 * MIB;

/// Everything by path, the root as the empty one.
pub type Listing = BTreeMap<Vec<u8>, Seen>;

pub fn listing(tree: &Tree) -> Listing {
    let root = (Vec::new(), Tree::ROOT);
    std::iter::once(root)
        .chain(tree.paths())
        .map(|(path, id)| (path, planned(tree.node(id))))
        .collect()
}

fn planned(node: &Node) -> Seen {
    let kind = match &node.kind {
        NodeKind::Directory(_) => Kind::Directory,
        NodeKind::File(map) if map.len() > LONGEST => Kind::LongFile(map.len()),
        NodeKind::File(map) => {
            let mut bytes = vec![0; usize::try_from(map.len()).expect("small")];
            map.reader().read_exact_at(0, &mut bytes).expect("readable");
            Kind::File(bytes)
        }
        NodeKind::Symlink(target) => Kind::Symlink(target.to_vec()),
        NodeKind::CharDevice(_) => Kind::CharDevice,
        NodeKind::BlockDevice(_) => Kind::BlockDevice,
        NodeKind::Fifo => Kind::Fifo,
        NodeKind::Socket => Kind::Socket,
    };
    let meta = &node.meta;
    Seen {
        kind,
        mode: meta.mode,
        owner: (meta.uid, meta.gid),
        mtime: (meta.mtime.seconds, meta.mtime.nanos),
    }
}

pub fn open(image: &Image) -> Ext4 {
    Ext4::load_from_path(image.path()).expect("ext4-view reads it")
}

/// What the `ext4-view` crate finds in the filesystem.
///
/// Version 1.0 takes a time whose low 32 bits are negative for a fault, so trees for it have none
/// from before 1970 or after 2038 up to 2106; the kernel is the judge of those.
pub fn read_back(image: &Image) -> Listing {
    let filesystem = open(image);
    let root = filesystem.metadata("/").expect("a root");
    let mut found = Listing::from([(Vec::new(), seen(&filesystem, &at(b""), &root))]);
    let mut pending = vec![Vec::new()];
    while let Some(dir) = pending.pop() {
        for entry in filesystem.read_dir(&at(&dir)).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = entry.file_name();
            let name: &[u8] = name.as_ref();
            if name == b"." || name == b".." {
                continue;
            }
            let slash: &[u8] = if dir.is_empty() { b"" } else { b"/" };
            let path = [&dir, slash, name].concat();
            let meta = entry.metadata().expect("metadata");
            let seen = seen(&filesystem, &entry.path(), &meta);
            if seen.kind == Kind::Directory {
                pending.push(path.clone());
            }
            assert!(found.insert(path, seen).is_none(), "a name is there twice");
        }
    }
    found
}

fn at(path: &[u8]) -> ext4_view::PathBuf {
    ext4_view::PathBuf::try_from([b"/", path].concat()).expect("a path")
}

fn seen(filesystem: &Ext4, path: &ext4_view::PathBuf, meta: &ext4_view::Metadata) -> Seen {
    let kind = match meta.file_type() {
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_symlink() => {
            let target = filesystem.read_link(path).expect("a target");
            assert_eq!(meta.len(), target.as_ref().len() as u64);
            Kind::Symlink(target.as_ref().to_vec())
        }
        kind if kind.is_char_dev() => Kind::CharDevice,
        kind if kind.is_block_dev() => Kind::BlockDevice,
        kind if kind.is_fifo() => Kind::Fifo,
        kind if kind.is_socket() => Kind::Socket,
        _ if meta.len() > LONGEST => Kind::LongFile(meta.len()),
        // Finding a name takes as long as its directory is.
        _ if meta.len() == 0 => Kind::File(Vec::new()),
        _ => Kind::File(filesystem.read(path).expect("content")),
    };
    Seen {
        kind,
        mode: meta.mode(),
        owner: (meta.uid(), meta.gid()),
        mtime: (meta.modified().seconds(), meta.modified().nanoseconds()),
    }
}

/// Builds the filesystem; asks e2fsck and the second reader.
pub fn judged(tree: &Tree, plan: &Ext4Plan) -> Image {
    let image = checked(tree, plan);
    let expected = listing(tree);
    let mut found = read_back(&image);
    if plan.options().lost_found && !expected.contains_key(&b"lost+found"[..]) {
        let added = found.remove(&b"lost+found"[..]).expect("it was asked for");
        assert_eq!((added.kind, added.mode), (Kind::Directory, 0o700));
    }
    for (path, seen) in &expected {
        assert!(
            found.get(path) == Some(seen),
            "{}: {:?}",
            path.escape_ascii(),
            found.get(path)
        );
    }
    assert_eq!(found.len(), expected.len());
    image
}

/// Builds the filesystem; asks e2fsck, and reads it again.
pub fn checked(tree: &Tree, plan: &Ext4Plan) -> Image {
    let map = plan.build().expect("the tree is the planned one");
    assert_eq!(map.len(), plan.size());
    let image = write(&map);
    if let Err(error) = oracle::e2fsck_clean(image.path(), 0) {
        panic!("{error}\n{:?}, {} blocks", plan.options(), plan.blocks());
    }
    let again = read_tree(&map).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let mut expected = tree.clone();
    if plan.options().inode_size == InodeSize::B128 {
        drop_nanoseconds(&mut expected);
    }
    assert!(listing(&again) == listing(&expected), "another tree");
    // Attributes, flags, holes and hard links too.
    assert_eq!(digest(&again), digest(&expected), "other metadata");
    image
}

/// Short inodes have no room for them.
fn drop_nanoseconds(tree: &mut Tree) {
    let ids: Vec<_> = tree.nodes().map(|(id, _)| id).collect();
    for id in ids {
        tree.metadata_mut(id).mtime.nanos = 0;
    }
}

/// The fields dumpe2fs prints of the superblock.
pub fn fields(image: &Image) -> HashMap<String, String> {
    let text = oracle::dumpe2fs(image.path(), 0).expect("dumpe2fs reads it");
    let head = text.split("\n\nGroup 0:").next().expect("a superblock");
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(field, value)| (field.to_owned(), value.trim().to_owned()))
        .collect()
}

/// What debugfs says of a path.
pub fn stat(image: &Image, path: &str) -> String {
    oracle::debugfs(image.path(), 0, &format!("stat {path}")).expect("debugfs finds it")
}

/// A tree of one file of `blocks` blocks, all of them zeros that are no hole.
pub fn tree_with_blocks(blocks: u64, block_size: BlockSize) -> Tree {
    let block = u64::from(block_size.bytes());
    let len = blocks * block;
    let mut map = DiskMap::new(len);
    let zeros = bytes::Bytes::from(vec![0; usize::try_from(len).expect("small")]);
    map.insert_bytes(0, zeros).expect("within its length");
    let mut tree = Tree::new(meta());
    tree.place_file(b"file", meta(), map).expect("new");
    tree
}
