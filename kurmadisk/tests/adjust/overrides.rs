//! Overrides in TOML.

use std::fs;

use kurmadisk::adjust::Names;
use kurmadisk::adjust::overrides::Overrides;
use kurmadisk::formats::map::DiskMap;
use kurmadisk::spec::OverrideSpec;
use kurmadisk::tree::{DeviceNumber, FileFlags, Metadata, NodeKind, Timestamp, Tree};

use super::support::{at, directory, file, listing, names, tree};

fn example() -> Tree {
    let mut tree = tree(&[
        "usr/bin/ping",
        "usr/bin/su",
        "usr/lib/a.so",
        "usr/lib/deep/b.so",
        "etc/old/x",
    ]);
    let meta = Metadata {
        xattrs: [("user.gone", "1"), ("user.kept", "2")]
            .into_iter()
            .collect(),
        ..Metadata::default()
    };
    let id = at(&tree, "usr/bin/ping");
    tree.set_metadata(id, meta);
    tree.add(Tree::ROOT, b"console", Metadata::default(), file(0))
        .expect("new");
    tree
}

const MADE: Timestamp = Timestamp {
    seconds: 77,
    nanos: 0,
};

fn apply(tree: &mut Tree, text: &str) -> Result<(), String> {
    let names = Names::from_files(b"web:x:33:33:::", b"web:x:34:");
    let overrides = Overrides::from_toml("over.toml", text.to_owned());
    let applied = overrides.and_then(|overrides| overrides.apply(tree, &names, MADE));
    applied.map_err(|error| error.to_string())
}

const EVERYTHING: &str = r#"
[[override]]
path = "/usr/bin/ping"
owner = "web:web"
mode = "4755"
mtime = 1700000000
capability = "cap_net_raw+ep"
selinux = "system_u:object_r:ping_exec_t:s0"
flags = "immutable,nodump"
xattrs = { "user.gone" = false, "user.text" = "a b", "user.hex" = "0x00fF", "user.base64" = "0sAP8=", "user.odd" = { text = "0x" } }

[[override]]
path = "/usr/**/*.so"
uid = 7
mtime = "-1.5"

[[override]]
path = "usr/lib/deep/b.so"
uid = 8
gid = 9

[[override]]
path = "/dev"
type = "dir"

[[override]]
path = "/dev/null"
type = "char"
device = "1:3"
mode = "0666"

[[override]]
path = "./dev//stdin/"
type = "symlink"
target = "/proc/self/fd/0"

[[override]]
path = "/console"
type = "char"
device = "5:1"

[[override]]
path = "/etc/*"
remove = true

[[override]]
path = "/etc/old/*"
mode = "0600"

[[override]]
path = "/maybe/*"
optional = true
uid = 1

[[override]]
path = "/"
mode = "0700"
"#;

#[test]
fn every_key_does_what_it_says() {
    let mut tree = example();
    apply(&mut tree, EVERYTHING).expect("applied");
    let meta = |path: &str| tree.node(at(&tree, path)).meta.clone();
    let ping = meta("usr/bin/ping");
    assert_eq!((ping.uid, ping.gid, ping.mode), (33, 34, 0o4755));
    assert_eq!(ping.mtime.seconds, 1_700_000_000);
    assert_eq!(ping.flags, FileFlags::IMMUTABLE.with(FileFlags::NODUMP));
    let expected: [(&str, &[u8]); 7] = [
        (
            "security.capability",
            b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ),
        ("security.selinux", b"system_u:object_r:ping_exec_t:s0\0"),
        ("user.base64", b"\0\xff"),
        ("user.hex", b"\0\xff"),
        ("user.kept", b"2"),
        ("user.odd", b"0x"),
        ("user.text", b"a b"),
    ];
    let expected = expected.map(|(name, value)| (name.as_bytes(), value));
    assert!(ping.xattrs.iter().eq(expected));
    let early = Timestamp {
        seconds: -2,
        nanos: 500_000_000,
    };
    for (path, uid, gid) in [("usr/lib/a.so", 7, 0), ("usr/lib/deep/b.so", 8, 9)] {
        let meta = meta(path);
        assert_eq!(
            (meta.uid, meta.gid, meta.mtime),
            (uid, gid, early),
            "{path}"
        );
    }
    let list = listing(&tree);
    let brief = |path: &str| (list[path].0.as_str(), list[path].1.mode, list[path].1.mtime);
    assert_eq!(brief("dev"), ("directory", 0o755, MADE));
    let null = "CharDevice(DeviceNumber { major: 1, minor: 3 })";
    assert_eq!(brief("dev/null"), (null, 0o666, MADE));
    assert_eq!(brief("dev/stdin"), ("link to /proc/self/fd/0", 0o777, MADE));
    assert_eq!(
        list["console"].0,
        "CharDevice(DeviceNumber { major: 5, minor: 1 })"
    );
    assert_eq!(list[""].1.mode, 0o700);
    assert!(list.contains_key("etc") && !list.contains_key("etc/old"));
}

