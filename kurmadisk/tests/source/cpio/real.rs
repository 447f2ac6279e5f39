//! Archives by the programs that people use, against the trees that they were made of.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{lchown, symlink};
use std::path::Path;

use kurmadisk::host_file;
use kurmadisk::tree::{Timestamp, from_dir};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::treegen::{TreeSpec, make_tree, set_mtime};
use tempfile::TempDir;

use super::support::{Listing, Seen, assert_same, in_memory, listing, run, shell, tree_of};

/// Every shape that the formats have.
fn make() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let long = "n".repeat(250);
    fs::create_dir_all(at("a/b/empty")).expect("new");
    for (name, len) in [
        ("a/none", 0),
        ("a/b/four", 4),
        ("a/odd", 70_001),
        (&long, 5),
    ] {
        fs::write(at(name), vec![7; len]).expect("room");
    }
    fs::hard_link(at("a/odd"), at("a/b/linked")).expect("linked");
    fs::hard_link(at("a/odd"), at("z")).expect("linked");
    symlink("../a/odd", at("a/b/symlink")).expect("new");
    fs::write(at("a/odd name\n\\"), "odd").expect("room");
    let nodes = "mkfifo a/fifo; mknod a/null c 1 3; mknod a/loop b 7 200; chmod 4711 a/b/four; chmod 1777 a";
    shell(folder.path(), nodes);
    lchown(at("a/b/four"), Some(1000), Some(65_000)).expect("root");
    for (path, _) in from_dir(folder.path()).expect("readable").paths() {
        let path = std::str::from_utf8(&path).expect("text");
        set_mtime(&at(path), 1_700_000_001, 0).expect("settable");
    }
    set_mtime(folder.path(), 1_700_000_002, 0).expect("settable");
    folder
}

fn tree_list(folder: &Path) -> Listing {
    listing(&from_dir(folder).expect("readable"))
}

/// What a program makes of the names that `find` lists.
fn archive(folder: &Path, command: &str) -> Vec<u8> {
    shell(
        folder,
        &format!("find . -print0 | LC_ALL=C sort -z | {command}"),
    )
}

#[test]
fn all_programs_and_formats() {
    let folder = make();
    let expected = tree_list(folder.path());
    assert_eq!(expected.len(), 15);
    let cases = [
        "cpio -0 -o -H newc",
        "cpio -0 -o -H crc",
        "cpio -0 -o -H odc",
        "busybox cpio -0 -o -H newc",
        "bsdtar --null -nT - --format=newc -cf -",
        "bsdtar --null -nT - --format=odc -cf -",
    ];
    for command in cases {
        println!("{command}");
        let found = tree_of(&in_memory(archive(folder.path(), command)));
        assert_same(&listing(&found), &expected);
    }
}

/// What GNU cpio unpacks of archives, one after the other.
fn unpacked(archives: &[&Path]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for archive in archives {
        let script = format!("cpio -idmu --no-absolute-filenames < {}", archive.display());
        shell(folder.path(), &script);
    }
    folder
}

/// Without what unpacking does not keep: the root's time, and for GNU cpio those of symbolic links and of
/// directories that get something later.
fn kept(mut list: Listing, cpio: bool) -> Listing {
    list.remove(&b""[..]);
    let lost =
        |seen: &&mut Seen| cpio && (seen.kind == "directory" || seen.kind.contains("Symlink"));
    for seen in list.values_mut().filter(lost) {
        seen.meta.mtime = Timestamp::default();
    }
    list
}

#[test]
fn an_initrd_with_microcode_in_front_is_what_cpio_unpacks() {
    let (main, early, place) = (make(), make(), tempfile::tempdir().expect("a folder"));
    fs::write(early.path().join("a/odd name\n\\"), "later ones win").expect("room");
    fs::remove_file(early.path().join("a/odd")).expect("made");
    let at = |name: &str| place.path().join(name);
    fs::write(at("early"), archive(early.path(), "cpio -0 -o -H newc")).expect("room");
    fs::write(at("main"), archive(main.path(), "cpio -0 -o -H newc")).expect("room");
    let unpacked = unpacked(&[&at("early"), &at("main")]);
    let expected = kept(tree_list(unpacked.path()), true);
    for program in ["gzip", "zstd", "xz", "bzip2"] {
        let packed = run(place.path(), program, &["-c", "main"]);
        let joined = [&fs::read(at("early")).expect("there")[..], &packed].concat();
        let found = listing(&tree_of(&in_memory(joined)));
        assert_same(&kept(found, true), &expected);
    }
}

#[test]
fn debians_initrd_is_what_bsdtar_and_cpio_unpack() {
    let initrd = &debian_root().initrd;
    let found = tree_of(&host_file(initrd).expect("there"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let by = |name: &str| {
        let by = folder.path().join(name);
        fs::create_dir(&by).expect("new");
        by
    };
    let (bsdtar, cpio) = (by("bsdtar"), by("cpio"));
    run(&bsdtar, "bsdtar", &["-xpf".as_ref(), initrd.as_os_str()]);
    let script = format!("gzip -dc {} | cpio -idmu", initrd.display());
    shell(&cpio, &script);
    let found = listing(&found);
    assert!(found.len() > 200, "{}", found.len());
    for (by, is_cpio) in [(bsdtar, false), (cpio, true)] {
        assert_same(
            &kept(found.clone(), is_cpio),
            &kept(tree_list(&by), is_cpio),
        );
    }
}

/// Names of any bytes, odd owners, lengths around blocks: all but holes and times that the formats can't say.
#[test]
fn odd_trees_by_all_programs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    make_tree(folder.path(), 31, &TreeSpec::default()).expect("a tree");
    fs::remove_dir_all(folder.path().join("sparse")).expect("made");
    for (path, seen) in tree_list(folder.path()) {
        if u32::try_from(seen.meta.mtime.seconds).is_err() {
            let path = folder.path().join(OsStr::from_bytes(&path));
            set_mtime(&path, 0xffff_fffe, 0).expect("settable");
        }
    }
    let mut expected = tree_list(folder.path());
    for seen in expected.values_mut() {
        seen.meta.mtime.nanos = 0;
    }
    assert!(expected.len() > 500, "{}", expected.len());
    for command in [
        "cpio -0 -o -H newc",
        "cpio -0 -o -H crc",
        "bsdtar --null -nT - --format=newc -cf -",
    ] {
        println!("{command}");
        let found = tree_of(&in_memory(archive(folder.path(), command)));
        assert_same(&listing(&found), &expected);
    }
}
