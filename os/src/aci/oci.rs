//! OCI image layouts (OCI image specification 1.0: "Image Layout", "Image Manifest", "Image Configuration",
//! "Layer Filesystem Changeset"): each dependency is a layer, and the image's own files are the last one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use kurmadisk::formats::compress::Compression;
use kurmadisk::formats::output::NewFile;
use kurmadisk::host_file;
use kurmadisk::package::archive::TreeTar;
use kurmadisk::tree::{Metadata, Tree};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::build::{BuiltLayer, Report, newest};
use super::error::AciError;
use super::lay::{bare, is_dir};
use super::layers::{self, Layer};
use super::manifest::{App, ImageManifest};
use super::pack::{self, Digesting, Packing};
use super::render::{pack_tree, put};
use super::unpack::{appear, check_free, staging};
use crate::file;

/// Media types of the documents.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What processors are called here, and there: with a variant.
const PROCESSORS: [(&str, &str, Option<&str>); 13] = [
    ("amd64", "amd64", None),
    ("x86_64", "amd64", None),
    ("i386", "386", None),
    ("aarch64", "arm64", Some("v8")),
    ("aarch64_be", "arm64be", None),
    ("arm", "arm", None),
    ("armv6l", "arm", Some("v6")),
    ("armv7l", "arm", Some("v7")),
    ("armv7b", "armbe", Some("v7")),
    ("ppc64", "ppc64", None),
    ("ppc64le", "ppc64le", None),
    ("s390x", "s390x", None),
    ("riscv64", "riscv64", None),
];

/// Annotations of the specification, and what OCI calls them.
const ANNOTATIONS: [(&str, &str); 4] = [
    ("authors", "org.opencontainers.image.authors"),
    ("created", "org.opencontainers.image.created"),
    ("documentation", "org.opencontainers.image.documentation"),
    ("homepage", "org.opencontainers.image.url"),
];

/// An image can't be one of OCI's.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OciWriteError {
    /// It does not say what it runs on.
    #[error(
        "an OCI image says what it runs on, and the manifest has no label {missing}; add it, as in {missing}={example}"
    )]
    Platform {
        /// The label.
        missing: &'static str,
        /// A value of it.
        example: &'static str,
    },
    /// A name that means something else in a layer.
    #[error("/{path} begins with .wh., which would remove a file of the layers below; rename it")]
    Whiteout {
        /// Its path.
        path: String,
    },
    /// A user that is a file's owner, and no such file.
    #[error(
        "app.{field} is the owner of {path}, and there is no such file; give a name or a number"
    )]
    Owner {
        /// `user` or `group`.
        field: &'static str,
        /// The file's path.
        path: String,
    },
}

/// A blob that was written.
struct Blob {
    digest: String,
    size: u64,
}

impl Blob {
    fn descriptor(&self, media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": self.digest, "size": self.size })
    }
}

/// Writes an image to `out`: a folder, or an archive where its name ends in `.tar`.
pub(super) fn write(
    manifest: &ImageManifest,
    tree: &Tree,
    given: &[super::archive::AciImage],
    out: &Path,
    packing: Packing,
) -> Result<Report, AciError> {
    let platform = platform(manifest)?;
    let is_archive = out.extension().is_some_and(|ending| ending == "tar");
    if !is_archive {
        check_free(out)?;
    }
    let (below, own) = layers::below(manifest, given)?;
    let folder = staging(out).map_err(|source| AciError::write(out, source))?;
    let mut layout = Layout::new(folder.path(), packing)?;
    let mut rendered = bare();
    for Layer { image, whitelists } in &below {
        let name = image.manifest()?.name.clone();
        let layer = layer(&mut rendered, &image.rootfs, whitelists)?;
        layout.add_layer(name, &layer)?;
    }
    let layer = layer(&mut rendered, tree, &own)?;
    layout.add_layer(manifest.name.clone(), &layer)?;
    let config = config(manifest, &platform, &rendered, &layout.layers)?;
    let id = layout.finish(manifest, &platform, &config)?;
    let mut report = Report {
        name: manifest.name.clone(),
        format: "oci".to_owned(),
        id,
        size: layout.size,
        entries: 0,
        layers: layout.layers,
        lost: manifest.app.as_ref().map(lost).unwrap_or_default(),
        notes: Vec::new(),
    };
    if is_archive {
        report.size = archive(folder.path(), &layout.files, out, newest(&rendered))?;
    } else {
        let readable = folder_permissions(folder.path(), out)?;
        fs::set_permissions(folder.path(), readable)
            .map_err(|source| AciError::write(out, source))?;
        appear(folder, out).map_err(|source| AciError::write(out, source))?;
    }
    Ok(report)
}

