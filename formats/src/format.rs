//! What a format is: its name, its options, and what its module offers.

use std::num::NonZero;

use uuid::Uuid;

#[cfg(feature = "vmdk-stream")]
use crate::emit::OnProgress;
#[cfg(feature = "vmdk-stream")]
use crate::error::EmitError;
use crate::error::PlaceError;
use crate::map::DiskMap;
#[cfg(feature = "vmdk-stream")]
use crate::output::Output;
use crate::placement::Placement;

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
    /// Threads that may compress at the same time; from 256 on, more change nothing.
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
/// [`ImageFormat::ALL`] and `image`.
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
