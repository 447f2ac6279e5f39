//! Filesystems with more features than usual, or with fewer: what dumpe2fs says of them, and what the kernel
//! does with them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use kurmadisk::fs::ext4::{
    BlockSize, Ext4Error, Ext4Options, Ext4Plan, Feature, FeatureChanges, FreeInodes, InodeCount,
    JournalSize, Profile,
};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::Tree;
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::DiskMap;

use super::support::{
    GIB, Image, KIB, Kind, MIB, checked, content, fields, fixed, listing, meta, options, tree_of,
};

/// Each feature that may be added or taken away, and some together.
pub const CHANGES: [&str; 22] = [
    "^extent,^64bit",
    "resize_inode",
    "orphan_file",
    "metadata_csum_seed",
    "large_dir",
    "^64bit",
    "^flex_bg",
    "^sparse_super",
    "^metadata_csum",
    "^metadata_csum,uninit_bg",
    "^metadata_csum,uninit_bg,^64bit,^flex_bg",
    "^dir_index",
    "^filetype",
    "^filetype,^metadata_csum",
    "^ext_attr",
    "^dir_nlink",
    "^extra_isize",
    "^huge_file",
    "^large_file",
    "^has_journal",
    "resize_inode,orphan_file,metadata_csum_seed,large_dir",
    "resize_inode,^64bit,^flex_bg,^metadata_csum,orphan_file",
];

fn changes(text: &str) -> FeatureChanges {
    text.parse().expect("names of features")
}

pub fn with_features(text: &str, block_size: BlockSize) -> Ext4Options {
    Ext4Options {
        features: Profile::Ext4.features().changed(changes(text)),
        block_size,
        ..options()
    }
}

/// A tree with contents of some extents, links of both kinds, and a directory of several blocks.
pub fn tree() -> Tree {
    let mut tree = tree_of(&[
        ("dir/large", &vec![0x5a; 3_000_000]),
        ("dir/small", b"content"),
        ("empty", b""),
    ]);
    for number in 0..150 {
        let path = format!("many/{number:0>60}");
        tree.place_file(path.as_bytes(), meta(), content(path.as_bytes()))
            .expect("new");
    }
    for target in ["short".to_owned(), "long".repeat(100)] {
        let path = format!("link-{}", target.len());
        let kind = kurmadisk::tree::NodeKind::Symlink(target.into_bytes().into());
        tree.add(Tree::ROOT, path.as_bytes(), meta(), kind)
            .expect("new");
    }
    tree
}

/// Everything of `tree` is below `top`, contents and targets as they are.
pub fn same(tree: &Tree, top: &Path) {
    for (path, seen) in listing(tree) {
        let path = top.join(OsStr::from_bytes(&path));
        match seen.kind {
            Kind::File(bytes) => {
                let found = fs::read(&path).expect("there");
                assert!(found == bytes, "{}", path.display());
            }
            Kind::Symlink(target) => {
                let found = fs::read_link(&path).expect("there");
                assert_eq!(found.as_os_str().as_bytes(), target);
            }
            Kind::Directory => assert!(path.is_dir(), "{}", path.display()),
            _ => drop(path.symlink_metadata().expect("there")),
        }
    }
}

/// The kernel mounts it as one of type `kind`, finds the tree, and changes it; e2fsck finds no fault after.
pub fn used(image: &Image, kind: &str, tree: &Tree) {
    let mount = oracle::mount_loop_as(image.path(), kind).expect("the kernel mounts it");
    let top = mount.path();
    same(tree, top);
    fs::create_dir(top.join("new")).expect("room");
    for number in 0..200 {
        let name = format!("{number:0>70}");
        fs::write(top.join("new").join(name), vec![7; 3000]).expect("room");
    }
    for number in 0..100 {
        fs::remove_file(top.join(format!("many/{number:0>60}"))).expect("there");
    }
    // Removed while it is open: noted as an orphan until it is closed.
    let mut orphan = File::create(top.join("orphan")).expect("room");
    fs::remove_file(top.join("orphan")).expect("there");
    orphan.write_all(&vec![9; 50_000]).expect("room");
    drop(orphan);
    fs::rename(top.join("dir"), top.join("moved")).expect("there");
    drop(mount);
    oracle::e2fsck_clean(image.path(), 0)
        .expect("e2fsck finds no fault after the kernel's changes");
}

/// The features dumpe2fs finds are those of the plan.
pub fn features_are_those_of(plan: &Ext4Plan, image: &Image) {
    let mut expected = plan.options().features;
    if plan.journal_blocks() == 0 {
        expected = expected.without(Feature::HasJournal);
    }
    let expected: Vec<_> = expected.iter().map(Feature::name).collect();
    assert_eq!(fields(image)["Filesystem features"], expected.join(" "));
}

