//! Images made by the test itself: what layers come to.

use std::fs;
use std::path::Path;

use kurmadisk::source::oci::{Config, Image, Platform, Select, recognise, recognise_folder};
use kurmadisk::tree::{Metadata, NodeKind, Tree, from_dir};
use serde_json::json;

use super::support::{
    Archive, CONFIG, LAYER, Layout, config, digest, image_at, paths, run, saved, select,
};
use crate::tar::support::{LINKNAME, MODE, header};

/// Three layers that do all to one another that layers can.
pub fn three_layers() -> [Archive; 3] {
    let base = Archive::new()
        .dir("./")
        .dir("etc")
        .file("etc/passwd", b"root")
        .file("etc/removed", b"1")
        .dir("opaque")
        .file("opaque/hidden", b"1")
        .dir("opaque/sub")
        .file("opaque/sub/hidden", b"1")
        .file("file-to-dir", b"1")
        .dir("dir-to-file")
        .file("dir-to-file/gone", b"1")
        .dir("removed-dir")
        .file("removed-dir/x", b"1")
        .dir("again")
        .file("again/old", b"1")
        .file("meta", b"kept content")
        .file("linked", b"shared")
        .link("other-name", b'1', "linked");
    let middle = Archive::new()
        .dir("etc")
        .file("etc/.wh.removed", b"")
        .file("etc/added", b"2")
        .dir("opaque")
        .file("opaque/.wh..wh..opq", b"")
        .file("opaque/new", b"2")
        .dir("file-to-dir")
        .file("file-to-dir/inside", b"2")
        .file("dir-to-file", b"2")
        .file(".wh.removed-dir", b"")
        .file(".wh.again", b"")
        .link("linked-later", b'1', "linked")
        .pax(&[("SCHILY.xattr.user.a", b"b")])
        .changed(header(b"meta", b'0', 12), &[(MODE, b"0004755\0")])
        .data(b"kept content");
    let upper = Archive::new()
        .dir("again")
        .file("again/new", b"3")
        .file("opaque/.wh.new", b"")
        .file("etc/passwd", b"root and others")
        .changed(header(b"etc/alias", b'2', 0), &[(LINKNAME, b"passwd")]);
    [base, middle, upper].map(|layer| Archive([&layer.0[..], &[0; 1024]].concat()))
}

/// The paths that are left of them.
pub const LEFT: &[&str] = &[
    "again",
    "again/new",
    "dir-to-file",
    "etc",
    "etc/added",
    "etc/alias",
    "etc/passwd",
    "file-to-dir",
    "file-to-dir/inside",
    "linked",
    "linked-later",
    "meta",
    "opaque",
    "other-name",
];

/// What three layers come to.
pub fn check(image: &Image) {
    assert_eq!(paths(image), LEFT);
    let tree = &image.tree;
    let id = |path: &str| tree.lookup(path.as_bytes()).expect("there");
    let content = |path: &str| match &tree.node(id(path)).kind {
        NodeKind::File(map) => super::support::bytes_of(map),
        other => panic!("{other:?}"),
    };
    assert_eq!(content("etc/passwd"), b"root and others");
    assert_eq!(content("dir-to-file"), b"2");
    let meta = tree.node(id("meta"));
    assert_eq!(
        (meta.meta.mode, content("meta")),
        (0o4755, b"kept content".to_vec())
    );
    assert_eq!(meta.meta.xattrs.get(b"user.a"), Some(&b"b"[..]));
    assert_eq!(
        (id("linked"), id("linked")),
        (id("other-name"), id("linked-later"))
    );
    assert_eq!(tree.node(id("linked")).links(), 3);
    assert_eq!(tree.node(Tree::ROOT).meta.mode, 0o640);
}

