//! The image formats by name, and the one way to write each of them.

use std::fmt;
use std::num::NonZero;
use std::str::FromStr;

use uuid::Uuid;

use crate::emit::{OnProgress, write_map};
use crate::error::{EmitError, PlaceError};
use crate::map::DiskMap;
use crate::output::Output;

/// A container format that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ImageFormat {
    /// The disk itself, with holes where the map has none.
    Raw,
}

/// What an image says of itself beyond the disk it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageOptions {
    /// The image's identity; the identifiers that formats ask for are derived from it. Two images
    /// registered with one hypervisor need two identities.
    pub identity: Uuid,
    /// The image's own file name, which some formats repeat inside.
    pub file_name: String,
    /// Threads that may compress at the same time.
    pub threads: NonZero<usize>,
}

/// How large an image's file will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredictedSize {
    /// Exactly so many bytes.
    Exact(u64),
    /// At most so many bytes: the content decides how well it compresses.
    AtMost(u64),
}

impl ImageFormat {
    /// All formats this build of the library can write.
    pub const ALL: &'static [Self] = &[Self::Raw];

    /// The name users say, such as `vmdk-stream`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
        }
    }

    /// The usual ending of such a file's name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Raw => "raw",
        }
    }

    /// The size an image of `disk` will have; no content is read.
    pub fn predict(
        self,
        disk: &DiskMap,
        options: &ImageOptions,
    ) -> Result<PredictedSize, PlaceError> {
        let _ = options;
        match self {
            Self::Raw => Ok(PredictedSize::Exact(disk.len())),
        }
    }

    /// Writes an image of `disk` into `out`, in one ascending pass.
    ///
    /// `out` holds a part of the image when this fails.
    pub fn write(
        self,
        disk: &DiskMap,
        options: &ImageOptions,
        out: &mut dyn Output,
        progress: &mut OnProgress<'_>,
    ) -> Result<(), EmitError> {
        let _ = options;
        match self {
            Self::Raw => write_map(disk, out, progress),
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no format's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not an image format; there are: {}", names())]
pub struct UnknownFormat {
    /// The name.
    pub name: String,
}

fn names() -> String {
    ImageFormat::ALL
        .iter()
        .map(|format| format.name())
        .collect::<Vec<_>>()
        .join(", ")
}

impl FromStr for ImageFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.iter().find(|format| format.name() == name);
        found.copied().ok_or_else(|| UnknownFormat {
            name: name.to_owned(),
        })
    }
}
