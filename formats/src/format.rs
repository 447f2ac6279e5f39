//! What a format is: its name, its options, and what its module offers.

use std::num::NonZero;
#[cfg(feature = "vmdk")]
use std::ops::Range;

use uuid::Uuid;

#[cfg(feature = "_compressed-blocks")]
use crate::error::EmitError;
use crate::error::PlaceError;
use crate::map::DiskMap;
#[cfg(feature = "_compressed-blocks")]
use crate::output::Output;
use crate::placement::Placement;
#[cfg(feature = "_compressed-blocks")]
use crate::writer::BoxedWriter;

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
    /// VMware monolithicFlat: a descriptor, and beside it the disk itself, with holes.
    #[cfg(feature = "vmdk")]
    VmdkFlat,
    /// VMware twoGbMaxExtentSparse: a descriptor, and beside it files of at most 2 GiB, with grains allocated where
    /// something lies.
    #[cfg(feature = "vmdk")]
    VmdkSplit,
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
    /// The same, compressed with zstd: QEMU since 5.1, and few others.
    #[cfg(feature = "qcow2-zstd")]
    Qcow2Zstd,
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

/// What an image says of itself beyond the disk it holds, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageOptions {
    /// The image's identity; the identifiers that formats ask for are derived from it. Two images
    /// registered with one hypervisor need two identities.
    pub identity: Uuid,
    /// The image's own file name, which some formats repeat inside.
    pub file_name: String,
    /// Threads that may compress at the same time, one without more said; from 256 on, more change nothing.
    pub threads: NonZero<usize>,
    /// Bytes in a sector of the disk, as its table counts them: 512, or 4096 where a format can say so.
    pub sector_size: u64,
    /// What the format lets its user choose.
    pub tuning: Tuning,
}

impl ImageOptions {
    /// An image of a disk with sectors of 512 bytes, made by one thread, with nothing chosen.
    #[must_use]
    pub fn new(identity: Uuid, file_name: impl Into<String>) -> Self {
        Self {
            identity,
            file_name: file_name.into(),
            threads: NonZero::<usize>::MIN,
            sector_size: 512,
            tuning: Tuning::default(),
        }
    }

    /// The same with so many threads.
    #[must_use]
    pub fn with_threads(self, threads: NonZero<usize>) -> Self {
        Self { threads, ..self }
    }
}

/// What single formats let their user choose; the usual where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tuning {
    /// VMDK: the adapter that the descriptor names.
    pub adapter: Option<Adapter>,
    /// Compressing formats: the level, as the compressor counts them.
    pub level: Option<u32>,
}

/// The disk adapters that a VMDK's descriptor may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Adapter {
    /// ATA: 16 heads of 63 sectors.
    Ide,
    /// LSI Logic SCSI; what any other SCSI adapter is called too.
    Lsilogic,
    /// `BusLogic` SCSI.
    Buslogic,
}

impl Adapter {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ide, Self::Lsilogic, Self::Buslogic];

    /// Its name in a descriptor.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ide => "ide",
            Self::Lsilogic => "lsilogic",
            Self::Buslogic => "buslogic",
        }
    }
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
    /// What may be chosen.
    pub tunes: Tunes,
    /// How it is written.
    pub writer: Writer,
}

/// Which fields of [`Tuning`] mean something to a format.
pub(crate) struct Tunes {
    /// `adapter`.
    pub adapter: bool,
    /// `level`, and the least and most.
    pub level: Option<(u32, u32)>,
}

impl Tunes {
    pub(crate) const NOTHING: Self = Self {
        adapter: false,
        level: None,
    };
    #[cfg(feature = "vmdk")]
    pub(crate) const ADAPTER: Self = Self {
        adapter: true,
        level: None,
    };

    #[cfg(feature = "_compressed-blocks")]
    pub(crate) const fn and_level(self, least: u32, most: u32) -> Self {
        Self {
            level: Some((least, most)),
            ..self
        }
    }
}

/// The ways a format is written.
pub(crate) enum Writer {
    /// Decided by the map alone.
    Placed(PlaceFn),
    /// The same, but zeros are written where nothing lies: the file has no holes.
    Filled(PlaceFn),
    /// Decided by the map alone, in several files, one wholly before the next.
    #[cfg(feature = "vmdk")]
    Parts(PartsFn),
    /// Where things lie depends on the content.
    #[cfg(feature = "_compressed-blocks")]
    Streamed {
        /// The most bytes the file can have.
        at_most: fn(&DiskMap, &ImageOptions) -> Result<u64, PlaceError>,
        /// Begins the file.
        begin: BeginFn,
        /// Whether the file is written from begin to end.
        forward: bool,
    },
}

/// One of the files of an image that has several.
#[cfg(feature = "vmdk")]
pub(crate) struct Part {
    /// The file's name; the first one, which has nothing of the disk, is the image's own.
    pub name: String,
    /// The bytes of the disk that lie in it.
    pub disk: Range<u64>,
    /// Where.
    pub placement: Placement,
}

pub(crate) type PlaceFn = fn(&DiskMap, &ImageOptions) -> Result<Placement, PlaceError>;

#[cfg(feature = "vmdk")]
pub(crate) type PartsFn = fn(&DiskMap, &ImageOptions) -> Result<Vec<Part>, PlaceError>;

#[cfg(feature = "_compressed-blocks")]
pub(crate) type BeginFn = for<'a> fn(
    &DiskMap,
    &ImageOptions,
    Box<dyn Output + Send + 'a>,
) -> Result<BoxedWriter<'a>, EmitError>;
