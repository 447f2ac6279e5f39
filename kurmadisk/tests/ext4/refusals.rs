//! What cannot be done is refused by its name.

use kurmadisk::fs::ext4::{BlockSize, Ext4Error, Ext4Options, InodeCount, JournalSize};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{DeviceNumber, Metadata, NodeKind, Timestamp, Tree};
use kurmadisk_formats::map::DiskMap;

use super::support::{MIB, fixed, meta, options, tree_of};

fn error_of(tree: &Tree) -> String {
    fixed(tree, 16 * MIB, &options())
        .expect_err("refused")
        .to_string()
}

fn with_node(meta: Metadata, kind: NodeKind) -> Tree {
    let mut tree = tree_of(&[("dir/file", b"")]);
    let dir = tree.child(Tree::ROOT, b"dir").expect("made");
    tree.add(dir, b"node", meta, kind).expect("new");
    tree
}

#[test]
fn what_ext4_cannot_hold_is_named() {
    let symlink = |target: &[u8]| NodeKind::Symlink(target.into());
    let device = |major, minor| DeviceNumber { major, minor };
    let file = |len| NodeKind::File(DiskMap::new(len));
    let cases = [
        (
            symlink(&[b'x'; 4096]),
            "a symbolic link's target must have 1 to 4095 bytes, not 4096",
        ),
        (
            symlink(b""),
            "a symbolic link's target must have 1 to 4095 bytes, not 0",
        ),
        (
            symlink(b"a\0b"),
            "a symbolic link's target must not have a NUL in it",
        ),
        (
            NodeKind::CharDevice(device(4096, 1)),
            "device 4096:1 is beyond 4095:1048575, the largest ext4 can hold",
        ),
        (
            NodeKind::BlockDevice(device(1, 1 << 20)),
            "device 1:1048576 is beyond 4095:1048575, the largest ext4 can hold",
        ),
        (
            file((u64::from(u32::MAX) + 1) * 4096),
            "17592186044416 bytes are more than a file can have with blocks of 4096 bytes",
        ),
    ];
    for (kind, reason) in cases {
        let expected = format!("/dir/node: {reason}");
        assert_eq!(error_of(&with_node(meta(), kind)), expected);
    }
    let time = |seconds, nanos| Metadata {
        mtime: Timestamp { seconds, nanos },
        ..meta()
    };
    let metas = [
        (
            time(-2_147_483_649, 0),
            "the time -2147483649 s is outside of ext4's years 1901 to 2310 and 2378 to 2446; give it another",
        ),
        (
            time(10_737_418_240, 0),
            "the time 10737418240 s is outside of ext4's years 1901 to 2310 and 2378 to 2446; give it another",
        ),
        (
            time(15_032_385_536, 0),
            "the time 15032385536 s is outside of ext4's years 1901 to 2310 and 2378 to 2446; give it another",
        ),
        (
            time(0, 1_000_000_000),
            "1000000000 ns are no part of a second; give less than 1000000000",
        ),
        (
            Metadata {
                mode: 0o100_644,
                ..meta()
            },
            "the mode 0o100644 has bits beyond 0o7777; leave them out",
        ),
        (
            Metadata {
                gid: u32::MAX,
                ..meta()
            },
            "the number 4294967295 means no user and no group to Linux; give it another owner",
        ),
    ];
    for (meta, reason) in metas {
        let expected = format!("/dir/node: {reason}");
        assert_eq!(error_of(&with_node(meta, NodeKind::Fifo)), expected);
    }
}

#[test]
fn a_name_too_long_is_named_with_its_directory() {
    let mut tree = tree_of(&[("dir/file", b"")]);
    let dir = tree.child(Tree::ROOT, b"dir").expect("made");
    tree.add(dir, &[b'n'; 255], meta(), NodeKind::Fifo)
        .expect("new");
    fixed(&tree, MIB, &options()).expect("as long as may be");
    tree.add(dir, &[b'n'; 256], meta(), NodeKind::Fifo)
        .expect("new");
    let name = "n".repeat(256);
    assert_eq!(
        error_of(&tree),
        format!("/dir: the name {name:?} has 256 bytes; ext4 has room for 255")
    );
}

