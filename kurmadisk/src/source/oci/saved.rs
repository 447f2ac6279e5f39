//! Images as `docker save` writes them: a `manifest.json` that lists configurations and layers by their paths.

use super::Select;
use super::error::OciError;
use super::layers::{Found, Layer};
use super::layout::{check_count, empty};
use super::select::{Candidate, by_name, by_platform};
use super::spec::{ConfigFile, Saved};
use super::store::{Digest, Expected, Store};

pub(super) const MANIFEST: &str = "manifest.json";

/// The most images that are listed.
const MOST_IMAGES: usize = 1000;

/// Whether these are the bytes of such a list, with an image in it: any system may have an empty list of that name.
pub(super) fn is_list(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Vec<Saved>>(bytes).is_ok_and(|images| !images.is_empty())
}

/// The image of a layout that has such a list.
pub(super) fn find<'a>(store: Store<'a>, select: &Select) -> Result<Found<'a>, OciError> {
    let images: Vec<Saved> = store.document(MANIFEST, None)?;
    check_count(MANIFEST, "images", images.len(), MOST_IMAGES)?;
    let candidates = images.into_iter().map(|mut image| Candidate {
        names: image.repo_tags.take().unwrap_or_default(),
        id: image.config.clone(),
        item: image,
    });
    let named = by_name(candidates.collect(), select.reference.as_deref())?;
    let platform = |image: &Saved| Ok(Some(config(store, image)?.platform));
    let image = by_platform(named, select, platform)?.ok_or_else(|| empty(MANIFEST))?;
    let config = config(store, &image)?;
    let layers = image.layers.into_iter().map(|name| {
        // Of older archives the configuration alone says what a layer is.
        let digest = name
            .strip_prefix("blobs/sha256/")
            .and_then(Digest::of_digits);
        Ok(Layer {
            blob: store.file(&name)?,
            stored: digest.map(|digest| Expected { digest, size: None }),
            name,
        })
    });
    Ok(Found {
        layers: layers.collect::<Result<_, OciError>>()?,
        config_name: image.config,
        config,
    })
}

/// The configuration, which most programs name by its digest: `DIGITS.json`, `sha256:DIGITS` or
/// `blobs/sha256/DIGITS`.
fn config(store: Store<'_>, image: &Saved) -> Result<ConfigFile, OciError> {
    let name = &image.config;
    let last = name.rsplit('/').next().unwrap_or(name);
    let digits = last.strip_prefix("sha256:").unwrap_or(last);
    let digits = digits.strip_suffix(".json").unwrap_or(digits);
    let digest = Digest::of_digits(digits);
    let expected = digest.map(|digest| Expected { digest, size: None });
    store.document(name, expected.as_ref())
}
