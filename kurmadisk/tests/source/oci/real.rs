//! Images by umoci and skopeo, and what they make of images, against our trees.

use std::fs;
use std::path::Path;

use kurmadisk::source::oci::{Select, read};
use kurmadisk::source::scratch::Scratch;
use kurmadisk::tree::{NodeKind, Tree, from_dir};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_formats::error::chain;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;
use serde_json::json;
use tempfile::TempDir;

use super::layers::{check, three_layers};
use super::support::{
    Archive, INDEX, Layout, Listing, assert_same, config, for_platform, image_at, listing, run,
    saved, select, tagged,
};

fn skopeo(folder: &Path, arguments: &[&str]) {
    let always = ["--insecure-policy", "copy", "--quiet"];
    run(folder, "skopeo", &[&always, arguments].concat());
}

/// An image of three layers as umoci puts it together.
fn by_umoci() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let umoci = |arguments: &[&str]| run(folder.path(), "umoci", arguments);
    umoci(&["init", "--layout", "image"]);
    umoci(&["new", "--image", "image:three"]);
    for layer in three_layers() {
        fs::write(folder.path().join("layer.tar"), &layer.0).expect("room");
        umoci(&["raw", "add-layer", "--image", "image:three", "layer.tar"]);
    }
    let cmd = [
        "config",
        "--image",
        "image:three",
        "--config.cmd",
        "/bin/sh",
    ];
    let env = [
        "--config.env",
        "A=b",
        "--config.user",
        "1:2",
        "--config.workingdir",
        "/etc",
    ];
    umoci(&[&cmd[..], &env].concat());
    folder
}

/// What umoci unpacks, but for the root directory, whose time is that of unpacking, and what a filesystem can't be
/// asked for here: extended attributes.
fn without_root(mut list: Listing) -> Listing {
    list.remove(&b""[..]);
    for seen in list.values_mut() {
        seen.meta.xattrs = kurmadisk::tree::Xattrs::new();
    }
    list
}

#[test]
fn umoci_unpacks_what_we_read() {
    let folder = by_umoci();
    let unpack = ["raw", "unpack", "--image", "image:three", "rootfs"];
    run(folder.path(), "umoci", &unpack);
    let image = image_at(&folder.path().join("image"), &Select::default());
    check(&image);
    let unpacked = listing(&from_dir(&folder.path().join("rootfs")).expect("readable"));
    assert_same(&without_root(listing(&image.tree)), &without_root(unpacked));
    assert_eq!(
        (
            image.config.user.as_str(),
            image.config.working_dir.as_str()
        ),
        ("1:2", "/etc")
    );
    assert_eq!(
        (&image.config.cmd[..], &image.config.env[..]),
        (&["/bin/sh".to_owned()][..], &["A=b".to_owned()][..])
    );
}

#[test]
fn skopeo_copies_to_every_form() {
    let folder = by_umoci();
    let original = image_at(&folder.path().join("image"), &select(Some("three"), None));
    let expected = listing(&original.tree);
    let cases: [(&[&str], &str); 7] = [
        (&["oci-archive:a.tar:tag"], "a.tar"),
        (&["docker-archive:b.tar:example/three:1"], "b.tar"),
        (&["docker-archive:c.tar"], "c.tar"),
        (&["dir:d"], "d"),
        (&["--format", "v2s2", "dir:e"], "e"),
        (&["--dest-decompress", "dir:f"], "f"),
        (&["--dest-oci-accept-uncompressed-layers", "oci:g:tag"], "g"),
    ];
    for (to, path) in cases {
        skopeo(folder.path(), &[&["oci:image:three"], to].concat());
        let image = image_at(&folder.path().join(path), &Select::default());
        println!("{path}");
        assert_same(&listing(&image.tree), &expected);
        assert_eq!(image.config, original.config);
    }
    // Back from an archive whose layers aren't compressed.
    let back = [
        "--dest-oci-accept-uncompressed-layers",
        "docker-archive:b.tar",
        "oci:h:tag",
    ];
    skopeo(folder.path(), &back);
    let image = image_at(
        &folder.path().join("h"),
        &select(Some("tag"), Some("linux/amd64")),
    );
    assert_same(&listing(&image.tree), &expected);
}

#[test]
fn skopeo_and_umoci_accept_our_docker_save() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let image = folder.path().join("saved");
    fs::create_dir(&image).expect("new");
    saved(&image, &three_layers(), &["example/three:1"]);
    run(&image, "tar", &["-cf", "../saved.tar", "."]);
    skopeo(
        folder.path(),
        &["docker-archive:saved.tar", "oci:image:three"],
    );
    let unpack = ["raw", "unpack", "--image", "image:three", "rootfs"];
    run(folder.path(), "umoci", &unpack);
    let found = image_at(
        &folder.path().join("saved.tar"),
        &select(Some("example/three:1"), None),
    );
    let unpacked = listing(&from_dir(&folder.path().join("rootfs")).expect("readable"));
    assert_same(&without_root(listing(&found.tree)), &without_root(unpacked));
}

