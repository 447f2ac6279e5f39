//! Images laid over those that they depend on.

use std::fs;
use std::path::{Path, PathBuf};

use kurmadisk::formats::error::chain;
use kurmadisk::spec::Located;
use kurmadisk_fixtures::treediff::{self, Options};
use kurmadisk_os::aci::{AciImage, pack_tree, render, unpack};
use serde_json::{Value, json};

use super::support::{build, files, manifest, read, run, shape, spec};

/// A folder with images in it.
struct Images {
    folder: tempfile::TempDir,
}

impl Images {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Builds an image of these files.
    fn add(&self, name: &str, more: &Value, content: &[(&str, &str)]) -> AciImage {
        let tree = files(&self.path(name), content);
        fs::create_dir_all(&tree).unwrap();
        let spec = spec(manifest(&format!("example.com/{name}"), more), Some(&tree));
        let out = self.path(&format!("{name}.aci"));
        build(&spec, &out);
        read(&out)
    }
}

fn on(names: &[&str]) -> Value {
    let wanted = names.iter();
    let wanted: Vec<_> = wanted
        .map(|name| json!({"imageName": format!("example.com/{name}")}))
        .collect();
    json!({ "dependencies": wanted })
}

#[track_caller]
fn rendered(image: &AciImage, given: &[AciImage]) -> Vec<(String, String)> {
    let tree = render(image, given).unwrap_or_else(|error| panic!("{}", chain(&error)));
    shape(&tree)
}

fn refused(image: &AciImage, given: &[AciImage]) -> String {
    chain(&render(image, given).unwrap_err())
}

fn file(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), format!("file {text}"))
}

fn dir(path: &str) -> (String, String) {
    (path.to_owned(), "directory".to_owned())
}

#[test]
fn dependencies_lie_depth_first_and_the_image_on_top() {
    let images = Images::new();
    let d = images.add("d", &json!({}), &[("who", "d"), ("d", "d"), ("bcd", "d")]);
    let c = images.add("c", &on(&["d"]), &[("who", "c"), ("bcd", "c")]);
    let b = images.add(
        "b",
        &json!({}),
        &[("who", "b"), ("d", "b"), ("bcd", "b"), ("b", "b")],
    );
    let a = images.add("a", &on(&["b", "c"]), &[("who", "a")]);
    // The specification's own example: the order of override is B, D, C, A.
    let expected = [
        file("b", "b"),
        file("bcd", "c"),
        file("d", "d"),
        file("who", "a"),
    ];
    assert_eq!(rendered(&a, &[b.clone(), c.clone(), d.clone()]), expected);
    assert_eq!(rendered(&a, &[d, c, b]), expected);
}

#[test]
fn what_is_there_is_replaced_and_no_link_is_followed() {
    let images = Images::new();
    let base = images.add(
        "base",
        &json!({}),
        &[
            ("usr/lib/a", "a"),
            ("lib", "-> usr/lib"),
            ("etc/conf/x", "x"),
            ("var/", ""),
            ("file", "old"),
            ("link", "-> file"),
        ],
    );
    let top = images.add(
        "top",
        &on(&["base"]),
        &[
            ("lib/b", "b"),
            ("etc/conf", "a file now"),
            ("var/y", "y"),
            ("link", "no link"),
        ],
    );
    assert_eq!(
        rendered(&top, &[base]),
        [
            dir("etc"),
            file("etc/conf", "a file now"),
            file("file", "old"),
            dir("lib"),
            file("lib/b", "b"),
            file("link", "no link"),
            dir("usr"),
            dir("usr/lib"),
            file("usr/lib/a", "a"),
            dir("var"),
            file("var/y", "y"),
        ]
    );
}

#[test]
fn only_what_every_whitelist_has_is_there() {
    let images = Images::new();
    let content = [
        ("a/x", "x"),
        ("a/y", "y"),
        ("b/z", "z"),
        ("c/", ""),
        ("c/w", "w"),
    ];
    let base = images.add(
        "base",
        &json!({"pathWhitelist": ["/a/x", "/b/z", "/c"]}),
        &content,
    );
    assert_eq!(
        rendered(&base, &[]),
        [
            dir("a"),
            file("a/x", "x"),
            dir("b"),
            file("b/z", "z"),
            dir("c")
        ]
    );
    let mut top = on(&["base"]);
    top["pathWhitelist"] = json!(["/a/x", "/a/y", "/own/"]);
    let top = images.add(
        "top",
        &top,
        &[("own/", ""), ("own/in", "i"), ("b/z", "own")],
    );
    assert_eq!(
        rendered(&top, &[base]),
        [dir("a"), file("a/x", "x"), dir("own")]
    );
}