#[test]
fn every_change_of_a_feature_is_a_filesystem_the_kernel_uses() {
    let tree = tree();
    for text in CHANGES {
        for (block_size, size) in [(BlockSize::B1024, 40 * MIB), (BlockSize::B4096, 300 * MIB)] {
            let options = with_features(text, block_size);
            let plan = fixed(&tree, size, &options).expect("fits");
            let image = checked(&tree, &plan);
            features_are_those_of(&plan, &image);
            used(&image, "ext4", &tree);
            let smallest = VolumeSize::Auto(FreeSpace::Bytes(0));
            let plan = Ext4Plan::new(tree.clone(), smallest, &options).expect("fits");
            checked(&tree, &plan);
            let less = plan.size() - u64::from(block_size.bytes());
            let error = fixed(&tree, less, &options).expect_err("it was the smallest");
            assert!(
                matches!(error, Ext4Error::TooSmall { needed, .. } if needed == plan.blocks()),
                "{text}: {error}"
            );
            for more in 1..30 {
                let size = plan.size() + more * 31 * u64::from(block_size.bytes());
                assert!(fixed(&tree, size, &options).is_ok());
            }
        }
    }
}

#[test]
fn what_is_lost_in_front_is_mended_by_its_copies() {
    let tree = tree();
    for (features, block_size, size) in [
        ("", BlockSize::B1024, 30 * MIB),
        ("resize_inode", BlockSize::B4096, 300 * MIB),
        ("^64bit,^sparse_super,^flex_bg", BlockSize::B1024, 30 * MIB),
        ("^metadata_csum,uninit_bg", BlockSize::B2048, 70 * MIB),
    ] {
        let plan = fixed(&tree, size, &with_features(features, block_size)).expect("fits");
        let image = checked(&tree, &plan);
        let bytes = block_size.bytes();
        let first = u64::from(block_size == BlockSize::B1024);
        // The superblock and the descriptors.
        let lost = vec![0; 2 * bytes as usize];
        let file = fs::OpenOptions::new().write(true).open(image.path());
        let file = file.expect("ours");
        file.write_all_at(&lost, first * u64::from(bytes))
            .expect("there");
        oracle::e2fsck_clean(image.path(), 0).expect_err("it is lost");
        let copy = first + u64::from(bytes) * 8;
        oracle::e2fsck_from_copy(image.path(), copy, bytes).expect("it can be mended");
        oracle::e2fsck_clean(image.path(), 0).expect("clean after");
        features_are_those_of(&plan, &image);
        let mount = oracle::mount_loop(image.path(), 0, size).expect("the kernel mounts it");
        same(&tree, mount.path());
    }
}

#[test]
fn profiles_are_filesystems_of_their_names() {
    let tree = tree();
    for (profile, kind) in [(Profile::Ext2, "ext2"), (Profile::Ext3, "ext3")] {
        for block_size in [BlockSize::B1024, BlockSize::B4096] {
            let options = Ext4Options {
                features: profile.features(),
                block_size,
                ..options()
            };
            let plan = fixed(&tree, 64 * MIB, &options).expect("fits");
            let image = checked(&tree, &plan);
            features_are_those_of(&plan, &image);
            used(&image, kind, &tree);
        }
    }
}

#[test]
fn block_lists_reach_far() {
    // Blocks listed by the inode, a list, lists of lists, and lists of those, with holes between them.
    let options = Ext4Options {
        features: Profile::Ext2.features(),
        block_size: BlockSize::B1024,
        ..options()
    };
    let far = 16 * GIB;
    let pieces: [(u64, u64); 6] = [
        (0, 3),
        (11 * KIB, 3 * KIB),
        (267 * KIB, 5 * KIB),
        (40 * MIB, 700 * KIB),
        (200 * MIB, 10 * KIB),
        (far - 7, 7),
    ];
    let mut map = DiskMap::new(far);
    for (at, len) in pieces {
        let bytes = vec![0x33; usize::try_from(len).expect("small")];
        map.insert_bytes(at, bytes).expect("in range");
    }
    let mut tree = Tree::new(meta());
    tree.place_file(b"far", meta(), map).expect("new");
    let plan = Ext4Plan::new(
        tree.clone(),
        VolumeSize::Auto(FreeSpace::Bytes(0)),
        &options,
    );
    let plan = plan.expect("fits");
    let image = checked(&tree, &plan);
    assert_eq!(plan.free_blocks(), 0);
    let mount = oracle::mount_loop(image.path(), 0, plan.size()).expect("the kernel mounts it");
    let file = File::open(mount.path().join("far")).expect("there");
    assert_eq!(file.metadata().expect("metadata").len(), far);
    for (at, len) in pieces {
        let mut bytes = vec![0; usize::try_from(len).expect("small")];
        file.read_exact_at(&mut bytes, at).expect("readable");
        assert!(bytes.iter().all(|byte| *byte == 0x33));
    }
    let mut hole = [1; 4096];
    file.read_exact_at(&mut hole, 100 * MIB).expect("readable");
    assert_eq!(hole, [0; 4096]);
    drop(mount);

    let mut tree = Tree::new(meta());
    let most = (12 + 256 + (1 << 16) + (1 << 24)) * KIB;
    tree.place_file(b"far", meta(), DiskMap::new(most))
        .expect("new");
    fixed(&tree, MIB, &options).expect("a hole of the largest size");
    let mut tree = Tree::new(meta());
    tree.place_file(b"far", meta(), DiskMap::new(most + 1))
        .expect("new");
    let error = fixed(&tree, MIB, &options)
        .expect_err("too long")
        .to_string();
    assert!(
        error.contains("far") && error.contains("^extent"),
        "{error}"
    );
}

