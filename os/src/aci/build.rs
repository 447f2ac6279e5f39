//! Images built.

use std::path::Path;

use kurmadisk::formats::output::NewFile;
use kurmadisk::package::archive::TreeTar;
use kurmadisk::source::Scratch;
use kurmadisk::spec::Located;
use kurmadisk::tree::{Metadata, Timestamp, Tree};
use serde::Serialize;
use sha2::Sha512;

use super::archive::{AciImage, MANIFEST, ROOTFS};
use super::error::AciError;
use super::layers;
use super::manifest::{self, Checked, Fault, ImageId, ImageManifest, Node, Origin, Value};
use super::oci;
use super::pack::{self, Packing};
use super::spec::{AciCompression, AciFormat, AciSpec, ManifestSource};
use crate::file;

/// What was built.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The image's name.
    pub name: String,
    /// `aci` or `oci`.
    pub format: String,
    /// An App Container image's id, or the digest of an OCI image's manifest.
    pub id: String,
    /// The length in bytes of the file, or of all files of a folder.
    pub size: u64,
    /// Names in its root filesystem, without those of its dependencies.
    pub entries: usize,
    /// The layers of an OCI image, the lowest first.
    pub layers: Vec<BuiltLayer>,
    /// What the manifest says and this kind of image can't.
    pub lost: Vec<String>,
    /// What others may not understand.
    pub notes: Vec<String>,
}

/// A layer of an OCI image.
#[derive(Clone, Debug, Serialize)]
pub struct BuiltLayer {
    /// The App Container image that it is.
    pub image: String,
    /// The digest of its blob.
    pub digest: String,
    /// The digest of its archive, uncompressed.
    pub diff_id: String,
    /// The blob's length in bytes.
    pub size: u64,
}

impl AciSpec {
    /// Builds the image as `out`, which appears when it is complete.
    ///
    /// Fails when the manifest isn't what the specification asks for, with everything that is wrong; and when an image
    /// is given as a dependency that the manifest does not depend on.
    pub fn build(&self, out: &Path) -> Result<Report, AciError> {
        let (mut manifest, notes) = self.manifest()?;
        let given = self.given()?;
        let mut used = Vec::new();
        for wanted in &mut manifest.dependencies {
            // An image may be built before its dependencies are.
            if !given.is_empty() {
                let image = layers::find(&manifest.name, wanted, &given)?;
                wanted.image_id = Some(image.id.clone());
                used.push(&image.id);
            }
        }
        let tree = self.tree()?;
        let entries = count(&tree);
        let format = self
            .format
            .as_ref()
            .map_or(AciFormat::Aci, |given| given.value);
        let packing = Packing::new(self.compression(format)?.compression(), self.threads);
        let mut report = match format {
            AciFormat::Aci => {
                if let Some(unused) = given.iter().find(|image| !used.contains(&&image.id)) {
                    return Err(layers::unused(unused)?.into());
                }
                let (id, size) = write_aci(&manifest, &tree, out, packing)?;
                Report {
                    name: manifest.name.clone(),
                    format: format.to_string(),
                    id: id.to_string(),
                    size,
                    entries,
                    layers: Vec::new(),
                    lost: Vec::new(),
                    notes: Vec::new(),
                }
            }
            AciFormat::Oci => oci::write(&manifest, &tree, &given, out, packing)?,
        };
        report.entries = entries;
        report.notes = notes.iter().map(Fault::to_string).collect();
        Ok(report)
    }

    /// The manifest with the labels that are added to it, and what others may not understand of it.
    pub fn manifest(&self) -> Result<(ImageManifest, Vec<Fault>), AciError> {
        let Some(source) = &self.manifest else {
            let reason = "an image needs a manifest; name its file, or write it as a table";
            return Err(AciError::Value(reason.to_owned()));
        };
        let mut node = match &source.value {
            ManifestSource::File(path) => manifest::read_file(path)?,
            ManifestSource::Table(table) => Node::of(table.clone(), Some(&source.place)),
        };
        self.add_labels(&mut node);
        let Checked {
            manifest,
            faults,
            notes,
        } = manifest::check(&node, Origin::Description);
        let manifest = manifest.ok_or(manifest::ManifestError::Faults { faults })?;
        Ok((manifest, notes))
    }

