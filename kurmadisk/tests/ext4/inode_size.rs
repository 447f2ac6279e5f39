//! Inodes of 128 bytes.

use std::os::unix::fs::MetadataExt;

use kurmadisk::fs::ext4::{Ext4Options, Ext4Plan, InodeCount, InodeSize, Profile};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{Metadata, Timestamp, Tree};
use kurmadisk_fixtures::oracle;

use super::features;
use super::support::{BLOCK_SIZES, MIB, TIME, checked, fields, fixed, meta, options, tree_of};

fn short() -> Ext4Options {
    Ext4Options {
        inode_size: InodeSize::B128,
        ..options()
    }
}

#[test]
fn short_inodes_on_every_block_size_and_profile() {
    let tree = features::tree();
    for block_size in BLOCK_SIZES {
        for profile in [Profile::Ext2, Profile::Ext3, Profile::Ext4] {
            let options = Ext4Options {
                block_size,
                features: profile.features(),
                ..short()
            };
            let smallest = VolumeSize::Auto(FreeSpace::Bytes(0));
            let plan = Ext4Plan::new(tree.clone(), smallest, &options).expect("fits");
            checked(&tree, &plan);
            let plan = fixed(&tree, 32 * MIB, &options).expect("fits");
            let image = checked(&tree, &plan);
            let fields = fields(&image);
            assert_eq!(fields["Inode size"], "128");
            assert!(!fields["Filesystem features"].contains("extra_isize"));
            // ext4-view 1.0 looks for the checksum's other half behind the inode's end.
            features::used(&image, "ext4", &tree);
        }
    }
}

#[test]
fn tables_take_half_the_room() {
    let tree = tree_of(&[]);
    let smallest = |inode_size| {
        let options = Ext4Options {
            inode_size,
            inodes: InodeCount::Exact(32000),
            ..options()
        };
        Ext4Plan::new(
            tree.clone(),
            VolumeSize::Auto(FreeSpace::Bytes(0)),
            &options,
        )
        .expect("fits")
    };
    let (short, long) = (smallest(InodeSize::B128), smallest(InodeSize::B256));
    assert_eq!(short.inodes(), long.inodes());
    // 32 or 16 of them in each block.
    assert_eq!(long.blocks() - short.blocks(), 1000);
}

fn at(seconds: i64, nanos: u32) -> Tree {
    let mut tree = tree_of(&[("file", b"")]);
    let file = tree.lookup(b"file").expect("made");
    let mtime = Timestamp { seconds, nanos };
    tree.set_metadata(file, Metadata { mtime, ..meta() });
    tree
}

#[test]
fn times_are_whole_seconds_from_1901_to_2038() {
    for seconds in [i64::from(i32::MIN), -1, 0, i64::from(i32::MAX)] {
        let tree = at(seconds, 123_456_789);
        let plan = fixed(&tree, MIB, &short()).expect("fits");
        let image = checked(&tree, &plan);
        let mount = oracle::mount_loop(image.path(), 0, plan.size()).expect("the kernel mounts it");
        let found = mount.path().join("file").metadata().expect("there");
        assert_eq!((found.mtime(), found.mtime_nsec()), (seconds, 0));
    }
    for seconds in [i64::from(i32::MIN) - 1, i64::from(i32::MAX) + 1] {
        let error = fixed(&at(seconds, 0), MIB, &short()).expect_err("no such time");
        assert_eq!(
            error.to_string(),
            format!(
                "/file: the time {seconds} s is outside of ext4's years 1901 to 2038; give it another, or use \
                 inodes of 256 bytes"
            )
        );
    }
    let late = Ext4Options {
        time: Timestamp {
            seconds: 1 << 31,
            ..TIME
        },
        ..short()
    };
    let error = fixed(&tree_of(&[]), MIB, &late).expect_err("no such time");
    assert!(error.to_string().contains("years 1901 to 2038,"), "{error}");
}
