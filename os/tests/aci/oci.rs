//! OCI images, judged by skopeo and umoci.

use std::fs;

use kurmadisk::formats::error::chain;
use kurmadisk::source::Scratch;
use kurmadisk::source::oci::{self, Select};
use kurmadisk::spec::Located;
use kurmadisk_fixtures::treediff::{self, Options};
use kurmadisk_os::aci::{AciCompression, AciFormat, AciSpec, unpack};
use serde_json::{Value, json};

use super::support::{build, files, manifest, read, run, shape, spec};

/// An image over another one, with everything that an OCI image says.
fn described(folder: &std::path::Path) -> AciSpec {
    let base = files(
        &folder.join("base"),
        &[
            ("etc/passwd", "root:x:0:0::/:\n"),
            ("lib", "-> usr/lib"),
            ("usr/lib/a", "a"),
            ("tmp/", ""),
        ],
    );
    build(
        &spec(manifest("example.com/base", &json!({})), Some(&base)),
        &folder.join("base.aci"),
    );
    let top = files(
        &folder.join("top"),
        &[("bin/app", "app"), ("lib/b", "b"), ("tmp/x", "x")],
    );
    let more = json!({
        "app": {
            "exec": ["/bin/app", "--serve"], "user": "1000", "group": "/bin/app",
            "workingDirectory": "/tmp", "supplementaryGIDs": [5],
            "environment": [{"name": "A", "value": "b=c"}],
            "ports": [{"name": "http", "port": 80, "count": 3, "protocol": "tcp"},
                      {"name": "dns", "port": 53, "protocol": "udp"}],
            "mountPoints": [{"name": "data", "path": "/data", "readOnly": true}],
            "isolators": [{"name": "resource/memory", "value": {"limit": "1G"}}],
            "userLabels": {"tier": "back"}, "userAnnotations": {"note": "n"},
        },
        "annotations": [{"name": "created", "value": "2014-10-27T19:32:27Z"},
                        {"name": "homepage", "value": "https://example.com"}],
        "dependencies": [{"imageName": "example.com/base"}],
    });
    let mut spec = spec(manifest("example.com/top", &more), Some(&top));
    spec.labels
        .insert("version".to_owned(), Located::by_caller("1.2".to_owned()));
    spec.dependencies = vec![Located::by_caller(folder.join("base.aci"))];
    spec.format = Some(Located::by_caller(AciFormat::Oci));
    spec
}

#[test]
fn skopeo_and_umoci_take_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = described(folder.path());
    spec.format = None;
    build(&spec, &folder.path().join("top.aci"));
    let base = read(&folder.path().join("base.aci"));
    let rendered =
        kurmadisk_os::aci::render(&read(&folder.path().join("top.aci")), &[base]).unwrap();
    unpack(&rendered, &folder.path().join("rendered")).unwrap();
    spec.format = Some(Located::by_caller(AciFormat::Oci));
    for (compression, name) in [
        (AciCompression::Gz, "gz"),
        (AciCompression::None, "none"),
        (AciCompression::Zst, "zst"),
    ] {
        spec.compress = Some(Located::by_caller(compression));
        let report = build(&spec, &folder.path().join(name));
        let layers = report.layers.iter().map(|layer| layer.image.as_str());
        assert_eq!(
            layers.collect::<Vec<_>>(),
            ["example.com/base", "example.com/top"]
        );
        assert_eq!(
            report.lost,
            [
                "app.supplementaryGIDs",
                "app.isolators: resource/memory",
                "app.mountPoints: data is read-only"
            ]
        );
        let image = format!("oci:{name}:1.2");
        let seen: Value =
            serde_json::from_slice(&run(folder.path(), "skopeo", &["inspect", &image])).unwrap();
        assert_eq!(seen["Digest"], json!(report.id));
        assert_eq!(
            (&seen["Os"], &seen["Architecture"]),
            (&json!("linux"), &json!("amd64"))
        );
        let digests: Vec<_> = report.layers.iter().map(|layer| &layer.digest).collect();
        assert_eq!(seen["Layers"], json!(digests));
        if compression != AciCompression::Zst {
            // umoci of Debian 12 knows no zstd.
            let (image, into) = (format!("{name}:1.2"), format!("rootfs-{name}"));
            run(
                folder.path(),
                "umoci",
                &["raw", "unpack", "--image", &image, &into],
            );
            let options = Options::default().attributes();
            let (one, other) = (folder.path().join(&into), folder.path().join("rendered"));
            assert!(
                treediff::compare(&one, &other, &options)
                    .unwrap()
                    .expect_equal()
                    > 8
            );
        }
        let read = oci::read(
            &folder.path().join(name),
            &Select::default(),
            &Scratch::Memory,
        );
        let read = read.unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_eq!(shape(&read.tree), shape(&rendered));
    }
}

#[test]
fn the_configuration_says_how_it_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let spec = described(folder.path());
    build(&spec, &folder.path().join("a.oci.tar"));
    build(&spec, &folder.path().join("b.oci.tar"));
    let bytes = |name| fs::read(folder.path().join(name)).unwrap();
    assert!(bytes("a.oci.tar") == bytes("b.oci.tar"));
    let arguments = ["inspect", "--config", "oci-archive:a.oci.tar:1.2"];
    let config: Value = serde_json::from_slice(&run(folder.path(), "skopeo", &arguments)).unwrap();
    assert_eq!(
        config["config"],
        json!({
            "User": "1000:0",
            "ExposedPorts": {"80/tcp": {}, "81/tcp": {}, "82/tcp": {}, "53/udp": {}},
            "Env": ["A=b=c"],
            "Entrypoint": ["/bin/app", "--serve"],
            "Volumes": {"/data": {}},
            "WorkingDir": "/tmp",
            "Labels": {
                "org.opencontainers.image.title": "example.com/top",
                "org.opencontainers.image.version": "1.2",
                "org.opencontainers.image.created": "2014-10-27T19:32:27Z",
                "org.opencontainers.image.url": "https://example.com",
                "tier": "back",
            },
        })
    );
    assert_eq!(config["created"], json!("2014-10-27T19:32:27Z"));
    run(
        folder.path(),
        "skopeo",
        &[
            "--insecure-policy",
            "copy",
            "-q",
            "oci-archive:a.oci.tar:1.2",
            "docker-archive:docker.tar:a:1",
        ],
    );
}

#[test]
fn what_no_layer_can_have_is_refused_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let tree = files(&folder.path().join("tree"), &[("a/.wh.b", "")]);
    let mut spec = spec(manifest("example.com/a", &json!({})), Some(&tree));
    spec.format = Some(Located::by_caller(AciFormat::Oci));
    for out in ["image", "image.oci.tar"] {
        let error = chain(&spec.build(&folder.path().join(out)).unwrap_err());
        assert_eq!(
            error,
            "/a/.wh.b begins with .wh., which would remove a file of the layers below; rename it"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    fs::remove_file(tree.join("a/.wh.b")).unwrap();
    let error = chain(&spec.build(&tree).unwrap_err());
    assert!(
        error.ends_with("exists and is no empty folder; name a new one, or remove it"),
        "{error}"
    );
}
