//! Images that are wrong: each fault has its own error, which names the blob or document.

use std::fs;

use kurmadisk::source::oci::{OciError, Select};
use kurmadisk_formats::error::chain;
use serde_json::{Value, json};

use super::support::{
    Archive, CONFIG, INDEX, LAYER, Layout, MANIFEST, config, digest, refused, run, saved, select,
};

fn layer() -> Archive {
    Archive::new().file("file", b"content")
}

/// An image of one layer, with its descriptors changed.
fn changed(change: impl Fn(&Layout, &mut Value, &mut Value)) -> (Layout, OciError) {
    let layout = Layout::new();
    let diff_ids = [digest(&layer().0)];
    let mut config = layout.document(CONFIG, &config("amd64", &diff_ids));
    let mut stored = layout.blob(LAYER, &layer().0);
    change(&layout, &mut config, &mut stored);
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [stored]});
    layout.index(&[layout.document(MANIFEST, &manifest)]);
    let error = refused(layout.path(), &Select::default());
    (layout, error)
}

fn of_layer(change: impl Fn(&mut Value)) -> OciError {
    changed(|_, _, layer| change(layer)).1
}

macro_rules! assert_error {
    ($error:expr, $fault:pat $(if $guard:expr)?) => {{
        let error = $error;
        assert!(matches!(&error, $fault $(if $guard)?), "{}", chain(&error));
    }};
}

#[test]
fn every_damaged_blob_is_named() {
    let layout = Layout::new();
    let image = layout.image("amd64", &[layer()]);
    let index = layout.document(INDEX, &json!({"manifests": [image]}));
    layout.index(&[index]);
    let blobs = fs::read_dir(layout.path().join("blobs/sha256")).expect("there");
    let blobs: Vec<_> = blobs.map(|blob| blob.expect("readable").path()).collect();
    assert_eq!(blobs.len(), 4);
    for blob in blobs {
        let good = fs::read(&blob).expect("there");
        let name = blob.file_name().expect("one").to_str().expect("text");
        let wanted = format!("blobs/sha256/{name}");
        let check = |bytes: &[u8], what: &str| {
            fs::write(&blob, bytes).expect("room");
            let error = refused(layout.path(), &Select::default());
            let text = chain(&error);
            assert!(text.contains(&wanted) && text.contains(what), "{text}");
        };
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        check(&bad, &format!("not sha256:{name}"));
        check(
            &good[1..],
            &format!("{} bytes, not {}", good.len() - 1, good.len()),
        );
        check(b"", "has 0 bytes");
        fs::remove_file(&blob).expect("there");
        let error = refused(layout.path(), &Select::default());
        assert_error!(error, OciError::Missing { name } if *name == wanted);
        fs::write(&blob, good).expect("room");
    }
}

#[test]
fn layers_are_what_the_configuration_says() {
    let layout = Layout::new();
    let stored = layout.blob(LAYER, &layer().0);
    let image = |diff_ids: &[String]| {
        let manifest = layout.manifest(&config("amd64", diff_ids), std::slice::from_ref(&stored));
        layout.index(&[manifest]);
        refused(layout.path(), &Select::default())
    };
    let other = digest(b"other");
    assert_error!(
        image(std::slice::from_ref(&other)),
        OciError::DiffId { expected, .. } if *expected == other
    );
    assert_error!(
        image(&[]),
        OciError::Layers {
            layers: 1,
            diff_ids: 0,
            ..
        }
    );
    assert_error!(image(&["md5:1".to_owned()]), OciError::Algorithm { .. });
    assert_error!(
        image(&vec![other; 501]),
        OciError::TooMany {
            what: "layers",
            limit: 500,
            ..
        }
    );
}

