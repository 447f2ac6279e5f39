//! The boot record on disk: UEFI specification 2.10, section 5.2, for the MBR itself; the chain of
//! extended boot records has no specification but what DOS did. All integers are little-endian.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, Unaligned};

use crate::table::TableError;

/// Bytes of boot code at the begin of a boot record.
pub const BOOT_CODE_LEN: usize = 440;

/// Last two bytes of a boot record.
pub(in crate::table) const SIGNATURE: u16 = 0xaa55;

/// Length of a boot record; in a larger sector the rest is zero.
pub(in crate::table) const RECORD_LEN: usize = 512;

/// Type of the entry that protects a GPT.
pub(in crate::table) const PROTECTIVE_TYPE: u8 = 0xee;

/// Type of the extended partition, by LBA.
pub(in crate::table) const EXTENDED_LBA_TYPE: u8 = 0x0f;

/// Type of the link to the next extended boot record.
pub(in crate::table) const EXTENDED_LINK_TYPE: u8 = 0x05;

const ACTIVE: u8 = 0x80;

/// A boot record: LBA 0 of a disk (section 5.2.1, table 5.1), or an extended boot record, which has the
/// same form and uses two entries.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(in crate::table) struct BootRecord {
    /// Code that a BIOS starts.
    pub boot_code: [u8; BOOT_CODE_LEN],
    /// The disk's signature; zero before a GPT and in an extended boot record.
    pub disk_signature: U32,
    /// Zero.
    pub unknown: U16,
    /// The four slots.
    pub entries: [Record; 4],
    /// [`SIGNATURE`].
    pub signature: U16,
}

const _: () = assert!(size_of::<BootRecord>() == RECORD_LEN);

impl BootRecord {
    /// A record without partitions.
    ///
    /// Fails when the boot code doesn't fit.
    pub(in crate::table) fn new(code: &[u8], disk_signature: u32) -> Result<Self, TableError> {
        let mut boot_code = [0; BOOT_CODE_LEN];
        boot_code
            .get_mut(..code.len())
            .ok_or(TableError::BootCodeTooLong { len: code.len() })?
            .copy_from_slice(code);
        Ok(Self {
            boot_code,
            disk_signature: disk_signature.into(),
            unknown: U16::ZERO,
            entries: [Record::new_zeroed(); 4],
            signature: SIGNATURE.into(),
        })
    }
}

/// An entry of a boot record (section 5.2.1, table 5.2); an unused one is all zeros.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub(in crate::table) struct Record {
    /// 0x80 for active.
    pub boot_indicator: u8,
    /// First sector, as [`chs`] gives it.
    pub starting_chs: [u8; 3],
    /// Type byte.
    pub os_type: u8,
    /// Last sector, as [`chs`] gives it.
    pub ending_chs: [u8; 3],
    /// First sector; in an extended boot record counted from that or from the extended partition.
    pub starting_lba: U32,
    /// Length in sectors.
    pub size_in_lba: U32,
}

const _: () = assert!(size_of::<Record>() == 16);

impl Record {
    /// An entry for `sectors` sectors from `first` on.
    ///
    /// Fails when 32 bits don't hold them.
    pub(in crate::table) fn new(
        active: bool,
        os_type: u8,
        first: u64,
        sectors: u64,
    ) -> Result<Self, TableError> {
        Self::relative(active, os_type, first, sectors, 0)
    }

    /// As [`Record::new`], with the first sector stored as a distance from sector `base`.
    pub(in crate::table) fn relative(
        active: bool,
        os_type: u8,
        first: u64,
        sectors: u64,
        base: u64,
    ) -> Result<Self, TableError> {
        let last = first.saturating_add(sectors).saturating_sub(1).max(first);
        let distance = first.saturating_sub(base);
        Ok(Self {
            boot_indicator: if active { ACTIVE } else { 0 },
            starting_chs: chs(first, os_type),
            os_type,
            ending_chs: chs(last, os_type),
            starting_lba: field("StartingLBA", distance)?,
            size_in_lba: field("SizeInLBA", sectors)?,
        })
    }
}

fn field(field: &'static str, value: u64) -> Result<U32, TableError> {
    u32::try_from(value)
        .map(U32::new)
        .map_err(|_| TableError::FieldOverflow { field, value })
}

/// Heads and sectors of the geometry every tool of today assumes.
const HEADS: u64 = 255;
const TRACK_SECTORS: u64 = 63;
const MAX_CYLINDER: u64 = 1023;

/// The three bytes of a sector's cylinder, head and sector: head; sector in six bits below the
/// cylinder's bits 8–9; the cylinder's low byte.
///
/// What lies beyond the last cylinder has cylinder 1023, head 254, sector 63, as `fdisk` writes it; the
/// protective entry has all bits set there, as its section (5.2.3) asks.
fn chs(lba: u64, os_type: u8) -> [u8; 3] {
    let track = lba / TRACK_SECTORS;
    let (cylinder, head) = (track / HEADS, track % HEADS);
    if cylinder > MAX_CYLINDER {
        let head = if os_type == PROTECTIVE_TYPE {
            0xff
        } else {
            0xfe
        };
        return [head, 0xff, 0xff];
    }
    let sector = lba % TRACK_SECTORS + 1;
    let high = (cylinder >> 8) << 6;
    // Each is below 256 by the divisions above.
    [head, sector | high, cylinder & 0xff].map(|byte| u8::try_from(byte).unwrap_or(0xff))
}
