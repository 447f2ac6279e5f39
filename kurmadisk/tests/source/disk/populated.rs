//! Filesystems that `mke2fs -d` filled, of shapes that the kernel of the test machine need not know to write.

use std::fs;
use std::sync::LazyLock;

use kurmadisk::tree::Tree;
use kurmadisk_fixtures::{oracle, treegen};
use tempfile::TempDir;

use super::support::{MIB, assert_same, listing, mke2fs_of, same_as_mounted, short_links, tree_of};

/// A tree with attributes.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let top = folder.path();
    treegen::make_tree(top, 11, &treegen::TreeSpec::default()).expect("room");
    short_links(top);
    // With `inline_data`, mke2fs 1.47.0 loses what is in it.
    fs::remove_file(top.join("sparse/far")).expect("there");
    let attributes = top.join("attributes");
    fs::create_dir(&attributes).expect("new");
    for number in 0..5_u8 {
        let file = attributes.join(format!("file{number}"));
        fs::write(&file, "").expect("room");
        for attribute in 0..number {
            let name = format!("trusted.name{attribute}");
            let value = [number; 60];
            oracle::setfattr(&file, &name, Some(&value)).expect("room");
        }
    }
    folder
});

#[track_caller]
fn check(options: &str) -> Tree {
    let image = mke2fs_of(FOLDER.path(), options, 64 * MIB);
    same_as_mounted(image.path(), &["attributes"])
}

#[test]
fn with_the_features_of_every_time() {
    let first = listing(&check("-t ext4"));
    for options in [
        "-t ext2 -b 1024",
        "-t ext3 -b 2048 -I 256",
        "-t ext4 -b 1024 -O inline_data",
        "-t ext4 -b 4096 -O ^resize_inode,meta_bg,ea_inode -I 512",
        "-t ext4 -O bigalloc -C 65536",
        "-t ext4 -O ^flex_bg,^metadata_csum,uninit_bg -b 1024 -g 1024",
    ] {
        let found = listing(&check(options));
        // The same tree, but for the moment at which the root directory was made.
        let names = |list: &super::support::Listing| list.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&first), "{options}");
    }
}

/// Features that not every kernel is made with, and blocks that not each takes.
#[test]
fn with_what_the_kernel_may_not_know() {
    let expected = listing(&check("-t ext4"));
    for options in [
        "-t ext4 -b 65536",
        "-t ext4 -O encrypt,verity,quota,project -b 2048",
        "-t ext4 -O casefold -E encoding=utf8",
    ] {
        let image = mke2fs_of(FOLDER.path(), options, 128 * MIB);
        let mut found = listing(&tree_of(image.path()));
        let root = &mut found.get_mut(&b""[..]).expect("a root").meta.mtime;
        *root = expected[&b""[..]].meta.mtime;
        assert_same(&found, &expected);
    }
}
