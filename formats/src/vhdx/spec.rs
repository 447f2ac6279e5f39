//! On-disk structures of VHDX: Microsoft's [MS-VHDX] "Virtual Hard Disk v2 (VHDX) File Format".
//!
//! All numbers are little-endian; checksums are CRC-32C, computed with their own field zeroed.

use uuid::{Uuid, uuid};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The dynamic format's name in messages and on command lines.
pub(super) const NAME: &str = "vhdx";
/// The fixed format's name.
pub(super) const FIXED_NAME: &str = "vhdx-fixed";

/// Everything but what lies in the header section begins and ends at multiples of this.
pub(super) const MIB: u64 = 1 << 20;

/// The largest disk, section 2.6.2.2: 64 TiB.
pub(super) const MAX_DISK: u64 = 64 << 40;

/// Bytes of a block, the unit of allocation: the smallest, which keeps files small.
pub(super) const BLOCK: u64 = MIB;
/// The largest block.
pub(super) const MAX_BLOCK: u32 = 256 << 20;

/// Section 2.2.1: the file type identifier, which begins the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct FileIdentifier {
    pub signature: [u8; 8],
    /// Who made the file, in UTF-16; no program reads it.
    pub creator: [U16; 256],
}

/// [`FileIdentifier::signature`].
pub(super) const FILE_SIGNATURE: [u8; 8] = *b"vhdxfile";

/// Where the two headers lie.
pub(super) const HEADERS: [u64; 2] = [64 << 10, 128 << 10];

/// Section 2.2.2: a header. The one of two with the larger sequence number counts.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Header {
    pub signature: [u8; 4],
    pub checksum: U32,
    pub sequence: U64,
    /// Changes when the file does.
    pub file_write: [u8; 16],
    /// Changes when the disk's content does.
    pub data_write: [u8; 16],
    /// Which entries of the log count; null: none.
    pub log: [u8; 16],
    pub log_version: U16,
    pub version: U16,
    pub log_length: U32,
    pub log_offset: U64,
    pub reserved: [u8; 4016],
}

const _: () = assert!(size_of::<Header>() == 4096);
const _: () = assert!(std::mem::offset_of!(Header, log_offset) == 72);

/// [`Header::signature`].
pub(super) const HEADER_SIGNATURE: [u8; 4] = *b"head";
/// [`Header::version`].
pub(super) const VERSION: u16 = 1;

/// Where the two copies of the region table lie.
pub(super) const REGION_TABLES: [u64; 2] = [192 << 10, 256 << 10];
/// Bytes of a region table, and of a metadata table.
pub(super) const TABLE_LEN: u64 = TABLE_BYTES as u64;
/// The same, of memory.
pub(super) const TABLE_BYTES: usize = 64 << 10;

/// Section 2.2.3.1: begins a region table.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct RegionTableHeader {
    pub signature: [u8; 4],
    /// Of the whole table.
    pub checksum: U32,
    pub entries: U32,
    pub reserved: U32,
}

const _: () = assert!(size_of::<RegionTableHeader>() == 16);

/// [`RegionTableHeader::signature`].
pub(super) const REGION_SIGNATURE: [u8; 4] = *b"regi";

/// Section 2.2.3.2.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct RegionEntry {
    pub id: [u8; 16],
    pub offset: U64,
    pub length: U32,
    /// 1 when who doesn't know the region must not open the file.
    pub required: U32,
}

const _: () = assert!(size_of::<RegionEntry>() == 32);

/// [`RegionEntry::id`] of the block allocation table.
pub(super) const BAT_REGION: Uuid = uuid!("2DC27766-F623-4200-9D64-115E9BFD4A08");
/// [`RegionEntry::id`] of the metadata.
pub(super) const METADATA_REGION: Uuid = uuid!("8B7CA206-4790-4B9A-B8FE-575F050F886E");

/// Section 2.6.1.1: begins the metadata region.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct MetadataTableHeader {
    pub signature: [u8; 8],
    pub reserved: U16,
    pub entries: U16,
    pub reserved_end: [u8; 20],
}

const _: () = assert!(size_of::<MetadataTableHeader>() == 32);

/// [`MetadataTableHeader::signature`].
pub(super) const METADATA_SIGNATURE: [u8; 8] = *b"metadata";

/// Section 2.6.1.2.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct MetadataEntry {
    pub id: [u8; 16],
    /// Within the region; not before the table's end.
    pub offset: U32,
    pub length: U32,
    pub flags: U32,
    pub reserved: U32,
}

const _: () = assert!(size_of::<MetadataEntry>() == 32);

/// [`MetadataEntry::flags`]: the item describes the disk, not the file.
pub(super) const ITEM_OF_DISK: u32 = 1 << 1;
/// [`MetadataEntry::flags`]: who doesn't know the item must not open the file.
pub(super) const ITEM_REQUIRED: u32 = 1 << 2;

