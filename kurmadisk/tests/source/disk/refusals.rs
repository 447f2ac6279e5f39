//! What is refused, and how it is said.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::error::chain;
use tempfile::NamedTempFile;

use super::support::{KIB, MIB, blank, debugfs_write, mke2fs, mke2fs_of, read, run, tree_of};

/// What is said of an image, without its path.
#[track_caller]
fn said(image: &Path) -> String {
    let error = read(image).expect_err("it is refused");
    let text = chain(&error);
    let path = format!("{}: ", image.display());
    text.strip_prefix(&path).unwrap_or(&text).to_owned()
}

#[track_caller]
fn assert_says(image: &Path, expected: &str) {
    let text = said(image);
    assert!(text.contains(expected), "{text}");
}

/// A filesystem of two files and two folders.
fn small(options: &str) -> NamedTempFile {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["one", "two"] {
        fs::write(folder.path().join(name), vec![1; 5000]).expect("room");
        let inner = folder.path().join(format!("{name}.d"));
        fs::create_dir(&inner).expect("new");
        fs::write(inner.join("below"), name).expect("room");
    }
    mke2fs_of(folder.path(), &format!("{options} -N 64"), MIB)
}

#[test]
fn what_is_in_use_is_refused() {
    for (kind, expected) in [
        (
            "ext4",
            "its journal waits to be replayed; run `e2fsck -f` on it, or on a copy",
        ),
        (
            "ext2",
            "the ext4 filesystem is in use, or was not unmounted cleanly; run `e2fsck -f`",
        ),
    ] {
        let image = mke2fs(&format!("-t {kind}"), 16 * MIB);
        let copy = NamedTempFile::new().expect("a temporary file");
        let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
        fs::write(mount.path().join("file"), "content").expect("room");
        run(
            "dd",
            &[
                "if=".to_owned() + image.path().to_str().expect("UTF-8"),
                format!("of={}", copy.path().display()),
                "iflag=direct".to_owned(),
                "bs=1M".to_owned(),
            ],
        );
        drop(mount);
        assert_says(copy.path(), expected);
        let tree = tree_of(image.path());
        assert!(tree.lookup(b"file").is_some());
    }
    let image = small("-t ext4");
    debugfs_write(image.path(), &["ssv state 3"]);
    assert_says(
        image.path(),
        "the ext4 filesystem has errors on record; run `e2fsck -f`",
    );
}

