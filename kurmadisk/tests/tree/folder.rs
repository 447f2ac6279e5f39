//! Trees from folders of the host.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use kurmadisk::tree::{FileFlags, NodeKind, Timestamp, Tree, TreeError, digest, from_dir};
use kurmadisk_fixtures::{oracle, treegen};
use kurmadisk_formats::emit::write_map;
use kurmadisk_formats::error::{EmitError, SourceError};
use kurmadisk_formats::map::{DiskMap, Source};
use kurmadisk_formats::output::NewFile;
use kurmadisk_formats::read_at::ReadAt;

use super::{bytes_of, planned};

/// Fills a folder where its listing follows the order of creation, and a copy in another order.
fn two_orders() -> [tempfile::TempDir; 2] {
    let folders = [0, 1].map(|_| treegen::unordered_scratch().expect("a temporary folder"));
    let [one, two] = folders.each_ref().map(|folder| folder.path().join("tree"));
    fs::create_dir(&one).expect("new");
    treegen::make_tree(&one, 11, &treegen::TreeSpec::default()).expect("a tree");
    treegen::copy_in_other_order(&one, &two).expect("a copy");
    let other = treegen::first_other_order(&one, &two).expect("readable");
    assert!(other.is_some(), "both list their entries in one order");
    folders
}

#[test]
fn a_folder_in_another_order_is_the_same_tree() {
    let folders = two_orders();
    let trees = folders
        .each_ref()
        .map(|folder| from_dir(&folder.path().join("tree")).expect("readable"));
    let [one, two] = &trees;
    assert!(one.node_count() > 400);
    assert_eq!(digest(one), digest(two));
    let names = |tree: &Tree| {
        tree.paths()
            .into_iter()
            .map(|(path, _)| path)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(one), names(two));
    for (_, node) in one.nodes() {
        if let NodeKind::Directory(entries) = &node.kind {
            assert!(entries.iter().is_sorted_by(|one, two| one.name < two.name));
        }
    }
    // The same places, and the same bytes there.
    let [one, two] = trees.each_ref().map(planned);
    assert_eq!(one.len(), two.len());
    let places = |map: &DiskMap| {
        let place = |extent: &kurmadisk_formats::map::Extent| {
            let in_memory = matches!(extent.source, Source::Bytes(_));
            (extent.start, extent.len, in_memory)
        };
        map.extents().iter().map(place).collect::<Vec<_>>()
    };
    assert_eq!(places(&one), places(&two));
    let (first, second) = (one.reader(), two.reader());
    for extent in one.extents() {
        let len = usize::try_from(extent.len).expect("small");
        let mut bytes = [vec![0; len], vec![1; len]];
        first
            .read_exact_at(extent.start, &mut bytes[0])
            .expect("readable");
        second
            .read_exact_at(extent.start, &mut bytes[1])
            .expect("readable");
        assert!(bytes[0] == bytes[1], "at {}", extent.start);
    }
}

#[test]
fn a_folder_is_read_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let top = folder.path();
    fs::create_dir(top.join("dir")).expect("new");
    fs::write(top.join("dir/file"), b"content").expect("new");
    fs::hard_link(top.join("dir/file"), top.join("second")).expect("new");
    fs::hard_link(top.join("dir/file"), top.join("dir/third")).expect("new");
    symlink("dir/absent", top.join("link")).expect("new");
    fs::set_permissions(top.join("dir/file"), fs::Permissions::from_mode(0o4750)).expect("ours");
    treegen::set_mtime(&top.join("dir/file"), 1_234_567_890, 987_654_321).expect("ours");
    let sparse = File::create(top.join("sparse")).expect("new");
    sparse.set_len(10 << 20).expect("sparse");
    fs::write(top.join("empty"), b"").expect("new");
    let tree = from_dir(top).expect("readable");
    let file = tree.lookup(b"dir/file").expect("there");
    let host = fs::metadata(top.join("dir/file")).expect("there");
    let found = &tree.node(file).meta;
    assert_eq!(
        (found.mode, found.uid, found.gid, found.mtime),
        (
            0o4750,
            host.uid(),
            host.gid(),
            Timestamp {
                seconds: 1_234_567_890,
                nanos: 987_654_321
            }
        )
    );
    assert_eq!(tree.node(file).links(), 3);
    assert_eq!(tree.lookup(b"second"), Some(file));
    assert_eq!(tree.lookup(b"dir/third"), Some(file));
    assert_eq!(bytes_of(&tree, b"second"), b"content");
    let link = tree.lookup(b"link").expect("there");
    assert!(
        matches!(&tree.node(link).kind, NodeKind::Symlink(target) if **target == *b"dir/absent")
    );
    let sparse = tree.lookup(b"sparse").expect("there");
    let NodeKind::File(map) = &tree.node(sparse).kind else {
        panic!("not a file");
    };
    assert_eq!((map.len(), map.is_empty()), (10 << 20, true));
    assert_eq!(tree.node_count(), 6);
}

