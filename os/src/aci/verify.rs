//! What is wrong with an image: everything at once.

use std::path::Path;

use kurmadisk::source::Scratch;
use kurmadisk::tree::{NodeKind, Tree};

use super::archive::AciImage;
use super::error::AciError;
use super::manifest::{Fault, ImageId, ImageManifest};

/// What is told of an image.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Its id, if it could be read to its end.
    pub id: Option<ImageId>,
    /// Its name, if its manifest has one.
    pub name: Option<String>,
    /// Why programs must refuse it, in words; none for a good image.
    pub refusals: Vec<String>,
    /// What is allowed and may yet be a mistake.
    pub notes: Vec<String>,
}

/// Tells what is wrong with the image at `path`.
///
/// Fails when nothing can be told: it can't be read, or is encrypted.
pub fn verify(path: &Path, scratch: &Scratch) -> Result<Verdict, AciError> {
    let image = match AciImage::read(path, scratch) {
        Ok(image) => image,
        Err(error) if error.is_of_image() => {
            let reason = std::error::Error::source(&error);
            let reason = reason.map_or_else(|| error.to_string(), kurmadisk::formats::error::chain);
            return Ok(Verdict {
                id: None,
                name: None,
                refusals: vec![reason],
                notes: Vec::new(),
            });
        }
        Err(error) => return Err(error),
    };
    let mut refusals = Vec::new();
    let mut notes = Vec::new();
    if image.compression == "zstd" {
        let reason = "it is compressed with zstd; an image may be with gzip, bzip2 or xz";
        refusals.push(reason.to_owned());
    }
    let faults = image.faults.iter().chain(&image.checked.faults);
    refusals.extend(faults.map(Fault::to_string));
    notes.extend(image.checked.notes.iter().map(Fault::to_string));
    if path.extension().is_none_or(|ending| ending != "aci") {
        notes.push("the file's name does not end in .aci".to_owned());
    }
    if let Some(manifest) = &image.checked.manifest {
        notes.extend(missing(manifest, &image.rootfs));
    }
    let manifest = image.checked.manifest;
    Ok(Verdict {
        id: Some(image.id),
        name: manifest.map(|manifest| manifest.name),
        refusals,
        notes,
    })
}

/// Programs that are not in an image which is all there is.
fn missing(manifest: &ImageManifest, rootfs: &Tree) -> Vec<String> {
    let Some(app) = manifest
        .app
        .as_ref()
        .filter(|_| manifest.dependencies.is_empty())
    else {
        return Vec::new();
    };
    let handlers = app.event_handlers.iter().map(|handler| &handler.exec);
    let programs = std::iter::once(&app.exec).chain(handlers);
    let programs = programs.filter_map(|exec| exec.first());
    let missing = programs.filter(|program| !may_be(rootfs, program));
    missing
        .map(|program| format!("{program} is not in rootfs"))
        .collect()
}

/// Whether something is at `path`, or a symbolic link on the way may lead to it.
fn may_be(tree: &Tree, path: &str) -> bool {
    let mut at = Tree::ROOT;
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        match tree.child(at, part.as_bytes()) {
            Some(child) => at = child,
            None => return false,
        }
        if matches!(tree.node(at).kind, NodeKind::Symlink(_)) {
            return true;
        }
    }
    true
}
