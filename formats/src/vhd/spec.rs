//! On-disk structures of VHD: Microsoft's "Virtual Hard Disk Image Format Specification", version 1.0.
//!
//! All numbers are big-endian.

use uuid::Uuid;
use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The dynamic format's name in messages and on command lines.
pub(super) const NAME: &str = "vhd";
/// The fixed format's name.
pub(super) const FIXED_NAME: &str = "vhd-fixed";

/// Bytes of a sector.
pub(super) const SECTOR: u64 = 512;

/// The largest disk that the format's programs take: 2040 GiB.
pub(super) const MAX_DISK: u64 = 2040 << 30;

/// Bytes of a block, the unit of allocation: the one size that every reader accepts.
pub(super) const BLOCK: u32 = 2 << 20;

/// Entry of the block allocation table: the block is not allocated.
pub(super) const UNUSED: u32 = 0xFFFF_FFFF;

/// [`Footer::cookie`].
pub(super) const COOKIE: &[u8; 8] = b"conectix";
/// [`Footer::features`]: the bit that is always set.
pub(super) const FEATURES: u32 = 2;
/// Version 1.0 of footer and dynamic header: major in the upper half, minor in the lower one.
pub(super) const VERSION_1_0: u32 = 0x0001_0000;
/// [`Footer::data_offset`] of a fixed disk and [`DynamicHeader::data_offset`]: nothing is there.
pub(super) const NOWHERE: u64 = u64::MAX;
/// [`Footer::creator`] of Hyper-V: readers take the disk's size from [`Footer::current_size`]. That of
/// other creators some round down to the geometry.
pub(super) const CREATOR: [u8; 4] = *b"win ";
/// [`Footer::creator_version`] that Windows 10 writes.
pub(super) const CREATOR_VERSION: u32 = 0x000A_0000;
/// [`Footer::creator_os`] of Windows; there is none for other systems but "Mac ".
pub(super) const CREATOR_OS: [u8; 4] = *b"Wi2k";

/// [`Footer::kind`] of a disk that lies in the file as it is.
pub(super) const KIND_FIXED: u32 = 2;
/// [`Footer::kind`] of a disk whose blocks are allocated when they are written.
pub(super) const KIND_DYNAMIC: u32 = 3;
/// [`Footer::kind`] of a disk that holds what differs from another one.
pub(super) const KIND_DIFFERENCING: u32 = 4;

/// Disk geometry, section "CHS Calculation" (appendix).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Geometry {
    pub cylinders: U16,
    pub heads: u8,
    pub sectors: u8,
}

/// Section "Hard Disk Footer Format": the last sector of the file; of a dynamic disk also the first.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Footer {
    pub cookie: [u8; 8],
    pub features: U32,
    pub version: U32,
    /// Offset of the dynamic header in the file.
    pub data_offset: U64,
    /// Seconds since the year 2000.
    pub time: U32,
    pub creator: [u8; 4],
    pub creator_version: U32,
    pub creator_os: [u8; 4],
    /// The disk's size in bytes when it was made.
    pub original_size: U64,
    /// The disk's size in bytes.
    pub current_size: U64,
    pub geometry: Geometry,
    pub kind: U32,
    pub checksum: U32,
    pub uuid: [u8; 16],
    /// Not 0 when a virtual machine is suspended on the disk.
    pub saved_state: u8,
    pub reserved: [u8; 427],
}

const _: () = assert!(size_of::<Footer>() as u64 == SECTOR);
const _: () = assert!(std::mem::offset_of!(Footer, current_size) == 48);
const _: () = assert!(std::mem::offset_of!(Footer, kind) == 60);
const _: () = assert!(std::mem::offset_of!(Footer, reserved) == 85);

/// [`DynamicHeader::cookie`].
pub(super) const DYNAMIC_COOKIE: &[u8; 8] = b"cxsparse";

/// Section "Dynamic Disk Header Format".
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct DynamicHeader {
    pub cookie: [u8; 8],
    pub data_offset: U64,
    /// Offset of the block allocation table in the file.
    pub table_offset: U64,
    pub version: U32,
    pub max_table_entries: U32,
    /// Bytes of a block without its bitmap.
    pub block_size: U32,
    pub checksum: U32,
    pub parent_uuid: [u8; 16],
    pub parent_time: U32,
    pub reserved: U32,
    pub parent_name: [u8; 512],
    pub parent_locators: [[u8; 24]; 8],
    pub reserved_end: [u8; 256],
}

const _: () = assert!(size_of::<DynamicHeader>() == 1024);
const _: () = assert!(std::mem::offset_of!(DynamicHeader, checksum) == 36);
const _: () = assert!(std::mem::offset_of!(DynamicHeader, parent_name) == 64);

/// A structure that carries a checksum: the one's complement of the sum of all other bytes.
pub(super) trait Checksummed: IntoBytes + Immutable + Copy {
    fn checksum(&mut self) -> &mut U32;

    /// Writes the checksum that it should have.
    fn seal(&mut self) {
        *self.checksum() = self.expected();
    }

    /// Whether the checksum is the one that it should have.
    fn is_sealed(mut self) -> bool {
        let expected = self.expected();
        *self.checksum() == expected
    }

    /// The checksum that it should have.
    fn expected(mut self) -> U32 {
        self.checksum().set(0);
        // No structure has bytes enough to overflow it.
        let sum: u32 = self.as_bytes().iter().copied().map(u32::from).sum();
        U32::new(!sum)
    }
}

impl Checksummed for Footer {
    fn checksum(&mut self) -> &mut U32 {
        &mut self.checksum
    }
}

impl Checksummed for DynamicHeader {
    fn checksum(&mut self) -> &mut U32 {
        &mut self.checksum
    }
}

/// Bytes of the bitmap before each block of `block` bytes: a bit for each sector, in whole sectors.
pub(super) fn bitmap_len(block: u64) -> u64 {
    (block / SECTOR).div_ceil(8).next_multiple_of(SECTOR)
}

/// The UUID that lies in a footer as `bytes`.
pub(super) fn uuid(bytes: [u8; 16]) -> Uuid {
    Uuid::from_bytes(bytes)
}