#[test]
fn what_is_skipped_is_not_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for path in ["keep/deep/file", "skip/deep/file", "keep/skip/file"] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("below")).expect("new");
        fs::write(path, b"x").expect("new");
    }
    let asked = std::sync::Mutex::new(Vec::new());
    let skip = |path: &[u8], is_dir: bool| {
        let path = String::from_utf8(path.to_vec()).expect("text");
        let skipped = is_dir && path.ends_with("skip");
        asked.lock().expect("nobody panics").push(path);
        skipped
    };
    let read = kurmadisk::tree::folder(folder.path(), &skip).expect("readable");
    let mut asked = asked.into_inner().expect("nobody panics");
    asked.sort();
    let expected = ["keep", "keep/deep", "keep/deep/file", "keep/skip", "skip"];
    assert_eq!(asked, expected);
    assert_eq!(read.tree.paths().len(), 3);
    assert_eq!(read.inodes.len(), 4);
}

/// A folder of 200 folders in 20, each with a file and a link to the first of all files.
fn wide() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = folder.path().join("first");
    fs::write(&first, b"x").expect("new");
    for number in 0..200 {
        let path = format!("{}/{number}", number % 20);
        let path = folder.path().join(path);
        fs::create_dir_all(&path).expect("new");
        fs::write(path.join("file"), number.to_string()).expect("new");
        fs::hard_link(&first, path.join("link")).expect("new");
    }
    folder
}

#[test]
fn a_folder_is_the_same_tree_whichever_thread_reads_what() {
    let folder = wide();
    let read = || kurmadisk::tree::folder(folder.path(), &|_, _| false).expect("readable");
    let known = read();
    assert_eq!(known.tree.node_count(), 1 + 1 + 20 + 200 + 200);
    for _ in 0..20 {
        let again = read();
        assert_eq!(again.tree.paths(), known.tree.paths());
        assert_eq!(again.inodes, known.inodes);
        assert_eq!(digest(&again.tree), digest(&known.tree));
    }
}

