//! Extended attributes, judged by e2fsck, debugfs, and the kernel, which also changes them.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use kurmadisk::fs::ext4::{Ext4Options, Ext4Plan, Feature, InodeSize, Profile};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{DeviceNumber, Entries, Metadata, NodeKind, Tree, Xattrs};
use kurmadisk_fixtures::oracle;
use proptest::prelude::*;

use super::support::{BLOCK_SIZES, Image, MIB, checked, fixed, meta, options, stat, tree_of};

/// `cap_net_raw=ep`, as the kernel gives it: revision 2, effective.
const NET_RAW: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];
const LABEL: &[u8] = b"system_u:object_r:etc_t:s0\0";

/// An access control list as the kernel gives it.
fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0];
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// Owner rwx, user 1000 r-x, group r--, group 70000 -wx, mask rwx, others ---.
fn long_acl() -> Vec<u8> {
    let none = u32::MAX;
    acl(&[
        (1, 7, none),
        (2, 5, 1000),
        (4, 4, none),
        (8, 3, 70_000),
        (0x10, 7, none),
        (0x20, 0, none),
    ])
}

fn with(xattrs: &[(&str, &[u8])]) -> Metadata {
    Metadata {
        mode: 0o750,
        xattrs: xattrs.iter().copied().collect(),
        ..meta()
    }
}

pub fn set(tree: &mut Tree, path: &str, xattrs: &[(&str, &[u8])]) {
    let id = tree.lookup(path.as_bytes()).expect("made");
    tree.metadata_mut(id).xattrs = xattrs.iter().copied().collect();
}

type Listing = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// What was asked for, by path.
fn asked(tree: &Tree) -> Listing {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    std::iter::once((Vec::new(), Tree::ROOT))
        .chain(tree.paths())
        .map(|(path, id)| {
            let xattrs = tree.node(id).meta.xattrs.clone();
            let pairs = xattrs
                .iter()
                .map(|(name, value)| (text(name), value.to_vec()));
            (text(&path), pairs.collect())
        })
        .filter(|(_, xattrs): &(_, BTreeMap<_, _>)| !xattrs.is_empty())
        .collect()
}

/// The kernel finds what was asked for.
pub fn mounted(tree: &Tree, plan: &Ext4Plan) -> Image {
    let image = checked(tree, plan);
    let mount = oracle::mount_loop(image.path(), 0, plan.size()).expect("the kernel mounts it");
    let found = oracle::getfattr(mount.path()).expect("readable");
    assert_eq!(found, asked(tree));
    image
}

pub fn smallest(tree: &Tree, options: &Ext4Options) -> Ext4Plan {
    Ext4Plan::new(tree.clone(), VolumeSize::Auto(FreeSpace::Bytes(0)), options).expect("fits")
}