#[test]
fn a_file_is_read_by_its_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let toml = folder.path().join("a.toml");
    fs::write(&toml, "[[override]]\npath = '/a'\nuid = 1\n").expect("room");
    let mtree = folder.path().join("a.mtree");
    fs::write(&mtree, "./a uid=1\n./b uid=2\n").expect("room");
    let mut all = Overrides::read(&toml).expect("TOML");
    assert_eq!((all.len(), all.is_empty()), (1, false));
    all.extend(Overrides::read(&mtree).expect("mtree"));
    assert_eq!(all.len(), 3);
    let missing = Overrides::read(&folder.path().join("b")).expect_err("not there");
    assert!(missing.to_string().starts_with("cannot read "));
}

/// Keys of an override, and what is said of them.
const WRONG: &[(&str, &str)] = &[
    ("uid = 1", "over.toml:1:1: missing field `path`"),
    (
        "path = '/a'\nuids = 1",
        "over.toml:3:1: unknown field `uids`",
    ),
    (
        "path = '/a'\nmode = '0888'",
        "over.toml:3:8: \"0888\" is not a mode",
    ),
    ("path = '/a'\nuid = -1", "over.toml:3:7: "),
    (
        "path = '/a'\nuid = 4294967295",
        "over.toml:2:8: uid: \"4294967295\" is no id",
    ),
    (
        "path = '/a'\nowner = 'web'",
        "over.toml:3:9: \"web\" is no owner",
    ),
    (
        "path = '/a'\ncapability = 'cap_sit+ep'",
        "over.toml:3:14: \"cap_sit\" is no capability",
    ),
    (
        "path = '/a'\nselinux = 'bin_t'",
        "over.toml:3:11: \"bin_t\" is no context",
    ),
    (
        "path = '/a'\ntype = 'door'",
        "over.toml:3:8: \"door\" is no type",
    ),
    (
        "path = '/a'\ndevice = '5'",
        "over.toml:3:10: \"5\" is no device",
    ),
    (
        "path = '/a'\nmtime = 'now'",
        "over.toml:3:9: \"now\" is no time",
    ),
    (
        "path = '/a'\nflags = 'fast'",
        "over.toml:3:9: \"fast\" is no flag",
    ),
    (
        "path = '/a'\nxattrs = { 'user.a' = '0xf' }",
        "\"0xf\" can't be decoded",
    ),
    (
        "path = '/a'\nxattrs = { 'user.a' = true }",
        "true is no value",
    ),
    ("path = '/a'\nxattrs = { 'user.a' = 1 }", "expected a text"),
    (
        "path = '/a[b'",
        "over.toml:2:8: \"a[b\" is no pattern of paths",
    ),
    (
        "path = '/a/../b'",
        "over.toml:2:8: \"/a/../b\" has \"..\" in it",
    ),
    (
        "path = '/usr/bin/pong'\nuid = 1",
        "over.toml:2:8: nothing in the tree is at \"/usr/bin/pong\"",
    ),
    (
        "path = '/usr/bin/po*'\nuid = 1",
        "over.toml:2:8: nothing in the tree is at \"/usr/bin/po*\"",
    ),
    (
        "path = '/usr'\nowner = 'me:web'",
        "over.toml:2:8: the user \"me\" is not in",
    ),
    (
        "path = '/usr'\nowner = '0:us'",
        "over.toml:2:8: the group \"us\" is not in",
    ),
    (
        "path = '/usr'\nowner = '0:0'\ngid = 1",
        "over.toml:2:8: gid and owner say the same",
    ),
    (
        "path = '/usr'\nselinux = 'a:b:c'\nxattrs = { 'security.selinux' = 'a' }",
        "say the same",
    ),
    (
        "path = '/usr'\ncapability = '=p'\nxattrs = { 'security.capability' = false }",
        "say the same",
    ),
    (
        "path = '/usr'\ncapability = '=p'",
        "/usr is a folder, and only regular files have capabilities",
    ),
    ("path = '/'\nremove = true", "the root can't be removed"),
    (
        "path = '/usr'\nremove = true\nuid = 1",
        "what is removed can't be changed",
    ),
    (
        "path = '/usr/bin/su'\ntype = 'char'\ndevice = '1:1'",
        "/usr/bin/su is a regular file and not a character",
    ),
    (
        "path = '/new'\ntype = 'file'",
        "nothing in the tree is at \"/new\"",
    ),
];

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (keys, expected) in WRONG {
        let text = format!("[[override]]\n{keys}\n");
        let mut tree = example();
        let message = apply(&mut tree, &text).expect_err(&text);
        assert!(message.contains(expected), "{keys}: {message}");
        assert!(!message.contains('\n'), "{message}");
    }
    let message = apply(&mut example(), "[[overide]]\npath = '/a'\n").expect_err("a key");
    assert!(
        message.starts_with("over.toml:1:3: unknown field `overide`"),
        "{message}"
    );
}

