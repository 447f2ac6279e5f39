//! Why an image can't be brought up to date.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::error::{EmitError, PlaceError, SourceError};
use crate::image::ImageFormat;

/// An image could not be brought up to date, or its plan or block map not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// The format has no plan.
    #[error(
        "{format} images can't be updated: {reason}; take another format, or build without a plan"
    )]
    Format {
        /// The format.
        format: ImageFormat,
        /// Why.
        reason: &'static str,
    },
    /// The format has no block map.
    #[error("block maps are for raw and raw-fixed images, not for {format}, compressed or not")]
    NoBlockMap {
        /// The format.
        format: ImageFormat,
    },
    /// The file system has no copies by reference.
    #[error(
        "{} cannot be copied by reference on this file system; --in-place changes it where it is",
        path.display()
    )]
    NoReference {
        /// The image.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An update in place did not come to its end.
    #[error("{} is incomplete: build it again, or with --update, which then makes it whole", path.display())]
    Incomplete {
        /// The image.
        path: PathBuf,
        /// What stopped it.
        source: EmitError,
    },
    /// The disk does not fit the image format.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A file could not be read or written.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

impl From<SourceError> for UpdateError {
    fn from(error: SourceError) -> Self {
        Self::Emit(error.into())
    }
}
