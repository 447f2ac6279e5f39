//! Every kind of node, with all that it can have.

use kurmadisk::fs::ext4::{BlockSize, Ext4Options};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{DeviceNumber, Entries, Metadata, NodeKind, Timestamp, Tree};
use kurmadisk_formats::map::DiskMap;

use super::support::{
    BLOCK_SIZES, KIB, MIB, checked, content, fixed, judged, meta, options, read_back, stat, tree_of,
};

fn device(major: u32, minor: u32) -> DeviceNumber {
    DeviceNumber { major, minor }
}

/// One node of each kind, with owners, times and modes of the rarer sort.
fn every_kind() -> Tree {
    let mut tree = tree_of(&[("etc/passwd", b"root:x:0:0\n"), ("empty", b"")]);
    let rare = Metadata {
        mode: 0o7755,
        uid: 70_000,
        gid: 80_000,
        mtime: Timestamp {
            seconds: 1_234_567_890,
            nanos: 123_456_789,
        },
        ..Metadata::default()
    };
    let late = Metadata {
        mtime: Timestamp {
            seconds: 14_000_000_000,
            nanos: 999_999_999,
        },
        ..rare.clone()
    };
    let nodes = [
        ("link", NodeKind::Symlink((*b"etc/passwd").into())),
        ("null", NodeKind::CharDevice(device(1, 3))),
        ("whiteout", NodeKind::CharDevice(device(0, 0))),
        ("disk", NodeKind::BlockDevice(device(259, 65_536))),
        ("largest", NodeKind::BlockDevice(device(4095, 1_048_575))),
        ("pipe", NodeKind::Fifo),
        ("socket", NodeKind::Socket),
        ("directory", NodeKind::Directory(Entries::new())),
        ("file", NodeKind::File(content(&[7; 10_000]))),
    ];
    for (name, kind) in nodes {
        let meta = if name.len() % 2 == 0 { &rare } else { &late };
        tree.add(Tree::ROOT, name.as_bytes(), meta.clone(), kind)
            .expect("new");
    }
    tree.set_metadata(Tree::ROOT, rare);
    tree
}

#[test]
fn every_kind_of_node_on_every_block_size() {
    let tree = every_kind();
    for block_size in BLOCK_SIZES {
        let options = Ext4Options {
            block_size,
            ..options()
        };
        let plan = fixed(&tree, 16 * MIB, &options).expect("fits");
        let image = judged(&tree, &plan);
        for (path, text) in [
            ("/null", "Device major/minor number: 01:03 "),
            ("/whiteout", "Device major/minor number: 00:00 "),
            ("/disk", "Device major/minor number: 259:65536 "),
            ("/largest", "Device major/minor number: 4095:1048575 "),
            ("/link", "Fast link dest: \"etc/passwd\""),
            ("/file", "User: 70000   Group: 80000 "),
            ("/file", "Mode:  07755 "),
            ("/file", "Links: 1 "),
            ("/directory", "Links: 2 "),
            ("/pipe", "Type: FIFO"),
            ("/socket", "Type: socket"),
            ("/file", "mtime: 0x499602d2:1d6f3454"),
            ("/link", "crtime: 0x499602d2:1d6f3454"),
        ] {
            let found = stat(&image, path);
            assert!(found.contains(text), "{text} is not in {found}");
        }
    }
}

#[test]
fn hard_links_are_one_inode() {
    let mut tree = tree_of(&[("a/first", b"three names")]);
    let node = tree.lookup(b"a/first").expect("made");
    let other = tree.make_dirs(b"b/c", &meta()).expect("new");
    tree.link(other, b"second", node).expect("new");
    tree.link(Tree::ROOT, b"third", node).expect("new");
    let symlink = NodeKind::Symlink((*b"x").into());
    let symlink = tree.add(Tree::ROOT, b"s1", meta(), symlink).expect("new");
    tree.link(Tree::ROOT, b"s2", symlink).expect("new");
    let plan = fixed(&tree, MIB, &options()).expect("fits");
    // Ten of the filesystem's own, lost+found, three directories, the file, the symlink.
    assert_eq!(plan.used_inodes(), 10 + 1 + 3 + 1 + 1);
    let image = judged(&tree, &plan);
    let inode = |path| stat(&image, path).split("Type").next().map(str::to_owned);
    let first = inode("/a/first");
    assert!(first.is_some());
    assert_eq!(
        (inode("/b/c/second"), inode("/third")),
        (first.clone(), first)
    );
    assert!(stat(&image, "/third").contains("Links: 3 "));
    assert!(stat(&image, "/s1").contains("Links: 2 "));
    assert!(stat(&image, "/b").contains("Links: 3 "));
}

#[test]
fn symbolic_links_move_out_of_the_inode_at_60_bytes() {
    for block_size in BLOCK_SIZES {
        let mut tree = Tree::new(meta());
        let longest = block_size.bytes() as usize - 1;
        let lens = [1, 58, 59, 60, 61, 255, longest - 1, longest];
        for len in lens {
            // Parts of a path that the second reader takes for names.
            let target: Vec<u8> = b"target/".iter().copied().cycle().take(len).collect();
            let name = format!("to-{len}");
            tree.add(
                Tree::ROOT,
                name.as_bytes(),
                meta(),
                NodeKind::Symlink(target.into()),
            )
            .expect("new");
        }
        let options = Ext4Options {
            block_size,
            ..options()
        };
        let plan = fixed(&tree, MIB, &options).expect("fits");
        let image = judged(&tree, &plan);
        assert!(stat(&image, "/to-59").contains("Fast link dest"));
        let long = stat(&image, "/to-60");
        assert!(
            long.contains("EXTENTS:") && !long.contains("Fast"),
            "{long}"
        );
        let blocks = plan.ranges(tree.lookup(b"to-60").expect("made")).count();
        assert_eq!(blocks, 1);
    }
}

