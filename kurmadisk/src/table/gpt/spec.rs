//! The GPT on disk: UEFI specification 2.10, section 5.3. All integers are little-endian; GUIDs have
//! their first three fields little-endian (appendix A).

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, Unaligned};

/// Begin of every header.
pub(in crate::table) const SIGNATURE: [u8; 8] = *b"EFI PART";

/// Revision 1.0, the only one there is.
pub(in crate::table) const REVISION: u32 = 0x0001_0000;

/// Size of [`Header`]; the rest of its sector is zero.
pub(in crate::table) const HEADER_SIZE: u32 = 92;

/// Size of [`Entry`].
pub(in crate::table) const ENTRY_SIZE: u32 = 128;

/// Where the primary header lies.
pub(in crate::table) const PRIMARY_LBA: u64 = 1;

/// Where the primary copy's entries lie; the specification leaves it open, every tool puts them here.
pub(in crate::table) const PRIMARY_ENTRIES_LBA: u64 = 2;

/// A GPT header (section 5.3.2, table 5.5).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
#[expect(clippy::struct_field_names, reason = "the specification's own names")]
pub(in crate::table) struct Header {
    /// [`SIGNATURE`].
    pub signature: [u8; 8],
    /// [`REVISION`].
    pub revision: U32,
    /// [`HEADER_SIZE`].
    pub header_size: U32,
    /// CRC-32 of the header with this field zero.
    pub header_crc32: U32,
    /// Zero.
    pub reserved: U32,
    /// Where this header lies.
    pub my_lba: U64,
    /// Where the other header lies.
    pub alternate_lba: U64,
    /// First sector for partitions.
    pub first_usable_lba: U64,
    /// Last sector for partitions, inclusive.
    pub last_usable_lba: U64,
    /// The disk's GUID.
    pub disk_guid: [u8; 16],
    /// Where this copy's entries begin.
    pub partition_entry_lba: U64,
    /// Number of entries, unused ones included.
    pub number_of_entries: U32,
    /// [`ENTRY_SIZE`].
    pub size_of_entry: U32,
    /// CRC-32 of all entries.
    pub entries_crc32: U32,
}

const _: () = assert!(size_of::<Header>() == HEADER_SIZE as usize);

/// A GPT entry (section 5.3.3, table 5.6); an unused one is all zeros.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(in crate::table) struct Entry {
    /// The type's GUID.
    pub type_guid: [u8; 16],
    /// The partition's GUID.
    pub unique_guid: [u8; 16],
    /// First sector.
    pub starting_lba: U64,
    /// Last sector, inclusive.
    pub ending_lba: U64,
    /// Attribute bits.
    pub attributes: U64,
    /// Name in UTF-16, padded with zeros; all 36 units may be used.
    pub name: [U16; 36],
}

const _: () = assert!(size_of::<Entry>() == ENTRY_SIZE as usize);
