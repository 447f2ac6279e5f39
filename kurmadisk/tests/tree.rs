//! Trees: put together by hand, and read from folders of the host.

use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use kurmadisk::fs::ext4::{Ext4Options, Ext4Plan};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{
    DeviceNumber, DirEntry, Metadata, NodeKind, Timestamp, Tree, TreeError, digest, from_dir,
};
use kurmadisk_fixtures::treegen;
use kurmadisk_formats::emit::write_map;
use kurmadisk_formats::error::{EmitError, SourceError};
use kurmadisk_formats::map::{DiskMap, Source};
use kurmadisk_formats::output::NewFile;
use kurmadisk_formats::read_at::ReadAt;
use uuid::Uuid;

fn meta() -> Metadata {
    Metadata {
        mode: 0o640,
        uid: 1,
        gid: 2,
        mtime: Timestamp {
            seconds: 1_000_000_000,
            nanos: 5,
        },
    }
}

fn content(bytes: &[u8]) -> DiskMap {
    let mut map = DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes.to_vec()).expect("in range");
    map
}

/// A page that is a hole but for one byte.
fn holed(at: u64) -> DiskMap {
    let mut map = DiskMap::new(4096);
    map.insert_bytes(at, vec![1]).expect("in range");
    map
}

fn bytes_of(tree: &Tree, path: &[u8]) -> Vec<u8> {
    let id = tree.lookup(path).expect("there");
    let NodeKind::File(map) = &tree.node(id).kind else {
        panic!("not a file");
    };
    let mut bytes = vec![0; usize::try_from(map.len()).expect("small")];
    map.reader().read_exact_at(0, &mut bytes).expect("readable");
    bytes
}

/// The tree's filesystem as a map of metadata and content.
fn planned(tree: &Tree) -> DiskMap {
    let options = Ext4Options::new(Uuid::from_u128(1), Uuid::from_u128(2));
    let size = VolumeSize::Auto(FreeSpace::PerMille(50));
    let plan = Ext4Plan::new(tree, size, &options).expect("fits");
    plan.build(tree).expect("the planned one")
}

#[test]
fn names_are_sorted_by_their_bytes_whatever_the_order() {
    let mut tree = Tree::new(meta());
    let names: [&[u8]; 7] = [b"b", b"\xff", b"a", b"B", b"ab", b"a b", b"\xc3\xa4"];
    for name in names {
        tree.add(Tree::ROOT, name, meta(), NodeKind::Fifo)
            .expect("new");
    }
    let mut sorted = names;
    sorted.sort_unstable();
    let found: Vec<&[u8]> = tree
        .entries(Tree::ROOT)
        .iter()
        .map(|entry| &*entry.name)
        .collect();
    assert_eq!(found, sorted);
    for name in names {
        assert!(tree.child(Tree::ROOT, name).is_some());
    }
    assert_eq!(tree.child(Tree::ROOT, b"c"), None);
}

#[test]
fn paths_come_parents_first_and_are_found_again() {
    let mut tree = Tree::new(meta());
    for path in ["b/c/d", "b/a", "a", "b/c/e"] {
        tree.place_file(path.as_bytes(), meta(), DiskMap::new(0))
            .expect("new");
    }
    let paths = tree.paths();
    let names: Vec<&[u8]> = paths.iter().map(|(path, _)| &**path).collect();
    let expected: [&[u8]; 6] = [b"a", b"b", b"b/a", b"b/c", b"b/c/d", b"b/c/e"];
    assert_eq!(names, expected);
    for (path, id) in &paths {
        assert_eq!(tree.lookup(path), Some(*id));
        assert_eq!(tree.path_of(*id).as_bytes(), [b"/", &path[..]].concat());
    }
    assert_eq!(tree.lookup(b"//b//c/"), tree.lookup(b"b/c"));
    assert_eq!(tree.lookup(b""), Some(Tree::ROOT));
    assert_eq!(tree.path_of(Tree::ROOT), "/");
    assert_eq!(tree.lookup(b"a/x"), None);
    assert_eq!(tree.node_count(), 7);
}

