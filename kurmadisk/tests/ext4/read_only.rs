//! Filesystems that are never written to, and dm-verity over them.

use std::fs::{self, File};

use kurmadisk::fs::ext4::{Ext4Options, Ext4Plan, FeatureChanges, Profile};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::Tree;
use kurmadisk_fixtures::oracle;

use super::features::{features_are_those_of, same, tree};
use super::support::{BLOCK_SIZES, Image, checked, fields, fixed, options, tree_with_blocks};

fn smallest(tree: &Tree, options: &Ext4Options) -> Ext4Plan {
    Ext4Plan::new(tree.clone(), VolumeSize::Auto(FreeSpace::Bytes(0)), options).expect("fits")
}

#[test]
fn it_is_full_and_stays_as_it_is() {
    let tree = tree();
    for block_size in BLOCK_SIZES {
        for features in ["", "resize_inode,orphan_file,^64bit"] {
            let changes: FeatureChanges = features.parse().expect("names of features");
            let options = Ext4Options {
                features: Profile::Ext4.features().changed(changes),
                block_size,
                ..options()
            };
            let options = options.read_only();
            let plan = smallest(&tree, &options);
            let image = checked(&tree, &plan);
            features_are_those_of(&plan, &image);
            assert_eq!((plan.free_blocks(), plan.journal_blocks()), (0, 0));
            assert!(plan.inodes() - plan.used_inodes() < 16);
            assert_eq!(fields(&image)["Reserved block count"], "0");
            let before = fs::read(image.path()).expect("readable");
            assert_eq!(before.len() as u64, plan.size());
            let mount = oracle::mount_loop_as(image.path(), "ext4").expect("the kernel mounts it");
            same(&tree, mount.path());
            assert!(!mount.path().join("lost+found").exists());
            File::create(mount.path().join("new")).expect_err("it is read-only");
            drop(mount);
            assert!(fs::read(image.path()).expect("readable") == before);
        }
    }
}

/// Mounts what hashes were made of, as the kernel wants to; gives whether they are still right.
fn survives_a_mount(image: &Image, block: u32) -> bool {
    let hashes = image.path().with_extension("hashes");
    let blocks = ["--data-block-size", "--hash-block-size"].map(|name| format!("{name}={block}"));
    let root = oracle::veritysetup_format(image.path(), &hashes, &blocks).expect("hashes");
    let verify = || oracle::veritysetup_verify::<&str>(image.path(), &hashes, &root, &[]);
    verify().expect("nothing has changed");
    let mount = oracle::mount_loop_as(image.path(), "ext4").expect("the kernel mounts it");
    same(&tree(), mount.path());
    drop(mount);
    verify().is_ok()
}

#[test]
fn hashes_of_it_stay_right() {
    let tree = tree();
    for block_size in BLOCK_SIZES {
        let options = Ext4Options {
            block_size,
            ..options()
        };
        let plan = smallest(&tree, &options.clone().read_only());
        let image = checked(&tree, &plan);
        assert!(survives_a_mount(&image, block_size.bytes()));
        // What is no such filesystem is written to by being mounted.
        let image = checked(&tree, &smallest(&tree, &options));
        assert!(!survives_a_mount(&image, block_size.bytes()));
    }
}

#[test]
fn one_block_too_few_is_told() {
    let options = options().read_only();
    let tree = tree_with_blocks(1000, options.block_size);
    let plan = smallest(&tree, &options);
    let error = fixed(&tree, plan.size() - 4096, &options).expect_err("too small");
    let blocks = plan.blocks();
    assert_eq!(
        error.to_string(),
        format!(
            "the filesystem has {} blocks of 4096 bytes and its content and tables need {blocks}: 1 \
             more; give it at least {} bytes, or \"auto\"",
            blocks - 1,
            plan.size()
        )
    );
}
