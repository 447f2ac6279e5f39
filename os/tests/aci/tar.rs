//! Trees as tar archives: what was put in comes out, by our reader and by others.

use kurmadisk::formats::error::chain;
use kurmadisk::package::archive::{TreeTar, TreeTarError};
use kurmadisk::source::tar::{TarMode, apply};
use kurmadisk::tree::{
    DeviceNumber, Entries, FileFlags, Metadata, NodeKind, Timestamp, Tree, Xattrs,
};
use kurmadisk_fixtures::oracle::Unpacker;
use proptest::prelude::*;

use super::support::{bytes_of, in_memory, listing};

fn archive_of(tree: &Tree) -> Vec<u8> {
    let mut archive = TreeTar::new();
    archive.add_tree(b"", tree).expect("no socket");
    bytes_of(&archive.finish().expect("short"))
}

/// Metadata of every shape that an archive has to carry.
fn metadata() -> impl Strategy<Value = Metadata> {
    let id = prop_oneof![
        0..3000_u32,
        Just(0o777_7777),
        Just(0o1000_0000),
        any::<u32>()
    ];
    let seconds = prop_oneof![
        0..2_000_000_000_i64,
        Just(-1),
        Just((1 << 33) - 1),
        Just(1 << 33),
        -9_000_000_000_i64..9_000_000_000
    ];
    let nanos = prop_oneof![Just(0), 0..1_000_000_000_u32];
    let name = prop_oneof![
        Just(b"user.a".to_vec()),
        Just(b"user.a=b%3D%".to_vec()),
        Just("user.ä".as_bytes().to_vec())
    ];
    let xattrs = prop::collection::vec((name, prop::collection::vec(any::<u8>(), 0..300)), 0..3);
    (
        0..0o1_0000_u16,
        id.clone(),
        id,
        seconds,
        nanos,
        xattrs,
        0..3_u32,
    )
        .prop_map(|(mode, uid, gid, seconds, nanos, xattrs, flags)| Metadata {
            mode,
            uid,
            gid,
            mtime: Timestamp { seconds, nanos },
            xattrs: xattrs.into_iter().collect::<Xattrs>(),
            flags: FileFlags::from_bits(flags * 0x40),
        })
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no name has it", |byte| ![0, b'/'].contains(byte));
    prop_oneof![
        prop::collection::vec(byte, 1..120),
        "[a-z]{1,5}".prop_map(String::into_bytes),
        "[a-zäß]{90,250}".prop_map(|mut name| {
            while name.len() > 255 {
                name.pop();
            }
            name.into_bytes()
        }),
    ]
    .prop_filter("a name of its own", |name| name != b"." && name != b"..")
}

fn kind() -> impl Strategy<Value = NodeKind> {
    let number = (0..4096_u32, 0..0o777_7777_u32);
    let number = number.prop_map(|(major, minor)| DeviceNumber { major, minor });
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..2000).prop_map(|data| NodeKind::File(in_memory(data))),
        3 => Just(NodeKind::Directory(Entries::new())),
        2 => prop::collection::vec(1..=255_u8, 1..300).prop_map(|target| NodeKind::Symlink(target.into())),
        1 => number.clone().prop_map(NodeKind::CharDevice),
        1 => number.prop_map(NodeKind::BlockDevice),
        1 => Just(NodeKind::Fifo),
    ]
}

/// A tree: each node goes into any of the directories before it, and some get a second name.
fn tree() -> impl Strategy<Value = Tree> {
    let node = (
        any::<prop::sample::Index>(),
        name(),
        metadata(),
        kind(),
        any::<bool>(),
    );
    (metadata(), prop::collection::vec(node, 0..25)).prop_map(|(root, nodes)| {
        let mut tree = Tree::new(root);
        let mut directories = vec![Tree::ROOT];
        for (at, name, mut meta, kind, linked) in nodes {
            // Links have no mode of their own.
            if matches!(kind, NodeKind::Symlink(_)) {
                meta.mode = 0o777;
            }
            let dir = *at.get(&directories);
            let is_dir = matches!(kind, NodeKind::Directory(_));
            // A name may be taken.
            let Ok(id) = tree.add(dir, &name, meta, kind) else {
                continue;
            };
            if is_dir {
                directories.push(id);
            } else if linked {
                let _ = tree.link(*at.get(&directories), b"zz-second name", id);
            }
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_tree_comes_back_as_it_was(tree in tree()) {
        let archive = archive_of(&tree);
        prop_assert_eq!(archive.len() % 512, 0);
        let mut found = Tree::new(Metadata::default());
        let applied = apply(&in_memory(archive.clone()), &mut found, TarMode::Whole);
        prop_assert!(applied.is_ok(), "{}", chain(&applied.unwrap_err()));
        prop_assert_eq!(listing(&found), listing(&tree));
        prop_assert!(archive == archive_of(&tree));
    }
}

#[test]
fn a_socket_and_a_large_device_are_refused() {
    let mut tree = Tree::new(Metadata::default());
    tree.add(Tree::ROOT, b"log", Metadata::default(), NodeKind::Socket)
        .unwrap();
    let error = TreeTar::new().add_tree(b"rootfs", &tree).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/rootfs/log is a socket, which no tar archive can hold; leave it out"
    );
    let number = DeviceNumber {
        major: 1,
        minor: 0o1000_0000,
    };
    let mut tree = Tree::new(Metadata::default());
    let device = NodeKind::BlockDevice(number);
    tree.add(Tree::ROOT, b"disk", Metadata::default(), device)
        .unwrap();
    let error = TreeTar::new().add_tree(b"", &tree).unwrap_err();
    assert!(matches!(error, TreeTarError::Device { .. }), "{error}");
}

#[test]
fn what_nobody_described_is_no_member_of_a_layer() {
    let mut tree = Tree::with_implied_root(Metadata::default());
    let file = Metadata::default();
    tree.place_file(b"tmp/file", file, in_memory(*b"text"))
        .unwrap();
    let names = |archive: TreeTar| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive.tar");
        std::fs::write(&path, bytes_of(&archive.finish().unwrap())).unwrap();
        let list = Unpacker::Bsdtar.list(&path).unwrap();
        list.lines()
            .filter_map(|line| line.split_whitespace().last().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let mut layer = TreeTar::new();
    layer.add_layer(b"rootfs", &tree).unwrap();
    assert_eq!(names(layer), ["rootfs/", "rootfs/tmp/file"]);
    let mut whole = TreeTar::new();
    whole.add_tree(b"rootfs", &tree).unwrap();
    assert_eq!(names(whole), ["rootfs/", "rootfs/tmp/", "rootfs/tmp/file"]);
}
