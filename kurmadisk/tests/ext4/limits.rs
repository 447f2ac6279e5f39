//! Large directories, large extent trees, and counts at their limits.

use kurmadisk::fs::ext4::{BlockSize, Ext4Options, Ext4Plan, FreeInodes};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{Entries, NodeKind, Tree};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::DiskMap;

use super::support::{checked, judged, meta, open, options, stat, tree_of};

fn smallest(tree: &Tree, options: &Ext4Options) -> Ext4Plan {
    let size = VolumeSize::Auto(FreeSpace::Bytes(0));
    Ext4Plan::new(tree.clone(), size, options).expect("fits")
}

#[test]
fn twenty_thousand_names_in_a_directory() {
    let mut tree = Tree::new(meta());
    let dir = tree.make_dirs(b"crowd", &meta()).expect("new");
    for number in 0..20_000 {
        let name = format!("{number}-{}", "x".repeat(number % 200));
        let kind = NodeKind::File(DiskMap::new(0));
        tree.add(dir, name.as_bytes(), meta(), kind).expect("new");
    }
    let image = judged(&tree, &smallest(&tree, &options()));
    let listed = oracle::debugfs(image.path(), 0, "ls -p /crowd").expect("debugfs lists it");
    // Blocks of the index are listed as entries of inode 0.
    let is_name = |line: &&str| line.starts_with('/') && !line.starts_with("/0/");
    let names = listed.lines().filter(is_name).count();
    assert_eq!(names, 20_000 + 2);
}

#[test]
fn subdirectories_are_counted_up_to_64998() {
    let options = Ext4Options {
        block_size: BlockSize::B1024,
        ..options()
    };
    let mut tree = Tree::new(meta());
    let dir = tree.make_dirs(b"many", &meta()).expect("new");
    for number in 0..64_998 {
        let name = format!("{number:05}");
        let kind = NodeKind::Directory(Entries::new());
        tree.add(dir, name.as_bytes(), meta(), kind).expect("new");
    }
    let image = checked(&tree, &smallest(&tree, &options));
    assert!(stat(&image, "/many").contains("Links: 65000 "));
    let kind = NodeKind::Directory(Entries::new());
    tree.add(dir, b"one more", meta(), kind).expect("new");
    // From here on the number says nothing but that it is unknown.
    let plan = smallest(&tree, &options);
    let image = checked(&tree, &plan);
    assert!(stat(&image, "/many").contains("Links: 1 "));
    let mount = oracle::mount_loop(image.path(), 0, plan.size()).expect("the kernel mounts it");
    let dir = mount.path().join("many");
    assert_eq!(
        std::fs::read_dir(&dir).expect("a directory").count(),
        64_999
    );
    for name in ["00000", "31415", "64997", "one more"] {
        assert!(std::fs::metadata(dir.join(name)).expect("there").is_dir());
    }
}

#[test]
fn the_kernel_counts_subdirectories_on() {
    let mut tree = Tree::new(meta());
    for (name, count) in [("full", 64_998), ("more", 64_999)] {
        let dir = tree.make_dirs(name.as_bytes(), &meta()).expect("new");
        for number in 0..count {
            let kind = NodeKind::Directory(Entries::new());
            let name = number.to_string();
            tree.add(dir, name.as_bytes(), meta(), kind).expect("new");
        }
    }
    let options = Ext4Options {
        block_size: BlockSize::B1024,
        free_inodes: FreeInodes {
            count: 100,
            per_mille: 0,
        },
        ..options()
    };
    // The kernel keeps up to 4096 blocks for itself.
    let size = VolumeSize::Auto(FreeSpace::Bytes(8 << 20));
    let image = checked(
        &tree,
        &Ext4Plan::new(tree.clone(), size, &options).expect("fits"),
    );
    let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
    for name in ["full", "more"] {
        let dir = mount.path().join(name);
        for number in 0..20 {
            std::fs::create_dir(dir.join(format!("new {number}"))).expect("room");
            std::fs::remove_dir(dir.join(number.to_string())).expect("there");
        }
    }
    drop(mount);
    oracle::e2fsck_clean(image.path(), 0).expect("clean after use");
    assert!(stat(&image, "/full").contains("Links: 1 "));
    assert!(stat(&image, "/more").contains("Links: 1 "));
}

#[test]
fn a_file_may_have_65000_names() {
    let mut tree = tree_of(&[("dir/0", b"x")]);
    let (dir, node) = (
        tree.lookup(b"dir").expect("made"),
        tree.lookup(b"dir/0").expect("made"),
    );
    for number in 1..65_000 {
        tree.link(dir, number.to_string().as_bytes(), node)
            .expect("new");
    }
    let image = checked(&tree, &smallest(&tree, &options()));
    assert!(stat(&image, "/dir/0").contains("Links: 65000 "));
    tree.link(dir, b"65000", node).expect("new");
    let size = VolumeSize::Auto(FreeSpace::Bytes(0));
    let error = Ext4Plan::new(tree.clone(), size, &options()).expect_err("one too many");
    assert_eq!(
        error.to_string(),
        "/dir/0: 65001 names are more than the 65000 ext4 can count; copy the file instead"
    );
}

/// A file with every other block a hole: as many extents as it has blocks.
fn comb(extents: u64, block: u64) -> Tree {
    let mut map = DiskMap::new(extents * 2 * block);
    for number in 0..extents {
        let bytes = number.to_le_bytes().to_vec();
        map.insert_bytes((2 * number + 1) * block - 8, bytes)
            .expect("in range");
    }
    let mut tree = Tree::new(meta());
    tree.place_file(b"comb", meta(), map).expect("new");
    tree
}

#[test]
fn extent_trees_of_every_depth() {
    for (block_size, extents, depth) in [
        (BlockSize::B4096, 4, 0),
        (BlockSize::B4096, 5, 1),
        (BlockSize::B4096, 1361, 2),
        (BlockSize::B4096, 200_000, 2),
        (BlockSize::B2048, 677, 2),
        (BlockSize::B1024, 337, 2),
        (BlockSize::B1024, 40_000, 3),
    ] {
        let options = Ext4Options {
            block_size,
            ..options()
        };
        let block = u64::from(block_size.bytes());
        let tree = comb(extents, block);
        let image = checked(&tree, &smallest(&tree, &options));
        let levels = oracle::debugfs(image.path(), 0, "ex /comb").expect("debugfs shows it");
        let root = levels.lines().nth(1).expect("an extent");
        assert!(
            root.trim_start().starts_with(&format!("0/ {depth}")),
            "{root}"
        );

        let mut file = open(&image).open("/comb").expect("there");
        for number in [0, 1, extents / 2, extents - 1] {
            let mut bytes = [0; 8];
            file.seek_to((2 * number + 1) * block - 8)
                .expect("in range");
            assert_eq!(file.read_bytes(&mut bytes).expect("readable"), 8);
            assert_eq!(u64::from_le_bytes(bytes), number);
        }
    }
}
