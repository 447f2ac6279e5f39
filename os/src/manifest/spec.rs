//! What a manifest says.

use std::path::{Path, PathBuf};

use kurmadisk::spec::{Document, Formats, ImageSpec, Located, Place, Target};
use serde::Deserialize;

use super::error::ManifestError;
use super::places::Places;
use super::reference;
use crate::aci::AciSpec;
use crate::base::BaseSpec;
use crate::component::ComponentSpec;
use crate::file::{NO_NAME, is_name};
use crate::initrd::InitrdSpec;

/// A whole system. Paths are relative to the manifest's folder.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Manifest {
    /// The folder that everything goes to; `output` without it.
    pub output: Option<Located<PathBuf>>,
    /// The time of all that is made: seconds since 1970; 0 without it.
    pub source_date_epoch: Option<Located<u64>>,
    /// The container images that the kernel is compiled in.
    pub base: BaseSpec,
    /// The kernel, when it is not compiled by the base.
    pub kernel: Option<KernelSpec>,
    /// Programs from their sources.
    #[serde(rename = "component")]
    pub components: Vec<ComponentSpec>,
    /// Application container images.
    #[serde(rename = "aci")]
    pub acis: Vec<AciSpec>,
    /// The initial RAM filesystem.
    pub initrd: Option<InitrdSpec>,
    /// Kernel and initrd as one archive.
    pub bundle: Option<BundleSpec>,
    /// The disk.
    pub disk: Option<ImageSpec>,
    /// What is made of the disk.
    pub release: ReleaseSpec,
    /// The manifest's own folder.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Where what is made lies.
    #[serde(skip)]
    pub(super) places: Places,
    /// What was written, without comments, by table.
    #[serde(skip)]
    pub(super) tables: toml::Table,
}

/// A kernel that is there already (`[kernel]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KernelSpec {
    /// The bzImage.
    pub image: Located<PathBuf>,
}

/// Kernel and initrd as one archive (`[bundle]`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BundleSpec {
    /// What the archive is called; `kurma-init` without it.
    pub name: Option<Located<String>>,
}

/// What is made of the disk (`[release]`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ReleaseSpec {
    /// What the machine in packages says is its version, unless it has one of its own.
    pub version: Option<Located<String>>,
    /// The formats of the disk in no package; `raw` without it.
    pub formats: Option<Located<Formats>>,
    /// The targets of packages.
    pub targets: Vec<Located<Target>>,
}

/// The key that has to be known before the references.
#[derive(Deserialize)]
struct Head {
    output: Option<PathBuf>,
}

impl Manifest {
    /// Reads a manifest. `output` is the folder that everything goes to, in place of the one it names.
    pub fn from_file(path: &Path, output: Option<&Path>) -> Result<Self, ManifestError> {
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let document = Document::from_file(path)?;
        let Head { output: own } = document.parse()?;
        let given = output.map(Path::to_path_buf);
        let output = given.unwrap_or_else(|| folder.join(own.unwrap_or_else(|| "output".into())));
        let output = absolute(&output)?;
        let tables: toml::Table = document.parse()?;
        let places = Places::new(&tables);
        let document = reference::resolved(document, &places, &output)?;
        let mut manifest: Self = document.parse()?;
        manifest.settle(&document, &absolute(folder)?)?;
        manifest.tables = tables;
        manifest.places = places;
        manifest.output = Some(Located {
            value: output,
            place: Place::Caller,
        });
        manifest.check()?;
        Ok(manifest)
    }

    /// The folder that everything goes to.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        let output = self.output.as_ref();
        output.map_or_else(|| self.folder.join("output"), |output| output.value.clone())
    }

    /// The time of all that is made, in seconds since 1970.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.source_date_epoch.as_ref().map_or(0, |time| time.value)
    }

    fn settle(&mut self, document: &Document, folder: &Path) -> Result<(), ManifestError> {
        self.folder = folder.to_path_buf();
        if let Some(time) = &mut self.source_date_epoch {
            time.locate(document);
        }
        let time = Located::by_caller(i64::try_from(self.time()).unwrap_or(i64::MAX));
        self.base.locate(document);
        self.base.resolve_paths(folder);
        if let Some(kernel) = &mut self.kernel {
            kernel.image.locate(document);
            kernel.image.value = folder.join(&kernel.image.value);
        }
        for component in &mut self.components {
            component.locate(document);
            component.resolve_paths(folder);
        }
        for aci in &mut self.acis {
            aci.locate(document);
            aci.resolve_paths(folder);
            aci.source_date_epoch.get_or_insert(time.clone());
        }
        if let Some(initrd) = &mut self.initrd {
            initrd.locate(document);
            initrd.resolve_paths(folder);
            initrd.source_date_epoch.get_or_insert(time);
        }
        if let Some(name) = self.bundle.as_mut().and_then(|bundle| bundle.name.as_mut()) {
            name.locate(document);
        }
        if let Some(disk) = &mut self.disk {
            disk.settle(document, folder)?;
        }
        let release = &mut self.release;
        if let Some(version) = &mut release.version {
            version.locate(document);
        }
        if let Some(formats) = &mut release.formats {
            formats.locate(document);
        }
        for target in &mut release.targets {
            target.locate(document);
        }
        Ok(())
    }

    /// Refuses what could have no effect, and names that two parts have.
    fn check(&self) -> Result<(), ManifestError> {
        let components = self.components.iter().map(|component| &component.name);
        twice("component", components)?;
        for (number, aci) in self.acis.iter().enumerate() {
            if aci.name.is_none() {
                let place = Place::Caller;
                let reason = format!("number {} of the [[aci]] has none; give it one", number + 1);
                return Err(ManifestError::Value {
                    place,
                    key: "name",
                    reason,
                });
            }
        }
        let acis = self.acis.iter().filter_map(|aci| aci.name.as_ref());
        let bundle = self.bundle.iter().filter_map(|bundle| bundle.name.as_ref());
        if let Some(name) = acis.chain(bundle).find(|name| !is_name(&name.value)) {
            return Err(ManifestError::Value {
                place: name.place.clone(),
                key: "name",
                reason: format!("{:?}: {NO_NAME}", name.value),
            });
        }
        twice("aci", self.acis.iter().filter_map(|aci| aci.name.as_ref()))?;
        let without_disk = |place: &Place, key| {
            Err(ManifestError::Value {
                place: place.clone(),
                key,
                reason: "there is no [disk] that it could be made of; describe one".to_owned(),
            })
        };
        match (
            &self.disk,
            self.release.targets.first(),
            &self.release.formats,
        ) {
            (None, Some(target), _) => without_disk(&target.place, "targets"),
            (None, None, Some(formats)) => without_disk(&formats.place, "formats"),
            _ => Ok(()),
        }
    }
}

fn twice<'n>(
    kind: &'static str,
    names: impl Iterator<Item = &'n Located<String>>,
) -> Result<(), ManifestError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(&name.value) {
            let (place, name) = (name.place.clone(), name.value.clone());
            return Err(ManifestError::Twice { place, kind, name });
        }
    }
    Ok(())
}

/// A path from the root, as the links within it lead.
fn absolute(path: &Path) -> Result<PathBuf, ManifestError> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    std::path::absolute(path).map_err(|_| ManifestError::Path {
        path: path.to_path_buf(),
    })
}