/// A file of `len` bytes with pieces of data at the given offsets.
fn sparse(len: u64, pieces: &[(u64, usize)]) -> DiskMap {
    let mut map = DiskMap::new(len);
    for (number, (at, size)) in (1..).zip(pieces) {
        map.insert_bytes(*at, vec![number; *size])
            .expect("in range");
    }
    map
}

#[test]
fn holes_stay_holes() {
    let shapes = [
        ("start", sparse(MIB, &[(MIB - 100, 100)]), 1),
        ("middle", sparse(MIB, &[(0, 4096), (512 * KIB, 5000)]), 3),
        ("end", sparse(MIB + 77, &[(0, 10)]), 1),
        ("nothing", sparse(MIB, &[]), 0),
        (
            "uneven",
            sparse(300_000, &[(5000, 1), (8191, 2), (299_999, 1)]),
            3,
        ),
        (
            "touching",
            sparse(MIB, &[(0, 4095), (4096, 1), (4097, 4095)]),
            2,
        ),
    ];
    let mut tree = Tree::new(meta());
    for (name, map, _) in &shapes {
        tree.place_file(name.as_bytes(), meta(), map.clone())
            .expect("new");
    }
    let plan = fixed(&tree, 4 * MIB, &options()).expect("fits");
    let image = judged(&tree, &plan);
    for (name, _, blocks) in shapes {
        let found = stat(&image, &format!("/{name}"));
        let expected = format!("Blockcount: {}\n", blocks * 8);
        assert!(found.contains(&expected), "{name}: {found}");
    }
}

#[test]
fn times_of_every_epoch() {
    let times = [
        (-2_147_483_648, 0, "0x80000000:00000000"),
        (-1, 999_999_999, "0xffffffff:ee6b27fc"),
        (0, 1, "0x00000000:00000004"),
        (2_147_483_648, 0, "0x80000000:00000001"),
        (4_294_967_296, 2, "0x00000000:00000009"),
        (8_589_934_592, 0, "0x00000000:00000002"),
        (15_032_385_535, 0, "0x7fffffff:00000003"),
    ];
    let mut tree = Tree::new(meta());
    for (number, (seconds, nanos, _)) in (0..).zip(times) {
        let meta = Metadata {
            mtime: Timestamp { seconds, nanos },
            ..meta()
        };
        let name = [b'0' + number];
        tree.add(Tree::ROOT, &name, meta, NodeKind::Fifo)
            .expect("new");
    }
    let image = checked(&tree, &fixed(&tree, MIB, &options()).expect("fits"));
    for (number, (_, _, text)) in times.iter().enumerate() {
        let found = stat(&image, &format!("/{number}"));
        for field in ["mtime", "atime", "ctime", "crtime"] {
            let expected = format!("{field}: {text} ");
            assert!(found.contains(&expected), "{expected} is not in {found}");
        }
    }
}

#[test]
fn an_empty_tree_is_a_filesystem() {
    let tree = Tree::new(meta());
    for block_size in BLOCK_SIZES {
        for lost_found in [true, false] {
            let options = Ext4Options {
                block_size,
                lost_found,
                ..options()
            };
            let size = VolumeSize::Auto(FreeSpace::Bytes(0));
            let plan =
                kurmadisk::fs::ext4::Ext4Plan::new(tree.clone(), size, &options).expect("fits");
            let image = judged(&tree, &plan);
            assert_eq!(plan.used_inodes(), 10 + u64::from(lost_found));
            assert_eq!(read_back(&image).len(), 1 + usize::from(lost_found));
        }
    }
}

#[test]
fn a_lost_and_found_of_the_tree_is_kept() {
    let tree = tree_of(&[("lost+found/#12", b"found")]);
    let plan = fixed(&tree, MIB, &options()).expect("fits");
    let image = judged(&tree, &plan);
    assert_eq!(read_back(&image).len(), 3);
}

#[test]
fn the_same_input_gives_the_same_bytes_and_content_is_not_copied() {
    let tree = every_kind();
    let options = Ext4Options {
        block_size: BlockSize::B1024,
        ..options()
    };
    let [one, two] = [0, 1].map(|_| {
        let plan = fixed(&tree, 40 * MIB, &options).expect("fits");
        let image = judged(&tree, &plan);
        kurmadisk_fixtures::oracle::sha256(image.path()).expect("readable")
    });
    assert_eq!(one, two);
    // 40 MiB in five groups hold a few blocks of metadata and 10 KB of content.
    let plan = fixed(&tree, 40 * MIB, &options).expect("fits");
    let map = plan.build().expect("builds");
    assert!(map.data_len() < 120 * KIB, "{}", map.data_len());
    checked(&tree, &plan);
}

#[test]
fn a_file_of_the_name_lost_and_found_is_kept() {
    let tree = tree_of(&[("lost+found", b"a file")]);
    let plan = fixed(&tree, MIB, &options()).expect("fits");
    let image = judged(&tree, &plan);
    assert_eq!(read_back(&image).len(), 2);
}
