//! What is asked for is what dumpe2fs finds.

use kurmadisk::fs::ext4::{BlockSize, ErrorPolicy, Ext4Options, Ext4Plan, InodeCount, JournalSize};
use kurmadisk::tree::{Timestamp, Tree};

use super::support::{
    BLOCK_SIZES, HASH_SEED, Image, MIB, UUID, fields, fixed, judged, open, options, tree_of, write,
};

fn made(tree: &Tree, size: u64, options: &Ext4Options) -> (Ext4Plan, Image) {
    let plan = fixed(tree, size, options).expect("fits");
    let image = judged(tree, &plan);
    (plan, image)
}

#[test]
fn the_superblock_says_what_the_plan_says() {
    let tree = tree_of(&[("a/b", b"content"), ("c", b"")]);
    for block_size in BLOCK_SIZES {
        for size in [MIB, 100 * MIB, 1000 * MIB] {
            let options = Ext4Options {
                block_size,
                reserved_per_mille: 37,
                ..options()
            };
            let (plan, image) = made(&tree, size, &options);
            let found = fields(&image);
            let block = u64::from(block_size.bytes());
            assert_eq!(plan.size(), size / block * block);
            let numbers = [
                ("Block size", block),
                ("Fragment size", block),
                ("Block count", plan.blocks()),
                ("Free blocks", plan.free_blocks()),
                ("Inode count", plan.inodes()),
                ("Free inodes", plan.inodes() - plan.used_inodes()),
                ("Reserved block count", plan.blocks() * 37 / 1000),
                ("First block", u64::from(block_size == BlockSize::B1024)),
                ("Blocks per group", block * 8),
                ("Flex block group size", 16),
                ("Inode size", 256),
                ("First inode", 11),
            ];
            for (field, value) in numbers {
                assert_eq!(found[field], value.to_string(), "{field}");
            }
            let texts = [
                ("Filesystem volume name", "ROOT"),
                ("Filesystem UUID", &UUID.to_string()),
                ("Directory Hash Seed", &HASH_SEED.to_string()),
                ("Default directory hash", "half_md4"),
                ("Filesystem flags", "signed_directory_hash"),
                ("Default mount options", "user_xattr acl"),
                ("Filesystem state", "clean"),
                ("Errors behavior", "Continue"),
                ("Filesystem created", "Sun Sep  9 01:46:40 2001"),
                ("Checksum type", "crc32c"),
            ];
            for (field, value) in texts {
                assert_eq!(found[field], value, "{field}");
            }
            let journal = if plan.journal_blocks() > 0 {
                "has_journal "
            } else {
                ""
            };
            let features = format!(
                "{journal}ext_attr dir_index filetype extent 64bit flex_bg sparse_super large_file \
                 huge_file dir_nlink extra_isize metadata_csum"
            );
            assert_eq!(found["Filesystem features"], features);
            let read = open(&image);
            assert_eq!(read.label().to_str(), Ok("ROOT"));
            assert_eq!(read.uuid().as_bytes(), UUID.as_bytes());
        }
    }
}

#[test]
fn the_journal_is_by_size_or_as_asked() {
    let tree = tree_of(&[("file", b"x")]);
    let cases = [
        (JournalSize::Auto, 2047, 0),
        (JournalSize::Auto, 2048, 1024),
        (JournalSize::Auto, 32_768, 4096),
        (JournalSize::Auto, 300_000, 8192),
        // More than one extent, and more than the inode has room for.
        (JournalSize::Auto, 9 << 20, 65_536),
        (JournalSize::Auto, 32 << 20, 262_144),
        (JournalSize::None, 300_000, 0),
        (JournalSize::Blocks(1024), 2000, 1024),
        (JournalSize::Blocks(10_007), 30_000, 10_007),
    ];
    for (journal, blocks, expected) in cases {
        let options = Ext4Options {
            journal,
            ..options()
        };
        let (plan, image) = made(&tree, blocks * 4096, &options);
        assert_eq!(plan.journal_blocks(), expected);
        let found = fields(&image);
        let total = found.get("Total journal blocks");
        let expected = (expected > 0).then(|| expected.to_string());
        assert_eq!(total, expected.as_ref());
        if expected.is_some() {
            assert_eq!(found["Journal inode"], "8");
            assert_eq!(found["Journal backup"], "inode blocks");
            assert_eq!(found["Journal start"], "0");
        }
    }
}

#[test]
fn inodes_are_by_size_or_as_asked() {
    let tree = tree_of(&[("file", b"x")]);
    let cases = [
        (InodeCount::PerBytes(16384), 100 * MIB, 6400),
        (InodeCount::PerBytes(4096), 128 * MIB, 32_768),
        (InodeCount::PerBytes(1 << 30), 100 * MIB, 16),
        (InodeCount::Exact(12), 100 * MIB, 16),
        (InodeCount::Exact(1000), 100 * MIB, 1008),
        (InodeCount::Exact(1000), 1000 * MIB, 8 * 128),
        (InodeCount::Exact(60_000), 1000 * MIB, 8 * 7504),
    ];
    for (inodes, size, expected) in cases {
        let options = Ext4Options {
            inodes,
            ..options()
        };
        let (plan, image) = made(&tree, size, &options);
        assert_eq!(plan.inodes(), expected, "{inodes:?}");
        assert_eq!(fields(&image)["Inode count"], expected.to_string());
    }
    // With 1 KiB blocks a group can have eight inodes: fewer than the filesystem's own.
    for block_size in BLOCK_SIZES {
        let options = Ext4Options {
            block_size,
            inodes: InodeCount::Exact(12),
            ..options()
        };
        made(&tree, 600 * MIB, &options);
    }
}

#[test]
fn what_happens_on_errors_and_what_is_reserved() {
    let tree = tree_of(&[("file", b"x")]);
    for (errors, reserved_per_mille, text) in [
        (ErrorPolicy::Continue, 0, "Continue"),
        (ErrorPolicy::RemountReadOnly, 500, "Remount read-only"),
        (ErrorPolicy::Panic, 1, "Panic"),
    ] {
        let options = Ext4Options {
            errors,
            reserved_per_mille,
            ..options()
        };
        let (plan, image) = made(&tree, 64 * MIB, &options);
        let found = fields(&image);
        assert_eq!(found["Errors behavior"], text);
        let reserved = plan.blocks() * u64::from(reserved_per_mille) / 1000;
        assert_eq!(found["Reserved block count"], reserved.to_string());
    }
}

#[test]
fn labels_of_16_bytes_and_times_of_every_sign() {
    let tree = tree_of(&[("file", b"x")]);
    for label in ["", "sixteen bytes ok", "größer"] {
        let options = Ext4Options {
            label: label.to_owned(),
            ..options()
        };
        let (_, image) = made(&tree, MIB, &options);
        assert_eq!(open(&image).label().to_str(), Ok(label));
    }
    for (seconds, text) in [
        // dumpe2fs does not show the first second, and a superblock has no time before it.
        (0, None),
        (-5, None),
        (1, Some("Thu Jan  1 00:00:01 1970")),
        (4_000_000_000, Some("Tue Oct  2 07:06:40 2096")),
    ] {
        let options = Ext4Options {
            time: Timestamp { seconds, nanos: 1 },
            ..options()
        };
        // e2fsck takes a later time than its own for a fault, so it is not asked here.
        let plan = fixed(&tree, MIB, &options).expect("fits");
        let image = write(&plan.build().expect("builds"));
        let found = fields(&image);
        assert_eq!(found.get("Filesystem created").map(String::as_str), text);
    }
}