#[test]
fn all_platforms_in_a_folder_of_skopeo() {
    let layout = Layout::new();
    let images = ["amd64", "arm64", "riscv64"].map(|architecture| {
        let layer = Archive::new().file(architecture, b"");
        let image = layout.image(architecture, &[layer]);
        for_platform(image, &format!("linux/{architecture}"))
    });
    let index = layout.document(INDEX, &json!({"schemaVersion": 2, "manifests": images}));
    layout.index(&[tagged(index, "all")]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let from = format!("oci:{}:all", layout.path().display());
    skopeo(folder.path(), &["--all", &from, "dir:all"]);
    for platform in ["linux/amd64", "linux/arm64", "linux/riscv64"] {
        let select = select(None, Some(platform));
        let expected = image_at(layout.path(), &select);
        let found = image_at(&folder.path().join("all"), &select);
        assert_same(&listing(&found.tree), &listing(&expected.tree));
        assert_eq!(found.config.platform.to_string(), platform);
    }
}

/// The bytes of two contents, piece by piece.
fn assert_same_bytes(found: &DiskMap, expected: &DiskMap, path: &[u8]) {
    let path = path.escape_ascii();
    assert_eq!(found.len(), expected.len(), "{path}");
    let (one, other) = (found.reader(), expected.reader());
    let mut at = 0;
    while at < found.len() {
        let len = usize::try_from((found.len() - at).min(1 << 20)).expect("small");
        let [a, b] = [&one, &other].map(|reader| {
            let mut piece = vec![0; len];
            reader.read_exact_at(at, &mut piece).expect("readable");
            piece
        });
        assert!(a == b, "{path} differs behind byte {at}");
        at += len as u64;
    }
}

fn assert_same_trees(found: &Tree, expected: &Tree) -> usize {
    let (found_paths, expected_paths) = (found.paths(), expected.paths());
    let names = |paths: &[(Vec<u8>, _)]| {
        paths
            .iter()
            .map(|(path, _)| path.clone())
            .collect::<Vec<_>>()
    };
    assert!(names(&found_paths) == names(&expected_paths), "other names");
    for ((path, one), (_, other)) in found_paths.iter().zip(&expected_paths) {
        let (one, other) = (found.node(*one), expected.node(*other));
        let shown = path.escape_ascii();
        assert_eq!(one.meta, other.meta, "{shown}");
        assert_eq!(one.links(), other.links(), "{shown}");
        match (&one.kind, &other.kind) {
            (NodeKind::File(one), NodeKind::File(other)) => assert_same_bytes(one, other, path),
            (NodeKind::Directory(_), NodeKind::Directory(_)) => {}
            (one, other) => assert_eq!(format!("{one:?}"), format!("{other:?}"), "{shown}"),
        }
    }
    found_paths.len()
}

fn sha256(path: &Path) -> String {
    let digits = kurmadisk_fixtures::oracle::sha256(path).expect("readable");
    format!("sha256:{digits}")
}

#[test]
fn a_debian_root_as_a_layer() {
    let root = &debian_root().tree;
    let layout = Layout::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tar = ["--format=pax", "--numeric-owner", "-cf"].map(std::ffi::OsString::from);
    let path = folder.path().join("layer");
    let all = [path.clone().into(), ".".into()];
    run(root, "tar", &[&tar[..], &all].concat());
    run(folder.path(), "zstd", &["-q", "-1", "-T0", "layer"]);
    let stored_path = folder.path().join("layer.zst");
    let (diff_id, stored_id) = (sha256(&path), sha256(&stored_path));
    let size = fs::metadata(&stored_path).expect("there").len();
    let media_type = "application/vnd.oci.image.layer.v1.tar+zstd";
    let stored = json!({"mediaType": media_type, "digest": stored_id, "size": size});
    fs::copy(&stored_path, layout.blob_path(&stored)).expect("room");
    layout.index(&[layout.manifest(&config("amd64", &[diff_id]), &[stored])]);
    let scratch = Scratch::Folder(folder.path().to_owned());
    let image = read(layout.path(), &Select::default(), &scratch)
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
    let expected = from_dir(root).expect("readable");
    let meta = image.tree.node(Tree::ROOT).meta.clone();
    assert_eq!(expected.node(Tree::ROOT).meta, meta);
    let count = assert_same_trees(&image.tree, &expected);
    assert!(count > 8000, "{count}");
}