#[test]
fn a_folder_of_many_names_is_whole_and_in_order() {
    // More than are looked at together, and of lengths that tell which file is which.
    const NAMES: usize = 40_000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    for number in 0..NAMES {
        let path = folder.path().join(format!("{number}"));
        if number % 1000 == 0 {
            fs::create_dir(&path).expect("new");
            File::create_new(path.join("below")).expect("new");
        } else {
            let file = File::create_new(path).expect("new");
            file.set_len(number as u64).expect("sparse");
        }
    }
    let tree = from_dir(folder.path()).expect("readable");
    let mut expected: Vec<_> = (0..NAMES).collect();
    expected.sort_by_key(ToString::to_string);
    let found: Vec<usize> = tree
        .entries(Tree::ROOT)
        .iter()
        .map(|entry| {
            let name = std::str::from_utf8(entry.name).expect("a number");
            let number: usize = name.parse().expect("a number");
            match &tree.node(entry.node).kind {
                NodeKind::File(content) => assert_eq!(content.len(), number as u64),
                NodeKind::Directory(entries) => {
                    assert_eq!((number % 1000, entries.len()), (0, 1));
                }
                other => panic!("{other:?}"),
            }
            number
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_panic_of_what_is_asked_is_the_callers() {
    let folder = wide();
    for file in ["7/87/file", "first"] {
        let skip = |path: &[u8], _| {
            assert_ne!(path, file.as_bytes());
            false
        };
        let read = || kurmadisk::tree::folder(folder.path(), &skip).map(drop);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
        assert!(caught.is_err());
    }
}

/// Runs one of the oracles' programs.
fn run(program: &str, arguments: &[&OsStr]) {
    let tool = oracle::tool(program).expect("one of the list");
    let mut command = tool.command().expect("installed");
    let output = command.args(arguments).output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn attributes_and_flags_of_a_folder_are_read() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let image = scratch.path().join("image");
    File::create(&image)
        .and_then(|file| file.set_len(8 << 20))
        .expect("a sparse file");
    run(
        "mke2fs",
        &[
            "-q".as_ref(),
            "-t".as_ref(),
            "ext4".as_ref(),
            "-b4096".as_ref(),
            image.as_os_str(),
        ],
    );
    let mount = oracle::mount_loop_writable(&image).expect("mounted");
    let top = mount.path().join("top");
    fs::create_dir(&top).expect("new");
    for name in ["file", "immutable", "plain"] {
        fs::write(top.join(name), b"x").expect("new");
    }
    symlink("file", top.join("link")).expect("new");
    let long = vec![0xA5; 3000];
    let given: [(&str, &str, &[u8]); 7] = [
        ("", "user.top", b"folder"),
        ("file", "user.empty", b""),
        ("file", "user.long", &long),
        ("file", "security.any", b"a\0b\n"),
        ("file", "trusted.\u{e4}", b"\xff"),
        ("link", "trusted.own", b"of the link"),
        ("link", "security.own", b"too"),
    ];
    for (path, name, value) in given {
        let path = top.join(path);
        // No `/` behind the folder's name.
        let path: std::path::PathBuf = path.components().collect();
        oracle::setfattr(&path, name, Some(value)).expect("set");
    }
    // More names than are asked for at first.
    for number in 0..80 {
        let name = format!("user.{number:010}");
        oracle::setfattr(&top.join("immutable"), &name, Some(b"1")).expect("set");
    }
    let file = top.join("file");
    run(
        "setfacl",
        &["-m".as_ref(), "u:1000:r".as_ref(), file.as_os_str()],
    );
    oracle::chattr("+dAS", &file).expect("set");
    oracle::chattr("+D", &top).expect("set");
    oracle::chattr("+ai", &top.join("immutable")).expect("set");
    symlink("top", mount.path().join("alias")).expect("new");
    let read = [&top, &mount.path().join("alias")].map(|path| from_dir(path).expect("readable"));
    oracle::chattr("-ai", &top.join("immutable")).expect("set");
    for tree in read {
        let meta = |path: &str| {
            let id = tree.lookup(path.as_bytes()).expect("there");
            &tree.node(id).meta
        };
        for (path, name, value) in given {
            let found = meta(path).xattrs.get(name.as_bytes());
            assert_eq!(found, Some(value), "{name} of {path:?}");
        }
        let file = meta("file");
        assert_eq!(file.xattrs.iter().len(), 4 + 1);
        // Version 2 of Linux's exchange format: owner, user 1000, group, mask, others.
        let list = file.xattrs.get(b"system.posix_acl_access").expect("a list");
        assert_eq!((list.len(), &list[..4]), (4 + 5 * 8, &[2, 0, 0, 0][..]));
        let three = FileFlags::NODUMP
            .with(FileFlags::NOATIME)
            .with(FileFlags::SYNC);
        assert_eq!(file.flags, three);
        assert_eq!(meta("").flags, FileFlags::DIRSYNC);
        let both = FileFlags::IMMUTABLE.with(FileFlags::APPEND);
        assert_eq!(meta("immutable").flags, both);
        assert_eq!(meta("immutable").xattrs.iter().len(), 80);
        assert!(meta("plain").xattrs.is_empty() && meta("plain").flags == FileFlags::NONE);
        assert_eq!(meta("link").xattrs.iter().len(), 2);
    }
}

#[test]
fn a_copy_with_other_holes_is_another_tree() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [full, sparse] = ["full", "sparse"].map(|name| folder.path().join(name));
    fs::create_dir(&full).expect("new");
    fs::write(full.join("zeros"), vec![0; 1 << 20]).expect("new");
    let copy = |options: &str, to: &Path| {
        let status = Command::new("cp")
            .args(["-a", options])
            .args([&full, to])
            .status()
            .expect("cp is installed");
        assert!(status.success());
        from_dir(to).expect("readable")
    };
    let same = copy("--sparse=never", &folder.path().join("same"));
    let holed = copy("--sparse=always", &sparse);
    let tree = from_dir(&full).expect("readable");
    assert_eq!(digest(&tree), digest(&same));
    assert_ne!(digest(&tree), digest(&holed));
    assert!(planned(&holed).data_len() < planned(&tree).data_len());
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let absent = folder.path().join("absent");
    let error = from_dir(&absent).expect_err("not there");
    assert!(
        matches!(&error, TreeError::Read { path, .. } if *path == absent),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        format!("cannot read {}", absent.display())
    );
    let file = folder.path().join("file");
    fs::write(&file, b"x").expect("new");
    let error = from_dir(&file).expect_err("no folder");
    assert!(
        matches!(&error, TreeError::Read { path, .. } if *path == file),
        "{error}"
    );
}

/// Writes the filesystem of `tree` to `output`.
fn emit(map: &DiskMap, output: &Path) -> Result<(), EmitError> {
    let mut file = NewFile::create(output)?;
    write_map(map, &mut file, &mut |_| ControlFlow::Continue(()))?;
    file.commit()
}

#[test]
fn a_file_that_changes_between_plan_and_emission_is_named_and_nothing_is_written() {
    type Change = fn(&Path);
    let changes: [(Change, bool); 5] = [
        (|file| fs::remove_file(file).expect("ours"), true),
        (
            |file| {
                let mut file = File::options().append(true).open(file).expect("ours");
                file.write_all(b"more").expect("room");
            },
            false,
        ),
        (
            |file| treegen::set_mtime(file, 1_000_000_000, 1).expect("ours"),
            false,
        ),
        (
            |file| {
                let metadata = fs::metadata(file).expect("there");
                let other = file.with_file_name("other");
                fs::write(&other, vec![8; 100_000]).expect("new");
                let nanos = u32::try_from(metadata.mtime_nsec()).expect("below a second");
                treegen::set_mtime(&other, metadata.mtime(), nanos).expect("ours");
                fs::rename(&other, file).expect("ours");
            },
            false,
        ),
        (
            |file| {
                fs::remove_file(file).expect("ours");
                fs::create_dir(file).expect("new");
            },
            true,
        ),
    ];
    for (change, vanishes) in changes {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (top, output) = (folder.path().join("tree"), folder.path().join("out"));
        fs::create_dir(&top).expect("new");
        for name in ["a", "changing", "z"] {
            fs::write(top.join(name), vec![7; 100_000]).expect("new");
        }
        let map = planned(&from_dir(&top).expect("readable"));
        emit(&map, &output).expect("as it was");
        fs::remove_file(&output).expect("ours");
        let changing = top.join("changing");
        change(&changing);
        let error = emit(&map, &output).expect_err("changed");
        let EmitError::Source(source) = error else {
            panic!("{error}");
        };
        let (path, vanished) = match source {
            SourceError::Open { path, .. } => (path, true),
            SourceError::Changed { path } => (path, false),
            other => panic!("{other}"),
        };
        assert_eq!((path, vanished), (changing, vanishes));
        let left: Vec<_> = fs::read_dir(folder.path()).expect("ours").collect();
        assert_eq!(left.len(), 1, "an output is there: {left:?}");
    }
}
