//! Filesystems that the kernel wrote to, compared with what it shows of them.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::LazyLock;

use kurmadisk::tree::{NodeKind, Tree, from_dir};
use kurmadisk_fixtures::{oracle, treegen};

use tempfile::TempDir;

use super::support::{KIB, MIB, mke2fs, run, same_as_mounted, short_links, tree_of};

/// Every shape of name, file and directory that has room on any filesystem.
static SHAPES: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = treegen::TreeSpec {
        folders: 6,
        files: 20,
        crowd: 400,
        ..treegen::TreeSpec::default()
    };
    treegen::make_tree(folder.path(), 7, &spec).expect("room");
    short_links(folder.path());
    folder
});

/// Every shape, and after that attributes, fragments and removals.
fn fill(top: &Path) {
    treegen::copy_in_other_order(SHAPES.path(), &top.join("tree")).expect("room");
    // Where blocks are large enough.
    let _ = symlink("t".repeat(4095), top.join("long-link"));
    attributes(&top.join("attributes"));
    fragments(&top.join("fragments"));
    removals(&top.join("removals"));
}

fn attributes(top: &Path) {
    fs::create_dir(top).expect("new");
    for name in [
        "few", "many", "large", "shared", "again", "acl", "flags", "small",
    ] {
        fs::write(top.join(name), name).expect("room");
    }
    let set = |name: &str, attribute: &str, value: &[u8]| {
        oracle::setfattr(&top.join(name), attribute, Some(value)).expect("room");
    };
    set("few", "user.one", b"1");
    set("few", "security.capability", &hex_capability());
    set("few", "user.empty", b"");
    for number in 0..12 {
        set("many", &format!("user.number{number}"), &[number; 20]);
        set("many", &format!("trusted.number{number}"), &[number; 9]);
    }
    set("large", "user.large", &[7; 700]);
    for name in ["shared", "again"] {
        set(name, "trusted.shared", &[8; 500]);
    }
    set("small", "security.selinux", b"system_u:object_r:etc_t:s0\0");
    let folder = top.join("folder");
    fs::create_dir(&folder).expect("new");
    let at = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let acl = ["-m", "u:1000:rwx,g:70000:r-x", &at(&top.join("acl"))];
    run("setfacl", &acl);
    run(
        "setfacl",
        &["-m", "u:5:rwx,d:u:6:r--,d:g:7:rw-", &at(&folder)],
    );
    fs::write(folder.join("inherits"), "").expect("room");
    symlink("few", top.join("link")).expect("new");
    oracle::setfattr(&top.join("link"), "trusted.link", Some(b"on a link")).expect("room");
    oracle::chattr("+SdA", &top.join("flags")).expect("possible");
    oracle::chattr("+D", &folder).expect("possible");
    oracle::chattr("+a", &top.join("shared")).expect("possible");
    oracle::chattr("+i", &top.join("few")).expect("possible");
}

