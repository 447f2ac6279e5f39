//! Directories that lie deeper than any path leads.

use std::fs;

use kurmadisk::fs::VolumeSize;
use kurmadisk::fs::fat::{FatOptions, FatPlan, read_tree};
use kurmadisk::tree::{Entries, Metadata, NodeKind, Tree, digest};
use kurmadisk_formats::error::chain;
use tempfile::NamedTempFile;

use super::support::{MIB, mke2fs, read, run, tree_of};

/// A filesystem with directories of one letter within one another, by debugfs.
fn nested(depth: usize) -> NamedTempFile {
    let image = mke2fs("-t ext2 -b 1024 -I 128 -N 4096", 16 * MIB);
    let script = NamedTempFile::new().expect("a temporary file");
    fs::write(script.path(), "mkdir a\ncd a\n".repeat(depth)).expect("room");
    let [script, path] = [&script, &image].map(|file| file.path().to_str().expect("UTF-8"));
    run("debugfs", &["-w", "-f", script, path]);
    image
}

#[test]
fn ext_paths_are_as_long_as_linux_takes_them() {
    let tree = tree_of(nested(2048).path());
    assert!(tree.lookup(&b"a/".repeat(2048)).is_some());
    assert_eq!(digest(&tree), digest(&tree.clone()));
    let image = nested(2100);
    let text = chain(&read(image.path()).expect_err("too deep"));
    let expected = format!(
        "{}: {}…{} in the ext4 filesystem (inode 2060): its path has 4097 bytes; Linux takes paths of up to 4095",
        image.path().display(),
        "/a".repeat(30),
        "/a".repeat(30)
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn fat_paths_are_as_long_as_linux_takes_them() {
    let name = [b'x'; 255];
    let nested = |depth, last: &[u8]| {
        let meta = || Metadata {
            mode: 0o755,
            ..Metadata::default()
        };
        let mut tree = Tree::new(meta());
        let mut dir = Tree::ROOT;
        for name in std::iter::repeat_n(&name[..], depth).chain([last]) {
            let kind = NodeKind::Directory(Entries::new());
            dir = tree.add(dir, name, meta(), kind).expect("new");
        }
        let size = VolumeSize::Fixed(4 * MIB);
        let plan = FatPlan::new(tree.clone(), size, &FatOptions::default()).expect("room");
        plan.build().expect("the same tree")
    };
    let tree = read_tree(&nested(15, &name), Metadata::default()).expect("a volume");
    assert_eq!(tree.nodes().count(), 17);
    let text = chain(&read_tree(&nested(16, b"y"), Metadata::default()).expect_err("too deep"));
    let expected =
        "xxx/y in the FAT volume: its path has 4097 bytes; Linux takes paths of up to 4095";
    assert!(
        text.starts_with("/xxx") && text.contains(expected),
        "{text}"
    );
    assert!(text.len() < 300, "{text}");
}