/// What a new folder may be: as the blobs' folder, which was made as any other.
fn folder_permissions(folder: &Path, out: &Path) -> Result<fs::Permissions, AciError> {
    let blobs = fs::metadata(folder.join("blobs"));
    Ok(blobs
        .map_err(|source| AciError::write(out, source))?
        .permissions())
}

/// An image layout in the making.
struct Layout<'f> {
    folder: &'f Path,
    packing: Packing,
    layers: Vec<BuiltLayer>,
    /// Paths in the folder.
    files: Vec<String>,
    /// Bytes in all of them.
    size: u64,
}

impl<'f> Layout<'f> {
    fn new(folder: &'f Path, packing: Packing) -> Result<Self, AciError> {
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(|source| AciError::write(&blobs, source))?;
        Ok(Self {
            folder,
            packing,
            layers: Vec::new(),
            files: Vec::new(),
            size: 0,
        })
    }

    fn add_layer(&mut self, image: String, tree: &Tree) -> Result<(), AciError> {
        let mut archive = TreeTar::new();
        archive.add_tree(b"", tree)?;
        let archive = archive.finish()?;
        let path = self.folder.join("blobs/layer");
        let mut file = NewFile::create(&path)?;
        let mut out = Digesting::<_, Sha256>::new(&mut file);
        let content = pack::write::<Sha256>(&archive, &mut out, self.packing)?;
        let stored = out.digest();
        let size = pack::len_of(&file)?;
        file.commit()?;
        let name = self.blob(&stored, size);
        let renamed = fs::rename(&path, self.folder.join(&name));
        renamed.map_err(|source| AciError::write(&path, source))?;
        self.layers.push(BuiltLayer {
            image,
            digest: shown(&stored),
            diff_id: shown(&content),
            size,
        });
        Ok(())
    }

    /// Where a blob with this digest lies.
    fn blob(&mut self, digest: &[u8], size: u64) -> String {
        let path = format!("blobs/sha256/{}", HEXLOWER.encode(digest));
        if !self.files.contains(&path) {
            self.size += size;
            self.files.push(path.clone());
        }
        path
    }

    fn add_document(&mut self, document: &Value) -> Result<Blob, AciError> {
        let text = document.to_string();
        let digest = Sha256::digest(&text).to_vec();
        let path = self.blob(&digest, text.len() as u64);
        self.put(&path, &text)?;
        Ok(Blob {
            digest: shown(&digest),
            size: text.len() as u64,
        })
    }

    fn put(&self, path: &str, text: &str) -> Result<(), AciError> {
        let path = self.folder.join(path);
        file::write(&path, text.as_bytes()).map_err(|source| AciError::write(&path, source))
    }