/// The block of an inode's attributes, by `debugfs`; 0 for none.
pub fn block_of(image: &Image, path: &str) -> u64 {
    let text = stat(image, path);
    let (_, rest) = text.split_once("File ACL: ").expect("it is shown");
    rest.split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

/// One node of each kind with attributes that it can have.
fn every_kind() -> Tree {
    let long = [b'v'; 700];
    let mut tree = tree_of(&[("etc/passwd", b"root"), ("bin/ping", b"\x7fELF")]);
    set(
        &mut tree,
        "",
        &[("trusted.root", b"1"), ("user.long", &long)],
    );
    set(&mut tree, "bin/ping", &[("security.capability", &NET_RAW)]);
    let all: [(&str, &[u8]); 6] = [
        ("security.selinux", LABEL),
        ("system.posix_acl_access", &long_acl()),
        ("trusted.empty", b""),
        ("user.a", b"1"),
        ("user.b", b"22"),
        ("user.long", &long),
    ];
    set(&mut tree, "etc/passwd", &all);
    let default: [(&str, &[u8]); 2] = [
        ("system.posix_acl_access", &long_acl()),
        ("system.posix_acl_default", &long_acl()),
    ];
    set(&mut tree, "etc", &default);
    let device = NodeKind::CharDevice(DeviceNumber { major: 1, minor: 3 });
    let nodes = [
        ("fast", NodeKind::Symlink((*b"etc/passwd").into())),
        ("slow", NodeKind::Symlink(vec![b'x'; 100].into())),
        ("device", device),
        ("pipe", NodeKind::Fifo),
        ("socket", NodeKind::Socket),
        ("empty", NodeKind::Directory(Entries::new())),
    ];
    for (name, kind) in nodes {
        let short = name.len() % 2 == 0;
        let value = if short { &long[..30] } else { &long };
        let meta = with(&[("trusted.t", value), ("security.selinux", LABEL)]);
        tree.add(Tree::ROOT, name.as_bytes(), meta, kind)
            .expect("new");
    }
    tree
}

#[test]
fn every_kind_of_node_has_them_on_every_filesystem() {
    let tree = every_kind();
    for profile in [Profile::Ext2, Profile::Ext4] {
        for block_size in BLOCK_SIZES {
            for inode_size in [InodeSize::B128, InodeSize::B256] {
                let options = Ext4Options {
                    block_size,
                    inode_size,
                    features: profile.features(),
                    ..options()
                };
                let image = mounted(&tree, &smallest(&tree, &options));
                assert!(stat(&image, "/fast").contains("Fast link dest"));
            }
        }
    }
}

#[test]
fn the_tools_of_their_makers_understand_them() {
    let tree = every_kind();
    let plan = smallest(&tree, &options());
    let image = mounted(&tree, &plan);
    let mount = oracle::mount_loop(image.path(), 0, plan.size()).expect("the kernel mounts it");
    let ping = oracle::getcap(&mount.path().join("bin/ping")).expect("readable");
    assert!(ping.ends_with("/bin/ping cap_net_raw=ep\n"), "{ping}");
    let list = "user::rwx\nuser:1000:r-x\ngroup::r--\ngroup:70000:-wx\nmask::rwx\nother::---\n";
    let default = list.lines().map(|line| format!("default:{line}"));
    let expected: Vec<_> = list.lines().map(str::to_owned).chain(default).collect();
    let found = oracle::getfacl(&mount.path().join("etc")).expect("readable");
    assert_eq!(found.trim(), expected.join("\n"));
    let listed = oracle::debugfs(image.path(), 0, "ea_list /etc/passwd").expect("readable");
    for name in [
        "security.selinux (27)",
        "user.long (700)",
        "trusted.empty (0)",
    ] {
        assert!(listed.contains(name), "{listed}");
    }
    // In the inode, as 16 + 12 bytes of entry and 20 of value.
    assert_eq!(block_of(&image, "/bin/ping"), 0);
    assert_ne!(block_of(&image, "/etc/passwd"), 0);
}

#[test]
fn blocks_are_shared_by_1024_inodes_and_counted_for_each() {
    let long = [7; 500];
    let mut tree = tree_of(&[]);
    for number in 0..2500 {
        // What few inodes have lies in the inode; what is left is the same for all.
        let own = u32::to_le_bytes(number);
        let meta = with(&[("user.long", &long), ("user.own", &own)]);
        let name = format!("{number:04}");
        tree.place_file(name.as_bytes(), meta, super::support::content(b"x"))
            .expect("new");
    }
    let plan = smallest(&tree, &options());
    let image = mounted(&tree, &plan);
    let blocks: Vec<u64> = ["/0000", "/1023", "/1024", "/2047", "/2048", "/2499"]
        .iter()
        .map(|path| block_of(&image, path))
        .collect();
    let first = blocks[0];
    assert_eq!(blocks, [0, 0, 1, 1, 2, 2].map(|block| first + block));
    for (block, users) in [(first, 1024), (first + 1, 1024), (first + 2, 452)] {
        let dump = oracle::debugfs(image.path(), 0, &format!("block_dump {block}"));
        let dump = dump.expect("readable");
        let line = dump.lines().next().expect("a line");
        let [low, high, ..] = u32::to_le_bytes(users);
        assert!(
            line.contains(&format!("0000 02ea {low:02x}{high:02x} 0000")),
            "{line}"
        );
    }
    // Eight sectors for the content, eight for the attributes.
    assert!(stat(&image, "/1024").contains("Blockcount: 16\n"));
    let without: Xattrs = [("user.own", "1")].into_iter().collect();
    for (_, id) in tree.paths() {
        tree.metadata_mut(id).xattrs = without.clone();
    }
    assert_eq!(smallest(&tree, &options()).blocks() + 3, plan.blocks());
}

#[test]
fn the_kernel_changes_what_is_shared() {
    let long = [7; 500];
    for block_size in BLOCK_SIZES {
        let files = ["a", "b", "c", "d", "e"].map(|name| (name, &b"x"[..]));
        let mut tree = tree_of(&files);
        for (path, _) in files {
            let xattrs: [(&str, &[u8]); 2] = [("user.long", &long), ("user.short", b"1")];
            set(&mut tree, path, &xattrs);
        }
        let options = Ext4Options {
            block_size,
            ..options()
        };
        let plan = fixed(&tree, 8 * MIB, &options).expect("fits");
        let image = mounted(&tree, &plan);
        assert_eq!(block_of(&image, "/a"), block_of(&image, "/e"));
        let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
        let at = |name: &str| mount.path().join(name);
        oracle::setfattr(&at("a"), "user.long", Some(&[8; 600])).expect("room");
        oracle::setfattr(&at("b"), "user.long", None).expect("there");
        oracle::setfattr(&at("c"), "user.more", Some(&[9; 100])).expect("room");
        std::fs::remove_file(at("d")).expect("there");
        // The kernel finds a block that was read by its hash, and shares it once more.
        oracle::getfattr(mount.path()).expect("readable");
        std::fs::write(at("new"), b"y").expect("room");
        oracle::setfattr(&at("new"), "user.long", Some(&long)).expect("room");
        let found = oracle::getfattr(mount.path()).expect("readable");
        assert_eq!(found["a"]["user.long"], [8; 600]);
        assert!(!found["b"].contains_key("user.long"));
        assert_eq!(found["c"]["user.long"], long);
        assert_eq!(found["e"]["user.long"], long);
        drop(mount);
        oracle::e2fsck_clean(image.path(), 0).expect("no fault after the kernel's changes");
        assert_eq!(block_of(&image, "/new"), block_of(&image, "/e"));
    }
}

#[test]
fn judges_see_a_wrong_hash_and_a_wrong_count() {
    let mut tree = tree_of(&[("file", b"x")]);
    set(&mut tree, "file", &[("user.long", &[7; 500])]);
    // Without checksums, which would hide it.
    let options = Ext4Options {
        features: Profile::Ext4.features().without(Feature::MetadataCsum),
        ..options()
    };
    let plan = smallest(&tree, &options);
    // The reference count of the head, and the hash of the first entry.
    for (at, message) in [(4, "reference count"), (32 + 12, "hash")] {
        let image = mounted(&tree, &plan);
        let place = block_of(&image, "/file") * 4096 + at;
        let file = OpenOptions::new().write(true).open(image.path());
        file.and_then(|file| file.write_all_at(&[99], place))
            .expect("there");
        let error = oracle::e2fsck_clean(image.path(), 0).expect_err("it was damaged");
        assert!(error.to_string().contains(message), "{error}");
    }
}

pub fn refusal(tree: &Tree, options: &Ext4Options) -> String {
    let error = fixed(tree, 8 * MIB, options).expect_err("it can't be");
    error.to_string()
}

#[test]
fn what_has_no_room_is_refused_by_name() {
    let mut tree = tree_of(&[("dir/file", b"x")]);
    // A block of 4096 bytes: 32 of head, 4 of end, 16 + 4 of entry.
    set(&mut tree, "dir/file", &[("user.long", &[7; 4040])]);
    mounted(&tree, &smallest(&tree, &options()));
    set(&mut tree, "dir/file", &[("user.long", &[7; 4041])]);
    assert_eq!(
        refusal(&tree, &options()),
        "/dir/file: the extended attribute \"user.long\" of 4041 bytes takes 4064 with its name, and there is \
         room for 88 in the inode and 4060 in a block; leave it out"
    );
    let two: [(&str, &[u8]); 3] = [
        ("user.a", &[7; 2000]),
        ("user.b", &[7; 2080]),
        ("user.c", &[7; 28]),
    ];
    set(&mut tree, "dir/file", &two);
    assert_eq!(
        refusal(&tree, &options()),
        "/dir/file: its 3 extended attributes take 4168 bytes with their names, 2100 of them \"user.b\", and \
         there is room for 88 in the inode and 4060 in a block; leave some out"
    );
}

#[test]
fn what_linux_would_not_give_is_refused() {
    let mut tree = every_kind();
    let acl = long_acl();
    let cases: [(&str, &str, &[u8], &str); 8] = [
        (
            "fast",
            "user.a",
            b"",
            "gives the extended attribute \"user.a\" to regular files and directories only",
        ),
        (
            "device",
            "user.a",
            b"",
            "to regular files and directories only; leave it out",
        ),
        (
            "fast",
            "system.posix_acl_access",
            &acl,
            "to what is no symbolic link only; leave it out",
        ),
        (
            "etc/passwd",
            "system.posix_acl_default",
            &acl,
            "to directories only; leave it out",
        ),
        (
            "pipe",
            "system.posix_acl_default",
            &acl,
            "to directories only; leave it out",
        ),
        (
            "etc",
            "system.posix_acl_access",
            b"\x01\0\0\0",
            "its version is 1, not 2",
        ),
        (
            "etc",
            "other.name",
            b"",
            "has a prefix that ext4 has no number for",
        ),
        (
            "etc",
            "system.data",
            b"",
            "is what ext4 keeps contents under",
        ),
    ];
    for (path, name, value, expected) in cases {
        let id = tree.lookup(path.as_bytes()).expect("made");
        let before = tree.node(id).meta.clone();
        set(&mut tree, path, &[(name, value)]);
        let message = refusal(&tree, &options());
        assert!(message.starts_with(&format!("/{path}: ")), "{message}");
        assert!(message.contains(expected), "{message}");
        tree.set_metadata(id, before);
    }
    let without = Ext4Options {
        features: Profile::Ext4.features().without(Feature::ExtAttr),
        ..options()
    };
    assert_eq!(
        refusal(&tree, &without),
        "/: it has extended attributes, which need the feature ext_attr; leave out ^ext_attr"
    );
}

/// Sets of attributes, of which several nodes have each.
fn any_sets() -> impl Strategy<Value = Vec<Vec<(String, Vec<u8>)>>> {
    let name = prop_oneof![
        "user\\.[a-c]{1,2}",
        "trusted\\.[a-z]{1,40}",
        "security\\.[x-z]{1,3}"
    ];
    let len = prop_oneof![3 => 0..60_usize, 1 => 0..600_usize, 1 => 0..4000_usize];
    let value = (any::<u8>(), len).prop_map(|(byte, len)| {
        let bytes = (0..len).map(|at| byte.wrapping_add(at.to_le_bytes()[0] / 3));
        bytes.collect::<Vec<u8>>()
    });
    let one = prop::collection::vec((name, value), 0..9);
    prop::collection::vec(one, 1..7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_attributes_survive(
        sets in any_sets(),
        of in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        block_size in prop::sample::select(&BLOCK_SIZES),
        inode_size in prop::sample::select(&[InodeSize::B128, InodeSize::B256]),
        checksums in any::<bool>(),
    ) {
        // Some leave out what there may be no room for.
        let most = block_size.bytes() as usize - 36 - 60;
        let sets: Vec<Xattrs> = sets
            .into_iter()
            .map(|set| {
                let mut left = most;
                set.into_iter()
                    .filter(|(name, value)| {
                        let len = name.len() + 20 + value.len();
                        let fits = len <= left;
                        left -= if fits { len } else { 0 };
                        fits
                    })
                    .collect()
            })
            .collect();
        let mut tree = tree_of(&[]);
        for (number, which) in of.iter().enumerate() {
            let kind = if number % 3 == 0 {
                NodeKind::Directory(Entries::new())
            } else {
                NodeKind::File(super::support::content(&[7; 100]))
            };
            let meta = Metadata { xattrs: which.get(&sets).clone(), ..meta() };
            tree.add(Tree::ROOT, format!("n{number}").as_bytes(), meta, kind).expect("new");
        }
        let mut features = Profile::Ext4.features();
        if !checksums {
            features = features.without(Feature::MetadataCsum);
        }
        let options = Ext4Options { block_size, inode_size, features, ..options() };
        let plan = smallest(&tree, &options);
        mounted(&tree, &plan);
        let block = u64::from(block_size.bytes());
        prop_assert!(fixed(&tree, plan.size() - block, &options).is_err());
    }
}

/// Planning a tree where every node has attributes of its own takes no longer than the tree is.
#[test]
fn many_different_attributes_are_planned() {
    let mut tree = tree_of(&[]);
    for number in 0..20_000 {
        let own = format!("{number:0>200}");
        let meta = with(&[("user.own", own.as_bytes()), ("security.selinux", LABEL)]);
        tree.add(
            Tree::ROOT,
            number.to_string().as_bytes(),
            meta,
            NodeKind::File(super::support::content(b"")),
        )
        .expect("new");
    }
    let plan = smallest(&tree, &options());
    let image = checked(&tree, &plan);
    assert!(block_of(&image, "/19999") > block_of(&image, "/0"));
}
