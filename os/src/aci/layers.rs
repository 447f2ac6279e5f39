//! Dependencies found among the images that are given, and put in their order (specification 0.8, "Dependency Matching"
//! and "Filesystem Setup").

use std::path::{Path, PathBuf};
use std::rc::Rc;

use thiserror::Error;

use super::archive::AciImage;
use super::error::AciError;
use super::lay::Whitelist;
use super::manifest::{Dependency, ImageManifest};

/// The most layers of an image. A dependency counts as often as it is one.
const MOST: usize = 500;

/// Dependencies are missing, or don't fit.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LayerError {
    /// None of the images is it.
    #[error("{image} depends on {wanted}, and {found}; give its file as a dependency")]
    Missing {
        /// The image that depends on it.
        image: String,
        /// What is wanted.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// Several images could be it.
    #[error("{image} depends on {wanted}, which both {} and {} are; leave one out", first.display(), second.display())]
    Several {
        /// The image that depends on it.
        image: String,
        /// What is wanted.
        wanted: String,
        /// One of them.
        first: PathBuf,
        /// Another one.
        second: PathBuf,
    },
    /// It is not as long as it should be.
    #[error("{} has {found} bytes, and {image} depends on one of {wanted}; get it again", path.display())]
    Size {
        /// The image that depends on it.
        image: String,
        /// The dependency's file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// The length it should have.
        wanted: u64,
    },
    /// An image depends on itself.
    #[error("{image} depends on itself, by {by}; such an image can't be rendered")]
    Circle {
        /// The image.
        image: String,
        /// The one that depends on it.
        by: String,
    },
    /// There are too many.
    #[error("the image has more than {MOST} layers; let its dependencies have fewer of their own")]
    TooMany,
    /// A dependency that no image has.
    #[error("no image depends on {} ({name}); leave it out", path.display())]
    Unused {
        /// Its file.
        path: PathBuf,
        /// Its name.
        name: String,
    },
}

/// An image in the order in which they lie over one another.
pub(super) struct Layer<'i> {
    pub(super) image: &'i AciImage,
    /// Those of itself and of the images that depend on it.
    pub(super) whitelists: Vec<Rc<Whitelist>>,
}

/// The image that a dependency of the image called `name` means.
pub(super) fn find<'i>(
    name: &str,
    wanted: &Dependency,
    given: &'i [AciImage],
) -> Result<&'i AciImage, AciError> {
    let mut found: Option<&AciImage> = None;
    let mut others = Vec::new();
    for image in given {
        let manifest = image.manifest()?;
        if manifest.name != wanted.image_name {
            continue;
        }
        if !fits(wanted, image, manifest) {
            others.push(&image.path);
            continue;
        }
        match found {
            Some(other) if other.id != image.id => {
                return Err(LayerError::Several {
                    image: name.to_owned(),
                    wanted: describe(wanted),
                    first: other.path.clone(),
                    second: image.path.clone(),
                }
                .into());
            }
            _ => found = Some(image),
        }
    }
    let image = found.ok_or_else(|| LayerError::Missing {
        image: name.to_owned(),
        wanted: describe(wanted),
        found: match others.first() {
            Some(path) => format!("{} has that name and is another one", path.display()),
            None => "no image of that name is given".to_owned(),
        },
    })?;
    match wanted.size {
        Some(size) if size != image.size => Err(LayerError::Size {
            image: name.to_owned(),
            path: image.path.clone(),
            found: image.size,
            wanted: size,
        }
        .into()),
        _ => Ok(image),
    }
}

/// By its id if one is given, else by its labels.
fn fits(wanted: &Dependency, image: &AciImage, manifest: &ImageManifest) -> bool {
    match &wanted.image_id {
        Some(id) => *id == image.id,
        None => wanted
            .labels
            .iter()
            .all(|label| manifest.label(&label.name) == Some(&label.value)),
    }
}

fn describe(wanted: &Dependency) -> String {
    let mut text = wanted.image_name.clone();
    for label in &wanted.labels {
        text.extend([",", &label.name, "=", &label.value]);
    }
    if let Some(id) = &wanted.image_id {
        text.extend([" (", id.as_str(), ")"]);
    }
    text
}

/// The images that lie below one with this manifest, the lowest first, with the whitelists that bear on them; and its own
/// whitelists.
pub(super) fn below<'i>(
    manifest: &ImageManifest,
    given: &'i [AciImage],
) -> Result<(Vec<Layer<'i>>, Vec<Rc<Whitelist>>), AciError> {
    let own: Vec<_> = Whitelist::new(&manifest.path_whitelist)
        .map(Rc::new)
        .into_iter()
        .collect();
    let mut layers = Vec::new();
    gather(manifest, given, &own, &mut Vec::new(), &mut layers)?;
    let is_used = |image: &AciImage| {
        layers
            .iter()
            .any(|layer: &Layer<'_>| layer.image.id == image.id)
    };
    if let Some(unused) = given.iter().find(|image| !is_used(image)) {
        return Err(self::unused(unused)?.into());
    }
    Ok((layers, own))
}

/// The error of an image that nothing depends on.
pub(super) fn unused(image: &AciImage) -> Result<LayerError, AciError> {
    Ok(LayerError::Unused {
        path: image.path.clone(),
        name: image.manifest()?.name.clone(),
    })
}

/// Depth first: each dependency after its own ones, in their order. `above` are the files of the images on the way.
fn gather<'i>(
    manifest: &ImageManifest,
    given: &'i [AciImage],
    whitelists: &[Rc<Whitelist>],
    above: &mut Vec<&'i Path>,
    layers: &mut Vec<Layer<'i>>,
) -> Result<(), AciError> {
    for wanted in &manifest.dependencies {
        let image = find(&manifest.name, wanted, given)?;
        if above.contains(&image.path.as_path()) {
            return Err(LayerError::Circle {
                image: wanted.image_name.clone(),
                by: manifest.name.clone(),
            }
            .into());
        }
        let theirs = image.manifest()?;
        let mut bearing = whitelists.to_vec();
        bearing.extend(Whitelist::new(&theirs.path_whitelist).map(Rc::new));
        above.push(&image.path);
        gather(theirs, given, &bearing, above, layers)?;
        above.pop();
        if layers.len() == MOST {
            return Err(LayerError::TooMany.into());
        }
        layers.push(Layer {
            image,
            whitelists: bearing,
        });
    }
    Ok(())
}
