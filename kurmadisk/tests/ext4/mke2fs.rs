//! The superblock beside that of mke2fs with the same options: every field is the same, or among those that are
//! told here to differ.

use std::collections::BTreeSet;

use kurmadisk::fs::ext4::{
    BlockSize, ErrorPolicy, Ext4Options, Feature, InodeCount, InodeSize, JournalSize, Profile,
};
use kurmadisk::tree::Tree;
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::DiskMap;

use super::features::{CHANGES, with_features};
use super::support::{
    BLOCK_SIZES, GIB, HASH_SEED, KIB, MIB, UUID, checked, fields, fixed, meta, options, write,
};

/// What differs, and why.
const DIFFERENT: [(&str, &str); 6] = [
    ("Filesystem created", "it is an option"),
    ("Last write time", "nothing is written after it was made"),
    ("Last checked", "when it was made"),
    ("Lifetime writes", "nothing was written to a disk"),
    (
        "Overhead clusters",
        "the kernel counts them itself, whatever is there",
    ),
    ("Checksum", "it covers the fields above"),
];

/// mke2fs gives its lost+found twelve blocks where 16 KiB are more, and a list of them where a list is needed.
const LOST_FOUND: u64 = 5;

fn difference(ours: Option<&String>, theirs: Option<&String>) -> u64 {
    let number = |text: Option<&String>| text.and_then(|text| text.parse::<u64>().ok());
    let (ours, theirs) = (number(ours), number(theirs));
    ours.expect("a number").abs_diff(theirs.expect("a number"))
}

/// A filesystem without files of ours and of mke2fs, field by field.
fn compare(options: &Ext4Options, size: u64, arguments: &[&str]) {
    let plan = fixed(&Tree::new(meta()), size, options).expect("fits");
    let ours = fields(&checked(&Tree::new(meta()), &plan));
    let names: Vec<_> = options.features.iter().map(Feature::name).collect();
    let features = format!("none,{}", names.join(","));
    let (block, inode) = (
        options.block_size.bytes().to_string(),
        options.inode_size.bytes().to_string(),
    );
    let uuid = UUID.to_string();
    let seed = format!("hash_seed={HASH_SEED}");
    let usual = [
        "-t", "ext4", "-b", &block, "-I", &inode, "-O", &features, "-U", &uuid, "-L", "ROOT", "-E",
        &seed,
    ];
    let image = write(&DiskMap::new(size));
    let arguments = [&usual[..], arguments].concat();
    oracle::mke2fs(image.path(), &arguments).expect("it makes one");
    let theirs = fields(&image);
    let all: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    for field in all {
        if DIFFERENT.iter().any(|(name, _)| name == field) {
            continue;
        }
        let (ours, theirs) = (ours.get(field), theirs.get(field));
        let few = options.block_size == BlockSize::B1024 && field == "Free blocks";
        let same = ours == theirs || few && difference(ours, theirs) <= LOST_FOUND;
        assert!(same, "{arguments:?} {size}: {field}: {ours:?} {theirs:?}");
    }
}

#[test]
fn features_and_sizes() {
    for text in CHANGES {
        for (block_size, size) in [
            (BlockSize::B1024, 30 * MIB),
            (BlockSize::B4096, 100 * MIB),
            (BlockSize::B4096, 2000 * MIB),
        ] {
            compare(&with_features(text, block_size), size, &["-i", "16384"]);
        }
    }
}

#[test]
fn what_is_kept_for_growth_around_its_steps() {
    for features in ["resize_inode", "resize_inode,^64bit"] {
        // A block of descriptors is for 2048 or 4096 blocks of 4 KiB when they are 1024 times as many.
        for blocks in [16_383_u64, 16_384, 16_385, 16_386] {
            let options = with_features(features, BlockSize::B4096);
            compare(&options, blocks * 4 * KIB, &["-i", "16384"]);
        }
    }
}

#[test]
fn profiles_and_inode_sizes() {
    for profile in [Profile::Ext2, Profile::Ext3, Profile::Ext4] {
        for block_size in BLOCK_SIZES {
            for inode_size in [InodeSize::B128, InodeSize::B256] {
                let mut features = profile.features();
                // There is no room for it, and mke2fs says that there is.
                if inode_size == InodeSize::B128 {
                    features = features.without(Feature::ExtraIsize);
                }
                let options = Ext4Options {
                    features,
                    block_size,
                    inode_size,
                    ..options()
                };
                compare(&options, 48 * MIB, &["-i", "16384"]);
            }
        }
    }
}

#[test]
fn other_options() {
    let cases: [(Ext4Options, u64, &[&str]); 6] = [
        (
            Ext4Options {
                reserved_per_mille: 0,
                errors: ErrorPolicy::RemountReadOnly,
                ..options()
            },
            64 * MIB,
            &["-i", "16384", "-m", "0", "-e", "remount-ro"],
        ),
        (
            Ext4Options {
                reserved_per_mille: 200,
                errors: ErrorPolicy::Panic,
                ..options()
            },
            3 * GIB,
            &["-i", "16384", "-m", "20", "-e", "panic"],
        ),
        (
            Ext4Options {
                journal: JournalSize::Blocks(2048),
                inodes: InodeCount::Exact(1000),
                ..options()
            },
            200 * MIB,
            &["-J", "size=8", "-N", "1000"],
        ),
        (
            Ext4Options {
                journal: JournalSize::None,
                inodes: InodeCount::PerBytes(4096),
                ..options()
            },
            GIB,
            &["-O", "^has_journal", "-i", "4096"],
        ),
        (
            Ext4Options {
                inodes: InodeCount::Exact(50_000),
                ..options()
            },
            20 * GIB,
            &["-N", "50000"],
        ),
        (
            Ext4Options {
                block_size: BlockSize::B1024,
                inodes: InodeCount::PerBytes(1024),
                ..options()
            },
            100 * MIB + 8 * KIB,
            &["-i", "1024"],
        ),
    ];
    for (options, size, arguments) in cases {
        compare(&options, size, arguments);
    }
}
