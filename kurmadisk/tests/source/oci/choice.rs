//! Which of several images is taken.

use std::fs;

use kurmadisk::source::oci::{OciError, Select};
use kurmadisk_formats::error::chain;
use serde_json::{Value, json};

use super::support::{
    Archive, INDEX, Layout, config, digest, for_platform, image_at, paths, refused, select, tagged,
};

/// An image of one file.
fn image(layout: &Layout, architecture: &str, name: &str) -> Value {
    layout.image(architecture, &[Archive::new().file(name, b"")])
}

#[track_caller]
fn chosen(layout: &Layout, reference: Option<&str>, platform: Option<&str>) -> Vec<String> {
    paths(&image_at(layout.path(), &select(reference, platform)))
}

#[test]
fn by_tag() {
    let layout = Layout::new();
    let (one, two) = (
        image(&layout, "amd64", "one"),
        image(&layout, "amd64", "two"),
    );
    let mut full = tagged(image(&layout, "amd64", "three"), "3");
    full["annotations"]["io.containerd.image.name"] = json!("docker.io/library/debian:3");
    let digest = two["digest"].as_str().expect("one").to_owned();
    layout.index(&[
        tagged(one.clone(), "1"),
        tagged(one, "one"),
        two,
        full,
        tagged(image(&layout, "amd64", "four"), "host:5000/debian"),
    ]);
    for (reference, name) in [
        ("1", "one"),
        ("one", "one"),
        (&digest, "two"),
        ("debian:3", "three"),
        ("docker.io/debian:3", "three"),
        ("3", "three"),
        ("host:5000/debian:latest", "four"),
    ] {
        assert_eq!(
            chosen(&layout, Some(reference), None),
            [name],
            "{reference}"
        );
    }
    let expected = [
        "1",
        "docker.io/library/debian:3",
        "host:5000/debian",
        "one",
        &digest,
    ];
    let error = refused(layout.path(), &Select::default());
    let OciError::Several { there } = &error else {
        panic!("{error}");
    };
    assert_eq!(there, &expected);
    assert!(
        error
            .to_string()
            .contains("1, docker.io/library/debian:3, host"),
        "{error}"
    );
    for absent in ["2", "debian", "debian:4", "5000/debian", ""] {
        let error = refused(layout.path(), &select(Some(absent), None));
        let OciError::NoReference { reference, there } = &error else {
            panic!("{error}");
        };
        assert_eq!((reference.as_str(), there.len()), (absent, 5));
    }
}

#[test]
fn one_tag_of_several_repositories_is_not_clear() {
    let layout = Layout::new();
    layout.index(&[
        tagged(image(&layout, "amd64", "one"), "a:1"),
        tagged(image(&layout, "amd64", "two"), "b:1"),
    ]);
    assert_eq!(chosen(&layout, Some("b:1"), None), ["two"]);
    let error = refused(layout.path(), &select(Some("1"), None));
    assert!(matches!(error, OciError::Several { .. }), "{error}");
}

/// An index of images for platforms, and what a builder says of one.
fn for_many(layout: &Layout, platforms: &[&str]) -> Value {
    let mut images: Vec<_> = platforms
        .iter()
        .map(|platform| {
            let name = platform.replace('/', "-");
            for_platform(image(layout, "other", &name), platform)
        })
        .collect();
    let mut attestation = for_platform(image(layout, "unknown", "attestation"), "unknown/unknown");
    attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    images.push(attestation);
    layout.document(INDEX, &json!({"schemaVersion": 2, "manifests": images}))
}

