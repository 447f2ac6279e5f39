//! FAT volumes by mkfs.fat and mtools.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use kurmadisk::fs::fat;
use kurmadisk::tree::{Metadata, NodeKind, Timestamp, Tree};
use kurmadisk_fixtures::{oracle, treegen};
use kurmadisk_formats::error::chain;
use tempfile::NamedTempFile;

use super::support::{KIB, MIB, blank, bytes_of, read, run, tree_of};

/// A volume by mkfs.fat.
#[track_caller]
pub fn mkfs(options: &[&str], len: u64) -> NamedTempFile {
    let image = blank(len);
    let path = image.path().to_str().expect("UTF-8");
    run("mkfs.fat", &[options, &["-n", "VOLUME", path]].concat());
    image
}

/// Files with content and directories without, by path.
fn listing(tree: &Tree) -> BTreeMap<String, Option<Vec<u8>>> {
    let entry = |(path, id)| {
        let content = match &tree.node(id).kind {
            NodeKind::File(map) => Some(bytes_of(map)),
            _ => None,
        };
        (String::from_utf8(path).expect("UTF-8"), content)
    };
    tree.paths().into_iter().map(entry).collect()
}

const NAMES: [&str; 12] = [
    "SHORT.TXT",
    "lower.txt",
    "BASE.txt",
    "other.TXT",
    "Mixed.Case",
    "a name with many letters in it and some more.tar.gz",
    "grüße",
    "日本語",
    "plus+comma,semi;.x",
    "exactly thirt",
    "NOEXT",
    ".hidden",
];

/// A folder with files of many names and lengths, all of the same even second.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let top = folder.path().join("top");
    let deep = top.join("Deep Folder/inner");
    fs::create_dir_all(&deep).expect("new");
    for (number, name) in NAMES.iter().enumerate() {
        fs::write(top.join(name), vec![7; number * 1000]).expect("room");
    }
    for number in 0..200 {
        let name = format!("file number {number}.txt");
        fs::write(deep.join(name), number.to_string()).expect("room");
    }
    let everything = [&top, &deep].map(|dir| fs::read_dir(dir).expect("there"));
    for entry in everything.into_iter().flatten() {
        let path = entry.expect("readable").path();
        treegen::set_mtime(&path, TIME, 0).expect("possible");
    }
    folder
}

/// 2001-09-09 01:46:40 UTC.
const TIME: i64 = 1_000_000_000;

fn mcopy(image: &Path, from: &Path, to: &str) {
    let arguments = ["-s", "-m", "-i"].map(OsString::from);
    let files = [image.into(), from.into(), to.into()];
    run(
        "mcopy",
        &arguments.into_iter().chain(files).collect::<Vec<_>>(),
    );
}

#[test]
fn what_mtools_wrote_is_read() {
    let from = folder();
    let volumes: [(&[&str], u64); 5] = [
        (&["-F", "12", "-s", "4"], 4 * MIB),
        (&["-F", "16", "-s", "4"], 40 * MIB),
        (&["-F", "32", "-s", "1"], 40 * MIB),
        (&["-F", "16", "-S", "4096", "-s", "1"], 64 * MIB),
        (&["-F", "32", "-s", "8", "-f", "1", "-R", "40"], 300 * MIB),
    ];
    for (options, len) in volumes {
        let image = mkfs(options, len);
        mcopy(image.path(), &from.path().join("top"), "::/");
        oracle::fsck_fat_clean(image.path(), 0).expect("mtools make no faults");
        let tree = tree_of(image.path());
        let found = listing(&tree);
        let mut expected = BTreeMap::new();
        let on_host = kurmadisk::tree::from_dir(from.path()).expect("readable");
        expected.extend(listing(&on_host));
        assert!(found == expected, "{:?}", found.keys().collect::<Vec<_>>());
        for (path, id) in tree.paths() {
            let meta = &tree.node(id).meta;
            let mode = match tree.node(id).kind {
                NodeKind::Directory(_) => 0o755,
                _ => 0o644,
            };
            assert_eq!((meta.mode, meta.uid, meta.gid), (mode, 0, 0));
            if matches!(tree.node(id).kind, NodeKind::File(_)) {
                let expected = Timestamp {
                    seconds: TIME,
                    nanos: 0,
                };
                assert_eq!(meta.mtime, expected, "{}", path.escape_ascii());
            }
        }
    }
}

