//! Any bytes give an image or an error; any layers give what umoci unpacks.

use std::fs;

use kurmadisk::source::oci::{Select, read_layout, recognise};
use kurmadisk::source::scratch::Scratch;
use kurmadisk::tree::{Metadata, Tree, from_dir};
use kurmadisk_formats::error::chain;
use proptest::prelude::*;

use super::support::{
    Archive, Layout, assert_same, image_at, in_memory, listing, run, saved, tagged,
};

/// The files of layouts: their paths and what is in them.
type Files = Vec<(String, Vec<u8>)>;

fn files(folder: &std::path::Path) -> Files {
    let tree = from_dir(folder).expect("readable");
    let paths = tree.paths().into_iter().filter_map(|(path, _)| {
        let path = String::from_utf8(path).expect("text");
        let bytes = fs::read(folder.join(&path)).ok()?;
        Some((path, bytes))
    });
    paths.collect()
}

fn seeds() -> &'static [Files; 2] {
    static SEEDS: std::sync::OnceLock<[Files; 2]> = std::sync::OnceLock::new();
    SEEDS.get_or_init(|| {
        let layers = [
            Archive::new().file("a", b"1"),
            Archive::new().file(".wh.a", b""),
        ];
        let layout = Layout::new();
        layout.index(&[tagged(layout.image("amd64", &layers), "one")]);
        let folder = tempfile::tempdir().expect("a temporary folder");
        saved(folder.path(), &layers, &["one"]);
        [files(layout.path()), files(folder.path())]
    })
}

fn check(files: &Files) -> bool {
    let mut layout = Tree::new(Metadata::default());
    for (path, bytes) in files {
        let content = in_memory(bytes.clone());
        layout
            .place_file(path.as_bytes(), Metadata::default(), content)
            .expect("a path");
    }
    let _ = recognise(&layout);
    match read_layout(&layout, &Select::default(), &Scratch::Memory) {
        Ok(_) => true,
        Err(error) => {
            assert!(!chain(&error).is_empty());
            false
        }
    }
}

#[test]
fn the_seeds_themselves_are_good() {
    assert!(seeds().iter().all(check));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changed_files(
        seed in 0..2_usize,
        changes in prop::collection::vec((
            any::<prop::sample::Index>(),
            any::<prop::sample::Index>(),
            prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:0159 ".to_vec())],
        ), 1..4),
    ) {
        let mut files = seeds()[seed].clone();
        for (file, at, value) in changes {
            let file = file.index(files.len());
            let bytes = &mut files[file].1;
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        }
        check(&files);
    }

    #[test]
    fn files_that_are_swapped_cut_or_gone(
        seed in 0..2_usize,
        pair in any::<[prop::sample::Index; 2]>(),
        cut in any::<prop::sample::Index>(),
        gone in any::<prop::sample::Index>(),
    ) {
        let files = &seeds()[seed];
        let [a, b] = pair.map(|index| index.index(files.len()));
        let mut swapped = files.clone();
        swapped[a].1.clone_from(&files[b].1);
        check(&swapped);
        let mut short = files.clone();
        let len = cut.index(short[a].1.len() + 1);
        short[a].1.truncate(len);
        check(&short);
        let mut fewer = files.clone();
        fewer.remove(gone.index(files.len()));
        check(&fewer);
    }
}

/// What a layer says of each of some paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Directory,
    Opaque,
    File,
    Symlink,
    Whiteout,
}

/// Parents first.
const PATHS: [&str; 14] = [
    "a", "b", "a/a", "a/b", "b/a", "b/b", "a/a/a", "a/a/b", "a/b/a", "a/b/b", "b/a/a", "b/a/b",
    "b/b/a", "b/b/b",
];

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => Just(Said::Nothing),
        4 => Just(Said::Directory),
        1 => Just(Said::Opaque),
        3 => Just(Said::File),
        1 => Just(Said::Symlink),
        2 => Just(Said::Whiteout),
    ]
}

/// A layer that says so; each path's parent is one of its directories.
fn layer(number: usize, mut said: [Said; PATHS.len()]) -> Archive {
    let at = |path: &str| PATHS.iter().position(|other| *other == path);
    for (path, name) in PATHS.iter().enumerate().rev() {
        let parent = name.rfind('/').and_then(|slash| at(&name[..slash]));
        if let Some(parent) = parent
            && said[path] != Said::Nothing
            && said[parent] == Said::Nothing
        {
            said[parent] = Said::Directory;
        }
    }
    let mut archive = Archive::new();
    for (path, name) in PATHS.iter().enumerate() {
        let (dir, last) = name.rsplit_once('/').unwrap_or((".", name));
        let holds = |dir: usize| matches!(said[dir], Said::Directory | Said::Opaque);
        if at(dir).is_some_and(|dir| !holds(dir)) {
            said[path] = Said::Nothing;
            continue;
        }
        let content = format!("{number} {name}");
        archive = match said[path] {
            Said::Nothing => archive,
            Said::Directory => archive.dir(name),
            Said::Opaque => archive.dir(name).file(&format!("{name}/.wh..wh..opq"), b""),
            Said::File => archive.file(name, content.as_bytes()),
            Said::Symlink => archive.link(name, b'2', "b"),
            Said::Whiteout => archive.file(&format!("{dir}/.wh.{last}"), b""),
        };
    }
    Archive([&archive.0[..], &[0; 1024]].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn umoci_unpacks_random_layers_as_we_read_them(
        layers in prop::collection::vec(prop::array::uniform14(said()), 1..5),
    ) {
        let layers = layers.into_iter().enumerate();
        let layers: Vec<_> = layers.map(|(number, said)| layer(number, said)).collect();
        let layout = Layout::new();
        layout.index(&[tagged(layout.image("amd64", &layers), "one")]);
        let image = image_at(layout.path(), &Select::default());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let from = format!("{}:one", layout.path().display());
        run(folder.path(), "umoci", &["raw", "unpack", "--image", &from, "rootfs"]);
        let unpacked = from_dir(&folder.path().join("rootfs")).expect("readable");
        let below_root = |tree| {
            let mut list = listing(tree);
            list.remove(&b""[..]);
            list
        };
        assert_same(&below_root(&image.tree), &below_root(&unpacked));
    }
}
