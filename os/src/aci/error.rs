//! Why an image can't be built or read.

use std::io;
use std::path::{Path, PathBuf};

use kurmadisk::formats::error::{EmitError, SourceError};
use kurmadisk::package::archive::TreeTarError;
use kurmadisk::plan::PlanError;
use kurmadisk::source::decompress::DecompressError;
use kurmadisk::source::tar::TarError;
use kurmadisk::spec::{Located, Place, SpecError};
use kurmadisk::tree::TreeError;
use thiserror::Error;

use super::layers::LayerError;
use super::manifest::{Fault, ManifestError};
use super::oci::OciWriteError;
use super::unpack::UnpackError;

/// An image can't be built, read or rendered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AciError {
    /// Something is wrong with one value of the description.
    #[error("{}", at(place, field))]
    At {
        /// Where it was written.
        place: Place,
        /// Which one it is.
        field: String,
        /// What is wrong with it.
        source: Box<AciError>,
    },
    /// A value that can't be, or is missing.
    #[error("{0}")]
    Value(String),
    /// The description can't be read.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The trees of its files.
    #[error(transparent)]
    Plan(Box<PlanError>),
    /// Files that can't be put together.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file of the host.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its files can't be in an archive.
    #[error(transparent)]
    Archive(#[from] TreeTarError),
    /// The image can't be written.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// A folder or file beside the image can't be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An image can't be uncompressed.
    #[error("{}", path.display())]
    Decompress {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        source: DecompressError,
    },
    /// An image is no sound tar archive.
    #[error("{}", path.display())]
    Tar {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        source: TarError,
    },
    /// An image is encrypted.
    #[error("{} is encrypted (PGP); decrypt it first, with gpg --decrypt", path.display())]
    Encrypted {
        /// The image.
        path: PathBuf,
    },
    /// An image isn't what the specification asks for.
    #[error("{}: {}", path.display(), faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "))]
    Image {
        /// The image.
        path: PathBuf,
        /// Everything that is wrong.
        faults: Vec<Fault>,
    },
    /// Dependencies that are missing or don't fit.
    #[error(transparent)]
    Layers(#[from] LayerError),
    /// What no OCI image can have.
    #[error(transparent)]
    Oci(#[from] OciWriteError),
    /// A tree can't be written to a folder.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
}

/// An option's name says which value it is.
fn at(place: &Place, field: &str) -> String {
    match place {
        Place::Option(name) => (*name).to_owned(),
        _ => format!("{place}: {field}"),
    }
}

impl From<PlanError> for AciError {
    fn from(error: PlanError) -> Self {
        Self::Plan(Box::new(error))
    }
}

impl AciError {
    /// This error, with the place of the value it is about.
    pub(super) fn at<T>(self, value: &Located<T>, field: impl Into<String>) -> Self {
        Self::At {
            place: value.place.clone(),
            field: field.into(),
            source: Box::new(self),
        }
    }

    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write {
            path: path.to_path_buf(),
            source,
        }
    }

    /// Whether an image was read, and is wrong.
    #[must_use]
    pub fn is_of_image(&self) -> bool {
        match self {
            Self::Tar { .. } | Self::Image { .. } => true,
            // Without the bytes, or the memory that they want, nothing can be told.
            Self::Decompress { source, .. } => matches!(
                source,
                DecompressError::Damaged { .. }
                    | DecompressError::Truncated { .. }
                    | DecompressError::Trailing { .. }
            ),
            _ => false,
        }
    }
}
