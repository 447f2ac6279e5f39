//! The tree, and the filesystem of it.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use kurmadisk::formats::emit::write_map;
use kurmadisk::formats::error::chain;
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::output::NewFile;
use kurmadisk::fs::ext4::{Ext4Options, Ext4Plan};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::host_file;
use kurmadisk::source::tar::{TarMode, apply};
use kurmadisk::tree::{FileFlags, Metadata, NodeKind, Timestamp, Tree};
use kurmadisk_fixtures::nasty::{self, Case, Kind};
use kurmadisk_fixtures::oracle::{self, LoopMount};
use tempfile::TempDir;
use uuid::Uuid;

const UUID: Uuid = Uuid::from_u128(0x0102_0304_0506_4708_890a_0b0c_0d0e_0f10);

/// 2001-09-09 01:46:40 UTC.
pub const TIME: Timestamp = Timestamp {
    seconds: 1_000_000_000,
    nanos: 0,
};

/// A tree whose content is in files that go with this value.
pub struct Kept {
    pub tree: Tree,
    _folder: TempDir,
}

/// The tree of `cases` as an archive; but its sockets, which archives don't have, are put in after.
pub fn from_archive(cases: &[Case]) -> Kept {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("nasty.tar");
    let file = File::create(&path).expect("a new file");
    nasty::write_tar(cases, file).expect("room");
    let archive = host_file(&path).expect("there");
    let mut tree = Tree::new(Metadata::default());
    apply(&archive, &mut tree, TarMode::Whole).unwrap_or_else(|error| panic!("{}", chain(&error)));
    add_sockets(&mut tree, cases);
    Kept {
        tree,
        _folder: folder,
    }
}

fn add_sockets(tree: &mut Tree, cases: &[Case]) {
    for case in cases {
        let slash = case.path.iter().rposition(|byte| *byte == b'/');
        let (parent, name) = case.path.split_at(slash.map_or(0, |slash| slash + 1));
        let dir = tree.lookup(parent).expect("parents come first");
        match &case.kind {
            Kind::Socket => {
                let added = tree.add(dir, name, metadata(case), NodeKind::Socket);
                added.expect("new");
            }
            Kind::HardLink(first) if tree.lookup(&case.path).is_none() => {
                let node = tree.lookup(first).expect("it comes first");
                tree.link(dir, name, node).expect("new");
            }
            _ => {}
        }
    }
}

/// What a case's node has whatever its kind.
pub fn metadata(case: &Case) -> Metadata {
    let (seconds, nanos) = case.mtime;
    Metadata {
        mode: case.mode,
        uid: case.uid,
        gid: case.gid,
        mtime: Timestamp { seconds, nanos },
        xattrs: case.all_xattrs().iter().collect(),
        flags: FileFlags::from_bits(case.flags),
    }
}

/// The tree of `cases` in a folder of an ext4 that the kernel keeps.
pub struct Folder {
    mount: LoopMount,
    _image: TempDir,
}

impl Folder {
    pub fn new(cases: &[Case]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let image = folder.path().join("host");
        let mount = oracle::mount_new_ext4(&image, 512 << 20).expect("an ext4 of the host");
        let made = Self {
            mount,
            _image: folder,
        };
        std::fs::create_dir(made.path()).expect("new");
        nasty::make(cases, &made.path()).expect("the host can hold it");
        made
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.mount.path().join("tree")
    }
}

pub fn options() -> Ext4Options {
    Ext4Options {
        label: "nasty".to_owned(),
        time: TIME,
        ..Ext4Options::new(UUID, Uuid::from_u128(nasty::HASH_SEED))
    }
}

/// The smallest filesystem of `tree`, judged by e2fsck, as a file in `folder`; and its size in bytes.
pub fn ext4(tree: &Tree, folder: &Path, name: &str) -> (std::path::PathBuf, u64) {
    let size = VolumeSize::Auto(FreeSpace::Bytes(0));
    let plan = Ext4Plan::new(tree.clone(), size, &options()).expect("everything is planned");
    let image = folder.join(name);
    write(&plan.build().expect("the tree is the planned one"), &image);
    oracle::e2fsck_clean(&image, 0).unwrap_or_else(|error| panic!("{error}"));
    (image, plan.size())
}

pub fn write(map: &DiskMap, path: &Path) {
    let mut file = NewFile::create(path).expect("a new file");
    write_map(map, &mut file, &mut |_| ControlFlow::Continue(())).expect("room");
    file.commit().expect("room");
}
