//! Device tables, against genext2fs.

use std::fs;
use std::process::Stdio;

use kurmadisk::adjust::Names;
use kurmadisk::adjust::overrides::Overrides;
use kurmadisk::tree::{NodeKind, Timestamp, Tree, from_dir};
use kurmadisk_fixtures::oracle;

use super::support::{at, listing, names, run};

const TABLE: &str = "\
# name		type	mode	uid	gid	major	minor	start	inc	count
/dev		d	755	0	0	-	-	-	-	-
/dev/mem	c	640	0	1	1	1	0	0	-
/dev/tty	c	666	0	5	5	0
/dev/ttyS	c	640	0	20	4	64	0	1	4
/dev/loop	b	640	0	6	7	0	0	16	3
/dev/pipe	p	600	1	2	-	-	-	-	-
/etc/shadow	f	4600	7	42	-	-	-	-	-
";

fn apply(tree: &mut Tree, text: &str) -> Result<(), String> {
    let names = Names::from_files(b"web:x:33:33:::", b"web:x:34:");
    let overrides = Overrides::from_device_table("table", text.as_bytes());
    let applied = overrides.and_then(|table| table.apply(tree, &names, Timestamp::default()));
    applied.map_err(|error| error.to_string())
}

#[test]
fn nodes_are_what_genext2fs_makes_of_a_table() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let root = place.path().join("root");
    fs::create_dir_all(root.join("etc")).expect("new");
    fs::write(root.join("etc/shadow"), "secret").expect("room");
    let table = place.path().join("table");
    fs::write(&table, TABLE).expect("room");
    let options = [
        "-b", "1024", "-N", "64", "-d", "root", "-D", "table", "image",
    ];
    run(place.path(), "genext2fs", &options, Stdio::null());
    let mut tree = from_dir(&root).expect("readable");
    assert_eq!(Overrides::read(&table).expect("a table").len(), 12);
    apply(&mut tree, TABLE).expect("applied");
    let image = place.path().join("image");
    for (path, id) in tree.paths() {
        let path = String::from_utf8(path).expect("text");
        let node = tree.node(id);
        let stat = oracle::debugfs(&image, 0, &format!("stat /{path}")).expect("readable");
        let owner = format!("User: {:>5}   Group: {:>5}", node.meta.uid, node.meta.gid);
        let mode = format!("Mode:  0{:o} ", node.meta.mode);
        let (kind, device) = match node.kind {
            NodeKind::Directory(_) => ("directory", None),
            NodeKind::File(_) => ("regular", None),
            NodeKind::Fifo => ("FIFO", None),
            NodeKind::CharDevice(device) => ("character special", Some(device)),
            NodeKind::BlockDevice(device) => ("block special", Some(device)),
            _ => panic!("{path}"),
        };
        let device = device.map_or_else(String::new, |device| {
            format!(
                "Device major/minor number: {:02}:{:02} ",
                device.major, device.minor
            )
        });
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [&owner, &format!("Type: {kind}"), &device] {
            assert!(
                squeezed(&stat).contains(squeezed(part).as_str()),
                "{path}: {part}\n{stat}"
            );
        }
        if path != "etc" {
            assert!(
                squeezed(&stat).contains(squeezed(&mode).as_str()),
                "{path}: {mode}\n{stat}"
            );
        }
    }
    assert_eq!(tree.paths().len(), 13);
}

#[test]
fn what_buildroot_has_besides() {
    let mut tree = super::support::tree(&["srv/a/b", "srv/[c]", "bin/ping", "top"]);
    let text = "/srv r -1 web web\n/missing F 600 0 0\n/bin/ping f 755 0 0\n|xattr cap_net_raw+ep\n\
                /hda b 640 0 6 3 1 1 1 3\n";
    apply(&mut tree, text).expect("applied");
    for (path, owner) in [
        ("srv", (33, 34)),
        ("srv/a/b", (33, 34)),
        ("srv/[c]", (33, 34)),
        ("top", (0, 0)),
    ] {
        let meta = &tree.node(at(&tree, path)).meta;
        assert_eq!((meta.uid, meta.gid), owner, "{path}");
    }
    let ping = &tree.node(at(&tree, "bin/ping")).meta;
    assert_eq!(
        ping.xattrs.get(b"security.capability").map(<[u8]>::len),
        Some(20)
    );
    let list = listing(&tree);
    for number in 1..=3 {
        let minor = format!("BlockDevice(DeviceNumber {{ major: 3, minor: {number} }})");
        assert_eq!(list[&format!("hda{number}")].0, minor);
    }
    assert!(
        !names(&tree)
            .iter()
            .any(|name| name == "hda0" || name == "hda4")
    );
}

#[test]
fn wrong_lines_are_named() {
    for (text, expected) in [
        (
            "/dev x 755 0 0",
            "table:1:6: type: \"x\" is no type: one of",
        ),
        (
            "/top f 600 0 0\n/top f 600 \\",
            "table:2:12: the file ends in a continued line",
        ),
        ("/dev", "table:1:1: type: \"\" is no type"),
        ("/dev d 855 0 0", "table:1:8: mode: \"855\" is no mode"),
        ("/dev d 755 - 0", "table:1:12: uid: \"-\" is no id or name"),
        (
            "/dev d 755 0 me",
            "the group \"me\" is not in the tree's own /etc/group",
        ),
        (
            "/dev d 755 0 0 - - - - - more",
            "table:1:26: \"more\" is no keyword",
        ),
        ("/a c 755 0 0 1 x", "table:1:16: minor: \"x\" is no number"),
        (
            "/a c 755 0 0 1 4294967290 0 1 9",
            "minor: \"4294967290\" is no first of so many",
        ),
        (
            "/a c 755 0 0 1 0 9 0 2",
            "minor: \"0\" is no first of so many",
        ),
        (
            "/a c 755 0 0 1 0 0 1 4294967295",
            "count: \"4294967295\" is no number of devices",
        ),
        (
            "/a/../b f 755 0 0",
            "table:1:1: \"/a/../b\" has \"..\" in it",
        ),
        (
            "|xattr cap_chown+p",
            "name: \"|xattr\" is no line behind that of a file",
        ),
        (
            "/top f 755 0 0\n|xattr cap+p",
            "table:2:1: \"cap\" is no capability",
        ),
        (
            "/none f 755 0 0",
            "table:1:1: nothing in the tree is at \"/none\"",
        ),
    ] {
        let message = apply(&mut super::support::tree(&["top"]), text).expect_err(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
}