#[test]
fn what_a_copy_would_lose_is_refused() {
    for (path, flags, expected) in [
        ("one", 0x8_0800, "it is encrypted, which a copy would lose"),
        ("two.d", 0x8_0800, "it is encrypted"),
        ("one", 0x18_0000, "it is protected by fs-verity"),
        (
            "two",
            0x28_0000,
            "it holds the value of an extended attribute",
        ),
        (
            "one.d",
            0x4008_0000,
            "it is a directory whose names are compared without case",
        ),
    ] {
        let image = small("-t ext4");
        debugfs_write(image.path(), &[&format!("sif /{path} flags {flags:#x}")]);
        let text = said(image.path());
        assert!(
            text.starts_with(&format!("/{path} in the ext4 filesystem (inode ")),
            "{text}"
        );
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn unknown_features_and_journals_are_refused() {
    let image = small("-t ext4");
    debugfs_write(image.path(), &["feature dirdata"]);
    let expected = "the ext4 filesystem has the features dirdata, which are not read";
    assert_says(image.path(), expected);
    let image = mke2fs("-O journal_dev -b 4096", 8 * MIB);
    assert_says(image.path(), "this is the journal of another filesystem");
}

#[test]
fn names_that_lead_nowhere_are_refused() {
    let cases: [(&[&str], &str); 4] = [
        (
            &["link /one.d /one.d/again"],
            "/one.d/again in the ext4 filesystem",
        ),
        (
            &["link <8> /journal"],
            "(inode 8): the name is that of an inode that no file can have",
        ),
        (&["clri /two"], "the name is that of a deleted inode"),
        (
            &["link <2> /two.d/root"],
            "(inode 2): the directory has a second name",
        ),
    ];
    for (commands, expected) in cases {
        let image = small("-t ext4");
        debugfs_write(image.path(), commands);
        assert_says(image.path(), expected);
    }
}

fn number(text: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(text);
    text.trim().parse().expect("a number")
}

fn bmap(image: &Path, path: &str) -> u64 {
    let command = format!("bmap {path} 0");
    number(
        oracle::debugfs(image, 0, &command)
            .expect("there")
            .as_bytes(),
    )
}

#[test]
fn blocks_that_cannot_be_are_refused() {
    let plain = "-t ext2 -b 1024 -O ^dir_index";
    let image = small(plain);
    let block = bmap(image.path(), "/one");
    debugfs_write(image.path(), &[&format!("sif /two block[0] {block}")]);
    assert_says(image.path(), &format!("block {block} belongs to inode "));

    let image = small(plain);
    debugfs_write(image.path(), &["sif /two block[1] 4000000000"]);
    let expected = "its content is said to lie at block 4000000000, outside of the filesystem";
    assert_says(image.path(), expected);

    // A list of lists that lists itself.
    let image = small(plain);
    let block = bmap(image.path(), "/one");
    patch(
        image.path(),
        block * KIB,
        &u32::try_from(block).expect("small").to_le_bytes(),
    );
    debugfs_write(
        image.path(),
        &[
            "sif /one block[0] 0",
            &format!("sif /one block[DIND] {block}"),
        ],
    );
    assert_says(image.path(), "belongs to inode");

    let image = small(plain);
    debugfs_write(image.path(), &["sif /one.d size 2048"]);
    assert_says(image.path(), "the directory is damaged: blocks are missing");
    debugfs_write(image.path(), &["sif /one.d size 1000"]);
    assert_says(image.path(), "its size is not one of whole blocks");
    debugfs_write(image.path(), &["sif /one.d size 0x7fffffff"]);
    assert_says(image.path(), "the directory is damaged");

    let image = small(plain);
    debugfs_write(image.path(), &["sif /one size 0x7fffffffffffffff"]);
    assert_says(image.path(), "the inode's i_size is");
    debugfs_write(image.path(), &["sif /one size 0", "sif /one mode 0170000"]);
    assert_says(image.path(), "the inode's i_mode is");
}

fn patch(image: &Path, at: u64, bytes: &[u8]) {
    let file = fs::File::options().write(true).open(image);
    file.expect("there").write_all_at(bytes, at).expect("room");
}

/// Changes a byte to another one.
fn spoil(image: &Path, at: u64) {
    let file = fs::File::open(image).expect("there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("within it");
    patch(image, at, &[byte[0] ^ 0x40]);
}

#[test]
fn a_directory_with_damaged_entries_is_refused() {
    let plain = "-t ext2 -b 1024 -O ^dir_index";
    let cases: [(u64, &[u8], &str); 4] = [
        (
            24,
            &[0xff, 0xff, 0xff, 0x7f],
            "an entry has an inode that does not exist",
        ),
        (28, &[7, 0], "an entry has an impossible length"),
        (28, &[0, 0], "an entry has an impossible length"),
        (32, b"a/b", "cannot be a file's name"),
    ];
    for (at, bytes, expected) in cases {
        let image = small(plain);
        let block = bmap(image.path(), "/one.d");
        patch(image.path(), block * KIB + at, bytes);
        assert_says(image.path(), expected);
    }
}

/// Files with an attribute of their own beside those of a block that they share, which is nearly as large as a
/// block can be.
fn sharing(files: usize) -> NamedTempFile {
    let image = mke2fs("-t ext2 -b 65536 -I 256 -N 8192", 16 * MIB);
    let [empty, value, script] = [(); 3].map(|()| NamedTempFile::new().expect("a temporary file"));
    fs::write(value.path(), vec![b'v'; 60_000]).expect("room");
    let [image_path, empty, value, script_path] =
        [&image, &empty, &value, &script].map(|file| file.path().to_str().expect("UTF-8"));
    let all = |commands: String| {
        fs::write(script.path(), commands).expect("room");
        run("debugfs", &["-w", "-f", script_path, image_path]);
    };
    all(format!(
        "write {empty} first\nea_set -f {value} first user.value\n"
    ));
    let stat = oracle::debugfs(image.path(), 0, "stat first").expect("there");
    let block = stat.split("File ACL: ").nth(1).expect("it says so");
    let block = block.split_whitespace().next().expect("a number");
    let file = |number| {
        format!(
            "write {empty} {number}\nea_set {number} user.own {number}\nsif {number} file_acl {block}\n"
        )
    };
    all((0..files).map(file).collect());
    image
}

#[test]
fn attributes_that_are_shared_do_not_fill_the_memory() {
    let tree = tree_of(sharing(20).path());
    let last = tree.node(tree.lookup(b"19").expect("there"));
    let names: Vec<_> = last.meta.xattrs.iter().map(|(name, _)| name).collect();
    assert_eq!(names, [&b"user.own"[..], b"user.value"]);
    // 4,474 copies come to 256 MiB.
    let image = sharing(4500);
    assert_says(
        image.path(),
        "values of extended attributes that inodes share come to more than 268435456 bytes",
    );
}

#[test]
fn every_checksum_is_checked() {
    let image = mke2fs("-t ext4 -b 1024 -O ^inline_data -I 256", 32 * MIB);
    let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
    let top = mount.path();
    fs::create_dir(top.join("dir")).expect("new");
    for entry in 0..2000 {
        fs::write(top.join(format!("dir/a name of many letters {entry}")), "").expect("room");
    }
    let comb = fs::File::create(top.join("comb")).expect("new");
    for piece in 0..100 {
        comb.write_all_at(b"x", piece * 2 * KIB).expect("room");
    }
    drop(comb);
    fs::create_dir(top.join("small")).expect("new");
    oracle::setfattr(&top.join("comb"), "user.large", Some(&[1; 500])).expect("room");
    drop(mount);
    tree_of(image.path());

    let ask = |command: &str| oracle::debugfs(image.path(), 0, command).expect("there");
    let stat = ask("stat /comb");
    let word_after = |text: &str, before: &str| -> u64 {
        let rest = text.split(before).nth(1).expect("it says so");
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    let imap = ask("imap /comb");
    let inode_block = word_after(&imap, "located at block ");
    let offset = imap.split("offset 0x").nth(1).expect("it says so");
    let offset = u64::from_str_radix(offset.trim(), 16).expect("a number");
    let inode = inode_block * KIB + offset;
    let index = bmap(image.path(), "/dir");
    let leaf = number(ask("bmap /dir 1").as_bytes());
    let places = [
        (KIB + 0x78, "the superblock has a wrong checksum"),
        (
            2 * KIB + 0x10,
            "the descriptor of group 0 has a wrong checksum",
        ),
        (inode + 0x8, "/comb in the ext4 filesystem (inode "),
        (inode + 0x8, "a wrong checksum in the inode"),
        (
            bmap(image.path(), "/small") * KIB + 40,
            "a wrong checksum in a block of the directory",
        ),
        (
            index * KIB + 60,
            "a wrong checksum in a block of the directory",
        ),
        (
            leaf * KIB + 60,
            "a wrong checksum in a block of the directory",
        ),
        (
            word_after(&stat, "(ETB0):") * KIB + 20,
            "a wrong checksum in a node of its extent tree",
        ),
        (
            word_after(&stat, "File ACL: ") * KIB + 600,
            "a wrong checksum in the block of its extended attributes",
        ),
    ];
    for (at, expected) in places {
        spoil(image.path(), at);
        assert_says(image.path(), expected);
        spoil(image.path(), at);
    }
    tree_of(image.path());
}

#[test]
fn what_is_no_filesystem_is_refused() {
    let image = blank(MIB);
    assert_says(
        image.path(),
        "the disk has no ext2, ext3, ext4 or FAT filesystem, but is empty",
    );
    let image = small("-t ext4");
    image.as_file().set_len(512 * KIB).expect("shorter");
    let expected = "it has 1048576 bytes and its place 524288: the image was cut short";
    assert_says(image.path(), expected);
    let absent = Path::new("/absent/image");
    let text = chain(&read(absent).expect_err("absent"));
    assert!(text.starts_with("cannot open /absent/image: "), "{text}");
}