#[test]
fn mount_options_are_in_effect() {
    let tree = tree();
    let options = Ext4Options {
        default_mount_options: "^acl,discard,nodelalloc,journal_data_writeback"
            .parse()
            .expect("names"),
        mount_options: "commit=17,stripe=8".to_owned(),
        ..options()
    };
    let image = checked(&tree, &fixed(&tree, 64 * MIB, &options).expect("fits"));
    let found = fields(&image);
    assert_eq!(
        found["Default mount options"],
        "journal_data_writeback user_xattr discard nodelalloc"
    );
    assert_eq!(found["Mount options"], "commit=17,stripe=8");
    let mount = oracle::mount_loop_as(image.path(), "ext4").expect("the kernel mounts it");
    let output = Command::new("findmnt")
        .args(["-no", "SOURCE"])
        .arg(mount.path())
        .output()
        .expect("installed");
    let device = String::from_utf8_lossy(&output.stdout).into_owned();
    let device = Path::new(device.trim()).file_name().expect("a device");
    let text = fs::read_to_string(Path::new("/proc/fs/ext4").join(device).join("options"));
    let text = text.expect("the kernel tells");
    for option in [
        "commit=17",
        "discard",
        "nodelalloc",
        "data=writeback",
        "stripe=8",
    ] {
        assert!(text.contains(option), "{text}");
    }
}

#[test]
fn a_journal_of_some_size_needs_its_feature() {
    let options = Ext4Options {
        journal: JournalSize::Blocks(2000),
        ..with_features("^has_journal", BlockSize::B4096)
    };
    let error = fixed(&tree(), 64 * MIB, &options).expect_err("no journal");
    assert!(error.to_string().contains("has_journal"), "{error}");
    let options = Ext4Options {
        journal: JournalSize::None,
        ..with_features("orphan_file", BlockSize::B4096)
    };
    let error = fixed(&tree(), 64 * MIB, &options).expect_err("no journal");
    assert!(error.to_string().contains("orphan_file"), "{error}");
}

#[test]
fn sizes_beyond_32_bits_need_64bit() {
    let blocks = (1_u64 << 32) + 100;
    for text in ["^64bit", "resize_inode"] {
        let options = with_features(text, BlockSize::B4096);
        let tree = tree();
        let error = fixed(&tree, blocks * 4 * KIB, &options).expect_err("too many blocks");
        assert!(
            error.to_string().contains(text.trim_start_matches('^')),
            "{error}"
        );
        fixed(&tree, (blocks - 200) * 4 * KIB, &options).expect("few enough");
    }
}

#[test]
fn large_ones_have_as_many_groups_as_they_need() {
    let tree = tree();
    for (text, block_size, size) in [
        ("resize_inode", BlockSize::B4096, 500 * GIB),
        ("^sparse_super", BlockSize::B4096, 100 * GIB),
        ("^flex_bg", BlockSize::B4096, 300 * GIB),
        (
            "^64bit,^metadata_csum,resize_inode",
            BlockSize::B1024,
            8 * GIB,
        ),
        ("^64bit,^extent,^metadata_csum", BlockSize::B2048, 40 * GIB),
    ] {
        let plan = fixed(&tree, size, &with_features(text, block_size)).expect("fits");
        assert_eq!(plan.size(), size);
        let image = checked(&tree, &plan);
        let mount = oracle::mount_loop(image.path(), 0, size).expect("the kernel mounts it");
        same(&tree, mount.path());
    }
}

#[test]
fn more_free_inodes_than_can_be_counted_are_refused() {
    let tree = tree();
    let with = |count, per_mille| Ext4Options {
        free_inodes: FreeInodes { count, per_mille },
        ..options()
    };
    let smallest = VolumeSize::Auto(FreeSpace::Bytes(0));
    for inodes in [InodeCount::Needed, InodeCount::PerBytes(16384)] {
        let options = Ext4Options {
            inodes,
            ..with(u32::MAX, 0)
        };
        let error = Ext4Plan::new(tree.clone(), smallest, &options).expect_err("too many");
        assert!(matches!(error, Ext4Error::TooLarge { .. }), "{error}");
    }
    let error =
        Ext4Plan::new(tree.clone(), smallest, &with(0, 1000)).expect_err("none would be used");
    let text = "free inodes is 1000; it must be less than 1000 thousandths";
    assert_eq!(error.to_string(), text);
    let options = Ext4Options {
        inodes: InodeCount::Exact(200),
        ..with(100, 0)
    };
    let error = fixed(&tree, 40 * MIB, &options).expect_err("too few");
    assert!(
        error.to_string().contains("and 100 shall be free: "),
        "{error}"
    );
}
