//! What a user wrote of an image: a table `[[aci]]`, or the options of a command.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kurmadisk::formats::compress::Compression;
use kurmadisk::spec::{
    Document, Located, Mode, OverrideSpec, Paths, SpecError, TreeChanges, TreeList,
};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::file::{NO_NAME, is_name};

/// An image to be built. Paths in a file are relative to its folder.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AciSpec {
    /// What its file is called, without an ending.
    pub name: Option<Located<String>>,
    /// Its manifest: the path of a file, or a table.
    pub manifest: Option<Located<ManifestSource>>,
    /// Labels that are added to those of the manifest, or replace them.
    pub labels: BTreeMap<String, Located<String>>,
    /// The trees of its root filesystem, over one another.
    pub rootfs: TreeList,
    /// Programs: their paths in the image, and the files they are.
    pub binaries: BTreeMap<String, Located<PathBuf>>,
    /// Single files, links and directories (`[[aci.files]]`).
    pub files: Vec<AciFile>,
    /// Files of overrides, TOML or mtree.
    pub overrides: Option<Located<Paths>>,
    /// Overrides (`[[aci.override]]`).
    #[serde(rename = "override")]
    pub own_overrides: Vec<OverrideSpec>,
    /// The files of images that the manifest depends on.
    pub dependencies: Vec<Located<PathBuf>>,
    /// What kind of image it becomes; `aci` without it.
    pub format: Option<Located<AciFormat>>,
    /// How it is compressed; `gz` without it.
    pub compress: Option<Located<AciCompression>>,
    /// Later times become this one (seconds since 1970), and what has none gets it.
    pub source_date_epoch: Option<Located<i64>>,
    /// How all trees are changed as they are read; a single one is changed by its own table.
    #[serde(skip)]
    pub trees: TreeChanges,
    /// Labels for `SELinux`: a policy's `file_contexts`.
    #[serde(skip)]
    pub file_contexts: Option<Located<PathBuf>>,
    /// Folder for uncompressed copies of archives; memory without it.
    #[serde(skip)]
    pub scratch: Option<PathBuf>,
    /// Threads that compress; as many as there are processors without it.
    #[serde(skip)]
    pub threads: Option<NonZero<usize>>,
}

/// A file of descriptions: tables `[[aci]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AciSpecs {
    /// The images.
    pub aci: Vec<AciSpec>,
}

/// A file, link or directory of an image.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AciFile {
    /// Where it is.
    pub path: Located<String>,
    /// The file of the host that it is; or one of the following.
    pub source: Option<Located<PathBuf>>,
    /// Its content.
    pub text: Option<Located<String>>,
    /// Where it leads, as a symbolic link.
    pub link: Option<Located<String>>,
    /// Whether it is a directory.
    pub directory: Option<Located<bool>>,
    /// Permission bits; 0644 of a file and 0755 of a directory without them.
    pub mode: Option<Located<Mode>>,
    /// Owner; 0 without it.
    pub uid: Option<Located<u32>>,
    /// Group; 0 without it.
    pub gid: Option<Located<u32>>,
}

/// Where a manifest is.
#[derive(Clone, Debug, PartialEq)]
pub enum ManifestSource {
    /// In a file of YAML or JSON.
    File(PathBuf),
    /// In the description itself.
    Table(serde_json::Value),
}

/// A kind of image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AciFormat {
    /// App Container's: a tar archive of `manifest` and `rootfs`.
    #[default]
    Aci,
    /// OCI's: an image layout, as a folder, or as an archive where the file's name ends in `.tar`.
    Oci,
}

/// How an image is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AciCompression {
    /// Not at all.
    None,
    /// gzip.
    #[default]
    Gz,
    /// xz: App Container images only.
    Xz,
    /// zstd: OCI images only.
    Zst,
}

impl AciCompression {
    /// What it is to the compressor.
    pub(super) fn compression(self) -> Option<Compression> {
        match self {
            Self::None => None,
            Self::Gz => Some(Compression::Gzip),
            Self::Xz => Some(Compression::Xz),
            Self::Zst => Some(Compression::Zstd),
        }
    }
}

/// Names, in texts and as options.
macro_rules! named {
    ($kind:ty, $what:literal, $($value:path = $name:literal),+) => {
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($value => $name),+ })
            }
        }

        impl FromStr for $kind {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                match name {
                    $($name => Ok($value),)+
                    _ => Err(format!("{name:?} is no {}; there are: {}", $what, [$($name),+].join(", "))),
                }
            }
        }
    };
}

