//! The on-disk structures of FAT12, FAT16 and FAT32.
//!
//! Sections are those of Microsoft's "FAT: General Overview of On-Disk Format" (version 1.03,
//! fatgen103); the UEFI specification 2.10, §13.3, refers to it.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a boot sector that mean something, whatever the sector's size.
pub const BOOT_SECTOR_LEN: usize = 512;
/// The last two bytes of a boot sector's first 512.
pub const BOOT_SIGNATURE: [u8; 2] = [0x55, 0xaa];
/// Two copies of the FAT: what every driver expects.
pub const FAT_COPIES: u32 = 2;
/// A disk that cannot be removed; also the low byte of `FAT[0]`.
pub const MEDIA_FIXED: u8 = 0xf8;
/// The BIOS number of the first hard disk.
pub const FIRST_HARD_DISK: u8 = 0x80;
/// Says that serial, label and type name follow in the boot sector.
pub const EXTENDED_SIGNATURE: u8 = 0x29;
/// The geometry that means "use LBA": tracks of 63 sectors.
pub const SECTORS_PER_TRACK: u16 = 63;
/// The geometry that means "use LBA": 255 heads.
pub const HEADS: u16 = 255;
/// The name of the formatting system which drivers are most used to ("FAT Boot Sector and BPB").
pub const OEM_NAME: [u8; 8] = *b"MSWIN4.1";
/// The label of a volume that has none.
pub const NO_LABEL: [u8; 11] = *b"NO NAME    ";

/// Bytes of the largest cluster that drivers know.
pub const MAX_CLUSTER: u32 = 64 << 10;
/// Sectors before the first FAT that FAT32 needs at least.
pub const FAT32_RESERVED: u32 = 32;
/// The first cluster of the root directory of FAT32, and the first that exists.
pub const FIRST_CLUSTER: u32 = 2;
/// The sector of FAT32's `FSInfo`.
pub const FSINFO_SECTOR: u16 = 1;
/// The sector of FAT32's second boot sector; the second `FSInfo` follows it.
pub const BACKUP_BOOT_SECTOR: u16 = 6;

/// Entries in the root directory of FAT12 and FAT16 that every driver is used to.
pub const ROOT_ENTRIES: u32 = 512;
/// Most entries a directory may have: 2 MiB ("FAT Directory Structure").
pub const MAX_ENTRIES: u32 = 65_536;
/// Bytes of a directory entry.
pub const ENTRY_LEN: u32 = 32;
/// UTF-16 units of a long name in one entry.
pub const LONG_UNITS: usize = 13;
/// UTF-16 units a long name has at most.
pub const MAX_LONG_UNITS: usize = 255;
/// Marks the last part of a long name, which comes first.
pub const LAST_LONG_ENTRY: u8 = 0x40;

/// Directory entry attribute: not to be written to.
pub const ATTR_READ_ONLY: u8 = 0x01;
/// Directory entry attribute: the volume's label.
pub const ATTR_VOLUME_ID: u8 = 0x08;
/// Directory entry attribute: a directory.
pub const ATTR_DIRECTORY: u8 = 0x10;
/// Directory entry attribute: not backed up yet; every new file has it.
pub const ATTR_ARCHIVE: u8 = 0x20;
/// Read-only, hidden, system and volume at once: a part of a long name.
pub const ATTR_LONG_NAME: u8 = 0x0f;
/// The base of the short name is shown in lower case (Windows NT; reserved in fatgen103).
pub const CASE_LOWER_BASE: u8 = 0x08;
/// The extension of the short name is shown in lower case.
pub const CASE_LOWER_EXTENSION: u8 = 0x10;

/// What the boot code does when firmware runs it: asks the BIOS for the next boot device, then
/// halts.
const BOOT_CODE: [u8; 6] = [0xcd, 0x18, 0xfa, 0xf4, 0xeb, 0xfd];

/// The BIOS parameter block which all types share, with the jump before it ("Boot Sector and BPB").
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Bpb {
    /// A jump over the parameters.
    pub jump: [u8; 3],
    /// Who formatted the volume.
    pub oem_name: [u8; 8],
    /// Bytes per sector.
    pub bytes_per_sector: U16,
    /// Sectors per cluster: a power of two.
    pub sectors_per_cluster: u8,
    /// Sectors before the first FAT.
    pub reserved_sectors: U16,
    /// Copies of the FAT.
    pub fat_copies: u8,
    /// Entries of the root directory; 0 on FAT32.
    pub root_entries: U16,
    /// Sectors of the volume, or 0 when [`total_sectors_32`](Self::total_sectors_32) says it.
    pub total_sectors_16: U16,
    /// Kind of medium.
    pub media: u8,
    /// Sectors per FAT; 0 on FAT32.
    pub fat_sectors_16: U16,
    /// Sectors per track.
    pub sectors_per_track: U16,
    /// Heads.
    pub heads: U16,
    /// Sectors of the disk before the volume.
    pub hidden_sectors: U32,
    /// Sectors of the volume, or 0 when [`total_sectors_16`](Self::total_sectors_16) says it.
    pub total_sectors_32: U32,
}

const _: () = assert!(size_of::<Bpb>() == 36);

