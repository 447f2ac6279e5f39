//! Images in an OCI image layout, and those that `skopeo copy … dir:` keeps.

use super::Select;
use super::error::OciError;
use super::layers::{Found, Layer};
use super::platform::Platform;
use super::select::{Candidate, by_name, by_platform};
use super::spec::{ConfigFile, Descriptor, Index, KeptManifest, LayoutFile, Manifest};
use super::store::{Expected, Store};

/// The most images that are listed, all indexes together.
const MOST_IMAGES: usize = 1000;
/// The most indexes that are read.
const MOST_INDEXES: usize = 100;
/// Indexes within indexes.
const DEEPEST: usize = 8;

/// Where blobs lie.
#[derive(Clone, Copy)]
pub(super) struct Blobs<'a> {
    store: Store<'a>,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `blobs/sha256/DIGITS`.
    Layout,
    /// `DIGITS`, and manifests as `DIGITS.manifest.json`.
    Folder,
}

/// The image of an OCI image layout.
pub(super) fn of_layout<'a>(store: Store<'a>, select: &Select) -> Result<Found<'a>, OciError> {
    let LayoutFile { version } = store.document("oci-layout", None)?;
    if !version.starts_with("1.") {
        return Err(OciError::Version { version });
    }
    let place = Place::Layout;
    let blobs = Blobs { store, place };
    let index: Index = store.document(INDEX, None)?;
    blobs.of_index(INDEX, index.manifests, select)
}

const INDEX: &str = "index.json";

/// The image of a folder whose `manifest.json` is that of a registry.
pub(super) fn of_folder<'a>(store: Store<'a>, select: &Select) -> Result<Found<'a>, OciError> {
    let name = "manifest.json";
    let place = Place::Folder;
    let blobs = Blobs { store, place };
    let kept: KeptManifest = store.document(name, None)?;
    match (kept.config, kept.layers, kept.manifests) {
        (Some(config), Some(layers), None) => {
            let found = blobs.of_manifest(name, Manifest { config, layers })?;
            let only = Candidate {
                names: Vec::new(),
                id: name.to_owned(),
                item: found,
            };
            let only = by_name(vec![only], select.reference.as_deref())?;
            let platform = |found: &Found| Ok(Some(found.config.platform.clone()));
            by_platform(only, select, platform)?.ok_or_else(|| empty(name))
        }
        (None, None, Some(manifests)) => blobs.of_index(name, manifests, select),
        _ => Err(OciError::MediaType {
            name: name.to_owned(),
            media_type: kept
                .media_type
                .unwrap_or_else(|| format!("image manifest version {}", kept.schema_version)),
        }),
    }
}

