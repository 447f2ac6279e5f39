//! Images by hand.

use std::fs;
use std::path::{Path, PathBuf};

use kurmadisk::source::oci::{Image, OciError, Select, read};
use kurmadisk::source::scratch::Scratch;
use kurmadisk_formats::error::chain;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub use crate::support::*;
pub use crate::tar::support::Archive;

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// As digests are written.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

pub fn select(reference: Option<&str>, platform: Option<&str>) -> Select {
    Select {
        reference: reference.map(ToOwned::to_owned),
        platform: platform.map(|platform| platform.parse().expect("a platform")),
        ..Select::default()
    }
}

#[track_caller]
pub fn image_at(path: &Path, select: &Select) -> Image {
    read(path, select, &Scratch::Memory).unwrap_or_else(|error| panic!("{}", chain(&error)))
}

#[track_caller]
pub fn refused(path: &Path, select: &Select) -> OciError {
    match read(path, select, &Scratch::Memory) {
        Err(error) => error,
        Ok(image) => panic!("accepted: {:?}", image.tree.paths()),
    }
}

/// An image layout in a folder.
pub struct Layout(TempDir);

impl Layout {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(folder.path().join("blobs/sha256")).expect("new");
        let version = json!({"imageLayoutVersion": "1.0.0"});
        fs::write(folder.path().join("oci-layout"), version.to_string()).expect("room");
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn blob_path(&self, descriptor: &Value) -> PathBuf {
        let digest = descriptor["digest"].as_str().expect("a digest");
        self.path().join("blobs/sha256").join(&digest[7..])
    }

    pub fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let size = bytes.len();
        let descriptor = json!({"mediaType": media_type, "digest": digest(bytes), "size": size});
        fs::write(self.blob_path(&descriptor), bytes).expect("room");
        descriptor
    }

    pub fn document(&self, media_type: &str, document: &Value) -> Value {
        self.blob(media_type, document.to_string().as_bytes())
    }

    /// An image of layers that aren't compressed.
    pub fn image(&self, architecture: &str, layers: &[Archive]) -> Value {
        let diff_ids: Vec<_> = layers.iter().map(|layer| digest(&layer.0)).collect();
        let layers = layers.iter().map(|layer| self.blob(LAYER, &layer.0));
        let layers: Vec<_> = layers.collect();
        self.manifest(&config(architecture, &diff_ids), &layers)
    }

    pub fn manifest(&self, config: &Value, layers: &[Value]) -> Value {
        let config = self.document(CONFIG, config);
        self.document(
            MANIFEST,
            &json!({"schemaVersion": 2, "config": config, "layers": layers}),
        )
    }

    pub fn index(&self, manifests: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        fs::write(self.path().join("index.json"), index.to_string()).expect("room");
    }
}

pub fn config(architecture: &str, diff_ids: &[String]) -> Value {
    json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": null, "Cmd": ["/bin/sh"], "Labels": {"a.b": "c"}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    })
}

pub fn tagged(mut descriptor: Value, tag: &str) -> Value {
    descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
    descriptor
}

pub fn for_platform(mut descriptor: Value, platform: &str) -> Value {
    let parts: Vec<_> = platform.split('/').collect();
    descriptor["platform"] = json!({"os": parts[0], "architecture": parts[1]});
    if let Some(variant) = parts.get(2) {
        descriptor["platform"]["variant"] = json!(variant);
    }
    descriptor
}

/// What `docker save` writes: one image of `layers`.
pub fn saved(folder: &Path, layers: &[Archive], tags: &[&str]) {
    let diff_ids: Vec<_> = layers.iter().map(|layer| digest(&layer.0)).collect();
    let mut config = config("amd64", &diff_ids);
    config["config"]["Entrypoint"] = json!(["/init"]);
    config["config"]["Env"] = json!(["PATH=/bin", "A=b"]);
    let config = config.to_string();
    let config_name = format!("{}.json", &digest(config.as_bytes())[7..]);
    fs::write(folder.join(&config_name), config).expect("room");
    let names = (1..).zip(layers).map(|(number, layer)| {
        let name = format!("layer{number}/layer.tar");
        fs::create_dir(folder.join(format!("layer{number}"))).expect("new");
        fs::write(folder.join(&name), &layer.0).expect("room");
        name
    });
    let names: Vec<_> = names.collect();
    let list = json!([{"Config": config_name, "RepoTags": tags, "Layers": names}]);
    fs::write(folder.join("manifest.json"), list.to_string()).expect("room");
}

pub fn paths(image: &Image) -> Vec<String> {
    let paths = image.tree.paths().into_iter();
    paths
        .map(|(path, _)| String::from_utf8(path).expect("text"))
        .collect()
}
