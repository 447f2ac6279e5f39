//! Extended attributes at the ends of what there is room for: names, values, and their order.

use kurmadisk::fs::ext4::{BlockSize, Ext4Options, InodeSize};
use kurmadisk::tree::Tree;
use kurmadisk_fixtures::oracle;

use super::support::{BLOCK_SIZES, MIB, fixed, options, tree_of};
use super::xattrs::{block_of, mounted, refusal, set, smallest};

/// Bytes for attributes in an inode of 256 bytes: 96, but for the magic number and the end.
const INODE_ROOM: usize = 88;
/// An entry of a name of one to four bytes behind its prefix.
const ENTRY: usize = 16 + 4;

fn with(block_size: BlockSize, inode_size: InodeSize) -> Ext4Options {
    Ext4Options {
        block_size,
        inode_size,
        ..options()
    }
}

fn one(name: &str, value: &[u8]) -> Tree {
    let mut tree = tree_of(&[("file", b"x")]);
    set(&mut tree, "file", &[(name, value)]);
    tree
}

#[test]
fn names_may_have_255_bytes_of_every_script() {
    let longest = format!("user.{}", "n".repeat(250));
    let umlauts = format!("trusted.{}", "ü".repeat(123));
    let names = [
        longest.as_str(),
        umlauts.as_str(),
        "user.größe",
        "user.файл",
        "user.🦀",
        "security.\u{80}",
        "user.with a space",
    ];
    for inode_size in [InodeSize::B128, InodeSize::B256] {
        for value in [&b""[..], b"v", &[7; 150]] {
            let mut tree = tree_of(&[]);
            let file = |number: usize| format!("file{number}");
            for (number, name) in names.iter().enumerate() {
                let id = tree.place_file(
                    file(number).as_bytes(),
                    super::support::meta(),
                    super::support::content(b"x"),
                );
                id.expect("new");
                set(&mut tree, &file(number), &[(name, value)]);
            }
            let all: Vec<_> = names.iter().map(|name| (*name, value)).collect();
            set(&mut tree, "", &all);
            mounted(&tree, &smallest(&tree, &with(BlockSize::B4096, inode_size)));
        }
    }
}