#[test]
fn read_only_files_labels_and_what_is_deleted() {
    let image = mkfs(&["-F", "12"], MIB);
    let content = NamedTempFile::new().expect("a temporary file");
    fs::write(content.path(), "content").expect("room");
    for name in ["::/fixed", "::/gone with a long name", "::/stays"] {
        mcopy(image.path(), content.path(), name);
    }
    let path = image.path().to_str().expect("UTF-8");
    run("mattrib", &["-i", path, "+r", "+h", "::/fixed"]);
    run("mdel", &["-i", path, "::/gone with a long name"]);
    let tree = tree_of(image.path());
    let names: Vec<_> = tree.paths().into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, [&b"fixed"[..], b"stays"]);
    let mode = |name: &[u8]| tree.node(tree.lookup(name).expect("there")).meta.mode;
    assert_eq!((mode(b"fixed"), mode(b"stays")), (0o444, 0o644));
}

#[test]
fn the_root_is_as_it_was_below() {
    let image = mkfs(&["-F", "12"], MIB);
    let path = image.path().to_str().expect("UTF-8");
    run("mmd", &["-i", path, "::/efi"]);
    let meta = |mode, uid| Metadata {
        mode,
        uid,
        ..Metadata::default()
    };
    let upper = kurmadisk::source::disk::read(image.path(), None, &meta(0o711, 7));
    let upper = upper.expect("a volume");
    let root = upper.node(Tree::ROOT);
    assert!(root.is_implied());
    assert_eq!(root.meta, meta(0o711, 7));
    let mut lower = Tree::new(meta(0o1750, 5));
    lower.overlay(Tree::ROOT, &upper).expect("laid over");
    assert_eq!(lower.node(Tree::ROOT).meta, meta(0o1750, 5));
    let efi = lower.node(lower.lookup(b"efi").expect("there"));
    assert!(!efi.is_implied() && efi.meta.mode == 0o755);
}

/// Changes 16-bit entries of a FAT16 volume's table.
fn set(image: &Path, cluster: u64, value: u16) {
    let file = fs::File::options().read(true).write(true).open(image);
    let file = file.expect("there");
    let mut reserved = [0; 2];
    file.read_exact_at(&mut reserved, 14)
        .expect("a boot sector");
    let table = u64::from(u16::from_le_bytes(reserved)) * 512;
    file.write_all_at(&value.to_le_bytes(), table + cluster * 2)
        .expect("room");
}

/// A volume with a file of 4 clusters and a directory of several.
fn chained() -> NamedTempFile {
    let image = mkfs(&["-F", "16", "-s", "1"], 8 * MIB);
    let content = NamedTempFile::new().expect("a temporary file");
    fs::write(content.path(), vec![9; 2000]).expect("room");
    mcopy(image.path(), content.path(), "::/file");
    let path = image.path().to_str().expect("UTF-8").to_owned();
    run("mmd", &["-i", &path, "::/folder"]);
    for number in 0..40 {
        let name = format!("::/folder/name{number}");
        mcopy(image.path(), content.path(), &name);
    }
    image
}