/// [`MetadataEntry::id`], section 2.6.2.1: block size and flags.
pub(super) const FILE_PARAMETERS: Uuid = uuid!("CAA16737-FA36-4D43-B3B6-33F0AA44E76B");
/// Section 2.6.2.2: the disk's size in bytes.
pub(super) const DISK_SIZE: Uuid = uuid!("2FA54224-CD1B-4876-B211-5DBED83BF4B8");
/// Section 2.6.2.3: bytes of a sector as the guest addresses it, one of [`SECTORS`].
pub(super) const LOGICAL_SECTOR: Uuid = uuid!("8141BF1D-A96F-4709-BA47-F233A8FAAB5F");
/// Values of [`LOGICAL_SECTOR`].
pub(super) const SECTORS: [u32; 2] = [512, 4096];
/// Section 2.6.2.4: bytes that the guest had better write together.
pub(super) const PHYSICAL_SECTOR: Uuid = uuid!("CDA348C7-445D-4471-9CC9-E9885251C556");
/// Section 2.6.2.5: identifies the disk to the guest.
pub(super) const DISK_ID: Uuid = uuid!("BECA12AB-B2E6-4523-93EF-C309E000C746");
/// Section 2.6.2.6: where the disk is that this one differs from.
pub(super) const PARENT_LOCATOR: Uuid = uuid!("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C");

/// Flag of [`FILE_PARAMETERS`]: all blocks are allocated and stay so.
pub(super) const LEAVE_ALLOCATED: u32 = 1;
/// Flag of [`FILE_PARAMETERS`]: it holds the differences to another disk.
pub(super) const HAS_PARENT: u32 = 1 << 1;

/// States of a block, section 2.5.1.1: the lowest bits of an entry of the block allocation table. Its
/// offset in the file, a multiple of 1 MiB, is in the bits from 20 on.
pub(super) mod state {
    /// The bits.
    pub(in crate::vhdx) const MASK: u64 = 7;
    pub(in crate::vhdx) const NOT_PRESENT: u64 = 0;
    pub(in crate::vhdx) const UNDEFINED: u64 = 1;
    pub(in crate::vhdx) const ZERO: u64 = 2;
    pub(in crate::vhdx) const UNMAPPED: u64 = 3;
    /// What drafts of the specification had for [`UNMAPPED`].
    pub(in crate::vhdx) const UNMAPPED_DRAFT: u64 = 5;
    pub(in crate::vhdx) const FULLY_PRESENT: u64 = 6;
}

/// Blocks between two entries of sector bitmaps in the block allocation table, section 2.5.
pub(super) fn chunk_ratio(block: u64, sector: u64) -> u64 {
    (1 << 23) * sector / block
}

/// Entries of the block allocation table of so many blocks.
pub(super) fn bat_entries(blocks: u64, ratio: u64) -> u64 {
    blocks + blocks.saturating_sub(1) / ratio
}

/// Section 2.3.1: begins an entry of the log, at a multiple of [`LOG_SECTOR`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct LogEntryHeader {
    pub signature: [u8; 4],
    pub checksum: U32,
    pub length: U32,
    pub tail: U32,
    pub sequence: U64,
    pub descriptors: U32,
    pub reserved: U32,
    pub log: [u8; 16],
}

const _: () = assert!(std::mem::offset_of!(LogEntryHeader, log) == 32);

/// [`LogEntryHeader::signature`].
pub(super) const LOG_SIGNATURE: [u8; 4] = *b"loge";
/// What the log is divided into.
pub(super) const LOG_SECTOR: u64 = 4096;

/// Where the checksum lies in a header and in a region table.
const CHECKSUM: std::ops::Range<usize> = 4..8;

/// The checksum that a header or region table should have.
pub(super) fn checksum(structure: &[u8]) -> u32 {
    let start = crc32c::crc32c(&structure[..CHECKSUM.start]);
    let zeroed = crc32c::crc32c_append(start, &[0; 4]);
    crc32c::crc32c_append(zeroed, &structure[CHECKSUM.end..])
}

/// Whether a header or region table has the checksum that it should have.
pub(super) fn is_sealed(structure: &[u8]) -> bool {
    structure[CHECKSUM] == checksum(structure).to_le_bytes()
}

/// Gives a header or region table the checksum that it should have.
pub(super) fn seal(structure: &mut [u8]) {
    let checksum = checksum(structure).to_le_bytes();
    structure[CHECKSUM].copy_from_slice(&checksum);
}

/// GUIDs lie in the file with their first three fields little-endian.
pub(super) fn guid_bytes(uuid: Uuid) -> [u8; 16] {
    uuid.to_bytes_le()
}

/// The GUID that lies in the file as `bytes`.
pub(super) fn guid(bytes: [u8; 16]) -> Uuid {
    Uuid::from_bytes_le(bytes)
}