#[test]
fn by_platform() {
    let layout = Layout::new();
    let all = [
        "linux/arm64/v8",
        "linux/amd64",
        "linux/arm/v6",
        "linux/arm/v7",
        "windows/amd64",
    ];
    // An index within an index.
    let inner = for_many(&layout, &all);
    let outer = layout.document(INDEX, &json!({"manifests": [inner]}));
    layout.index(&[tagged(outer, "many")]);
    assert_eq!(chosen(&layout, None, None), ["linux-amd64"]);
    for (platform, name) in [
        ("linux/x86_64", "linux-amd64"),
        ("linux/arm64", "linux-arm64-v8"),
        ("linux/arm/v6", "linux-arm-v6"),
        ("windows/amd64", "windows-amd64"),
    ] {
        assert_eq!(chosen(&layout, Some("many"), Some(platform)), [name]);
    }
    let error = refused(layout.path(), &select(None, Some("linux/arm")));
    assert!(matches!(error, OciError::Platforms { .. }), "{error}");
    let error = refused(layout.path(), &select(None, Some("linux/riscv64")));
    assert!(matches!(error, OciError::NoPlatform { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("linux/riscv64") && text.contains("linux/arm64/v8 (sha256:"),
        "{text}"
    );
}

#[test]
fn what_is_listed_but_not_there_is_not_meant() {
    let layout = Layout::new();
    let index = for_many(&layout, &["linux/amd64", "linux/arm64"]);
    layout.index(&[tagged(index.clone(), "t")]);
    let inner: Value = {
        let text = fs::read(layout.blob_path(&index)).expect("there");
        serde_json::from_slice(&text).expect("an index")
    };
    fs::remove_file(layout.blob_path(&inner["manifests"][0])).expect("there");
    assert_eq!(chosen(&layout, None, None), ["linux-arm64"]);
    let error = refused(layout.path(), &select(None, Some("linux/amd64")));
    assert!(matches!(error, OciError::NoPlatform { .. }), "{error}");
    fs::remove_file(layout.blob_path(&inner["manifests"][1])).expect("there");
    let error = refused(layout.path(), &Select::default());
    assert!(matches!(&error, OciError::Missing { name } if name.starts_with("blobs/sha256/")));
}

#[test]
fn platforms_that_only_configurations_say() {
    let layout = Layout::new();
    let (amd, arm) = (
        image(&layout, "amd64", "amd"),
        image(&layout, "arm64", "arm"),
    );
    layout.index(&[arm.clone(), amd]);
    assert_eq!(chosen(&layout, None, None), ["amd"]);
    assert_eq!(chosen(&layout, None, Some("linux/arm64")), ["arm"]);
    // A single one is taken whatever it is for, unless that is asked for.
    layout.index(&[arm]);
    assert_eq!(chosen(&layout, None, None), ["arm"]);
    let error = refused(layout.path(), &select(None, Some("linux/amd64")));
    assert!(matches!(error, OciError::NoPlatform { .. }), "{error}");
}

#[test]
fn several_images_in_a_docker_save() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let list = [
        ("amd64", "one", vec!["a:1", "a:latest"]),
        ("arm64", "two", vec!["b:2"]),
    ];
    let list = list.map(|(architecture, name, tags)| {
        let layer = Archive::new().file(name, b"").0;
        fs::write(at(&format!("{name}.tar")), &layer).expect("room");
        let config = config(architecture, &[digest(&layer)]).to_string();
        fs::write(at(&format!("{name}-config")), config).expect("room");
        let layers = [format!("{name}.tar")];
        json!({"Config": format!("{name}-config"), "RepoTags": tags, "Layers": layers})
    });
    fs::write(at("manifest.json"), json!(list).to_string()).expect("room");
    let chosen =
        |reference, platform| paths(&image_at(folder.path(), &select(reference, platform)));
    assert_eq!(chosen(Some("a"), None), ["one"]);
    assert_eq!(chosen(Some("docker.io/library/b:2"), None), ["two"]);
    let error = refused(folder.path(), &Select::default());
    assert_eq!(
        chain(&error),
        "there are several images; choose one of a:1, a:latest, b:2"
    );
    let error = refused(folder.path(), &select(Some("a"), Some("linux/arm64")));
    assert!(matches!(error, OciError::NoPlatform { .. }), "{error}");
    fs::write(at("manifest.json"), "[]").expect("room");
    let error = refused(folder.path(), &Select::default());
    assert!(matches!(error, OciError::Empty { .. }), "{error}");
}