/// The identity of a volume: the last part of both boot sectors' parameters.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Identity {
    /// The BIOS drive.
    pub drive: u8,
    /// 0: unmounted cleanly.
    pub reserved: u8,
    /// [`EXTENDED_SIGNATURE`].
    pub signature: u8,
    /// The serial number.
    pub serial: U32,
    /// The label, padded with spaces.
    pub label: [u8; 11],
    /// `FAT12`, `FAT16` or `FAT32`, padded with spaces; means nothing.
    pub type_name: [u8; 8],
}

const _: () = assert!(size_of::<Identity>() == 26);

/// The boot sector of FAT12 and FAT16.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BootSector16 {
    /// The shared parameters.
    pub bpb: Bpb,
    /// The identity.
    pub identity: Identity,
    /// Boot code.
    pub code: [u8; 448],
    /// [`BOOT_SIGNATURE`].
    pub signature: [u8; 2],
}

const _: () = assert!(size_of::<BootSector16>() == BOOT_SECTOR_LEN);

/// The parameters that only FAT32 has.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Fat32Bpb {
    /// Sectors per FAT.
    pub fat_sectors: U32,
    /// 0: the copies of the FAT mirror each other.
    pub flags: U16,
    /// 0.
    pub version: U16,
    /// First cluster of the root directory.
    pub root_cluster: U32,
    /// [`FSINFO_SECTOR`].
    pub fsinfo_sector: U16,
    /// [`BACKUP_BOOT_SECTOR`].
    pub backup_boot_sector: U16,
    /// 0.
    pub reserved: [u8; 12],
}

const _: () = assert!(size_of::<Fat32Bpb>() == 28);

/// The boot sector of FAT32.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BootSector32 {
    /// The shared parameters.
    pub bpb: Bpb,
    /// FAT32's own.
    pub fat32: Fat32Bpb,
    /// The identity.
    pub identity: Identity,
    /// Boot code.
    pub code: [u8; 420],
    /// [`BOOT_SIGNATURE`].
    pub signature: [u8; 2],
}

const _: () = assert!(size_of::<BootSector32>() == BOOT_SECTOR_LEN);

/// The jump to the boot code of FAT12 and FAT16.
pub const JUMP_16: [u8; 3] = [0xeb, 0x3c, 0x90];
/// The jump to the boot code of FAT32.
pub const JUMP_32: [u8; 3] = [0xeb, 0x58, 0x90];

/// The boot code, filled up with zeros.
#[must_use]
pub fn boot_code<const N: usize>() -> [u8; N] {
    let mut code = [0; N];
    code[..BOOT_CODE.len()].copy_from_slice(&BOOT_CODE);
    code
}

/// FAT32's summary of free clusters ("FAT32 `FSInfo` Sector Structure").
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FsInfo {
    /// `RRaA`.
    pub lead_signature: [u8; 4],
    /// 0.
    pub reserved_1: [u8; 480],
    /// `rrAa`.
    pub signature: [u8; 4],
    /// Free clusters.
    pub free_clusters: U32,
    /// Where a driver begins to look for a free cluster.
    pub next_free: U32,
    /// 0.
    pub reserved_2: [u8; 12],
    /// 0xAA550000.
    pub trail_signature: [u8; 4],
}

const _: () = assert!(size_of::<FsInfo>() == BOOT_SECTOR_LEN);

/// [`FsInfo::next_free`] of a volume without any free cluster: unknown.
pub const NEXT_FREE_UNKNOWN: u32 = 0xffff_ffff;

impl FsInfo {
    /// The summary of a volume.
    #[must_use]
    pub fn new(free_clusters: u32, next_free: u32) -> Self {
        Self {
            lead_signature: *b"RRaA",
            reserved_1: [0; 480],
            signature: *b"rrAa",
            free_clusters: free_clusters.into(),
            next_free: next_free.into(),
            reserved_2: [0; 12],
            trail_signature: [0, 0, 0x55, 0xaa],
        }
    }
}

/// An entry of a directory ("FAT Directory Structure").
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ShortEntry {
    /// Base and extension in upper case, padded with spaces.
    pub name: [u8; 11],
    /// `ATTR_*`.
    pub attributes: u8,
    /// `CASE_*`.
    pub case: u8,
    /// Hundredths of a second to add to the creation time: 0 to 199.
    pub created_hundredths: u8,
    /// Time of creation.
    pub created_time: U16,
    /// Date of creation.
    pub created_date: U16,
    /// Date of the last access.
    pub accessed_date: U16,
    /// The first cluster's upper half; 0 on FAT12 and FAT16.
    pub cluster_high: U16,
    /// Time of the last write.
    pub written_time: U16,
    /// Date of the last write.
    pub written_date: U16,
    /// The first cluster's lower half; 0 for an empty file.
    pub cluster_low: U16,
    /// Bytes of a file; 0 for a directory.
    pub size: U32,
}

const _: () = assert!(size_of::<ShortEntry>() == ENTRY_LEN as usize);

/// A part of a long name ("FAT Long Directory Entries").
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct LongEntry {
    /// The part's number from 1 on, with [`LAST_LONG_ENTRY`] in the last.
    pub order: u8,
    /// Units 0 to 4.
    pub units_1: [U16; 5],
    /// [`ATTR_LONG_NAME`].
    pub attributes: u8,
    /// 0.
    pub kind: u8,
    /// The checksum of the short name.
    pub checksum: u8,
    /// Units 5 to 10.
    pub units_2: [U16; 6],
    /// 0.
    pub cluster: U16,
    /// Units 11 and 12.
    pub units_3: [U16; 2],
}

const _: () = assert!(size_of::<LongEntry>() == ENTRY_LEN as usize);