fn tar(folder: &Path, options: &[&str]) -> (tempfile::TempDir, std::path::PathBuf) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let path = place.path().join("image");
    let names = fs::read_dir(folder).expect("there");
    let names = names.map(|entry| entry.expect("readable").file_name());
    let file = ["-cf".into(), path.clone().into_os_string()];
    let options = options.iter().map(Into::into);
    let arguments: Vec<_> = options.chain(file).chain(names).collect();
    run(folder, "tar", &arguments);
    (place, path)
}

#[test]
fn a_docker_save_of_three_layers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    saved(folder.path(), &three_layers(), &["example/three:1"]);
    assert!(recognise_folder(folder.path()));
    let expected = Config {
        platform: Platform::linux_amd64(),
        user: String::new(),
        env: vec!["PATH=/bin".to_owned(), "A=b".to_owned()],
        entrypoint: vec!["/init".to_owned()],
        cmd: vec!["/bin/sh".to_owned()],
        working_dir: String::new(),
        labels: [("a.b".to_owned(), "c".to_owned())].into(),
    };
    let from_folder = image_at(folder.path(), &Select::default());
    check(&from_folder);
    assert_eq!(from_folder.config, expected);
    for options in [&[][..], &["--gzip"], &["--zstd"]] {
        let (_place, path) = tar(folder.path(), options);
        let image = image_at(&path, &Select::default());
        check(&image);
        assert_eq!(image.config, expected);
    }
}

#[test]
fn a_layout_of_three_layers_compressed_in_every_way() {
    let layout = Layout::new();
    let layers = three_layers();
    let stored = [
        ("gzip", "application/vnd.oci.image.layer.v1.tar+gzip"),
        ("zstd", "application/vnd.oci.image.layer.v1.tar+zstd"),
        ("xz", LAYER),
    ];
    let stored = layers
        .iter()
        .zip(stored)
        .map(|(layer, (program, media_type))| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            fs::write(folder.path().join("layer"), &layer.0).expect("room");
            let bytes = run(folder.path(), program, &["-c", "layer"]);
            layout.blob(media_type, &bytes)
        });
    let stored: Vec<_> = stored.collect();
    let diff_ids = layers.each_ref().map(|layer| digest(&layer.0));
    layout.index(&[layout.manifest(&config("amd64", &diff_ids), &stored)]);
    assert!(recognise_folder(layout.path()));
    check(&image_at(layout.path(), &Select::default()));
    let (_place, path) = tar(layout.path(), &[]);
    check(&image_at(&path, &Select::default()));
}

#[test]
fn layers_of_docker_and_those_that_need_not_be_distributed() {
    let layout = Layout::new();
    let layers = three_layers();
    let types = [
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
    ];
    let stored = layers.iter().zip(types).map(|(layer, media_type)| {
        let mut descriptor = layout.blob(media_type, &layer.0);
        descriptor["urls"] = json!(["https://example.org/layer"]);
        descriptor
    });
    let stored: Vec<_> = stored.collect();
    let diff_ids = layers.each_ref().map(|layer| digest(&layer.0));
    let config = config("amd64", &diff_ids).to_string();
    let config = layout.blob(
        "application/vnd.docker.container.image.v1+json",
        config.as_bytes(),
    );
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": stored});
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    layout.index(&[layout.document(docker, &manifest)]);
    check(&image_at(layout.path(), &Select::default()));
}

/// Docker before version 25 writes a layer that is there twice as a link to the first.
#[test]
fn layers_may_be_links_to_one_another() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let twice = Archive::new().file("a", b"1");
    let gone = Archive::new().file(".wh.a", b"");
    saved(folder.path(), &[twice.clone(), gone, twice], &[]);
    let third = folder.path().join("layer3/layer.tar");
    fs::remove_file(&third).expect("there");
    std::os::unix::fs::symlink("../layer1/layer.tar", &third).expect("new");
    let image = image_at(folder.path(), &Select::default());
    assert_eq!(paths(&image), ["a"]);
}