impl<'a> Blobs<'a> {
    fn of_index(
        self,
        name: &str,
        manifests: Vec<Descriptor>,
        select: &Select,
    ) -> Result<Found<'a>, OciError> {
        let named = candidates(name, manifests)?;
        let named = by_name(named, select.reference.as_deref())?;
        let all = self.expanded(name, named)?;
        let (images, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|each| each.item.is_manifest());
        let platform = |image: &Descriptor| self.platform(image);
        match (
            by_platform(self.present(images)?, select, platform)?,
            others.first(),
        ) {
            (Some(image), _) => {
                let name = self.manifest_path(&image, name)?;
                let manifest = self.manifest(&name, &image)?;
                self.of_manifest(&name, manifest)
            }
            (None, Some(other)) => {
                let Descriptor {
                    media_type,
                    artifact_type,
                    digest,
                    ..
                } = &other.item;
                Err(OciError::MediaType {
                    name: digest.clone(),
                    media_type: artifact_type.as_ref().unwrap_or(media_type).clone(),
                })
            }
            (None, None) => Err(empty(name)),
        }
    }

    /// The images that are there. What an index lists but is not there can't be meant, unless nothing else is.
    fn present(
        self,
        images: Vec<Candidate<Descriptor>>,
    ) -> Result<Vec<Candidate<Descriptor>>, OciError> {
        let there = images.iter().map(|image| {
            let path = self.manifest_path(&image.item, &image.item.digest)?;
            Ok(self.store.find(&path).is_some())
        });
        let there = there.collect::<Result<Vec<_>, OciError>>()?;
        if !there.contains(&true) {
            return Ok(images);
        }
        let images = images.into_iter().zip(there);
        Ok(images
            .filter_map(|(image, there)| there.then_some(image))
            .collect())
    }

    /// What is in indexes in place of them.
    fn expanded(
        self,
        name: &str,
        named: Vec<Candidate<Descriptor>>,
    ) -> Result<Vec<Candidate<Descriptor>>, OciError> {
        let mut all: Vec<Candidate<Descriptor>> = Vec::new();
        let mut pending: Vec<_> = named.into_iter().rev().map(|each| (each, 0)).collect();
        let mut read = 0;
        while let Some((candidate, depth)) = pending.pop() {
            if !candidate.item.is_index() {
                all.push(candidate);
                continue;
            }
            read += 1;
            let what = "indexes within one another";
            check_count(name, what, depth, DEEPEST)?;
            check_count(name, "indexes", read, MOST_INDEXES)?;
            let path = self.manifest_path(&candidate.item, name)?;
            let expected = Expected::of(&candidate.item, name)?;
            let index: Index = self.store.document(&path, Some(&expected))?;
            let inside = candidates(&path, index.manifests)?;
            let count = all.len() + pending.len() + inside.len();
            check_count(name, "images", count, MOST_IMAGES)?;
            pending.extend(inside.into_iter().rev().map(|mut each| {
                each.names.clone_from(&candidate.names);
                (each, depth + 1)
            }));
        }
        Ok(all)
    }

    fn manifest(self, path: &str, image: &Descriptor) -> Result<Manifest, OciError> {
        let expected = Expected::of(image, path)?;
        self.store.document(path, Some(&expected))
    }

    /// The platform of an image that is there; none of what turns out to be no image.
    fn platform(self, image: &Descriptor) -> Result<Option<Platform>, OciError> {
        if image.platform.is_some() {
            return Ok(image.platform.clone());
        }
        let path = self.manifest_path(image, &image.digest)?;
        if self.store.find(&path).is_none() {
            return Ok(None);
        }
        let manifest = self.manifest(&path, image)?;
        if !manifest.config.is_config() {
            return Ok(None);
        }
        let (_, config) = self.config(&path, &manifest.config)?;
        Ok(Some(config.platform))
    }

    fn config(self, name: &str, config: &Descriptor) -> Result<(String, ConfigFile), OciError> {
        let expected = Expected::of(config, name)?;
        let path = self.path(&expected);
        let config = self.store.document(&path, Some(&expected))?;
        Ok((path, config))
    }

    fn of_manifest(self, name: &str, manifest: Manifest) -> Result<Found<'a>, OciError> {
        if !manifest.config.is_config() {
            return Err(OciError::MediaType {
                name: name.to_owned(),
                media_type: manifest.config.media_type,
            });
        }
        let (config_name, config) = self.config(name, &manifest.config)?;
        let layers = manifest.layers.iter();
        let layers = layers.map(|layer| self.layer(name, layer));
        Ok(Found {
            layers: layers.collect::<Result<_, _>>()?,
            config_name,
            config,
        })
    }

    fn layer(self, name: &str, layer: &Descriptor) -> Result<Layer<'a>, OciError> {
        let media_type = layer.media_type.clone();
        if layer.is_encrypted() {
            let name = layer.digest.clone();
            return Err(OciError::Encrypted { name, media_type });
        }
        if !layer.is_layer() {
            let name = layer.digest.clone();
            return Err(OciError::MediaType { name, media_type });
        }
        let expected = Expected::of(layer, name)?;
        let path = self.path(&expected);
        let url = layer.urls.as_ref().and_then(|urls| urls.first());
        match (self.store.find(&path), url) {
            (Some(blob), _) => Ok(Layer {
                name: path,
                blob,
                stored: Some(expected),
            }),
            (None, Some(url)) => Err(OciError::Elsewhere {
                name: path,
                url: url.clone(),
            }),
            (None, None) => Err(OciError::Missing { name: path }),
        }
    }

    fn path(self, blob: &Expected) -> String {
        let digits = blob.digest.digits();
        match self.place {
            Place::Layout => format!("blobs/sha256/{digits}"),
            Place::Folder => digits,
        }
    }

    /// Where the manifest or index lies that the document `name` refers to.
    fn manifest_path(self, manifest: &Descriptor, name: &str) -> Result<String, OciError> {
        let path = self.path(&Expected::of(manifest, name)?);
        Ok(match self.place {
            Place::Layout => path,
            Place::Folder => path + ".manifest.json",
        })
    }
}

fn candidates(
    name: &str,
    manifests: Vec<Descriptor>,
) -> Result<Vec<Candidate<Descriptor>>, OciError> {
    check_count(name, "images", manifests.len(), MOST_IMAGES)?;
    let candidates = manifests.into_iter().map(|item| Candidate {
        names: item.name().into_iter().cloned().collect(),
        id: item.digest.clone(),
        item,
    });
    Ok(candidates.collect())
}

pub(super) fn check_count(
    name: &str,
    what: &'static str,
    count: usize,
    limit: usize,
) -> Result<(), OciError> {
    if count <= limit {
        return Ok(());
    }
    let name = name.to_owned();
    Err(OciError::TooMany { name, what, limit })
}

pub(super) fn empty(name: &str) -> OciError {
    OciError::Empty {
        name: name.to_owned(),
    }
}
