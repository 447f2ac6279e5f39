//! Archives of real trees by the programs that people use, against the trees themselves.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use kurmadisk::fs::ext4::{Ext4Options, Ext4Plan};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{FileFlags, Xattrs, from_dir};
use kurmadisk_fixtures::{oracle, treediff, treegen};
use kurmadisk_formats::emit::write_map;
use kurmadisk_formats::output::NewFile;
use tempfile::TempDir;
use uuid::Uuid;

use super::support::{Listing, assert_same, listing, run, tree_of_file};

/// What is set on files of a tree: path, name, value.
const XATTRS: &[(&str, &str, &[u8])] = &[
    ("names/plain", "user.empty", b""),
    (
        "names/plain",
        "user.text",
        b"a value\nof two lines, 7 x=y\n",
    ),
    ("names/plain", "user.=odd%3D name", b"\0\xff"),
    (
        "lengths/4096",
        "security.capability",
        b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ),
    (
        "lengths/4096",
        "security.selinux",
        b"system_u:object_r:bin_t:s0\0",
    ),
    ("lengths", "trusted.overlay.opaque", b"y"),
    ("special/fifo", "trusted.on.fifo", b"1"),
    ("links/to-60", "trusted.on.symlink", b"1"),
];

/// `user::rw-, user:12345:rwx, group::r--, mask::rwx, other::---` as the kernel exchanges it.
const ACCESS: &[u8] = b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x07\0\x39\x30\0\0\x04\0\x04\0\xff\xff\xff\xff\x10\0\x07\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff";

/// A tree with every shape that an archive can have: no sockets.
fn make() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = treegen::TreeSpec::default();
    treegen::make_tree(folder.path(), 30, &spec).expect("a tree");
    fs::remove_file(folder.path().join("special/socket")).expect("made");
    fs::write(folder.path().join("names/plain"), "plain").expect("room");
    folder
}

fn hex(value: &[u8]) -> String {
    value.iter().fold("0x".to_owned(), |digits, byte| {
        format!("{digits}{byte:02x}")
    })
}

/// Sets the attributes; gives what a list of the tree then has.
fn with_attributes(folder: &Path) -> Listing {
    for (path, name, value) in XATTRS {
        let value = hex(value);
        run(folder, "setfattr", &["-h", "-n", name, "-v", &value, path]);
    }
    let access = "u::rw-,u:12345:rwx,g::r--,m::rwx,o::---";
    run(folder, "setfacl", &["-m", access, "lengths/513"]);
    run(folder, "setfacl", &["-d", "-m", access, "modes"]);
    run(
        folder,
        "setfacl",
        &["-m", "u::rw-,g::r--,o::---", "lengths/512"],
    );
    let mut list = listing(&from_dir(folder).expect("readable"));
    for seen in list.values_mut() {
        seen.meta.xattrs = Xattrs::new();
        seen.meta.flags = FileFlags::NONE;
    }
    let mut set = |path: &str, name: &str, value: &[u8]| {
        let first = list[path.as_bytes()].first.clone();
        for seen in list.values_mut().filter(|seen| seen.first == first) {
            seen.meta.xattrs.set(name.as_bytes(), value);
        }
    };
    for (path, name, value) in XATTRS {
        set(path, name, value);
    }
    set("lengths/513", "system.posix_acl_access", ACCESS);
    set("modes", "system.posix_acl_default", ACCESS);
    list
}

fn make_archive(folder: &Path, program: &str, options: &[&str]) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let path = place.path().join("archive.tar");
    let file = ["-c".as_ref(), "-f".as_ref(), path.as_os_str(), ".".as_ref()];
    let arguments = match program {
        "busybox" => vec!["tar".as_ref()],
        _ => options.iter().map(OsStr::new).collect::<Vec<_>>(),
    };
    run(folder, program, &[&arguments[..], &file].concat());
    (place, path)
}

#[test]
fn gnu_tar_keeps_everything_in_pax_archives() {
    let folder = make();
    let expected = with_attributes(folder.path());
    assert!(expected.len() > 500);
    for version in ["0.0", "0.1", "1.0"] {
        let sparse = format!("--sparse-version={version}");
        let options = [
            "--format=pax",
            "--xattrs",
            "--xattrs-include=*",
            "--acls",
            "--selinux",
            "--numeric-owner",
            "--sparse",
            &sparse,
        ];
        let (_place, path) = make_archive(folder.path(), "tar", &options);
        assert_same(&listing(&tree_of_file(&path)), &expected);
    }
}

#[test]
fn bsdtar_keeps_everything_in_pax_archives() {
    let folder = make();
    let mut expected = with_attributes(folder.path());
    // libarchive 3.6 writes -1 second and 500,000,000 nanoseconds as -1.5, which is another time.
    for mtime in expected.values_mut().map(|seen| &mut seen.meta.mtime) {
        mtime.seconds -= i64::from(mtime.seconds < 0 && mtime.nanos > 0);
    }
    let options = [
        "--format=pax",
        "--xattrs",
        "--acls",
        "--fflags",
        "--numeric-owner",
    ];
    let (_place, path) = make_archive(folder.path(), "bsdtar", &options);
    assert_same(&listing(&tree_of_file(&path)), &expected);
}