#[test]
fn what_was_removed_is_made_anew() {
    let mut tree = example();
    let text = r#"
[[override]]
path = "/console"
remove = true

[[override]]
path = "/console"
type = "char"
device = "5:1"

[[override]]
path = "/usr"
remove = true

[[override]]
path = "/usr"
type = "dir"

[[override]]
path = "/etc/old/x"
remove = true

[[override]]
path = "/etc/old/x"
type = "dir"

[[override]]
path = "/etc/old/x/deep"
type = "dir"

[[override]]
path = "/etc/old/x/deep/pipe"
type = "fifo"

[[override]]
path = "/{usr,console,etc/**/p*}"
uid = 7
"#;
    apply(&mut tree, text).expect("applied");
    let expected = [
        "console",
        "etc/",
        "etc/old/",
        "etc/old/x/",
        "etc/old/x/deep/",
        "etc/old/x/deep/pipe",
        "usr/",
    ];
    assert_eq!(names(&tree), expected);
    let list = listing(&tree);
    for (path, kind, mode, uid) in [
        (
            "console",
            "CharDevice(DeviceNumber { major: 5, minor: 1 })",
            0o644,
            7,
        ),
        ("usr", "directory", 0o755, 7),
        ("etc/old/x/deep", "directory", 0o755, 0),
        ("etc/old/x/deep/pipe", "Fifo", 0o644, 7),
    ] {
        let (found, meta, _) = &list[path];
        let found = (found.as_str(), meta.mode, meta.uid, meta.mtime);
        assert_eq!(found, (kind, mode, uid, MADE), "{path}");
    }
}

#[test]
fn what_was_removed_has_no_attributes() {
    let remove = "[[override]]\npath = '/usr/bin/su'\nremove = true\n[[override]]\n";
    for keys in [
        "path = '/usr/bin/su'\nuid = 1",
        "path = '/usr/bin/su'\nremove = true",
        "path = '/usr/bin/su'\ntype = 'file'",
    ] {
        let mut tree = example();
        // Another name of it is not what is meant.
        let id = at(&tree, "usr/bin/su");
        tree.link(Tree::ROOT, b"su", id).expect("new");
        let message = apply(&mut tree, &format!("{remove}{keys}")).expect_err(keys);
        let expected = "over.toml:5:8: nothing in the tree is at \"/usr/bin/su\", or an override before removed it";
        assert!(message.starts_with(expected), "{keys}: {message}");
        let optional = format!("{remove}{keys}\noptional = true");
        let mut tree = example();
        apply(&mut tree, &optional).expect("optional");
        assert!(!names(&tree).contains(&"usr/bin/su".to_owned()));
    }
}

