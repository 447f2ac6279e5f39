//! The Linux kernel's own unpacking as the judge of what archives that follow one another come to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kurmadisk::tree::{NodeKind, Tree};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::qemu::{Firmware, Machine};
use sha2::{Digest, Sha256};

use super::support::{
    Archive, FILE, Fields, SYMLINK, bytes_of, compressed, in_memory, shell, tree_of,
};

/// Says what is below /t, a line each, and turns the machine off.
const INIT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
$b find /t | while read f; do
    e=
    if [ -L $f ]; then e=$($b readlink $f)
    elif [ -f $f ]; then e=$($b sha256sum < $f | $b cut -c1-64)
    fi
    $b stat -c "@%n|%f|%u|%g|%Y|%h|%t:%T|$e" $f
done
$b poweroff -f
"#;

/// A system that is busybox and the libraries it needs.
fn system() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let busybox = oracle::tool("busybox")
        .expect("known")
        .find()
        .expect("installed");
    fs::create_dir(folder.path().join("bin")).expect("new");
    fs::copy(&busybox, folder.path().join("bin/busybox")).expect("room");
    fs::write(folder.path().join("init"), INIT).expect("room");
    let script = format!(
        "chmod +x init; ldd {} | grep -o '/[^ ]*' | while read f; do \
         mkdir -p .$(dirname $f); cp -L $f .$f; done; find . | cpio --quiet -o -H newc",
        busybox.display()
    );
    shell(folder.path(), &script)
}

/// Three archives that do to one another what archives of an initrd can.
fn archives() -> [Archive; 3] {
    let device = |mode, name| Fields {
        rdev: (7, 0x123),
        ..Fields::new(mode, name, b"")
    };
    let first = Archive::new()
        .dir("t")
        .dir("/t/dir")
        .file(
            "./t/dir/replaced",
            b"first, and longer than what comes later",
        )
        .file("t/file-to-dir", b"1")
        .dir("t/dir-to-file")
        .symlink("t/link", "first")
        .file("t/file-to-link", b"1")
        .linked(FILE, 9, "t/a", b"")
        .linked(FILE, 9, "t/b", b"")
        .linked(FILE, 9, "t/dir/c", b"content of three names");
    let second = Archive::new()
        .entry(0o040_700, "t/dir", b"")
        .file("t/dir/replaced", b"second")
        .dir("t/file-to-dir")
        .file("t/file-to-dir/inside", b"2")
        .entry(0o104_755, "t/dir-to-file", b"2")
        .symlink("t/link", "second")
        .entry(SYMLINK, "t/file-to-link", b"2\0")
        // The same number, and yet another file: links end with their archive.
        .linked(FILE, 9, "t/other", b"other");
    let third = Archive::new()
        .member(device(0o020_620, "t/char"), "t/char", b"")
        .member(device(0o060_660, "t/block"), "t/block", b"")
        .entry(0o010_600, "t/fifo", b"")
        .entry(0o140_600, "t/socket", b"")
        .linked(0o020_600, 3, "t/null-1", b"")
        .linked(0o020_600, 3, "t/null-2", b"")
        .file("t/dir-to-file", b"3")
        .entry(0o041_777, "t", b"");
    [first.end(), second.end(), third.end()]
}

/// What the kernel says of each path.
type Lines = BTreeMap<String, String>;

fn by_kernel(initrd: &Path) -> Lines {
    let file = |path: &Path| path.to_str().expect("text").to_owned();
    let machine = Machine::new(Firmware::Bios).arguments([
        "-kernel".to_owned(),
        file(&debian_root().kernel),
        "-initrd".to_owned(),
        file(initrd),
        "-append".to_owned(),
        "console=ttyS0 quiet panic=-1".to_owned(),
    ]);
    let said = machine.run_to_end().expect("it turns itself off");
    let lines = said.lines().filter_map(|line| {
        let (_, line) = line.trim_end().split_once('@')?;
        let (path, rest) = line.split_once('|')?;
        Some((path.to_owned(), rest.to_owned()))
    });
    lines.collect()
}

/// The same of our tree.
fn by_us(tree: &Tree) -> Lines {
    let mut lines = Lines::new();
    let mut links: BTreeMap<_, u32> = BTreeMap::new();
    let below = tree
        .paths()
        .into_iter()
        .filter(|(path, _)| path.starts_with(b"t"));
    let below: Vec<_> = below.collect();
    for (_, id) in &below {
        *links.entry(*id).or_default() += 1;
    }
    for (path, id) in below {
        let node = tree.node(id);
        let (file_type, device, extra) = match &node.kind {
            NodeKind::Directory(_) => (0o040_000, None, String::new()),
            NodeKind::File(content) => {
                let digest = Sha256::digest(bytes_of(content));
                (0o100_000, None, format!("{digest:x}"))
            }
            NodeKind::Symlink(target) => {
                let target = String::from_utf8(target.to_vec()).expect("text");
                (0o120_000, None, target)
            }
            NodeKind::CharDevice(device) => (0o020_000, Some(device), String::new()),
            NodeKind::BlockDevice(device) => (0o060_000, Some(device), String::new()),
            NodeKind::Fifo => (0o010_000, None, String::new()),
            NodeKind::Socket => (0o140_000, None, String::new()),
        };
        let (major, minor) = device.map_or((0, 0), |device| (device.major, device.minor));
        let meta = &node.meta;
        let line = format!(
            "{:x}|{}|{}|{}|{}|{major:x}:{minor:x}|{extra}",
            file_type | u32::from(meta.mode),
            meta.uid,
            meta.gid,
            meta.mtime.seconds,
            links[&id],
        );
        lines.insert(format!("/{}", String::from_utf8(path).expect("text")), line);
    }
    lines
}

/// Link counts of directories are each filesystem's own affair.
fn without_links_of_directories(lines: Lines) -> Lines {
    let without = |(path, line): (String, String)| {
        let mut fields: Vec<_> = line.split('|').collect();
        if fields[0].starts_with('4') {
            fields[4] = "";
        }
        (path, fields.join("|"))
    };
    lines.into_iter().map(without).collect()
}

#[test]
fn the_kernel_unpacks_what_we_read() {
    let [first, second, third] = archives();
    let aligned = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    };
    let initrd = [
        first.0,
        aligned(&compressed("gzip", &system())),
        aligned(&compressed("zstd", &second.0)),
        third.0,
    ]
    .concat();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("initrd");
    fs::write(&path, &initrd).expect("room");
    let tree = tree_of(&in_memory(initrd));
    let expected = without_links_of_directories(by_kernel(&path));
    assert_eq!(expected.len(), 18, "{expected:#?}");
    assert_eq!(without_links_of_directories(by_us(&tree)), expected);
}