#[test]
fn damaged_chains_are_refused() {
    // The file has the clusters 2 to 5; the directory begins with 6.
    let cases: [(u64, u16, &str); 8] = [
        (3, 2, "/file in the FAT volume: cluster 2 is in use twice"),
        (
            3,
            0,
            "/file in the FAT volume: cluster 3, in its chain, is free",
        ),
        (
            3,
            0xfff7,
            "/file in the FAT volume: cluster 3, in its chain, is bad",
        ),
        (
            3,
            0xffff,
            "/file in the FAT volume: its chain of clusters ends before its 2000 bytes",
        ),
        (
            3,
            0xfff0,
            "/file in the FAT volume: cluster 65520 does not exist",
        ),
        (3, 1, "/file in the FAT volume: cluster 1 does not exist"),
        (6, 6, "/folder in the FAT volume: cluster 6 is in use twice"),
        (6, 4, "cluster 4 is in use twice"),
    ];
    for (cluster, value, expected) in cases {
        let image = chained();
        tree_of(image.path());
        set(image.path(), cluster, value);
        let text = chain(&read(image.path()).expect_err("damaged"));
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn what_is_in_use_or_cut_short_is_refused() {
    let image = chained();
    image.as_file().write_all_at(&[1], 37).expect("room");
    let text = chain(&read(image.path()).expect_err("in use"));
    assert!(
        text.contains("the FAT volume is in use, or was not unmounted cleanly"),
        "{text}"
    );
    image.as_file().write_all_at(&[0], 37).expect("room");
    // Windows' mark, of FAT16 and FAT32; `fsck.fat` takes it away.
    set(image.path(), 1, 0x7fff);
    let text = chain(&read(image.path()).expect_err("in use"));
    assert!(
        text.contains("was not unmounted cleanly; run `fsck.fat -a`"),
        "{text}"
    );
    set(image.path(), 1, 0xffff);
    tree_of(image.path());
    let large = mkfs(&["-F", "32", "-s", "1"], 40 * MIB);
    // The upper half of an entry of 32 bits.
    set(large.path(), 3, 0x07ff);
    let text = chain(&read(large.path()).expect_err("in use"));
    assert!(
        text.contains("was not unmounted cleanly; run `fsck.fat -a`"),
        "{text}"
    );
    let path = large.path().to_str().expect("UTF-8");
    let fsck = oracle::tool("fsck.fat").expect("a known tool").command();
    let mut fsck = fsck.expect("installed");
    let said = fsck.args(["-a", path]).output().expect("started").stdout;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("Automatically removing dirty bit."), "{said}");
    tree_of(large.path());
    image.as_file().set_len(4 * MIB).expect("shorter");
    let text = chain(&read(image.path()).expect_err("cut"));
    let expected = "it has 8388608 bytes and its place 4194304: the image was cut short";
    assert!(text.contains(expected), "{text}");
}

/// A large file whose clusters were given out in turns with another's.
#[test]
fn fragments_are_followed() {
    let image = mkfs(&["-F", "12", "-s", "1"], MIB);
    let piece = NamedTempFile::new().expect("a temporary file");
    fs::write(piece.path(), vec![1; 512]).expect("room");
    for number in 0..60 {
        mcopy(image.path(), piece.path(), &format!("::/{number}"));
    }
    let path = image.path().to_str().expect("UTF-8").to_owned();
    for number in (0..60).step_by(2) {
        run("mdel", &["-i", &path, &format!("::/{number}")]);
    }
    // The whole of what is free.
    let large: Vec<u8> = (0..900 * KIB)
        .map(|at| (at / 512 % 251).to_le_bytes()[0])
        .collect();
    fs::write(piece.path(), &large).expect("room");
    mcopy(image.path(), piece.path(), "::/large");
    let bytes = fs::read(image.path()).expect("readable");
    let mut map = kurmadisk_formats::map::DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes).expect("within its length");
    let tree = fat::read_tree(&map, Metadata::default()).expect("a volume");
    let NodeKind::File(content) = &tree.node(tree.lookup(b"large").expect("there")).kind else {
        panic!("a file");
    };
    assert!(content.extents().len() > 5, "{}", content.extents().len());
    assert!(bytes_of(content) == large);
}