#[test]
fn what_no_directory_can_hold_is_refused_by_its_name() {
    let mut tree = Tree::new(meta());
    let file = tree
        .place_file(b"dir/file", meta(), DiskMap::new(0))
        .expect("new");
    let dir = tree.lookup(b"dir").expect("made");
    let names: [&[u8]; 5] = [b"", b".", b"..", b"a/b", b"a\0b"];
    for name in names {
        let error = tree
            .add(dir, name, meta(), NodeKind::Fifo)
            .expect_err("no name");
        let text = String::from_utf8_lossy(name);
        let expected = format!(
            "{text:?} cannot be a file's name: it is empty, \".\", \"..\" or has a \"/\" or NUL in it"
        );
        assert_eq!(error.to_string(), expected);
        assert!(tree.link(dir, name, file).is_err());
    }
    let taken = tree.add(dir, b"file", meta(), NodeKind::Fifo);
    assert_eq!(
        taken.expect_err("taken").to_string(),
        "\"file\" is there already"
    );
    let below = tree.add(file, b"x", meta(), NodeKind::Fifo);
    let expected = "\"x\" lies below something that is not a directory";
    assert_eq!(below.expect_err("a file").to_string(), expected);
    let link = tree.link(Tree::ROOT, b"second", dir);
    let expected = "\"second\" would be a hard link to a directory";
    assert_eq!(link.expect_err("a directory").to_string(), expected);
    let entry = DirEntry {
        name: (*b"x").into(),
        node: file,
    };
    let full = tree.add(dir, b"full", meta(), NodeKind::Directory(vec![entry]));
    let expected = "\"full\" has entries already; add it empty, and then what is in it";
    assert_eq!(full.expect_err("unseen entries").to_string(), expected);
    assert!(
        tree.place_file(b"dir/file/x", meta(), DiskMap::new(0))
            .is_err()
    );
    assert!(tree.place_file(b"dir", meta(), DiskMap::new(0)).is_err());
    // Nothing of all that is left.
    assert_eq!((tree.node_count(), tree.entries(dir).len()), (3, 1));
    assert_eq!(tree.node(file).links(), 1);
}

#[test]
fn a_file_that_is_placed_replaces_one_name_alone() {
    let mut tree = Tree::new(meta());
    let first = tree.place_file(b"a", meta(), content(b"old")).expect("new");
    tree.link(Tree::ROOT, b"b", first).expect("new");
    let dir = tree.make_dirs(b"d", &meta()).expect("new");
    tree.link(dir, b"c", first).expect("new");
    let other = Metadata {
        mode: 0o755,
        ..meta()
    };
    let second = tree
        .place_file(b"b", other.clone(), content(b"new"))
        .expect("replaced");
    assert_eq!(bytes_of(&tree, b"a"), b"old");
    assert_eq!(bytes_of(&tree, b"b"), b"new");
    assert_eq!(bytes_of(&tree, b"d/c"), b"old");
    assert_eq!(tree.lookup(b"a"), tree.lookup(b"d/c"));
    assert_eq!(tree.lookup(b"b"), Some(second));
    assert_eq!(
        (tree.node(first).links(), tree.node(second).links()),
        (2, 1)
    );
    assert_eq!(
        (&tree.node(first).meta, &tree.node(second).meta),
        (&meta(), &other)
    );
    // With one name only, the node itself is replaced.
    let count = tree.node_count();
    let third = tree
        .place_file(b"b", meta(), content(b"third"))
        .expect("replaced");
    assert_eq!((third, tree.node_count()), (second, count));
    assert_eq!(bytes_of(&tree, b"b"), b"third");
}

#[test]
fn parents_are_made_and_what_is_there_stays() {
    let mut tree = Tree::new(meta());
    let owner = Metadata {
        mode: 0o4711,
        uid: 7,
        ..meta()
    };
    tree.place_file(b"/usr/bin/tool", owner.clone(), DiskMap::new(0))
        .expect("new");
    let usr = tree.lookup(b"usr").expect("made");
    // A file's owner does not get the folders above it.
    let expected = Metadata {
        mode: 0o755,
        mtime: owner.mtime,
        ..Metadata::default()
    };
    assert_eq!(tree.node(usr).meta, expected);
    tree.place_file(b"usr/bin/other", meta(), DiskMap::new(0))
        .expect("new");
    assert_eq!(tree.node(usr).meta, expected);
    let bin = tree.make_dirs(b"usr/bin", &meta()).expect("there");
    assert_eq!(Some(bin), tree.lookup(b"usr/bin"));
}