/// Docker from version 25 on writes a layout that has a `manifest.json` too.
#[test]
fn a_docker_save_that_is_a_layout_too() {
    let layout = Layout::new();
    let mut image = layout.image("amd64", &three_layers());
    image["annotations"] = json!({
        "io.containerd.image.name": "docker.io/example/three:1",
        "org.opencontainers.image.ref.name": "1",
    });
    image["artifactType"] = json!(CONFIG);
    let config = layout.document(CONFIG, &config("amd64", &[]));
    let config = config["digest"].as_str().expect("one").replace(':', "/");
    let list = json!([{"Config": format!("blobs/{config}"), "RepoTags": null, "Layers": []}]);
    fs::write(layout.path().join("manifest.json"), list.to_string()).expect("room");
    // The layout counts, for in it digests vouch for everything.
    layout.index(&[image]);
    check(&image_at(layout.path(), &Select::default()));
    check(&image_at(
        layout.path(),
        &select(Some("example/three:1"), None),
    ));
    fs::remove_file(layout.path().join("oci-layout")).expect("there");
    assert!(paths(&image_at(layout.path(), &Select::default())).is_empty());
}

#[test]
fn an_image_without_layers_is_an_empty_tree() {
    let layout = Layout::new();
    layout.index(&[layout.image("amd64", &[])]);
    let image = image_at(layout.path(), &Select::default());
    assert_eq!(paths(&image), [""; 0]);
    assert_eq!(image.tree.node(Tree::ROOT).meta.mode, 0o755);
}

#[test]
fn a_root_that_no_layer_describes_is_as_it_was() {
    let layout = Layout::new();
    let layer = Archive::new().dir("etc").file("etc/added", b"2");
    let layer = Archive([&layer.0[..], &[0; 1024]].concat());
    layout.index(&[layout.image("amd64", &[layer])]);
    let meta = |mode, uid| Metadata {
        mode,
        uid,
        ..Metadata::default()
    };
    let select = Select {
        root: meta(0o711, 7),
        ..Select::default()
    };
    let image = image_at(layout.path(), &select);
    let root = image.tree.node(Tree::ROOT);
    assert!(root.is_implied());
    assert_eq!(root.meta, meta(0o711, 7));
    let mut lower = Tree::new(meta(0o1750, 5));
    lower.overlay(Tree::ROOT, &image.tree).expect("laid over");
    assert_eq!(lower.node(Tree::ROOT).meta, meta(0o1750, 5));
    assert!(lower.lookup(b"etc/added").is_some());
}

#[test]
fn what_overlayfs_has_for_whiteouts_is_kept() {
    let base = Archive::new().dir("d").file("d/a", b"1");
    let upper = Archive::new()
        .pax(&[("SCHILY.xattr.trusted.overlay.opaque", b"y")])
        .dir("d")
        .entry("d/a", b'3', b"");
    let layout = Layout::new();
    layout.index(&[layout.image("amd64", &[base, upper])]);
    let tree = image_at(layout.path(), &Select::default()).tree;
    let node = |path: &[u8]| tree.node(tree.lookup(path).expect("there"));
    assert!(matches!(node(b"d/a").kind, NodeKind::CharDevice(_)));
    let opaque = node(b"d").meta.xattrs.get(b"trusted.overlay.opaque");
    assert_eq!(opaque, Some(&b"y"[..]));
}

#[test]
fn roots_of_systems_are_no_images() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let is_image = || {
        let tree = from_dir(folder.path()).expect("readable");
        assert_eq!(recognise(&tree), recognise_folder(folder.path()));
        recognise(&tree)
    };
    assert!(!is_image() && !recognise(&Tree::new(Metadata::default())));
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("room");
    write("oci-layout", "");
    write("manifest.json", r#"{"manifest_version": 3}"#);
    write("version", "12");
    assert!(!is_image());
    write("manifest.json", "[]");
    assert!(!is_image());
    write("manifest.json", r#"[{"Config": "x", "Layers": []}]"#);
    assert!(is_image());
    write("manifest.json", "{}");
    assert!(!is_image());
    write("version", "Directory Transport Version: 1.1\n");
    assert!(is_image());
}