/// `cap_net_raw+ep`.
fn hex_capability() -> Vec<u8> {
    let words = [0x0200_0001_u32, 1 << 13, 0, 0, 0];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Files in many pieces, with holes and with room that was never written.
fn fragments(top: &Path) {
    fs::create_dir(top).expect("new");
    let comb = File::create(top.join("comb")).expect("new");
    for number in 0..3000_u64 {
        let bytes = number.to_le_bytes();
        comb.write_all_at(&bytes, number * 8 * KIB).expect("room");
    }
    let ahead = top.join("ahead");
    let arguments = ["-l", "300000", ahead.to_str().expect("UTF-8")];
    if fallocate(&arguments) {
        let file = File::options().write(true).open(&ahead).expect("there");
        file.write_all_at(b"in the middle", 100_000).expect("room");
        let beyond = top.join("beyond");
        fs::write(&beyond, "short").expect("room");
        assert!(fallocate(&[
            "-n",
            "-l",
            "200000",
            beyond.to_str().expect("UTF-8")
        ]));
    }
    fs::write(top.join("whole"), vec![5; 3_000_000]).expect("room");
}

/// False where the filesystem has no such room to give.
fn fallocate(arguments: &[&str]) -> bool {
    let tool = oracle::tool("fallocate").expect("a known tool");
    let mut command = tool.command().expect("installed");
    let output = command.args(arguments).output().expect("started");
    output.status.success()
}

/// A large directory most of which is gone again, and one that was emptied.
fn removals(top: &Path) {
    for folder in ["some", "all"] {
        let folder = top.join(folder);
        fs::create_dir_all(&folder).expect("new");
        for number in 0..900 {
            let name = format!("a rather long name of an entry, number {number}");
            File::create(folder.join(name)).expect("room");
        }
    }
    for number in 0..900 {
        let name = format!("a rather long name of an entry, number {number}");
        if number % 10 != 0 {
            fs::remove_file(top.join("some").join(&name)).expect("there");
        }
        fs::remove_file(top.join("all").join(&name)).expect("there");
    }
}

/// Makes a filesystem, has the kernel fill it, and compares.
#[track_caller]
fn check(options: &str) {
    let image = mke2fs(options, 96 * MIB);
    let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
    fill(mount.path());
    drop(mount);
    same_as_mounted(image.path(), &["attributes"]);
}

#[test]
fn what_debian_makes_by_default() {
    for kind in ["ext4", "ext3", "ext2"] {
        check(&format!("-t {kind}"));
    }
}

#[test]
fn other_block_sizes_and_inode_sizes() {
    check("-t ext4 -b 1024");
    check("-t ext4 -b 2048 -I 512");
    check("-t ext2 -b 1024 -I 128 -O ^dir_index");
    check("-t ext4 -b 4096 -I 1024");
}

#[test]
fn other_places_of_descriptors() {
    // More groups than one block has descriptors for.
    check("-t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode");
    check("-t ext4 -b 1024 -g 1024 -O ^64bit,meta_bg,^resize_inode,^metadata_csum,uninit_bg");
    check("-t ext4 -b 1024 -g 2048 -O ^flex_bg,sparse_super2,^resize_inode");
    check("-t ext4 -O bigalloc -C 16384");
    check("-t ext4 -b 1024 -O bigalloc,meta_bg,^resize_inode -g 8192");
}

#[test]
fn other_checksums() {
    check("-t ext4 -O ^metadata_csum,^uninit_bg");
    check("-t ext4 -O ^metadata_csum,uninit_bg,64bit");
    check("-t ext4 -O metadata_csum,metadata_csum_seed -b 1024");
}

#[test]
fn other_contents() {
    check("-t ext4 -O inline_data -I 256");
    check("-t ext4 -O inline_data,^extent,^64bit,^metadata_csum -I 1024 -b 1024");
    check("-t ext4 -O ^extent,^64bit,^filetype,^extra_isize -b 1024");
    check("-t ext4 -O large_dir,orphan_file,mmp -b 1024");
}

#[test]
fn values_in_inodes_of_their_own() {
    let image = mke2fs("-t ext4 -O ea_inode -b 1024", 64 * MIB);
    let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
    fill(mount.path());
    let top = mount.path().join("values");
    fs::create_dir(&top).expect("new");
    let shared = vec![9; 60_000];
    for (number, name) in (1..).zip(["one", "two", "same"]) {
        let path = top.join(name);
        fs::write(&path, "").expect("room");
        let large = vec![number; 5000 * usize::from(number)];
        oracle::setfattr(&path, "user.own", Some(&large)).expect("room");
        oracle::setfattr(&path, "user.shared", Some(&shared)).expect("room");
        oracle::setfattr(&path, "trusted.small", Some(b"in the inode")).expect("room");
    }
    drop(mount);
    let tree = same_as_mounted(image.path(), &["attributes", "values"]);
    let node = tree.node(tree.lookup(b"values/two").expect("there"));
    assert_eq!(
        node.meta.xattrs.get(b"user.own").map(<[u8]>::len),
        Some(10_000)
    );
}

/// Only what the kernel says is a hole is one, to the block, and what was never written is one.
#[test]
fn holes_are_the_kernels() {
    for options in [
        "-t ext4 -b 1024",
        "-t ext4",
        "-t ext3 -b 1024",
        "-t ext4 -O inline_data",
    ] {
        let image = mke2fs(options, 64 * MIB);
        let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
        fill(mount.path());
        drop(mount);
        let tree = tree_of(image.path());
        let mount = oracle::mount_loop(image.path(), 0, 64 * MIB).expect("the kernel mounts it");
        let expected = from_dir(mount.path()).expect("readable");
        let runs = |tree: &Tree, path: &str| {
            let id = tree.lookup(path.as_bytes()).expect("there");
            match &tree.node(id).kind {
                NodeKind::File(map) => map.block_runs(512).collect::<Vec<_>>(),
                other => panic!("{other:?}"),
            }
        };
        let sparse = ["front", "middle", "end", "hole", "uneven", "comb", "far"];
        let sparse = sparse.map(|name| format!("tree/sparse/{name}"));
        let more = ["tree/sparse/zeros", "fragments/comb", "fragments/whole"];
        for path in sparse.iter().map(String::as_str).chain(more) {
            assert_eq!(
                runs(&tree, path),
                runs(&expected, path),
                "{path} with {options}"
            );
        }
        let comb = runs(&tree, "fragments/comb");
        assert_eq!(comb.len(), 3000);
        if options.contains("ext4") {
            let ahead = runs(&tree, "fragments/ahead");
            assert!(ahead.len() == 1 && ahead[0].end < 600, "{ahead:?}");
        }
    }
}

/// Extent trees with three levels of nodes, and lists of lists of lists.
#[test]
fn deep_maps_are_followed() {
    for options in ["-t ext4 -b 1024 -N 100", "-t ext2 -b 1024 -N 100"] {
        let image = mke2fs(options, 64 * MIB);
        let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
        let deep = File::create(mount.path().join("deep")).expect("new");
        for number in 0..30_000_u64 {
            let bytes = number.to_le_bytes();
            deep.write_all_at(&bytes, number * 2 * KIB).expect("room");
        }
        deep.write_all_at(b"far", 17_000 * MIB - 3 * KIB)
            .unwrap_or_else(|_| {
                // Block lists end at 16 GiB.
                deep.write_all_at(b"far", 16_000 * MIB).expect("room");
            });
        drop(deep);
        drop(mount);
        let tree = same_as_mounted(image.path(), &[]);
        let id = tree.lookup(b"deep").expect("there");
        let NodeKind::File(map) = &tree.node(id).kind else {
            panic!("a file");
        };
        assert_eq!(map.extents().len(), 30_001);
    }
}

/// What the filesystem keeps for e2fsck is no part of the tree, unless somebody made something of it.
#[test]
fn a_lost_and_found_in_use_is_kept() {
    let with_a_file = |path: &Path| fs::write(path.join("found"), "").expect("room");
    let with_a_mode = |path: &Path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("possible");
    };
    let with_an_attribute = |path: &Path| {
        oracle::setfattr(path, "trusted.note", Some(b"mine")).expect("room");
    };
    let changes: [&dyn Fn(&Path); 3] = [&with_a_file, &with_a_mode, &with_an_attribute];
    let is_there = |image: &Path| tree_of(image).lookup(b"lost+found").is_some();
    for (number, change) in changes.into_iter().enumerate() {
        let image = mke2fs("-t ext4", 8 * MIB);
        assert!(!is_there(image.path()));
        let mount = oracle::mount_loop_writable(image.path()).expect("the kernel mounts it");
        change(&mount.path().join("lost+found"));
        drop(mount);
        assert!(is_there(image.path()), "change {number}");
    }
}
