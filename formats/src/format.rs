//! What a format is: its name, its options, and what its module offers.

use std::num::NonZero;

use uuid::Uuid;

#[cfg(any(feature = "vmdk-stream", feature = "qcow2-compressed"))]
use crate::emit::OnProgress;
#[cfg(any(feature = "vmdk-stream", feature = "qcow2-compressed"))]
use crate::error::EmitError;
use crate::error::PlaceError;
use crate::map::DiskMap;
#[cfg(any(feature = "vmdk-stream", feature = "qcow2-compressed"))]
use crate::output::Output;
use crate::placement::Placement;

/// A container format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ImageFormat {
    /// The disk itself, with holes where the map has none.
    Raw,
    /// The disk itself without holes: zeros are written where the map has none.
    RawFixed,
    /// VirtualBox, dynamic: blocks of 1 MiB, allocated where something lies.
    #[cfg(feature = "vdi")]
    Vdi,
    /// VirtualBox, fixed: all blocks allocated, and written.
    #[cfg(feature = "vdi")]
    VdiFixed,
    /// VMware monolithicSparse: grains of 64 KiB, allocated where something lies.
    #[cfg(feature = "vmdk")]
    Vmdk,
    /// VMware streamOptimized: compressed grains, for OVF packages and transport.
    #[cfg(feature = "vmdk-stream")]
    VmdkStream,
    /// QEMU's qcow2, version 3: clusters of 64 KiB, allocated where something lies.
    #[cfg(feature = "qcow2")]
    Qcow2,
    /// QEMU's qcow2, version 2 (`compat=0.10`).
    #[cfg(feature = "qcow2")]
    Qcow2V2,
    /// QEMU's qcow2, version 3, with compressed clusters.
    #[cfg(feature = "qcow2-compressed")]
    Qcow2Compressed,
    /// Hyper-V, dynamic: blocks of 2 MiB, allocated where something lies.
    #[cfg(feature = "vhd")]
    Vhd,
    /// Hyper-V and Azure, fixed: the disk itself, with holes, and a footer behind it. Azure takes disks
    /// of whole MiB.
    #[cfg(feature = "vhd")]
    VhdFixed,
    /// Hyper-V, dynamic: blocks of 1 MiB, allocated where something lies.
    #[cfg(feature = "vhdx")]
    Vhdx,
    /// Hyper-V, fixed: all blocks.
    #[cfg(feature = "vhdx")]
    VhdxFixed,
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
    Placed(PlaceFn),
    /// The same, but zeros are written where nothing lies: the file has no holes.
    Filled(PlaceFn),
    /// Where things lie depends on the content.
    #[cfg(any(feature = "vmdk-stream", feature = "qcow2-compressed"))]
    Streamed {
        /// The most bytes the file can have.
        at_most: fn(&DiskMap, &ImageOptions) -> Result<u64, PlaceError>,
        /// Writes the file, front to back.
        write: StreamWriter,
    },
}

pub(crate) type PlaceFn = fn(&DiskMap, &ImageOptions) -> Result<Placement, PlaceError>;

#[cfg(any(feature = "vmdk-stream", feature = "qcow2-compressed"))]
pub(crate) type StreamWriter =
    fn(&DiskMap, &ImageOptions, &mut dyn Output, &mut OnProgress<'_>) -> Result<(), EmitError>;
