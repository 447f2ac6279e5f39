//! The image formats by name, and the one way to write each of them.

use std::fmt;
use std::str::FromStr;

use crate::emit::{OnProgress, write_map};
use crate::error::{EmitError, PlaceError};
use crate::format::{Format, Writer};
use crate::map::DiskMap;
use crate::output::Output;
use crate::raw;

pub use crate::format::{ImageFormat, ImageOptions, PredictedSize};

impl ImageFormat {
    /// All formats of this build of the library.
    pub const ALL: &'static [Self] = &[
        Self::Raw,
        #[cfg(feature = "vdi")]
        Self::Vdi,
        #[cfg(feature = "vmdk")]
        Self::Vmdk,
        #[cfg(feature = "vmdk-stream")]
        Self::VmdkStream,
    ];

    fn format(self) -> &'static Format {
        match self {
            Self::Raw => &raw::FORMAT,
            #[cfg(feature = "vdi")]
            Self::Vdi => &crate::vdi::FORMAT,
            #[cfg(feature = "vmdk")]
            Self::Vmdk => &crate::vmdk::SPARSE,
            #[cfg(feature = "vmdk-stream")]
            Self::VmdkStream => &crate::vmdk::STREAM,
        }
    }

    /// The name users say, such as `vmdk-stream`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.format().name
    }

    /// The usual ending of such a file's name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        self.format().extension
    }

    /// The size an image of `disk` will have; no content is read.
    pub fn predict(
        self,
        disk: &DiskMap,
        options: &ImageOptions,
    ) -> Result<PredictedSize, PlaceError> {
        match self.format().writer {
            Writer::Placed(place) => Ok(PredictedSize::Exact(place(disk, options)?.len)),
            #[cfg(feature = "vmdk-stream")]
            Writer::Streamed { at_most, .. } => Ok(PredictedSize::AtMost(at_most(disk, options)?)),
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
        match self.format().writer {
            Writer::Placed(place) => {
                let file = place(disk, options)?.file_map(disk)?;
                write_map(&file, out, progress)
            }
            #[cfg(feature = "vmdk-stream")]
            Writer::Streamed { write, .. } => write(disk, options, out, progress),
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