#[test]
fn types_of_layers_are_known() {
    let error = of_layer(|layer| layer["mediaType"] = json!(format!("{LAYER}+gzip+encrypted")));
    assert_error!(error, OciError::Encrypted { .. });
    for media_type in [
        "application/wasm",
        "application/vnd.oci.image.layer.v1.tar+lz4",
        "",
    ] {
        let error = of_layer(|layer| layer["mediaType"] = json!(media_type));
        assert_error!(error, OciError::MediaType { media_type: found, .. } if found == media_type);
    }
    let (_, error) = changed(|layout, _, layer| {
        fs::remove_file(layout.blob_path(layer)).expect("there");
        layer["urls"] = json!(["https://example.org/layer"]);
    });
    assert_error!(error, OciError::Elsewhere { url, .. } if url == "https://example.org/layer");
}

#[test]
fn what_is_no_image_is_refused_by_its_type() {
    let (_, error) = changed(|_, config, _| {
        config["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json");
    });
    assert_error!(error, OciError::MediaType { media_type, .. } if media_type.contains("helm"));
    let layout = Layout::new();
    let image = layout.image("amd64", &[layer()]);
    let mut artefact = image.clone();
    artefact["artifactType"] = json!("application/example");
    layout.index(&[artefact]);
    assert_error!(
        refused(layout.path(), &select(None, Some("linux/amd64"))),
        OciError::MediaType { .. }
    );
    assert_error!(
        refused(layout.path(), &Select::default()),
        OciError::MediaType { media_type, .. } if media_type == "application/example"
    );
    let mut old = image;
    old["mediaType"] = json!("application/vnd.docker.distribution.manifest.v1+prettyjws");
    layout.index(&[old]);
    assert_error!(
        refused(layout.path(), &Select::default()),
        OciError::MediaType { media_type, .. } if media_type.contains("prettyjws")
    );
    layout.index(&[]);
    assert_error!(
        refused(layout.path(), &Select::default()),
        OciError::Empty { .. }
    );
}

#[test]
fn digests_are_no_paths() {
    for bad in [
        "sha256:../../index.json",
        "../../index.json",
        "sha512:00",
        "sha256:00",
        "",
    ] {
        let error = of_layer(|layer| layer["digest"] = json!(bad));
        assert_error!(error, OciError::Algorithm { digest, .. } if digest == bad);
    }
}

#[test]
fn documents_are_what_they_should_be() {
    let layout = Layout::new();
    layout.index(&[layout.image("amd64", &[layer()])]);
    let index = layout.path().join("index.json");
    for text in [
        "",
        "[]",
        "{\"manifests\": 5}",
        "{\"manifests\": [{}]}",
        "\u{0}",
    ] {
        fs::write(&index, text).expect("room");
        let error = refused(layout.path(), &Select::default());
        assert_error!(error, OciError::Json { name, .. } if name == "index.json");
    }
    // Depth costs no stack.
    fs::write(&index, "[".repeat(1 << 20)).expect("room");
    assert_error!(
        refused(layout.path(), &Select::default()),
        OciError::Json { .. }
    );
    let large = fs::File::create(&index).expect("there");
    large.set_len(1 << 40).expect("a sparse file");
    assert_error!(
        refused(layout.path(), &Select::default()),
        OciError::Large {
            size: 0x100_0000_0000,
            ..
        }
    );
    fs::write(
        layout.path().join("oci-layout"),
        r#"{"imageLayoutVersion": "2.0.0"}"#,
    )
    .expect("room");
    assert_error!(
        refused(layout.path(), &Select::default()),
        OciError::Version { .. }
    );
    fs::remove_file(layout.path().join("oci-layout")).expect("there");
    assert_error!(
        refused(layout.path(), &Select::default()),
        OciError::NoLayout
    );
}

#[test]
fn indexes_are_bounded() {
    let layout = Layout::new();
    let image = layout.image("amd64", &[layer()]);
    let mut nested = image.clone();
    for _ in 0..10 {
        nested = layout.document(INDEX, &json!({"manifests": [nested]}));
    }
    layout.index(&[nested]);
    assert_error!(
        refused(layout.path(), &Select::default()),
        OciError::TooMany {
            what: "indexes within one another",
            ..
        }
    );
    // Doubled at each step.
    let mut wide = image;
    for step in 0..8 {
        let mut other = wide.clone();
        other["annotations"] = json!({"step": step.to_string()});
        let all = vec![other; 4];
        wide = layout.document(INDEX, &json!({"manifests": all}));
    }
    layout.index(&[wide]);
    assert_error!(
        refused(layout.path(), &Select::default()),
        OciError::TooMany { .. }
    );
    layout.index(&vec![layout.image("amd64", &[]); 1001]);
    assert_error!(
        refused(layout.path(), &Select::default()),
        OciError::TooMany {
            what: "images",
            limit: 1000,
            ..
        }
    );
}