#[test]
fn bsdtar_keeps_flags() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["immutable", "append", "nodump"] {
        fs::write(folder.path().join(name), name).expect("room");
    }
    let flags = [("immutable", "i"), ("append", "a"), ("nodump", "d")];
    for (name, flag) in flags {
        run(folder.path(), "chattr", &[&format!("+{flag}"), name]);
    }
    let (_place, path) = make_archive(folder.path(), "bsdtar", &["--format=pax", "--fflags"]);
    for (name, flag) in flags {
        run(folder.path(), "chattr", &[&format!("-{flag}"), name]);
    }
    let tree = tree_of_file(&path);
    let found = |name: &str| {
        tree.node(tree.lookup(name.as_bytes()).expect("there"))
            .meta
            .flags
    };
    assert_eq!(found("immutable"), FileFlags::IMMUTABLE);
    assert_eq!(found("append"), FileFlags::APPEND);
    assert_eq!(found("nodump"), FileFlags::NODUMP);
}

/// What all formats can say but for times below a second.
fn make_plain(names: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let long = "n".repeat(names);
    fs::create_dir_all(at("a/b")).expect("new");
    for (name, len) in [
        ("a/empty", 0),
        ("a/b/block", 512),
        ("a/more", 70_000),
        (&long, 5),
    ] {
        fs::write(at(name), vec![7; len]).expect("room");
    }
    fs::hard_link(at("a/more"), at("a/b/linked")).expect("linked");
    std::os::unix::fs::symlink("../a/more", at("a/b/symlink")).expect("new");
    std::os::unix::fs::lchown(at("a/more"), Some(1000), Some(65_536)).expect("root");
    for path in [
        "a/empty",
        "a/b/block",
        "a/more",
        &long,
        "a/b/symlink",
        "a/b",
        "a",
        ".",
    ] {
        treegen::set_mtime(&at(path), 1_700_000_000, 0).expect("settable");
    }
    folder
}

#[test]
fn all_programs_and_formats() {
    let cases: [(&str, &[&str], usize); 12] = [
        ("tar", &["--format=v7"], 90),
        ("tar", &["--format=ustar"], 100),
        ("tar", &["--format=oldgnu"], 250),
        ("tar", &["--format=gnu"], 250),
        ("tar", &["--format=gnu", "--label=volume"], 250),
        ("tar", &["--format=gnu", "--incremental"], 90),
        ("tar", &["--format=posix"], 250),
        ("bsdtar", &["--format=v7tar"], 90),
        ("bsdtar", &["--format=ustar"], 100),
        ("bsdtar", &["--format=gnutar"], 250),
        ("bsdtar", &["--format=pax"], 250),
        ("busybox", &[], 250),
    ];
    for (program, options, names) in cases {
        let folder = make_plain(names);
        let expected = listing(&from_dir(folder.path()).expect("readable"));
        let (_place, path) = make_archive(folder.path(), program, options);
        println!("{program} {options:?}");
        assert_same(&listing(&tree_of_file(&path)), &expected);
    }
}

/// GNU tar's own formats have times in whole seconds; all else is there, sparse files too.
#[test]
fn gnu_formats_have_sparse_files_and_all_names() {
    let folder = make();
    let mut expected = listing(&from_dir(folder.path()).expect("readable"));
    for seen in expected.values_mut() {
        seen.meta.mtime.nanos = 0;
    }
    for format in ["--format=gnu", "--format=oldgnu"] {
        let options = [format, "--sparse", "--numeric-owner"];
        let (_place, path) = make_archive(folder.path(), "tar", &options);
        assert_same(&listing(&tree_of_file(&path)), &expected);
    }
}

fn xattrs_of(folder: &Path) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let dump = run(
        folder,
        "getfattr",
        &["-R", "-P", "-h", "-d", "-m-", "-e", "hex", "."],
    );
    let mut found = BTreeMap::new();
    let mut path = Vec::new();
    for line in dump
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        match line.strip_prefix(b"# file: ") {
            Some(name) => path = name.to_vec(),
            None => found
                .entry(path.clone())
                .or_insert_with(Vec::new)
                .push(line.to_vec()),
        }
    }
    found
}

#[test]
fn a_filesystem_of_an_archive_is_mounted_as_the_tree_was() {
    let folder = make();
    with_attributes(folder.path());
    let options = [
        "--format=pax",
        "--xattrs",
        "--xattrs-include=*",
        "--acls",
        "--numeric-owner",
        "--sparse",
    ];
    let (place, archive) = make_archive(folder.path(), "tar", &options);
    let tree = tree_of_file(&archive);
    let options = Ext4Options::new(Uuid::from_u128(1), Uuid::from_u128(2));
    let size = VolumeSize::Auto(FreeSpace::PerMille(50));
    let plan = Ext4Plan::new(tree.clone(), size, &options).expect("fits");
    let image = place.path().join("image");
    let mut file = NewFile::create(&image).expect("a new file");
    let map = plan.build().expect("the planned one");
    write_map(
        &map,
        &mut file,
        &mut |_| std::ops::ControlFlow::Continue(()),
    )
    .expect("room");
    file.commit().expect("room");
    oracle::e2fsck_clean(&image, 0).expect("clean");
    let mount = oracle::mount_loop(&image, 0, plan.size()).expect("the kernel mounts it");
    let options = treediff::Options::default().leave_out("lost+found");
    let compared = treediff::compare(folder.path(), mount.path(), &options).expect("readable");
    assert_eq!(compared.expect_equal(), tree.paths().len() + 1);
    let expected = xattrs_of(folder.path());
    assert_eq!(expected.len(), 7);
    assert_eq!(xattrs_of(mount.path()), expected);
}