    /// Puts the labels of the description among those of the manifest, if that has a list of them or none.
    fn add_labels(&self, node: &mut Node) {
        let Value::Map(entries) = &mut node.value else {
            return;
        };
        if self.labels.is_empty() {
            return;
        }
        let at = entries.iter().position(|(key, _)| key == "labels");
        let at = at.unwrap_or_else(|| {
            let list = Node::of(serde_json::Value::Array(Vec::new()), None);
            entries.push(("labels".to_owned(), list));
            entries.len() - 1
        });
        let Value::List(list) = &mut entries[at].1.value else {
            return;
        };
        for (name, value) in &self.labels {
            list.retain(|label| {
                let Value::Map(pair) = &label.value else {
                    return true;
                };
                !pair
                    .iter()
                    .any(|(key, text)| key == "name" && text.value == Value::Text(name.clone()))
            });
            let pair = serde_json::json!({ "name": name, "value": value.value });
            list.push(Node::of(pair, Some(&value.place)));
        }
    }

    /// The images that are given as dependencies.
    fn given(&self) -> Result<Vec<AciImage>, AciError> {
        let scratch = match &self.scratch {
            Some(folder) => Scratch::Folder(folder.clone()),
            None => Scratch::Memory,
        };
        let images = self.dependencies.iter().map(|path: &Located<_>| {
            let image = AciImage::read(&path.value, &scratch);
            image.map_err(|error| error.at(path, "dependencies"))
        });
        images.collect()
    }

    /// How it is compressed, if such an image may be.
    fn compression(&self, format: AciFormat) -> Result<AciCompression, AciError> {
        let Some(given) = &self.compress else {
            return Ok(AciCompression::default());
        };
        let reason = match (format, given.value) {
            (AciFormat::Aci, AciCompression::Zst) => {
                "App Container images are compressed with gz or xz, or not (none)"
            }
            (AciFormat::Oci, AciCompression::Xz) => {
                "layers of OCI images are compressed with gz or zst, or not (none)"
            }
            _ => return Ok(given.value),
        };
        Err(AciError::Value(reason.to_owned()).at(given, "compress"))
    }
}

/// Writes an App Container image; gives its id, and the length of its file.
fn write_aci(
    manifest: &ImageManifest,
    tree: &Tree,
    out: &Path,
    packing: Packing,
) -> Result<(ImageId, u64), AciError> {
    let mut archive = TreeTar::new();
    let content = file::in_memory(manifest.to_json());
    let content = content.map_err(|error| AciError::Archive(error.into()))?;
    let meta = Metadata {
        mode: 0o644,
        mtime: newest(tree),
        ..Metadata::default()
    };
    archive.add_file(MANIFEST.as_bytes(), &meta, &content)?;
    if manifest.dependencies.is_empty() {
        archive.add_tree(ROOTFS.as_bytes(), tree)?;
    } else {
        archive.add_layer(ROOTFS.as_bytes(), tree)?;
    }
    let archive = archive.finish()?;
    let mut file = NewFile::create(out)?;
    let digest = pack::write::<Sha512>(&archive, &mut file, packing)?;
    let size = pack::len_of(&file)?;
    file.commit()?;
    let digest: [u8; 64] = digest.try_into().unwrap_or([0; 64]);
    Ok((ImageId::of_digest(&digest), size))
}

/// The time of what a build itself makes: that of the newest file.
pub(super) fn newest(tree: &Tree) -> Timestamp {
    let times = tree.nodes().map(|(_, node)| node.meta.mtime);
    times.max().unwrap_or_default()
}

/// How many names a tree has.
pub(super) fn count(tree: &Tree) -> usize {
    let mut names = tree.walk();
    std::iter::from_fn(|| names.next_name().map(drop)).count()
}
