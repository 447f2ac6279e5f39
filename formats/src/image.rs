//! The image formats by name, and the one way to write each of them.

use std::fmt;
use std::path::Path;
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
        Self::RawFixed,
        #[cfg(feature = "vdi")]
        Self::Vdi,
        #[cfg(feature = "vdi")]
        Self::VdiFixed,
        #[cfg(feature = "vmdk")]
        Self::Vmdk,
        #[cfg(feature = "vmdk-stream")]
        Self::VmdkStream,
        #[cfg(feature = "qcow2")]
        Self::Qcow2,
        #[cfg(feature = "qcow2")]
        Self::Qcow2V2,
        #[cfg(feature = "qcow2-compressed")]
        Self::Qcow2Compressed,
        #[cfg(feature = "vhd")]
        Self::Vhd,
        #[cfg(feature = "vhd")]
        Self::VhdFixed,
        #[cfg(feature = "vhdx")]
        Self::Vhdx,
        #[cfg(feature = "vhdx")]
        Self::VhdxFixed,
    ];

    fn format(self) -> &'static Format {
        match self {
            Self::Raw => &raw::SPARSE,
            Self::RawFixed => &raw::FIXED,
            #[cfg(feature = "vdi")]
            Self::Vdi => &crate::vdi::DYNAMIC,
            #[cfg(feature = "vdi")]
            Self::VdiFixed => &crate::vdi::FIXED,
            #[cfg(feature = "vmdk")]
            Self::Vmdk => &crate::vmdk::SPARSE,
            #[cfg(feature = "vmdk-stream")]
            Self::VmdkStream => &crate::vmdk::STREAM,
            #[cfg(feature = "qcow2")]
            Self::Qcow2 => &crate::qcow2::V3,
            #[cfg(feature = "qcow2")]
            Self::Qcow2V2 => &crate::qcow2::V2,
            #[cfg(feature = "qcow2-compressed")]
            Self::Qcow2Compressed => &crate::qcow2::COMPRESSED,
            #[cfg(feature = "vhd")]
            Self::Vhd => &crate::vhd::DYNAMIC,
            #[cfg(feature = "vhd")]
            Self::VhdFixed => &crate::vhd::FIXED,
            #[cfg(feature = "vhdx")]
            Self::Vhdx => &crate::vhdx::DYNAMIC,
            #[cfg(feature = "vhdx")]
            Self::VhdxFixed => &crate::vhdx::FIXED,
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

    /// The format that the ending of a file's name stands for, in capital letters or small ones: the first of
    /// [`ALL`](Self::ALL) with that [extension](Self::extension). `img` stands for raw.
    #[must_use]
    pub fn by_ending(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        if ending == "img" {
            return Some(Self::Raw);
        }
        let mut formats = Self::ALL.iter().copied();
        formats.find(|format| format.extension() == ending)
    }

    /// The size an image of `disk` will have; no content is read.
    pub fn predict(
        self,
        disk: &DiskMap,
        options: &ImageOptions,
    ) -> Result<PredictedSize, PlaceError> {
        match self.format().writer {
            Writer::Placed(place) | Writer::Filled(place) => {
                Ok(PredictedSize::Exact(place(disk, options)?.len))
            }
            #[cfg(any(feature = "vmdk-stream", feature = "qcow2-compressed"))]
            Writer::Streamed { at_most, .. } => Ok(PredictedSize::AtMost(at_most(disk, options)?)),
        }
    }

    /// Writes an image of `disk` into `out`, in one ascending pass over the disk.
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
            Writer::Filled(place) => {
                let file = place(disk, options)?.file_map(disk)?;
                write_map(&file.filled(), out, progress)
            }
            #[cfg(any(feature = "vmdk-stream", feature = "qcow2-compressed"))]
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

/// The names of all formats of this build of the library, as messages list them.
#[must_use]
pub fn names() -> String {
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
