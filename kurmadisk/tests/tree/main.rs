//! Trees: put together by hand, and read from folders of the host.

mod folder;

use kurmadisk::fs::ext4::{Ext4Options, Ext4Plan};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{
    DeviceNumber, Entries, Joining, Metadata, NodeKind, Timestamp, Tree, TreeError, digest,
};
use kurmadisk_formats::map::DiskMap;
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
        ..Metadata::default()
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
    let plan = Ext4Plan::new(tree.clone(), size, &options).expect("fits");
    plan.build().expect("the planned one")
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
        .map(|entry| entry.name)
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

/// Copies of all these paths would come to 3 GB.
#[test]
fn a_walk_has_one_path_at_a_time() {
    let mut tree = Tree::new(meta());
    let mut dir = Tree::ROOT;
    for _ in 0..55_000 {
        let kind = NodeKind::Directory(Entries::new());
        dir = tree.add(dir, b"a", meta(), kind).expect("new");
    }
    let mut names = tree.walk();
    let mut found = 0;
    while let Some((path, id)) = names.next_name() {
        assert_eq!(path.len(), 2 * found + 1);
        found += 1;
        assert_eq!(id == dir, found == 55_000);
    }
    assert_eq!(found, 55_000);
    assert_eq!(tree.path_of(dir).len(), 2 * found);
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
    let not_empty = tree.node(dir).kind.clone();
    let full = tree.add(dir, b"full", meta(), not_empty);
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
    // Its last name goes to the new one.
    let third = tree
        .place_file(b"b", meta(), content(b"third"))
        .expect("replaced");
    assert_eq!(tree.lookup(b"b"), Some(third));
    assert_eq!((tree.node(second).links(), tree.nodes().count()), (0, 4));
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
        add(b"x", NodeKind::Directory(Entries::new())),
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

#[test]
fn directories_are_joined_as_asked() {
    let lower = || {
        let mut tree = Tree::new(meta());
        for path in [&b"usr/lib/old"[..], b"etc/old"] {
            tree.place_file(path, meta(), content(b"lower"))
                .expect("new");
        }
        let etc = tree.lookup(b"etc").expect("made");
        tree.set_metadata(etc, meta());
        for (name, target) in [("lib", "usr/lib"), ("abs", "/usr/../lib"), ("loop", "loop")] {
            let link = NodeKind::Symlink(target.as_bytes().into());
            tree.add(Tree::ROOT, name.as_bytes(), meta(), link)
                .expect("new");
        }
        tree
    };
    let other = Metadata {
        mode: 0o700,
        uid: 99,
        ..meta()
    };
    let upper = |path: &[u8]| {
        let mut tree = Tree::new(other.clone());
        tree.place_file(path, meta(), content(b"upper"))
            .expect("new");
        let dir = tree.lookup(path.split(|byte| *byte == b'/').next().expect("one"));
        tree.set_metadata(dir.expect("made"), other.clone());
        tree
    };
    let over = |path: &[u8], how| {
        let mut tree = lower();
        tree.overlay_as(Tree::ROOT, &upper(path), how)
            .map(|()| tree)
    };
    let keep = Joining {
        keep_directories: true,
        ..Joining::default()
    };
    let follow = Joining {
        follow_links: true,
        ..Joining::default()
    };
    let mode = |tree: &Tree, path: &[u8]| tree.node(tree.lookup(path).expect("there")).meta.mode;
    let tree = over(b"etc/new", Joining::default()).expect("joined");
    assert_eq!((mode(&tree, b"etc"), mode(&tree, b"")), (0o700, 0o700));
    let tree = over(b"etc/new", keep).expect("joined");
    assert_eq!((mode(&tree, b"etc"), mode(&tree, b"")), (0o640, 0o640));
    assert_eq!(bytes_of(&tree, b"etc/new"), b"upper");
    let tree = over(b"opt/new", keep).expect("joined");
    assert_eq!(mode(&tree, b"opt"), 0o700);
    for path in [&b"lib/new"[..], b"abs/new"] {
        let tree = over(path, follow).expect("joined");
        assert_eq!(bytes_of(&tree, b"usr/lib/new"), b"upper");
        assert_eq!(bytes_of(&tree, b"usr/lib/old"), b"lower");
        let error = over(path, Joining::default()).expect_err("not asked for");
        assert!(
            matches!(&error, TreeError::LinkMeetsFolder { .. }),
            "{error}"
        );
    }
    let error = over(b"loop/new", follow).expect_err("it leads nowhere");
    let expected = "/loop is a folder here and a symbolic link to \"loop\" in the tree below";
    assert!(error.to_string().starts_with(expected), "{error}");
}
