//! On-disk structures of hosted sparse extents: VMware's "Virtual Disk Format 5.0" technical note,
//! sections "Hosted Sparse Extents" and "Stream-Optimized Compressed Sparse Extents".
//!
//! All numbers are little-endian, and all offsets count sectors of 512 bytes.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The sparse format's name in messages and on command lines.
pub(super) const NAME: &str = "vmdk";
/// The name of the format of a descriptor and one flat file.
pub(super) const FLAT_NAME: &str = "vmdk-flat";
/// The name of the format of a descriptor and several sparse files.
pub(super) const SPLIT_NAME: &str = "vmdk-split";

/// Bytes of a sector.
pub(super) const SECTOR: u64 = 512;

/// Sectors of a grain, the unit of allocation.
pub(super) const GRAIN_SECTORS: u64 = 128;

/// Bytes of a grain.
pub(super) const GRAIN: u64 = GRAIN_SECTORS * SECTOR;

/// Entries of a grain table; the one value the technical note allows.
pub(super) const GT_ENTRIES: u32 = 512;

/// Sectors of a grain table.
pub(super) const GT_SECTORS: u64 = GT_ENTRIES as u64 * 4 / SECTOR;

/// Bytes of the disk that one grain table maps: 32 MiB.
pub(super) const GT_SPAN: u64 = GT_ENTRIES as u64 * GRAIN;

/// [`Header::magic`].
pub(super) const MAGIC: [u8; 4] = *b"KDMV";

/// [`Header::version`] of a plain sparse extent.
pub(super) const VERSION_SPARSE: u32 = 1;
/// The newest version that is understood.
pub(super) const VERSION_MAX: u32 = 3;

/// [`Header::flags`]: the newline test is valid.
pub(super) const FLAG_NEWLINE: u32 = 1;
/// [`Header::flags`]: there is a redundant grain directory.
pub(super) const FLAG_REDUNDANT: u32 = 1 << 1;
/// [`Header::flags`]: a grain table entry of 1 is a grain of zeros (version 2 on).
pub(super) const FLAG_ZERO_GRAIN: u32 = 1 << 2;
/// [`Header::flags`]: grains are compressed.
pub(super) const FLAG_COMPRESSED: u32 = 1 << 16;
/// [`Header::newline`]: shows whether a transfer mangled line ends.
pub(super) const NEWLINE: [u8; 4] = *b"\n \r\n";

/// First sector of the descriptor, right behind the header.
pub(super) const DESCRIPTOR_OFFSET: u64 = 1;
/// Sectors of the descriptor: VirtualBox adds lines to it, and writes over what is behind when they
/// don't fit.
pub(super) const DESCRIPTOR_SECTORS: u64 = 20;

/// `SparseExtentHeader`; of a stream-optimized extent, also the footer.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Header {
    pub magic: [u8; 4],
    pub version: U32,
    pub flags: U32,
    /// The disk's size in sectors.
    pub capacity: U64,
    /// Sectors of a grain: a power of two above 8.
    pub grain_size: U64,
    pub descriptor_offset: U64,
    pub descriptor_size: U64,
    pub gt_entries: U32,
    /// The redundant grain directory.
    pub rgd_offset: U64,
    /// The grain directory.
    pub gd_offset: U64,
    /// Sectors before the first grain.
    pub overhead: U64,
    /// Not 0 while a hypervisor has the disk open.
    pub unclean: u8,
    pub newline: [u8; 4],
    pub compression: U16,
    pub padding: [u8; 433],
}

const _: () = assert!(size_of::<Header>() == 512);
const _: () = assert!(std::mem::offset_of!(Header, gd_offset) == 56);
const _: () = assert!(std::mem::offset_of!(Header, compression) == 77);

#[cfg(feature = "vmdk-stream")]
pub(super) use stream::*;

/// What only stream-optimized extents have.
#[cfg(feature = "vmdk-stream")]
mod stream {
    use zerocopy::little_endian::{U32, U64};
    use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

    /// The compressed format's name.
    pub(in crate::vmdk) const STREAM_NAME: &str = "vmdk-stream";

    /// [`super::Header::version`] of a stream-optimized extent: ESXi refuses 1 there.
    pub(in crate::vmdk) const VERSION_STREAM: u32 = 3;
    /// [`super::Header::flags`]: markers lie before grains and metadata.
    pub(in crate::vmdk) const FLAG_MARKERS: u32 = 1 << 17;

    /// [`super::Header::compression`]: grains are zlib streams (RFC 1950; the note says RFC 1951, no
    /// implementation does).
    pub(in crate::vmdk) const DEFLATE: u16 = 1;

    /// [`super::Header::gd_offset`]: see the footer.
    pub(in crate::vmdk) const GD_AT_END: u64 = u64::MAX;

    /// What precedes a compressed grain's data (`GrainMarker`); both are padded to a sector.
    #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
    #[repr(C)]
    pub(in crate::vmdk) struct GrainMarker {
        /// The grain's first sector on the disk.
        pub lba: U64,
        /// Bytes of compressed data; never 0, which tells it from a [`Marker`].
        pub size: U32,
    }

    const _: () = assert!(size_of::<GrainMarker>() == 12);

    /// What precedes metadata (`MetaDataMarker`); all zeros ends the stream.
    #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
    #[repr(C)]
    pub(in crate::vmdk) struct Marker {
        /// Sectors of metadata that follow.
        pub sectors: U64,
        /// Always 0.
        pub size: U32,
        /// One of the `MARKER_` values.
        pub kind: U32,
        pub padding: [u8; 496],
    }

    const _: () = assert!(size_of::<Marker>() == 512);

    /// [`Marker::kind`] of a grain table.
    pub(in crate::vmdk) const MARKER_GRAIN_TABLE: u32 = 1;
    /// [`Marker::kind`] of the grain directory.
    pub(in crate::vmdk) const MARKER_GRAIN_DIRECTORY: u32 = 2;
    /// [`Marker::kind`] of the footer.
    pub(in crate::vmdk) const MARKER_FOOTER: u32 = 3;
    /// [`Marker::kind`] of what says how far a transfer is; not in the note, VMware sends it.
    pub(in crate::vmdk) const MARKER_PROGRESS: u32 = 4;
}