#[test]
fn hard_links_stay_such() {
    let images = Images::new();
    let tree = files(&images.path("linked"), &[("a", "text")]);
    fs::hard_link(tree.join("a"), tree.join("b")).unwrap();
    let linked = images.add("linked", &json!({}), &[]);
    let top = images.add("top", &on(&["linked"]), &[]);
    let tree = render(&top, &[linked]).unwrap();
    assert_eq!(tree.lookup(b"a"), tree.lookup(b"b"));
    assert_eq!(tree.node(tree.lookup(b"a").unwrap()).links(), 2);
}

#[test]
fn dependencies_are_found_by_id_and_labels() {
    let images = Images::new();
    let version = |value: &str| json!({"labels": [{"name": "version", "value": value}]});
    let old = images.add("base", &version("1"), &[("version", "1")]);
    fs::rename(images.path("base.aci"), images.path("old.aci")).unwrap();
    fs::remove_dir_all(images.path("base")).unwrap();
    let old = AciImage {
        path: images.path("old.aci"),
        ..old
    };
    let new = images.add("base", &version("2"), &[("version", "2")]);
    let both = [read(&old.path), new.clone()];
    let wanted = |more: Value| {
        let mut wanted = more;
        wanted["imageName"] = json!("example.com/base");
        json!({ "dependencies": [wanted] })
    };
    let labelled = images.add(
        "l",
        &wanted(json!({"labels": [{"name": "version", "value": "1"}]})),
        &[],
    );
    let unused = refused(&labelled, &both);
    assert!(unused.starts_with("no image depends on "), "{unused}");
    assert_eq!(rendered(&labelled, &both[..1]), [file("version", "1")]);
    let by_id = images.add("i", &wanted(json!({"imageID": new.id})), &[]);
    assert_eq!(rendered(&by_id, &both[1..]), [file("version", "2")]);
    let error = refused(&by_id, &both[..1]);
    assert!(
        error.contains("old.aci has that name and is another one; give its file"),
        "{error}"
    );
    let any = images.add("any", &wanted(json!({})), &[]);
    assert!(refused(&any, &both).contains("which both "));
    let error = refused(&any, &[]);
    assert!(error.contains("no image of that name is given"), "{error}");
    let sized = images.add("sized", &wanted(json!({"size": 5})), &[]);
    assert!(refused(&sized, &both[..1]).contains("example.com/sized depends on one of 5"));
}

#[test]
fn an_image_that_depends_on_itself_is_refused() {
    let images = Images::new();
    let one = images.add("one", &on(&["two"]), &[]);
    let two = images.add("two", &on(&["one"]), &[]);
    let error = refused(&one, &[one.clone(), two]);
    assert!(error.contains("depends on itself"), "{error}");
}

#[test]
fn ids_of_dependencies_go_into_the_manifest() {
    let images = Images::new();
    let base = images.add("base", &json!({}), &[("a", "a")]);
    let mut spec = spec(manifest("example.com/top", &on(&["base"])), None);
    spec.dependencies = vec![Located::by_caller(images.path("base.aci"))];
    let out = images.path("top.aci");
    build(&spec, &out);
    let top = read(&out);
    assert_eq!(
        top.manifest().unwrap().dependencies[0].image_id,
        Some(base.id.clone())
    );
    spec.manifest = super::support::spec(manifest("example.com/top", &json!({})), None).manifest;
    let error = chain(&spec.build(&images.path("no.aci")).unwrap_err());
    assert!(error.starts_with("no image depends on "), "{error}");
}

/// What tar makes of the archives' root filesystems, one over another, in `rootfs` of a folder.
fn by_hand(layers: &[&Path], into: &Path) {
    fs::create_dir(into).unwrap();
    for layer in layers {
        let arguments = ["-xf".as_ref(), layer.as_os_str(), "rootfs".as_ref()];
        run(into, "tar", &arguments);
    }
}

#[test]
fn a_folder_and_an_archive_hold_what_tar_would_lay_over_one_another() {
    let images = Images::new();
    let base = images.add(
        "base",
        &json!({}),
        &[("etc/a", "old"), ("etc/b", "b"), ("bin/sh", "-> dash")],
    );
    let top = images.add("top", &on(&["base"]), &[("etc/a", "new"), ("opt/x", "x")]);
    by_hand(&[&base.path, &top.path], &images.path("by-hand"));
    let tree = render(&top, &[base]).unwrap();
    let report = unpack(&tree, &images.path("folder")).unwrap();
    assert_eq!((report.entries, report.attributes_lost), (7, 0));
    pack_tree(&tree, &images.path("tree.tar"), None).unwrap();
    fs::create_dir(images.path("unpacked")).unwrap();
    run(&images.path("unpacked"), "tar", &["-xf", "../tree.tar"]);
    for found in ["folder", "unpacked"] {
        let options = Options::default().attributes();
        let compared = treediff::compare(
            &images.path(found),
            &images.path("by-hand/rootfs"),
            &options,
        );
        assert_eq!(compared.unwrap().expect_equal(), 8);
    }
    let error = unpack(&tree, &images.path("folder")).unwrap_err();
    assert!(
        error.to_string().contains("exists and is no empty folder"),
        "{error}"
    );
}
