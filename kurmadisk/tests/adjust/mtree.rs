//! What programs write as mtree gives a tree its metadata back.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use kurmadisk::adjust::Names;
use kurmadisk::adjust::overrides::Overrides;
use kurmadisk::formats::error::chain;
use kurmadisk::tree::{FileFlags, Metadata, NodeKind, Timestamp, Tree, from_dir};
use kurmadisk_fixtures::treegen;
use tempfile::TempDir;

use super::support::{assert_same, at, directory, file, listing, run};

/// A tree with every shape but sockets, which libarchive leaves out.
fn make() -> (TempDir, Tree) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    treegen::make_tree(folder.path(), 41, &treegen::TreeSpec::default()).expect("a tree");
    fs::remove_file(folder.path().join("special/socket")).expect("made");
    for name in ["names/plain", "x*[", "[a]*", "a b#c=d\\{e}"] {
        fs::write(folder.path().join(name), name).expect("room");
    }
    let tree = from_dir(folder.path()).expect("readable");
    (folder, tree)
}

/// The tree as a user without rights would have it: no owners, modes, times and devices.
fn stripped(tree: &Tree) -> Tree {
    let mut stripped = tree.clone();
    let ids: Vec<_> = tree.nodes().map(|(id, _)| id).collect();
    for id in ids {
        let meta = Metadata {
            uid: 4242,
            gid: 4242,
            mode: 0o700,
            ..Metadata::default()
        };
        stripped.set_metadata(id, meta);
        let standing_in = match tree.node(id).kind {
            NodeKind::Symlink(_) => NodeKind::Symlink(b"elsewhere".as_slice().into()),
            NodeKind::CharDevice(_) | NodeKind::BlockDevice(_) | NodeKind::Fifo => file(0),
            NodeKind::Directory(_) | NodeKind::File(_) | NodeKind::Socket => continue,
        };
        stripped.change_kind(id, standing_in).expect("no folder");
    }
    stripped
}

/// The names that the programs wrote are those of this machine.
fn names() -> Names {
    let read = |path: &str| fs::read(path).expect("readable");
    Names::from_files(&read("/etc/passwd"), &read("/etc/group"))
}

#[track_caller]
fn check(text: &[u8], tree: &Tree) {
    let overrides = Overrides::from_mtree("spec", text);
    let overrides = overrides.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert!(overrides.len() >= tree.paths().len());
    let mut restored = stripped(tree);
    assert_ne!(listing(&restored), listing(tree));
    let applied = overrides.apply(&mut restored, &names(), Timestamp::default());
    applied.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_same(&restored, tree);
}

fn bsdtar(folder: &Path, options: &[&str]) -> Vec<u8> {
    let arguments = [&["-c", "-f", "-"], options, &["."]].concat();
    run(folder, "bsdtar", &arguments, Stdio::null())
}

#[test]
fn what_bsdtar_writes() {
    let (folder, mut tree) = make();
    run(
        folder.path(),
        "chattr",
        &["+d", "names/plain", "lengths"],
        Stdio::null(),
    );
    for path in ["names/plain", "lengths"] {
        let id = at(&tree, path);
        tree.metadata_mut(id).flags = FileFlags::NODUMP;
    }
    for options in [
        &["--format=mtree"][..],
        &["--format=mtree", "--options=use-set"],
        &["--format=mtree", "--options=!uname,!gname"],
        &["--format=mtree-classic"],
        &["--format=mtree", "--options=indent"],
    ] {
        println!("{options:?}");
        check(&bsdtar(folder.path(), options), &tree);
    }
}

#[test]
fn what_netbsds_mtree_writes() {
    let (folder, _) = make();
    // It cuts longer targets when it reads its own list.
    for name in [
        "links/to-1023",
        "links/to-1024",
        "links/to-4094",
        "links/to-4095",
    ] {
        fs::remove_file(folder.path().join(name)).expect("made");
    }
    let tree = from_dir(folder.path()).expect("readable");
    let keys = "type,uid,gid,uname,gname,mode,time,link,device,flags,nlink";
    let all = run(folder.path(), "mtree", &["-c", "-k", keys], Stdio::null());
    check(&all, &tree);
    let without_numbers = "type,uname,gname,mode,time,link,device";
    let named = run(
        folder.path(),
        "mtree",
        &["-c", "-k", without_numbers],
        Stdio::null(),
    );
    check(&named, &tree);
    let spec = folder.path().join("spec");
    fs::write(&spec, all).expect("room");
    let dumped = run(
        folder.path(),
        "mtree",
        &["-C", "-k", "all", "-f", "spec"],
        Stdio::null(),
    );
    check(&dumped, &tree);
}

