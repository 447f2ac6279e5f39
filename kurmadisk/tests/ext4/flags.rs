//! Flags of files, as the kernel tells and heeds them.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;

use kurmadisk::tree::{DeviceNumber, FileFlags, Metadata, NodeKind, Tree};
use kurmadisk_fixtures::oracle;

use super::support::{MIB, checked, fixed, meta, options, stat, tree_of};

/// As `lsattr` shows them.
const ALL: [(FileFlags, char); 6] = [
    (FileFlags::SYNC, 'S'),
    (FileFlags::DIRSYNC, 'D'),
    (FileFlags::IMMUTABLE, 'i'),
    (FileFlags::APPEND, 'a'),
    (FileFlags::NODUMP, 'd'),
    (FileFlags::NOATIME, 'A'),
];

fn with(flags: FileFlags) -> Metadata {
    Metadata { flags, ..meta() }
}

/// A tree of `file`, `dir` and one of each other kind, all with these flags.
fn tree(flags: FileFlags) -> Tree {
    let device = DeviceNumber { major: 1, minor: 3 };
    let mut tree = tree_of(&[("file", b"content"), ("dir/below", b"")]);
    let others = [
        ("symlink", NodeKind::Symlink((*b"file").into())),
        ("char", NodeKind::CharDevice(device)),
        ("block", NodeKind::BlockDevice(device)),
        ("pipe", NodeKind::Fifo),
        ("socket", NodeKind::Socket),
    ];
    for (name, kind) in others {
        tree.add(Tree::ROOT, name.as_bytes(), meta(), kind)
            .expect("new");
    }
    for name in [
        "", "file", "dir", "symlink", "char", "block", "pipe", "socket",
    ] {
        let id = tree.lookup(name.as_bytes()).expect("made");
        tree.metadata_mut(id).flags = flags;
    }
    tree
}

#[test]
fn all_that_a_kind_can_have_is_there() {
    for (flag, letter) in ALL {
        let mut tree = tree(flag);
        let (nodump, noatime) = (FileFlags::NODUMP, FileFlags::NOATIME);
        if flag != nodump && flag != noatime {
            for name in ["symlink", "char", "block", "pipe", "socket"] {
                let id = tree.lookup(name.as_bytes()).expect("made");
                tree.metadata_mut(id).flags = nodump.with(noatime);
            }
        }
        let only_directories = flag == FileFlags::DIRSYNC;
        if only_directories {
            let id = tree.lookup(b"file").expect("made");
            tree.metadata_mut(id).flags = FileFlags::NONE;
        }
        let plan = fixed(&tree, 4 * MIB, &options()).expect("fits");
        let image = checked(&tree, &plan);
        let mount = oracle::mount_loop(image.path(), 0, plan.size()).expect("the kernel mounts it");
        for name in ["", "dir", "file"] {
            let mut found = oracle::lsattr(&mount.path().join(name)).expect("readable");
            found.retain(|letter| letter != 'e');
            let expected = if only_directories && name == "file" {
                String::new()
            } else {
                letter.to_string()
            };
            assert_eq!(found, expected, "{name}");
        }
        let expected = tree
            .lookup(b"pipe")
            .map(|id| tree.node(id).meta.flags.bits());
        let expected = format!("Flags: {:#x}", expected.expect("made"));
        assert!(stat(&image, "/pipe").contains(&expected));
        assert!(stat(&image, "/symlink").contains(&expected));
    }
}

#[test]
fn the_kernel_heeds_them() {
    let mut tree = tree_of(&[("fixed", b"1"), ("grows", b"1"), ("free", b"1")]);
    for (name, flags) in [
        ("fixed", FileFlags::IMMUTABLE),
        ("grows", FileFlags::APPEND),
    ] {
        let id = tree.lookup(name.as_bytes()).expect("made");
        tree.set_metadata(id, with(flags));
    }
    let plan = fixed(&tree, 4 * MIB, &options()).expect("fits");
    let image = checked(&tree, &plan);
    let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
    let at = |name: &str| mount.path().join(name);
    let kind = |done: std::io::Result<()>| done.map_err(|error| error.kind());
    assert_eq!(kind(fs::write(at("free"), b"2")), Ok(()));
    for name in ["fixed", "grows"] {
        let denied = Err(ErrorKind::PermissionDenied);
        assert_eq!(kind(fs::write(at(name), b"2")), denied);
        assert_eq!(kind(fs::remove_file(at(name))), denied);
    }
    let append = |name| OpenOptions::new().append(true).open(at(name)).map(drop);
    assert_eq!(kind(append("grows")), Ok(()));
    assert_eq!(kind(append("fixed")), Err(ErrorKind::PermissionDenied));
    oracle::chattr("-i", &at("fixed")).expect("it can be taken away");
    assert_eq!(kind(fs::remove_file(at("fixed"))), Ok(()));
    drop(mount);
    oracle::e2fsck_clean(image.path(), 0).expect("no fault after the kernel's changes");
}

#[test]
fn what_a_kind_can_not_have_is_refused() {
    let all = ALL
        .iter()
        .fold(FileFlags::NONE, |all, (flag, _)| all.with(*flag));
    let cases = [
        (
            "file",
            "/file: a regular file can't have the flags that chattr calls D; leave them out",
        ),
        (
            "symlink",
            "/symlink: what is neither file nor directory can't have the flags that chattr calls SDia; leave \
             them out",
        ),
        (
            "socket",
            "/socket: what is neither file nor directory can't have the flags that chattr calls SDia; leave \
             them out",
        ),
    ];
    for (name, expected) in cases {
        let mut tree = tree(FileFlags::NONE);
        let id = tree.lookup(name.as_bytes()).expect("made");
        tree.set_metadata(id, with(all));
        let error = fixed(&tree, 4 * MIB, &options()).expect_err("it can't");
        assert_eq!(error.to_string(), expected);
    }
}
