//! Why no tree could be read.

use std::io;
use std::path::{Path, PathBuf};

use kurmadisk_formats::error::SourceError;
use thiserror::Error;

use super::SourceKind;
#[cfg(feature = "archives")]
use super::{decompress::DecompressError, oci::OciError};
use crate::tree::TreeError;

/// No tree could be read from a path.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Nothing can be read there.
    #[error("cannot read {}", path.display())]
    Open {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is none of what trees are kept in.
    #[error(
        "{} is no folder, no tar or cpio archive, and no container or disk image that is known; if it is one, say which, as in tar:{}",
        path.display(), path.display()
    )]
    Unknown {
        /// The path.
        path: PathBuf,
    },
    /// It is something else that is known.
    #[error("{} is {format}, and no tree is read from that; unpack it, and give what is in it", path.display())]
    Format {
        /// The path.
        path: PathBuf,
        /// What it is, such as `zip`.
        format: String,
    },
    /// It is something that this build of the library does not read.
    #[error("{} is to be read as {kind}, which this build of kurmadisk cannot do", path.display())]
    Unsupported {
        /// The path.
        path: PathBuf,
        /// What it is.
        kind: SourceKind,
    },
    /// A part is asked for of something that has none.
    #[error("{} is read as {kind}, which has no {part:?} to choose; only oci and disk have parts", path.display())]
    Part {
        /// The path.
        path: PathBuf,
        /// What it is.
        kind: SourceKind,
        /// The part.
        part: String,
    },
    /// A platform is asked for of something that is for none.
    #[error("{} is read as {kind}, which has no platform {platform:?} to choose; only container images (oci) have platforms", path.display())]
    NoPlatforms {
        /// The path.
        path: PathBuf,
        /// What it is.
        kind: SourceKind,
        /// The platform.
        platform: String,
    },
    /// A file of the host cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A folder.
    #[error(transparent)]
    Folder(#[from] TreeError),
    /// A compressed archive.
    #[cfg(feature = "archives")]
    #[error("{}", path.display())]
    Decompress {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        source: DecompressError,
    },
    /// A cpio archive.
    #[cfg(feature = "archives")]
    #[error("{}", path.display())]
    Cpio {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        source: super::cpio::CpioError,
    },
    /// A tar archive.
    #[cfg(feature = "archives")]
    #[error("{}", path.display())]
    Tar {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        source: super::tar::TarError,
    },
    /// A container image.
    #[cfg(feature = "archives")]
    #[error("{}", path.display())]
    Oci {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<OciError>,
    },
    /// The name of a platform.
    #[cfg(feature = "archives")]
    #[error(transparent)]
    Platform(#[from] super::oci::PlatformError),
    /// A filesystem of a disk image.
    #[cfg(feature = "inspect")]
    #[error(transparent)]
    Disk(#[from] super::disk::DiskError),
}

impl ReadError {
    pub(super) fn open(path: &Path, source: io::Error) -> Self {
        Self::Open {
            path: path.to_path_buf(),
            source,
        }
    }
}

impl ReadError {
    /// Whether the name of a platform is what is wrong.
    #[must_use]
    pub fn is_of_platform(&self) -> bool {
        #[cfg(feature = "archives")]
        {
            matches!(self, Self::Platform(_))
        }
        #[cfg(not(feature = "archives"))]
        {
            false
        }
    }
}

#[cfg(feature = "archives")]
impl ReadError {
    pub(super) fn decompress(path: &Path, source: DecompressError) -> Self {
        Self::Decompress {
            path: path.to_path_buf(),
            source,
        }
    }

    pub(super) fn oci(path: &Path, source: OciError) -> Self {
        Self::Oci {
            path: path.to_path_buf(),
            source: Box::new(source),
        }
    }
}