#[test]
fn the_digest_differs_when_anything_but_content_does() {
    let make = |change: &dyn Fn(&mut Tree)| {
        let mut tree = Tree::new(meta());
        tree.place_file(b"dir/file", meta(), content(b"abc"))
            .expect("new");
        let link = NodeKind::Symlink((*b"target").into());
        tree.add(Tree::ROOT, b"link", meta(), link).expect("new");
        change(&mut tree);
        digest(&tree)
    };
    let remeta = |change: fn(&mut Metadata)| {
        make(&move |tree: &mut Tree| {
            let id = tree.lookup(b"dir/file").expect("made");
            let mut meta = tree.node(id).meta.clone();
            change(&mut meta);
            tree.set_metadata(id, meta);
        })
    };
    let add = |name: &'static [u8], kind: NodeKind| {
        make(&move |tree: &mut Tree| {
            tree.add(Tree::ROOT, name, meta(), kind.clone())
                .expect("new");
        })
    };
    let device = |major, minor| NodeKind::CharDevice(DeviceNumber { major, minor });
    let symlink = |target: &[u8]| NodeKind::Symlink(target.into());
    let digests = [
        make(&|_| ()),
        remeta(|meta| meta.mode ^= 1),
        remeta(|meta| meta.uid += 1),
        remeta(|meta| meta.gid += 1),
        remeta(|meta| meta.mtime.seconds += 1),
        remeta(|meta| meta.mtime.nanos += 1),
        make(&|tree| tree.set_metadata(Tree::ROOT, Metadata::default())),
        make(&|tree| drop(tree.place_file(b"dir/file", meta(), content(b"abcd")))),
        add(b"x", NodeKind::Fifo),
        add(b"x", NodeKind::Socket),
        add(b"y", NodeKind::Fifo),
        add(b"x", NodeKind::Directory(Vec::new())),
        add(b"x", NodeKind::File(DiskMap::new(0))),
        add(b"x", symlink(b"a")),
        add(b"x", symlink(b"b")),
        add(b"x", device(1, 2)),
        add(b"x", device(2, 1)),
        add(
            b"x",
            NodeKind::BlockDevice(DeviceNumber { major: 1, minor: 2 }),
        ),
        // A second name of a file, and a second file.
        make(&|tree| {
            let file = tree.lookup(b"dir/file").expect("made");
            tree.link(Tree::ROOT, b"x", file).expect("new");
        }),
        add(b"x", NodeKind::File(content(b"abc"))),
        // Another hole in a file of the same size.
        add(b"x", NodeKind::File(holed(0))),
        add(b"x", NodeKind::File(holed(512))),
        add(b"x", NodeKind::File(DiskMap::new(4096))),
    ];
    for (number, one) in digests.iter().enumerate() {
        for (other, two) in digests.iter().enumerate() {
            assert_eq!(one == two, number == other, "{number} and {other}");
        }
    }
    let same_size = make(&|tree| drop(tree.place_file(b"dir/file", meta(), content(b"xyz"))));
    assert_eq!(same_size, digests[0]);
}

#[test]
fn the_digest_does_not_depend_on_the_order_of_adding() {
    let make = |paths: &[&str]| {
        let mut tree = Tree::new(meta());
        tree.make_dirs(b"d", &meta()).expect("new");
        for path in paths {
            tree.place_file(path.as_bytes(), meta(), DiskMap::new(9))
                .expect("new");
        }
        let node = tree.lookup(b"d/b").expect("made");
        tree.link(Tree::ROOT, b"link", node).expect("new");
        tree
    };
    let one = make(&["a", "d/b", "c"]);
    let two = make(&["d/b", "c", "a"]);
    assert_eq!(digest(&one), digest(&two));
    assert_eq!(planned(&one).extents().len(), planned(&two).extents().len());
}

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
            assert!(entries.windows(2).all(|two| two[0].name < two[1].name));
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
