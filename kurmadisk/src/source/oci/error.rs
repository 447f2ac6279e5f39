//! What can be wrong with a container image.

use std::io;

use kurmadisk_formats::error::SourceError;
use thiserror::Error;

use super::super::decompress::DecompressError;
use super::super::tar::TarError;
use super::platform::Platform;
use crate::tree::TreeError;

/// No tree could be made of a container image.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OciError {
    /// The folder that the image lies in cannot be read.
    #[error("cannot read the folder of the container image")]
    Folder(#[source] TreeError),
    /// The archive that the image lies in cannot be had.
    #[error("cannot read the archive of the container image")]
    Open(#[source] SourceError),
    /// The archive that the image lies in cannot be uncompressed.
    #[error("cannot uncompress the archive of the container image")]
    Decompress(#[source] DecompressError),
    /// The archive that the image lies in is none.
    #[error("cannot read the archive of the container image")]
    Archive(#[source] TarError),
    /// There is no image.
    #[error(
        "no container image: there is neither \"oci-layout\" with \"index.json\", nor \"manifest.json\""
    )]
    NoLayout,
    /// A layout of a version that is not known.
    #[error("\"oci-layout\" says version {version:?}; versions 1 are known")]
    Version {
        /// The version.
        version: String,
    },
    /// A file or blob is not there.
    #[error("{name:?} is not there: the container image is incomplete, copy it anew")]
    Missing {
        /// Its path in the layout.
        name: String,
    },
    /// A file cannot be read.
    #[error("cannot read {name:?} of the container image")]
    Read {
        /// Its path in the layout.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A document is larger than any honest one.
    #[error("{name:?} has {size} bytes, more than the {limit} that are read of a document")]
    Large {
        /// Its path in the layout.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// The largest that is read, in bytes.
        limit: u64,
    },
    /// A document is not what it should be.
    #[error("{name:?} is not the document that it should be")]
    Json {
        /// Its path in the layout.
        name: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A blob has another size than what refers to it says.
    #[error("{name:?} has {found} bytes, not {expected}: it is damaged, copy the image anew")]
    Size {
        /// Its path in the layout.
        name: String,
        /// What it should have, in bytes.
        expected: u64,
        /// What it has, in bytes.
        found: u64,
    },
    /// A blob has another digest than its name.
    #[error("{name:?} has the digest {found}, not {expected}: it is damaged, copy the image anew")]
    Digest {
        /// Its path in the layout.
        name: String,
        /// What it should have.
        expected: String,
        /// What it has.
        found: String,
    },
    /// A layer, uncompressed, is not the one that the image's configuration names.
    #[error(
        "{name:?}, uncompressed, has the digest {found}, but the image's configuration names {expected}: the image is damaged, copy it anew"
    )]
    DiffId {
        /// The path of the layer in the layout.
        name: String,
        /// What it should have.
        expected: String,
        /// What it has.
        found: String,
    },
    /// A digest that can't be verified.
    #[error(
        "{name:?} refers to {digest:?}; only digests \"sha256:\" with 64 hexadecimal digits are verified"
    )]
    Algorithm {
        /// The document that has it.
        name: String,
        /// The digest.
        digest: String,
    },
    /// What is there is no image.
    #[error("{name:?} is of type {media_type:?}: no image of layers that can be read")]
    MediaType {
        /// What is of that type.
        name: String,
        /// The media type.
        media_type: String,
    },
    /// An encrypted layer.
    #[error(
        "layer {name:?} is encrypted ({media_type}); decrypt the image, as `skopeo copy --decryption-key` does"
    )]
    Encrypted {
        /// The layer's digest.
        name: String,
        /// Its media type.
        media_type: String,
    },
    /// A layer that is not in the layout, by intent.
    #[error(
        "layer {name:?} is not there, but to be had from {url}; copy the image with all its layers"
    )]
    Elsewhere {
        /// The layer's path in the layout.
        name: String,
        /// Where it is.
        url: String,
    },
    /// There are several images, and which is meant is not said.
    #[error("there are several images; choose one of {}", listed(.there))]
    Several {
        /// What they are called: tags, or digests where there is none.
        there: Vec<String>,
    },
    /// The image asked for is not there.
    #[error("there is no image {reference:?}; there are {}", listed(.there))]
    NoReference {
        /// What was asked for.
        reference: String,
        /// What the images are called.
        there: Vec<String>,
    },
    /// There are images for several platforms, and which is meant is not said.
    #[error("there are images for several platforms; choose one of {}", listed(.there))]
    Platforms {
        /// Their platforms.
        there: Vec<String>,
    },
    /// There is no image for the platform asked for.
    #[error("there is no image for {wanted}; there are {}", listed(.there))]
    NoPlatform {
        /// What was asked for.
        wanted: Platform,
        /// The platforms of the images.
        there: Vec<String>,
    },
    /// There are none at all.
    #[error("{name:?} lists no image")]
    Empty {
        /// The document that should.
        name: String,
    },
    /// More of something than any honest image has.
    #[error("{name:?} has more than {limit} {what}")]
    TooMany {
        /// The document.
        name: String,
        /// Of what.
        what: &'static str,
        /// The most that are read.
        limit: usize,
    },
    /// Manifest and configuration don't belong together.
    #[error("the image has {layers} layers, but its configuration {name:?} names {diff_ids}")]
    Layers {
        /// The configuration's path in the layout.
        name: String,
        /// How many layers the manifest has.
        layers: usize,
        /// How many the configuration has.
        diff_ids: usize,
    },
    /// Layers are sparse files, and what isn't there would have to be read.
    #[error(
        "layer {number} ({name:?}) and those below have holes of more than {limit} bytes: it is damaged, copy the image anew"
    )]
    Holes {
        /// Which layer, from 1 on.
        number: usize,
        /// Its path in the layout.
        name: String,
        /// The most that all layers may have.
        limit: u64,
    },
    /// A layer cannot be uncompressed.
    #[error("cannot uncompress layer {number} ({name:?})")]
    LayerData {
        /// Which, from 1 on.
        number: usize,
        /// Its path in the layout.
        name: String,
        /// Why.
        source: DecompressError,
    },
    /// A layer cannot be put over those below it.
    #[error("cannot apply layer {number} ({name:?})")]
    Layer {
        /// Which, from 1 on.
        number: usize,
        /// Its path in the layout.
        name: String,
        /// Why.
        source: Box<TarError>,
    },
}

fn listed(there: &[String]) -> String {
    if there.is_empty() {
        "none".to_owned()
    } else {
        there.join(", ")
    }
}