    /// Adds the documents; gives the digest of the manifest.
    fn finish(
        &mut self,
        manifest: &ImageManifest,
        platform: &Value,
        config: &Value,
    ) -> Result<String, AciError> {
        let ending = match self.packing.compression {
            Some(Compression::Zstd) => "+zstd",
            Some(_) => "+gzip",
            None => "",
        };
        let media_type = format!("{LAYER}{ending}");
        let layers: Vec<_> = self
            .layers
            .iter()
            .map(|layer| json!({ "mediaType": media_type, "digest": layer.digest, "size": layer.size }))
            .collect();
        let config = self.add_document(config)?.descriptor(CONFIG);
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": layers,
        });
        if let Some(app) = manifest
            .app
            .as_ref()
            .filter(|app| !app.user_annotations.is_empty())
        {
            document["annotations"] = json!(app.user_annotations);
        }
        let blob = self.add_document(&document)?;
        let mut descriptor = blob.descriptor(MANIFEST);
        descriptor["platform"] = platform.clone();
        descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": tag(manifest) });
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor] });
        for (name, text) in [
            ("index.json", index.to_string()),
            (
                "oci-layout",
                json!({ "imageLayoutVersion": "1.0.0" }).to_string(),
            ),
        ] {
            self.put(name, &text)?;
            self.size += text.len() as u64;
            self.files.push(name.to_owned());
        }
        Ok(blob.digest)
    }
}

fn shown(digest: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(digest))
}

/// The files of a layer, which are laid over `rendered` too. A directory that the layer does not describe is as it is
/// below.
fn layer(
    rendered: &mut Tree,
    upper: &Tree,
    whitelists: &[std::rc::Rc<super::lay::Whitelist>],
) -> Result<Tree, AciError> {
    let mut layer = bare();
    put(&mut layer, upper, whitelists)?;
    if upper.node(Tree::ROOT).is_implied() {
        let below = rendered.node(Tree::ROOT).meta.clone();
        layer.set_metadata(Tree::ROOT, below);
    }
    for (path, id) in layer.paths() {
        let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or(&path);
        if last.starts_with(b".wh.") {
            let path = String::from_utf8_lossy(&path).into_owned();
            return Err(OciWriteError::Whiteout { path }.into());
        }
        let is_implied = upper
            .lookup(&path)
            .is_some_and(|id| upper.node(id).is_implied());
        let below = rendered.lookup(&path).filter(|id| is_dir(rendered, *id));
        if let (true, Some(below)) = (is_implied, below) {
            let meta = rendered.node(below).meta.clone();
            layer.set_metadata(id, meta);
        }
    }
    put(rendered, &layer, &[])?;
    Ok(layer)
}

/// What the image runs on.
fn platform(manifest: &ImageManifest) -> Result<Value, AciError> {
    let label = |missing, example| {
        let value = manifest.label(missing);
        value.ok_or(OciWriteError::Platform { missing, example })
    };
    let (os, arch) = (label("os", "linux")?, label("arch", "amd64")?);
    let known = PROCESSORS.iter().find(|(name, ..)| *name == arch);
    let (_, architecture, variant) = known.copied().unwrap_or((arch, arch, None));
    let mut platform = json!({ "os": os, "architecture": architecture });
    if let Some(variant) = variant {
        platform["variant"] = json!(variant);
    }
    Ok(platform)
}