#[test]
fn only_empty_files_become_something_else() {
    let device = DeviceNumber { major: 8, minor: 0 };
    let kinds = [
        ("link", NodeKind::Symlink(b"elsewhere".as_slice().into())),
        ("char", NodeKind::CharDevice(device)),
        ("block", NodeKind::BlockDevice(device)),
        ("fifo", NodeKind::Fifo),
        ("socket", NodeKind::Socket),
        ("dir", directory()),
        ("file", file(1)),
        ("empty", file(0)),
    ];
    let wanted = [
        ("link", "target = 'new'"),
        ("char", "device = '1:3'"),
        ("block", "device = '1:3'"),
        ("fifo", ""),
        ("socket", ""),
    ];
    for (name, kind) in &kinds {
        for (becomes, key) in wanted {
            let mut tree = Tree::new(Metadata::default());
            tree.add(Tree::ROOT, b"a", Metadata::default(), kind.clone())
                .expect("new");
            let text = format!("[[override]]\npath = '/a'\ntype = '{becomes}'\n{key}\n");
            let applied = apply(&mut tree, &text);
            if [becomes, "empty"].contains(name) {
                applied.unwrap_or_else(|message| panic!("{name}, {becomes}: {message}"));
                continue;
            }
            let message = applied.expect_err("another type");
            let expected = "correct the type, or remove the file before";
            assert!(message.ends_with(expected), "{name}, {becomes}: {message}");
            let found = format!("{:?}", tree.node(at(&tree, "a")).kind);
            assert_eq!(found, format!("{kind:?}"));
        }
    }
}

#[test]
fn a_pattern_passes_over_a_removed_name_of_a_file_that_has_another() {
    let mut tree = example();
    let id = at(&tree, "usr/bin/su");
    tree.link(Tree::ROOT, b"su", id).expect("new");
    let text = "[[override]]\npath = '/usr/bin/su'\nremove = true\n\
                [[override]]\npath = '/usr/bin/*'\nuid = 9\n";
    apply(&mut tree, text).expect("applied");
    let uids = ["su", "usr/bin/ping"].map(|path| tree.node(at(&tree, path)).meta.uid);
    assert_eq!(uids, [0, 9]);
}

#[test]
fn what_is_changed_is_described() {
    let mut tree = Tree::with_implied_root(Metadata::default());
    tree.make_dirs(b"etc/deep", &Metadata::default())
        .expect("new");
    let text = "[[override]]\npath = '/etc'\nmode = '0700'\n[[override]]\npath = '/etc/deep'\n";
    apply(&mut tree, text).expect("applied");
    let implied = ["", "etc", "etc/deep"].map(|path| tree.node(at(&tree, path)).is_implied());
    assert_eq!(implied, [true, false, true]);
}

#[test]
fn lists_of_users_are_read_for_names_alone() {
    let mut tree = example();
    tree.place_file(b"etc/passwd", Metadata::default(), DiskMap::new(1 << 40))
        .expect("new");
    for (owner, is_read) in [("uid = 1\ngid = 2", false), ("owner = '1:web'", true)] {
        let text = format!("[[override]]\npath = '/etc'\n{owner}\n");
        let overrides = Overrides::from_toml("over.toml", text).expect("right");
        let names = Names::for_ids(&tree, overrides.ids());
        assert_eq!(names.is_err(), is_read, "{owner}");
    }
}

#[test]
fn specs_may_come_from_anywhere() {
    #[derive(serde::Deserialize)]
    struct Document {
        r#override: Vec<OverrideSpec>,
    }
    let text = "[[override]]\npath = '/usr'\nuid = 1\n\n[[override]]\npath = '/none'\n";
    let document: Document = toml::from_str(text).expect("TOML");
    let overrides = Overrides::from_specs(&document.r#override).expect("right");
    let error = overrides.apply(&mut example(), &Names::default(), MADE);
    let message = error.expect_err("nothing there").to_string();
    assert!(
        message.starts_with("byte 56: nothing in the tree is at \"/none\""),
        "{message}"
    );
}

#[test]
fn all_names_of_a_hard_link_are_changed_and_one_removed() {
    let mut tree = example();
    let id = at(&tree, "usr/bin/su");
    tree.link(Tree::ROOT, b"su", id).expect("new");
    let text =
        "[[override]]\npath = '/su'\nuid = 5\n[[override]]\npath = '/usr/bin/su'\nremove = true\n";
    apply(&mut tree, text).expect("applied");
    assert_eq!(tree.node(at(&tree, "su")).meta.uid, 5);
    assert!(!names(&tree).contains(&"usr/bin/su".to_owned()));
    assert_eq!(tree.node(id).links(), 1);
}