named!(
    AciFormat,
    "kind of image",
    Self::Aci = "aci",
    Self::Oci = "oci"
);
named!(
    AciCompression,
    "compression",
    Self::None = "none",
    Self::Gz = "gz",
    Self::Xz = "xz",
    Self::Zst = "zst"
);

impl AciSpecs {
    /// Reads the tables `[[aci]]` of a file; relative paths become relative to its folder.
    ///
    /// Fails when two have one name, or one has none that can be a file's.
    pub fn from_file(path: &Path) -> Result<Vec<AciSpec>, SpecError> {
        let document = Document::from_file(path)?;
        let mut specs = document.parse::<Self>()?.aci;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        for spec in &mut specs {
            spec.locate(&document);
            spec.resolve_paths(folder);
        }
        let mut seen = HashSet::new();
        for (index, spec) in specs.iter().enumerate() {
            let Some(name) = &spec.name else {
                return Err(SpecError::Syntax {
                    place: document.place(0),
                    reason: format!("aci: number {} has no name; give it one", index + 1),
                });
            };
            if !is_name(&name.value) {
                return Err(SpecError::Syntax {
                    place: name.place.clone(),
                    reason: format!("name: {:?}: {NO_NAME}", name.value),
                });
            }
            if !seen.insert(&name.value) {
                return Err(SpecError::Syntax {
                    place: name.place.clone(),
                    reason: format!("name: {:?} is there already; give another one", name.value),
                });
            }
        }
        Ok(specs)
    }
}

impl AciSpec {
    /// Turns the places of values from spans into lines and columns of the `document` that the table was read from.
    pub fn locate(&mut self, document: &Document) {
        fn one<T>(value: &mut Option<Located<T>>, document: &Document) {
            if let Some(value) = value {
                value.locate(document);
            }
        }
        one(&mut self.name, document);
        one(&mut self.manifest, document);
        one(&mut self.overrides, document);
        one(&mut self.format, document);
        one(&mut self.compress, document);
        one(&mut self.source_date_epoch, document);
        self.rootfs.locate(document);
        for label in self.labels.values_mut() {
            label.locate(document);
        }
        for path in self.binaries.values_mut().chain(&mut self.dependencies) {
            path.locate(document);
        }
        for each in &mut self.own_overrides {
            each.path.locate(document);
        }
        for file in &mut self.files {
            file.path.locate(document);
            one(&mut file.source, document);
            one(&mut file.text, document);
            one(&mut file.link, document);
            one(&mut file.directory, document);
            one(&mut file.mode, document);
            one(&mut file.uid, document);
            one(&mut file.gid, document);
        }
    }

    /// Makes relative paths relative to `base`.
    pub fn resolve_paths(&mut self, base: &Path) {
        if let Some(Located {
            value: ManifestSource::File(path),
            ..
        }) = &mut self.manifest
        {
            *path = base.join(&*path);
        }
        self.rootfs.resolve_paths(base);
        let sources = self
            .files
            .iter_mut()
            .filter_map(|file| file.source.as_mut());
        let paths = self.binaries.values_mut().chain(&mut self.dependencies);
        for path in paths.chain(sources) {
            path.value = base.join(&path.value);
        }
        if let Some(paths) = &mut self.overrides {
            for path in &mut paths.value.0 {
                *path = base.join(&*path);
            }
        }
    }

    /// All files and folders that are read when it is built.
    #[must_use]
    pub fn inputs(&self) -> Vec<PathBuf> {
        let manifest = match &self.manifest {
            Some(Located {
                value: ManifestSource::File(path),
                ..
            }) => Some(path),
            _ => None,
        };
        let trees = self.rootfs.0.iter();
        let trees = trees.flat_map(|tree| [Some(&tree.path), tree.changes.fakeroot.as_ref()]);
        let sources = self.files.iter().map(|file| file.source.as_ref());
        let single = [self.trees.fakeroot.as_ref(), self.file_contexts.as_ref()];
        let located = trees.chain(sources).chain(single).flatten();
        let located = located
            .chain(self.binaries.values())
            .chain(&self.dependencies);
        let overrides = self.overrides.iter().flat_map(|paths| &paths.value.0);
        let paths = located.map(|path| &path.value);
        manifest
            .into_iter()
            .chain(paths)
            .chain(overrides)
            .cloned()
            .collect()
    }
}

impl<'de> Deserialize<'de> for ManifestSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = ManifestSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the path of a manifest, or a table that is one")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ManifestSource, E> {
                Ok(ManifestSource::File(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ManifestSource, A::Error> {
                let table = MapAccessDeserializer::new(map);
                serde_json::Value::deserialize(table).map(ManifestSource::Table)
            }
        }

        deserializer.deserialize_any(Any)
    }
}