#[test]
fn layers_that_are_no_archives() {
    let one = |bytes: &[u8]| {
        let layout = Layout::new();
        layout.index(&[layout.image("amd64", &[layer(), Archive(bytes.to_vec())])]);
        refused(layout.path(), &Select::default())
    };
    assert_error!(one(&[7; 512]), OciError::Layer { number: 2, .. });
    assert_error!(
        one(b"\x1f\x8b\x08rest"),
        OciError::LayerData { number: 2, .. }
    );
    let outside = Archive::new().file("../x", b"").0;
    let error = one(&outside);
    assert!(chain(&error).contains("\"../x\""), "{}", chain(&error));
}

#[test]
fn docker_saves_name_only_what_is_in_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    saved(folder.path(), &[layer()], &["x"]);
    let manifest = folder.path().join("manifest.json");
    let good: Value = serde_json::from_slice(&fs::read(&manifest).expect("there")).expect("a list");
    let with = |key: &str, value: Value| {
        let mut bad = good.clone();
        bad[0][key] = value;
        fs::write(&manifest, bad.to_string()).expect("room");
        refused(folder.path(), &Select::default())
    };
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).expect("new");
    for outside in ["../x", "/etc/passwd", "link", "absent", ""] {
        let error = with("Layers", json!([outside]));
        assert_error!(error, OciError::Missing { name } if name == outside);
        let error = with("Config", json!(outside));
        assert_error!(error, OciError::Missing { name } if name == outside);
    }
    assert_error!(with("Layers", json!(5)), OciError::Json { .. });
    // Its name vouches for the configuration.
    fs::write(&manifest, good.to_string()).expect("room");
    let config = folder
        .path()
        .join(good[0]["Config"].as_str().expect("a name"));
    let text = fs::read_to_string(&config).expect("there");
    fs::write(&config, text.replace("/bin/sh", "/bin/ss")).expect("room");
    assert_error!(
        refused(folder.path(), &Select::default()),
        OciError::Digest { .. }
    );
}

/// Zeros without end, which cost nothing to store.
#[test]
fn layers_are_no_huge_holes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let layout = folder.path().join("layout");
    fs::create_dir(&layout).expect("new");
    saved(&layout, &[layer(), layer()], &["x"]);
    let sparse = |len| {
        let layer = fs::File::options()
            .write(true)
            .open(layout.join("layer2/layer.tar"));
        layer.expect("there").set_len(len).expect("sparse");
    };
    sparse(1 << 42);
    run(
        folder.path(),
        "tar",
        &["-cSf", "archive", "-C", "layout", "."],
    );
    for path in [layout.clone(), folder.path().join("archive")] {
        let error = refused(&path, &Select::default());
        assert_error!(error, OciError::Holes { number: 2, name, .. } if name == "layer2/layer.tar");
    }
    // A program that makes holes of zeros changes nothing.
    sparse(1 << 20);
    assert_error!(
        refused(&layout, &Select::default()),
        OciError::DiffId { .. }
    );
}

#[test]
fn what_lies_in_no_layout() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path().join("x");
    assert_error!(refused(&at, &Select::default()), OciError::Open(_));
    fs::write(&at, layer().0).expect("room");
    assert_error!(refused(&at, &Select::default()), OciError::Archive(_));
    fs::write(&at, [&layer().0[..], &[0; 1024]].concat()).expect("room");
    assert_error!(refused(&at, &Select::default()), OciError::NoLayout);
    fs::write(&at, b"\x1f\x8b\x08").expect("room");
    assert_error!(refused(&at, &Select::default()), OciError::Decompress(_));
}