#[test]
fn capabilities_of_both_revisions_are_those_of_their_makers() {
    let revision_2 = [
        1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    // For the root of a user namespace: 100000.
    let revision_3 = [
        1, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xa0, 0x86, 1, 0,
    ];
    let mut tree = tree_of(&[("two", b"x"), ("three", b"x")]);
    set(&mut tree, "two", &[("security.capability", &revision_2)]);
    set(&mut tree, "three", &[("security.capability", &revision_3)]);
    let plan = smallest(&tree, &options());
    let image = super::support::checked(&tree, &plan);
    let mount = oracle::mount_loop(image.path(), 0, plan.size()).expect("the kernel mounts it");
    for (name, expected) in [
        ("two", " cap_net_raw=ep\n"),
        ("three", " cap_net_bind_service=ep [rootid=100000]\n"),
    ] {
        let found = oracle::getcap(&mount.path().join(name)).expect("readable");
        assert!(found.ends_with(expected), "{found}");
    }
}

#[test]
fn a_value_fills_the_inode_or_moves_to_the_block() {
    for (len, inside) in [
        (INODE_ROOM - ENTRY - 1, true),
        (INODE_ROOM - ENTRY, true),
        (INODE_ROOM - ENTRY + 1, false),
    ] {
        let tree = one("user.a", &vec![7; len]);
        let image = mounted(&tree, &smallest(&tree, &options()));
        assert_eq!(block_of(&image, "/file") == 0, inside, "{len}");
        // An inode of 128 bytes has no room for any.
        let short = with(BlockSize::B4096, InodeSize::B128);
        let image = mounted(&tree, &smallest(&tree, &short));
        assert_ne!(block_of(&image, "/file"), 0);
    }
}

#[test]
fn inode_and_block_are_filled_to_the_last_byte() {
    for block_size in BLOCK_SIZES {
        // But for the head and the end.
        let block_room = block_size.bytes() as usize - 36;
        let inside = vec![1; INODE_ROOM - ENTRY];
        let outside = vec![2; block_room - ENTRY];
        let mut tree = tree_of(&[("file", b"x")]);
        let both: [(&str, &[u8]); 2] = [("user.a", &inside), ("user.b", &outside)];
        set(&mut tree, "file", &both);
        let usual = with(block_size, InodeSize::B256);
        mounted(&tree, &smallest(&tree, &usual));
        for (name, value) in [("user.a", &inside), ("user.b", &outside)] {
            let mut larger = tree.clone();
            let id = larger.lookup(b"file").expect("made");
            let longer = [&value[..], &[3]].concat();
            let xattrs = &mut larger.metadata_mut(id).xattrs;
            xattrs.set(name.as_bytes(), &longer);
            let message = refusal(&larger, &usual);
            assert!(message.starts_with("/file: "), "{message}");
        }
    }
}

#[test]
fn the_kernel_finds_each_of_many_in_a_block() {
    // Of every number, of lengths and letters in no order: the kernel stops at the first that sorts behind.
    let names = [
        "user.zz",
        "user.a",
        "user.aaa",
        "user.b",
        "user.aa",
        "trusted.c",
        "trusted.bb",
        "security.z",
        "security.aaaa",
        "security.ab",
        "user.abcdefgh",
        "user.Z",
        "user.ß",
        "user.é",
    ];
    let values: Vec<Vec<u8>> = (10..)
        .take(names.len())
        .map(|len| vec![b'v'; len])
        .collect();
    let all: Vec<_> = names
        .into_iter()
        .zip(values.iter().map(Vec::as_slice))
        .collect();
    for block_size in BLOCK_SIZES {
        let mut tree = tree_of(&[("file", b"x"), ("other", b"x")]);
        for path in ["file", "other"] {
            set(&mut tree, path, &all);
        }
        let options = with(block_size, InodeSize::B128);
        mounted(&tree, &smallest(&tree, &options));
        let image = mounted(&tree, &fixed(&tree, 8 * MIB, &options).expect("fits"));
        assert_eq!(block_of(&image, "/file"), block_of(&image, "/other"));
        let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
        let file = mount.path().join("file");
        for name in names {
            oracle::setfattr(&file, name, Some(b"new")).expect("room");
            let found = oracle::getfattr(mount.path()).expect("readable");
            assert_eq!(found["file"].len(), names.len(), "{name} is there twice");
            assert_eq!(found["file"][name], b"new");
        }
        for name in names {
            oracle::setfattr(&file, name, None).expect("there");
        }
        let found = oracle::getfattr(mount.path()).expect("readable");
        assert!(!found.contains_key("file"));
        assert_eq!(found["other"].len(), names.len());
        drop(mount);
        oracle::e2fsck_clean(image.path(), 0).expect("no fault after the kernel's changes");
        assert_eq!(block_of(&image, "/file"), 0);
    }
}

#[test]
fn the_kernel_hashes_names_of_every_script_alike() {
    let value = [7; 500];
    let tree = one("user.größe", &value);
    let image = mounted(&tree, &fixed(&tree, 8 * MIB, &options()).expect("fits"));
    let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
    // It finds a block that it has read by its hash, and shares it where names and values have the same ones.
    oracle::getfattr(mount.path()).expect("readable");
    let new = mount.path().join("new");
    std::fs::write(&new, b"y").expect("room");
    oracle::setfattr(&new, "user.größe", Some(&value)).expect("room");
    drop(mount);
    oracle::e2fsck_clean(image.path(), 0).expect("no fault after the kernel's changes");
    assert_eq!(block_of(&image, "/new"), block_of(&image, "/file"));
}

#[test]
fn larger_blocks_are_advised_where_there_are_some() {
    let tree = one("user.a", &[7; 5000]);
    for block_size in BLOCK_SIZES {
        let message = refusal(&tree, &with(block_size, InodeSize::B256));
        let advice = message.contains("or use larger blocks");
        assert_eq!(advice, block_size != BlockSize::B4096, "{message}");
    }
}
