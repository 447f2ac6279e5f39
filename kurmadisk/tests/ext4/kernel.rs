//! Real trees through the kernel's own ext4.

use std::fs::File;
use std::os::unix::fs::FileExt;

use kurmadisk::fs::ext4::{BlockSize, Ext4Options, Ext4Plan};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{Tree, from_dir};
use kurmadisk_fixtures::{oracle, treediff, treegen};
use kurmadisk_formats::map::DiskMap;

use super::support::{GIB, Image, MIB, checked, fixed, meta, options};

fn make() -> (tempfile::TempDir, usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = treegen::TreeSpec {
        crowd: 3000,
        ..treegen::TreeSpec::default()
    };
    let count = treegen::make_tree(folder.path(), 20, &spec).expect("a tree");
    (folder, count)
}

fn mounted_equal(folder: &std::path::Path, image: &Image, size: u64, count: usize) {
    let mount = oracle::mount_loop(image.path(), 0, size).expect("the kernel mounts it");
    let options = treediff::Options::default().leave_out("lost+found");
    let compared = treediff::compare(folder, mount.path(), &options).expect("readable");
    assert_eq!(compared.expect_equal(), count + 1);
}

#[test]
fn a_tree_is_mounted_as_it_was() {
    let (folder, count) = make();
    let tree = from_dir(folder.path()).expect("readable");
    let sizes = [
        VolumeSize::Auto(FreeSpace::Bytes(0)),
        VolumeSize::Auto(FreeSpace::PerMille(300)),
        VolumeSize::Fixed(8 * GIB),
    ];
    for size in sizes {
        let plan = Ext4Plan::new(tree.clone(), size, &options()).expect("fits");
        let image = checked(&tree, &plan);
        mounted_equal(folder.path(), &image, plan.size(), count);
    }
}

#[test]
fn smaller_blocks_are_mounted_too() {
    let (folder, count) = make();
    // Their targets do not fit a block of 1 KiB.
    let long = ["1024", "4094", "4095"];
    for name in long {
        let path = folder.path().join("links").join(format!("to-{name}"));
        std::fs::remove_file(path).expect("made");
    }
    let tree = from_dir(folder.path()).expect("readable");
    let options = Ext4Options {
        block_size: BlockSize::B1024,
        ..options()
    };
    let size = VolumeSize::Auto(FreeSpace::PerMille(100));
    let plan = Ext4Plan::new(tree.clone(), size, &options).expect("fits");
    let image = checked(&tree, &plan);
    mounted_equal(folder.path(), &image, plan.size(), count - long.len());
}

#[test]
fn a_file_may_have_its_end_at_16_tib() {
    let len = u64::from(u32::MAX) * 4096;
    let mut map = DiskMap::new(len);
    let pieces = [(b"one", 0), (b"two", len / 2), (b"end", len - 3)];
    for (bytes, at) in pieces {
        map.insert_bytes(at, bytes.to_vec()).expect("in range");
    }
    let mut tree = Tree::new(meta());
    tree.place_file(b"far", meta(), map).expect("new");
    let plan = fixed(&tree, 4 * MIB, &options()).expect("fits");
    let image = checked(&tree, &plan);
    let mount = oracle::mount_loop(image.path(), 0, plan.size()).expect("the kernel mounts it");
    let file = File::open(mount.path().join("far")).expect("there");
    assert_eq!(file.metadata().expect("metadata").len(), len);
    for (expected, at) in pieces {
        let mut bytes = [0; 3];
        file.read_exact_at(&mut bytes, at).expect("readable");
        assert_eq!(bytes, *expected);
    }
}