#[test]
fn options_out_of_range_are_named() {
    let tree = tree_of(&[("file", b"")]);
    let time = |seconds, nanos| Ext4Options {
        time: Timestamp { seconds, nanos },
        ..options()
    };
    let cases = [
        (
            Ext4Options {
                label: "seventeen bytes!!".to_owned(),
                ..options()
            },
            "the label \"seventeen bytes!!\" has 17 bytes; ext4 has room for 16, without control characters",
        ),
        (
            Ext4Options {
                label: "a\0b".to_owned(),
                ..options()
            },
            "the label \"a\\0b\" has 3 bytes; ext4 has room for 16, without control characters",
        ),
        (
            Ext4Options {
                reserved_per_mille: 501,
                ..options()
            },
            "reserved is 501; it must be at most 500 thousandths",
        ),
        (
            Ext4Options {
                inodes: InodeCount::PerBytes(2048),
                ..options()
            },
            "bytes per inode is 2048; it must be at least the block size",
        ),
        (
            Ext4Options {
                inodes: InodeCount::Exact(11),
                ..options()
            },
            "11 inodes were asked for and the tree needs 12: 1 more; ask for as many, or for none",
        ),
        (
            Ext4Options {
                journal: JournalSize::Blocks(1023),
                ..options()
            },
            "journal is 1023; it must be at least 1024 blocks, or none",
        ),
        (
            time(1 << 40, 0),
            "the filesystem's time, 1099511627776 s and 0 ns, is none: seconds are of the years 1901 to \
             2310 and 2378 to 2446, nanoseconds less than 1000000000",
        ),
        (
            time(0, u32::MAX),
            "the filesystem's time, 0 s and 4294967295 ns, is none: seconds are of the years 1901 to 2310 and \
             2378 to 2446, nanoseconds less than 1000000000",
        ),
    ];
    for (options, message) in cases {
        let error = fixed(&tree, 16 * MIB, &options).expect_err("refused");
        assert_eq!(error.to_string(), message);
    }
    let auto = VolumeSize::Auto(FreeSpace::PerMille(1000));
    let error =
        kurmadisk::fs::ext4::Ext4Plan::new(tree.clone(), auto, &options()).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "free is 1000; it must be less than 1000 thousandths"
    );
}

#[test]
fn a_size_that_is_too_small_names_one_that_will_do() {
    let tree = tree_of(&[("file", &vec![1; 3_000_000])]);
    for size in [0, 1, 4096, 100_000, 2_999_999] {
        let error = fixed(&tree, size, &options()).expect_err("too small");
        let text = error.to_string();
        let Ext4Error::TooSmall { needed, .. } = error else {
            panic!("{text}");
        };
        let expected = format!(
            "the filesystem has {} blocks of 4096 bytes and its content and tables need {needed}: {} \
             more; give it at least {} bytes, or \"auto\"",
            size / 4096,
            needed - size / 4096,
            needed * 4096
        );
        assert_eq!(text, expected);
        fixed(&tree, needed * 4096, &options()).expect("the size it names");
    }
    // A journal that is asked for, and inodes, count too.
    let large = Ext4Options {
        journal: JournalSize::Blocks(20_000),
        inodes: InodeCount::Exact(100_000),
        ..options()
    };
    let error = fixed(&tree, 80 * MIB, &large).expect_err("too small");
    let Ext4Error::TooSmall { needed, .. } = error else {
        panic!("{error}");
    };
    assert!(needed > 20_000 + 100_000 / 16, "{needed}");
    fixed(&tree, needed * 4096, &large).expect("the size it names");
    fixed(&tree, (needed - 1) * 4096, &large).expect_err("one block less");
}

#[test]
fn more_than_the_layout_can_count_is_too_large() {
    let tree = tree_of(&[("file", b"")]);
    for block_size in [BlockSize::B1024, BlockSize::B4096] {
        let options = Ext4Options {
            block_size,
            ..options()
        };
        for size in [1 << 60, u64::MAX] {
            let error = fixed(&tree, size, &options).expect_err("too large");
            assert!(matches!(error, Ext4Error::TooLarge { .. }), "{error}");
        }
        let auto = VolumeSize::Auto(FreeSpace::Bytes(u64::MAX));
        let error = kurmadisk::fs::ext4::Ext4Plan::new(tree.clone(), auto, &options)
            .expect_err("too large");
        assert!(matches!(error, Ext4Error::TooLarge { .. }), "{error}");
    }
}
