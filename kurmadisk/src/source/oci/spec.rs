//! JSON documents of images: OCI image specification 1.1 ("Image Layout", "Image Index", "Image Manifest", "Image
//! Configuration"), Docker's image manifest version 2 schema 2, and the `manifest.json` of `docker save`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::platform::Platform;

/// Annotations that say what a descriptor is called: containerd's has the whole name, the specification's often
/// the tag alone.
const NAMES: [&str; 2] = [
    "io.containerd.image.name",
    "org.opencontainers.image.ref.name",
];

const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
const MANIFESTS: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];
const LAYERS: [&str; 4] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
];
/// How OCI and Docker say that a layer is compressed. What it is in truth, its first bytes tell.
const COMPRESSIONS: [&str; 5] = ["", "+gzip", "+zstd", ".gzip", ".zstd"];

/// `oci-layout`.
#[derive(Deserialize)]
pub(super) struct LayoutFile {
    #[serde(rename = "imageLayoutVersion")]
    pub(super) version: String,
}

/// What refers to a blob.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    pub(super) urls: Option<Vec<String>>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
    pub(super) platform: Option<Platform>,
    pub(super) artifact_type: Option<String>,
}

impl Descriptor {
    pub(super) fn is_index(&self) -> bool {
        INDEXES.contains(&&*self.media_type)
    }

    /// Whether it can be an image: no artefact (an image may say its configuration's type there), and not what a
    /// builder says of another image.
    pub(super) fn is_manifest(&self) -> bool {
        let unknown = |platform: &Platform| platform.os == "unknown";
        let artifact_type = self.artifact_type.as_deref();
        MANIFESTS.contains(&&*self.media_type)
            && artifact_type.is_none_or(|artifact_type| CONFIGS.contains(&artifact_type))
            && !self.platform.as_ref().is_some_and(unknown)
    }

    pub(super) fn is_config(&self) -> bool {
        CONFIGS.contains(&&*self.media_type)
    }

    pub(super) fn is_layer(&self) -> bool {
        LAYERS.iter().any(|layer| {
            let rest = self.media_type.strip_prefix(layer);
            rest.is_some_and(|rest| COMPRESSIONS.contains(&rest))
        })
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.media_type.ends_with("+encrypted")
    }

    /// What it is called.
    pub(super) fn name(&self) -> Option<&String> {
        let annotations = self.annotations.as_ref()?;
        NAMES.iter().find_map(|key| annotations.get(*key))
    }
}

/// `index.json`, or an index that is a blob.
#[derive(Deserialize)]
pub(super) struct Index {
    pub(super) manifests: Vec<Descriptor>,
}

/// A manifest of an image.
#[derive(Deserialize)]
pub(super) struct Manifest {
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

/// The `manifest.json` of a registry, as `skopeo copy … dir:` keeps it: of one image, or an index.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeptManifest {
    pub(super) media_type: Option<String>,
    pub(super) schema_version: u32,
    pub(super) config: Option<Descriptor>,
    pub(super) layers: Option<Vec<Descriptor>>,
    pub(super) manifests: Option<Vec<Descriptor>>,
}

/// An entry of the `manifest.json` of `docker save`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    pub(super) config: String,
    pub(super) repo_tags: Option<Vec<String>>,
    pub(super) layers: Vec<String>,
}

/// The configuration of an image.
#[derive(Deserialize)]
pub(super) struct ConfigFile {
    #[serde(flatten)]
    pub(super) platform: Platform,
    pub(super) config: Option<Execution>,
    pub(super) rootfs: RootFs,
}

/// How a container of an image is started.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Execution {
    pub(super) user: Option<String>,
    pub(super) env: Option<Vec<String>>,
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) cmd: Option<Vec<String>>,
    pub(super) working_dir: Option<String>,
    pub(super) labels: Option<BTreeMap<String, String>>,
}

/// What the layers are, uncompressed.
#[derive(Deserialize)]
pub(super) struct RootFs {
    pub(super) diff_ids: Vec<String>,
}
