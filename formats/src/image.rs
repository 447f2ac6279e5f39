//! The image formats by name, and the one way to write each of them.

use std::fmt;
use std::num::NonZero;
use std::str::FromStr;

use uuid::Uuid;

use crate::emit::{OnProgress, write_map};
use crate::error::{EmitError, PlaceError};
use crate::map::DiskMap;
use crate::output::Output;
use crate::placement::Placement;
use crate::raw;

/// A container format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ImageFormat {
    /// The disk itself, with holes where the map has none.
    Raw,
    /// VirtualBox, dynamic: blocks of 1 MiB, allocated where something lies.
    #[cfg(feature = "vdi")]
    Vdi,
    /// VMware monolithicSparse: grains of 64 KiB, allocated where something lies.
    #[cfg(feature = "vmdk")]
    Vmdk,
    /// VMware streamOptimized: compressed grains, for OVF packages and transport.
    #[cfg(feature = "vmdk-stream")]
    VmdkStream,
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

/// What a format's module offers: a new format is one more of these, and a line in
/// [`ImageFormat::ALL`] and `ImageFormat::format`.
pub(crate) struct Format {
    /// The name users say.
    pub name: &'static str,
    /// The usual ending of a file's name, without the dot.
    pub extension: &'static str,
    /// How it is written.
    pub writer: Writer,
}

/// The ways a format is written.
pub(crate) enum Writer {
    /// Decided by the map alone; the emitter writes it.
    Placed(fn(&DiskMap, &ImageOptions) -> Result<Placement, PlaceError>),
    /// Where things lie depends on the content.
    #[cfg(feature = "vmdk-stream")]
    Streamed {
        /// The most bytes the file can have.
        at_most: fn(&DiskMap, &ImageOptions) -> Result<u64, PlaceError>,
        /// Writes the file, front to back.
        write: StreamWriter,
    },
}

#[cfg(feature = "vmdk-stream")]
pub(crate) type StreamWriter =
    fn(&DiskMap, &ImageOptions, &mut dyn Output, &mut OnProgress<'_>) -> Result<(), EmitError>;

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
