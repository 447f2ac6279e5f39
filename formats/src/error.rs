//! The errors of this crate, one type per area.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// An extent does not fit into its map.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MapError {
    /// Two extents claim the same bytes.
    #[error("{len} bytes at offset {start} overlap what lies at offset {other}")]
    Overlap {
        /// Offset of the refused extent, in bytes.
        start: u64,
        /// Its length in bytes.
        len: u64,
        /// Offset of the extent that is already there.
        other: u64,
    },
    /// An extent reaches past the end of the disk.
    #[error("{len} bytes at offset {start} reach past the end of a disk of {disk} bytes")]
    OutOfRange {
        /// Offset of the refused extent, in bytes.
        start: u64,
        /// Its length in bytes.
        len: u64,
        /// The disk's length in bytes.
        disk: u64,
    },
    /// An extent is longer than the bytes it was given.
    #[error("the extent of {len} bytes at offset {start} has fewer bytes than that")]
    ShortSource {
        /// Offset of the refused extent, in bytes.
        start: u64,
        /// Its length in bytes.
        len: u64,
    },
}

/// The content of an extent could not be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The content cannot be opened: it vanished, or may not be read.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The content cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The content is no longer what it was when the image was planned.
    #[error("{} changed while the image was built; build again when nothing writes to it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A range that the content does not have.
    #[error("a range outside of its content was asked for")]
    OutOfRange,
}

impl SourceError {
    pub(crate) fn open(path: &Path, source: io::Error) -> Self {
        Self::Open {
            path: path.to_path_buf(),
            source,
        }
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_path_buf(),
            source,
        }
    }
}

/// A container cannot hold a disk.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The disk's size is not one the container can express.
    #[error("a {format} image cannot hold a disk of {size} bytes: {reason}")]
    Size {
        /// The container format's name.
        format: &'static str,
        /// The disk's size in bytes.
        size: u64,
        /// What the format demands.
        reason: &'static str,
    },
    /// The container was asked for something it has no room for.
    #[error("a {format} image cannot be made: {reason}")]
    Field {
        /// The container format's name.
        format: &'static str,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The parts of the container collide: a fault of the container's own arithmetic.
    #[error("the parts of the image do not fit together")]
    Map(#[from] MapError),
}

/// An image could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The disk does not fit the container.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The content could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The output could not be written.
    #[error("cannot write {}", path.display())]
    Output {
        /// The file, or a name such as `(memory)`.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file can't be compressed so.
    #[cfg(feature = "compress")]
    #[error(transparent)]
    Compression(#[from] crate::compress::CompressionError),
    /// The caller's progress callback asked to stop.
    #[error("stopped on request")]
    Cancelled,
}

/// An image file could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file, or it may not be opened.
    #[error("cannot open {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be read.
    #[error("cannot read the image")]
    Io(#[from] io::Error),
    /// It is not what its signature says it is, or is damaged.
    #[error("damaged {format} image: {reason}")]
    Damaged {
        /// The container format's name.
        format: &'static str,
        /// Which field is wrong, and how.
        reason: String,
    },
    /// It uses something this crate does not read.
    #[error("unsupported {format} image: {reason}")]
    Unsupported {
        /// The container format's name.
        format: &'static str,
        /// Which field asks for it.
        reason: String,
    },
}

impl OpenError {
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_path_buf(),
            source,
        }
    }
}

#[cfg(any(
    feature = "qcow2",
    feature = "vdi",
    feature = "vhd",
    feature = "vhdx",
    feature = "vmdk"
))]
impl OpenError {
    pub(crate) fn damaged(format: &'static str, reason: impl Into<String>) -> Self {
        Self::Damaged {
            format,
            reason: reason.into(),
        }
    }

    pub(crate) fn unsupported(format: &'static str, reason: impl Into<String>) -> Self {
        Self::Unsupported {
            format,
            reason: reason.into(),
        }
    }
}

/// An error and its causes in one line, the last cause at the end. What says only what its cause says is left out.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Error)]
    #[error("{0}")]
    struct Repeating(#[source] io::Error);

    #[test]
    fn a_cause_that_is_told_already_is_not_told_again() {
        let error = Repeating(io::Error::other("no room"));
        assert_eq!(chain(&error), "no room");
    }

    #[test]
    fn different_causes_are_all_told() {
        let error = OpenError::file(Path::new("a"), io::Error::other("no room"));
        assert_eq!(chain(&error), "cannot open a: no room");
    }
}