/// What OpenWrt's and FreeBSD's builds write: full paths, attributes of some files only.
const PARTIAL: &str = "\
#mtree v2.0
/set uid=0 gid=0 uname=root mode=0644
./etc/shadow mode=600 gid=42 size=9 nlink=2 sha256digest=00 cksum=1
./dev type=dir mode=755
./dev/console type=char mode=600 device=linux,5,1 time=5.000000000
./dev/sda type=block device=0x800
./lib type=link mode=777 link=usr/lib\\040
/unset mode
./usr/bin/* uname=web
./usr/bin/ping mode=4755 gname=web \\
  xattr.security.capability=AQAAAgAgAAAAAAAAAAAAAAAAAAA= flags=schg,nodump
./usr/bin/su nochange mode=0
./usr/share/missing optional mode=755
./srv ignore
";

#[test]
fn entries_change_and_make_what_they_name() {
    let mut tree = super::support::tree(&[
        "etc/shadow",
        "usr/bin/ping",
        "usr/bin/su",
        "usr/bin/deep/file",
        "srv/",
    ]);
    let id = at(&tree, "usr/bin/su");
    tree.metadata_mut(id).mode = 0o711;
    let names = Names::from_files(b"web:x:33:33:::", b"web:x:34:");
    let made = Timestamp {
        seconds: 77,
        nanos: 0,
    };
    let overrides = Overrides::from_mtree("spec", PARTIAL.as_bytes()).expect("read");
    overrides.apply(&mut tree, &names, made).expect("applied");
    let meta = |path: &str| tree.node(at(&tree, path)).meta.clone();
    let brief = |path: &str| {
        let meta = meta(path);
        (meta.mode, meta.uid, meta.gid, meta.mtime.seconds)
    };
    assert_eq!(brief("etc/shadow"), (0o600, 0, 42, 0));
    assert_eq!(brief("dev"), (0o755, 0, 0, 77));
    assert_eq!(brief("dev/console"), (0o600, 0, 0, 5));
    assert_eq!(brief("dev/sda"), (0o644, 0, 0, 77));
    assert_eq!(brief("lib"), (0o777, 0, 0, 77));
    assert_eq!(brief("usr/bin/ping"), (0o4755, 0, 34, 0));
    assert_eq!(brief("usr/bin/su"), (0o711, 33, 0, 0));
    assert_eq!(brief("usr/bin/deep"), (0o755, 33, 0, 0));
    assert_eq!(brief("usr/bin/deep/file"), (0, 0, 0, 0));
    let ping = meta("usr/bin/ping");
    assert_eq!(ping.flags, FileFlags::IMMUTABLE.with(FileFlags::NODUMP));
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    assert_eq!(
        ping.xattrs.get(b"security.capability"),
        Some(&capability[..])
    );
    let list = listing(&tree);
    assert_eq!(list["lib"].0, "link to usr/lib ");
    assert!(list["dev/console"].0.contains("major: 5, minor: 1"));
    assert!(
        list["dev/sda"]
            .0
            .contains("BlockDevice(DeviceNumber { major: 8, minor: 0")
    );
}

#[track_caller]
fn refused(tree: &Tree, text: &str) -> String {
    let result = Overrides::from_mtree("spec", text.as_bytes());
    let result = result.and_then(|overrides| {
        overrides.apply(&mut tree.clone(), &Names::default(), Timestamp::default())
    });
    result.expect_err(text).to_string()
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let mut tree = super::support::tree(&["file", "folder/"]);
    tree.add(Tree::ROOT, b"empty", Metadata::default(), file(0))
        .expect("new");
    let cases = [
        (
            "file uid=0\n ./missing mode=600",
            "spec:2:2: nothing in the tree is at \"/missing\"",
        ),
        (
            "./no*thing mode=600",
            "spec:1:1: nothing in the tree is at \"/no*thing\"",
        ),
        (
            "file mode=800",
            "spec:1:6: mode: \"800\" is no mode in octal",
        ),
        ("file mode=u+s", "symbolic modes are not read"),
        ("file mode=10000", "spec:1:6: mode"),
        ("file uid=-1", "spec:1:6: uid: \"-1\" is no id"),
        ("file uid=4294967295", "spec:1:6: uid"),
        ("file time=1.1000000000", "spec:1:6: time"),
        ("file time=x", "spec:1:6: time"),
        ("file type=door", "spec:1:6: type"),
        ("file flags=uunlnk", "spec:1:6: flags"),
        ("./n type=char device=native,1", "spec:1:15: device"),
        ("./n type=char device=plan9,1,2", "spec:1:15: device"),
        (
            "file \\\n\\\n xattr.user.a=!!",
            "spec:3:2: xattr.user.a: \"!!\" is no base64",
        ),
        ("file moed=600", "spec:1:6: \"moed\" is no keyword"),
        ("file content=/x", "spec:1:6: \"content\" is no keyword"),
        ("/sett mode=600", "spec:1:1: \"/sett\" is no keyword"),
        (
            "fi\\le mode=600",
            "spec:1:1: \"fi\\\\le\" has a \\ that begins none",
        ),
        (
            "file uname=web",
            "the user \"web\" is not in the tree's own /etc/passwd",
        ),
        (
            "empty\nfile mode=600 \\\n uid=1 \\",
            "spec:3:8: the file ends in a continued line",
        ),
        ("..", "spec:1:1: \"..\" has no directory to leave"),
        (
            ". type=dir\n..\n..",
            "spec:3:1: \"..\" has no directory to leave",
        ),
        (
            "./a/../file mode=600",
            "spec:1:1: \"./a/../file\" has \"..\" in it",
        ),
        (
            "file type=dir",
            "spec:1:1: /file is a regular file and not a folder",
        ),
        (
            "folder type=file",
            "/folder is a folder and not a regular file",
        ),
        (
            "file type=char device=native,1,3",
            "/file is a regular file and not a character device",
        ),
        ("./new type=file", "nothing in the tree is at \"/new\""),
        (
            "./new type=char",
            "/new can't be made a character device without a device",
        ),
        (
            "./new type=link",
            "/new can't be made a symbolic link without a target",
        ),
        (
            "./a/b type=dir",
            "/a/b can't be made: the folder above it is not there",
        ),
        (
            "./file/b type=fifo",
            "\"b\" lies below something that is not a directory",
        ),
        ("file link=x", "/file is a regular file: it has no target"),
        (
            "empty device=native,1,3",
            "/empty is a regular file: it has no device",
        ),
    ];
    for (text, expected) in cases {
        let message = refused(&tree, text);
        assert!(message.contains(expected), "{text:?}: {message}");
    }
}

#[test]
fn directories_are_entered_and_left() {
    let mut tree = super::support::tree(&["a/b/c", "a/d", "e"]);
    let text = ". type=dir uid=1\na type=dir uid=2\nb type=dir uid=3\nc uid=4\n..\nd uid=5\n..\ne uid=6\n./a/b/c gid=7\n..\n";
    let overrides = Overrides::from_mtree("spec", text.as_bytes()).expect("read");
    overrides
        .apply(&mut tree, &Names::default(), Timestamp::default())
        .expect("applied");
    let uids: Vec<_> = listing(&tree)
        .into_values()
        .map(|(_, meta, _)| (meta.uid, meta.gid))
        .collect();
    assert_eq!(uids, [(1, 0), (2, 0), (3, 0), (4, 7), (5, 0), (6, 0)]);
}

#[test]
fn an_exact_name_comes_before_a_pattern() {
    let mut tree = Tree::new(Metadata::default());
    for name in ["a*", "ab", "[x", "{y}"] {
        tree.add(
            Tree::ROOT,
            name.as_bytes(),
            Metadata::default(),
            directory(),
        )
        .expect("new");
    }
    let text = "./a* uid=1\n./a? gid=2\n./[x uid=3\n./{y} uid=4\n./a\\052 mode=1\n";
    let overrides = Overrides::from_mtree("spec", text.as_bytes()).expect("read");
    overrides
        .apply(&mut tree, &Names::default(), Timestamp::default())
        .expect("applied");
    let found = ["a*", "ab", "[x", "{y}"].map(|name| {
        let meta = &tree.node(at(&tree, name)).meta;
        (meta.uid, meta.gid, meta.mode)
    });
    assert_eq!(found, [(1, 2, 1), (0, 2, 0), (3, 0, 0), (4, 0, 0)]);
}