/// The image's version, if it can be a tag.
fn tag(manifest: &ImageManifest) -> &str {
    let is_tag = |text: &&str| {
        let first = text.bytes().next();
        text.len() <= 128
            && first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    manifest.label("version").filter(is_tag).unwrap_or("latest")
}

/// The image's configuration.
fn config(
    manifest: &ImageManifest,
    platform: &Value,
    rendered: &Tree,
    layers: &[BuiltLayer],
) -> Result<Value, AciError> {
    let mut config = platform.clone();
    let diff_ids: Vec<_> = layers.iter().map(|layer| &layer.diff_id).collect();
    config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
    for (annotation, key) in [("created", "created"), ("authors", "author")] {
        if let Some(value) = manifest.annotation(annotation) {
            config[key] = json!(value);
        }
    }
    let mut started = Map::new();
    if let Some(app) = &manifest.app {
        execution(app, rendered, &mut started)?;
    }
    started.insert("Labels".to_owned(), json!(labels(manifest)));
    config["config"] = Value::Object(started);
    Ok(config)
}

/// How a container is started.
fn execution(app: &App, rendered: &Tree, started: &mut Map<String, Value>) -> Result<(), AciError> {
    let user = owner("user", &app.user, rendered)?;
    let group = owner("group", &app.group, rendered)?;
    started.insert("User".to_owned(), json!(format!("{user}:{group}")));
    started.insert("Entrypoint".to_owned(), json!(app.exec));
    if let Some(directory) = &app.working_directory {
        started.insert("WorkingDir".to_owned(), json!(directory));
    }
    let environment = app.environment.iter();
    let environment: Vec<_> = environment
        .map(|pair| format!("{}={}", pair.name, pair.value))
        .collect();
    if !environment.is_empty() {
        started.insert("Env".to_owned(), json!(environment));
    }
    let mut ports = Map::new();
    for port in &app.ports {
        for number in port.port..=port.port + (port.count - 1) {
            ports.insert(format!("{number}/{}", port.protocol), json!({}));
        }
    }
    if !ports.is_empty() {
        started.insert("ExposedPorts".to_owned(), Value::Object(ports));
    }
    let points = app.mount_points.iter();
    let volumes: Map<_, _> = points
        .map(|point| (point.path.clone(), json!({})))
        .collect();
    if !volumes.is_empty() {
        started.insert("Volumes".to_owned(), Value::Object(volumes));
    }
    Ok(())
}

/// A user or group: one that is a file's owner is looked up, since OCI has no such thing.
fn owner(field: &'static str, given: &str, rendered: &Tree) -> Result<String, AciError> {
    if !given.starts_with('/') {
        return Ok(given.to_owned());
    }
    let id = rendered.lookup(given.as_bytes());
    let id = id.ok_or_else(|| OciWriteError::Owner {
        field,
        path: given.to_owned(),
    })?;
    let meta = &rendered.node(id).meta;
    let number = if field == "user" { meta.uid } else { meta.gid };
    Ok(number.to_string())
}

/// Labels and annotations of the manifest as labels of the image.
fn labels(manifest: &ImageManifest) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut add = |key: &str, value: &str| {
        labels.insert(key.to_owned(), value.to_owned());
    };
    add("org.opencontainers.image.title", &manifest.name);
    for label in &manifest.labels {
        match label.name.as_str() {
            "os" | "arch" => {}
            "version" => add("org.opencontainers.image.version", &label.value),
            other => add(other, &label.value),
        }
    }
    for annotation in &manifest.annotations {
        let known = ANNOTATIONS
            .iter()
            .find(|(name, _)| *name == annotation.name);
        add(
            known.map_or(&annotation.name, |(_, key)| key),
            &annotation.value,
        );
    }
    for (key, value) in manifest.app.iter().flat_map(|app| &app.user_labels) {
        add(key, value);
    }
    labels
}

/// What a manifest says and an OCI image can't.
fn lost(app: &App) -> Vec<String> {
    let mut lost = Vec::new();
    if !app.supplementary_gids.is_empty() {
        lost.push("app.supplementaryGIDs".to_owned());
    }
    let handlers = app.event_handlers.iter();
    lost.extend(handlers.map(|handler| format!("app.eventHandlers: {}", handler.name)));
    let isolators = app.isolators.iter();
    lost.extend(isolators.map(|isolator| format!("app.isolators: {}", isolator.name)));
    let points = app.mount_points.iter().filter(|point| point.read_only);
    lost.extend(points.map(|point| format!("app.mountPoints: {} is read-only", point.name)));
    let ports = app.ports.iter().filter(|port| port.socket_activated);
    lost.extend(ports.map(|port| format!("app.ports: {} is socket-activated", port.name)));
    lost
}

/// Packs the files of a layout into an archive; gives its length.
fn archive(
    folder: &Path,
    files: &[String],
    out: &Path,
    time: kurmadisk::tree::Timestamp,
) -> Result<u64, AciError> {
    let meta = |mode| Metadata {
        mode,
        mtime: time,
        ..Metadata::default()
    };
    let mut tree = Tree::new(meta(0o755));
    for name in files {
        let content = host_file(&folder.join(PathBuf::from(name)))?;
        tree.place_file(name.as_bytes(), meta(0o644), content)?;
    }
    pack_tree(&tree, out, None)
}
