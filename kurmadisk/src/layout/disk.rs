//! A disk's partitions with every address fixed.

use std::ops::Range;

use uuid::Uuid;

use super::{Attributes, Lba, PartitionType, SectorSize};

/// The fewest entries a GPT has: the UEFI specification reserves 16 KiB for them (section 5.3.1).
pub const GPT_MIN_ENTRIES: u32 = 128;

/// The most entries of a GPT that are written or read: 2 MiB of table, so that a forged header
/// can't ask for gigabytes.
pub const GPT_MAX_ENTRIES: u32 = 16_384;

/// The highest partition number on an MBR disk: `fdisk` and its kin read no more.
pub const MBR_MAX_NUMBER: u32 = 60;

/// Bytes of one GPT entry.
const GPT_ENTRY_SIZE: u64 = 128;

/// A disk and its partitions, every number fixed: what a table is written from, and what reading one
/// gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskLayout {
    /// Size of the disk's sectors.
    pub sector_size: SectorSize,
    /// Length of the disk in sectors.
    pub sectors: u64,
    /// Which kind of table, and what it says of the whole disk.
    pub scheme: Scheme,
    /// The partitions, in any order.
    pub partitions: Vec<PlacedPartition>,
}

/// The kind of a partition table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// GUID partition table.
    Gpt(GptScheme),
    /// Plain MBR, also called "DOS" or "msdos".
    Mbr(MbrScheme),
}

/// What a GPT says of the whole disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GptScheme {
    /// The disk's GUID.
    pub disk_guid: Uuid,
    /// Number of entries the table has room for, [`GPT_MIN_ENTRIES`] to [`GPT_MAX_ENTRIES`].
    pub entries: u32,
    /// Partitions that a hybrid MBR lists too, at most three, in the order of its slots; none: the
    /// MBR only protects.
    pub hybrid: Vec<HybridEntry>,
}

impl GptScheme {
    /// A table of the least size, with a protective MBR.
    #[must_use]
    pub fn new(disk_guid: Uuid) -> Self {
        Self {
            disk_guid,
            entries: GPT_MIN_ENTRIES,
            hybrid: Vec::new(),
        }
    }

    /// Sectors that the entries take, in each of the two copies.
    #[must_use]
    pub fn table_sectors(&self, sector_size: SectorSize) -> u64 {
        (u64::from(self.entries) * GPT_ENTRY_SIZE).div_ceil(sector_size.bytes())
    }
}

/// A GPT partition that the MBR lists too, for firmware and boot loaders that know no GPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HybridEntry {
    /// Number of the GPT partition.
    pub number: u32,
    /// Type byte in the MBR.
    pub mbr_type: u8,
    /// Whether the entry is marked active.
    pub active: bool,
}

/// What an MBR says of the whole disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MbrScheme {
    /// The disk's signature, from which Linux makes PARTUUIDs (`1234abcd-01`).
    pub signature: u32,
    /// The primary partition that contains the logical ones (numbers 5 and up), if there are any.
    pub extended: Option<ExtendedPartition>,
}

/// The container of logical partitions; it is no partition that holds data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedPartition {
    /// Its slot, 1 to 4.
    pub number: u32,
    /// Its first sector, where the chain of extended boot records begins.
    pub first: Lba,
    /// Its length in sectors.
    pub sectors: u64,
}

/// A partition with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedPartition {
    /// Number, from 1 on; gaps are fine. On an MBR disk 1–4 are primary, 5 and up logical.
    pub number: u32,
    /// Name, at most 36 UTF-16 units. An MBR doesn't store it.
    pub label: String,
    /// Type.
    pub kind: PartitionType,
    /// The partition's own GUID (PARTUUID). An MBR doesn't store it.
    pub guid: Uuid,
    /// First sector.
    pub first: Lba,
    /// Length in sectors.
    pub sectors: u64,
    /// Attribute bits; a GPT only.
    pub attributes: Attributes,
    /// Whether the partition is marked active; an MBR only (a GPT has the legacy-boot attribute).
    pub active: bool,
}

impl PlacedPartition {
    /// The first sector behind the partition.
    ///
    /// Saturates, which [`DiskLayout::check`] refuses.
    #[must_use]
    pub fn end(&self) -> Lba {
        Lba(self.first.0.saturating_add(self.sectors))
    }

    /// The last sector of the partition, or the first if it has none.
    #[must_use]
    pub fn last(&self) -> Lba {
        Lba(self.end().0.saturating_sub(1).max(self.first.0))
    }

    /// Whether the number is a logical partition's on an MBR disk.
    #[must_use]
    pub(crate) fn is_logical_number(number: u32) -> bool {
        number > 4
    }
}

impl DiskLayout {
    /// The disk's length in bytes.
    ///
    /// Saturates, which [`DiskLayout::check`] refuses.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.sectors.saturating_mul(self.sector_size.bytes())
    }

    /// The partition with this number.
    #[must_use]
    pub fn partition(&self, number: u32) -> Option<&PlacedPartition> {
        self.partitions.iter().find(|p| p.number == number)
    }

    /// The bytes of the disk that `partition` covers.
    ///
    /// Saturates, which [`DiskLayout::check`] refuses.
    #[must_use]
    pub fn byte_range(&self, partition: &PlacedPartition) -> Range<u64> {
        let size = self.sector_size.bytes();
        partition.first.0.saturating_mul(size)..partition.end().0.saturating_mul(size)
    }

    /// The first sector that a partition may use: behind the primary table.
    #[must_use]
    pub fn first_usable(&self) -> Lba {
        Lba(self.scheme.head_sectors(self.sector_size))
    }

    /// The first sector behind what partitions may use: where the backup table begins, or the disk
    /// ends.
    #[must_use]
    pub fn usable_end(&self) -> Lba {
        let tail = self.scheme.tail_sectors(self.sector_size);
        Lba(self.sectors.saturating_sub(tail))
    }
}

impl Scheme {
    /// Sectors at the disk's begin that belong to the table.
    pub(super) fn head_sectors(&self, sector_size: SectorSize) -> u64 {
        match self {
            Self::Gpt(gpt) => 2 + gpt.table_sectors(sector_size),
            Self::Mbr(_) => 1,
        }
    }

    /// Sectors at the disk's end that belong to the table.
    pub(super) fn tail_sectors(&self, sector_size: SectorSize) -> u64 {
        match self {
            Self::Gpt(gpt) => 1 + gpt.table_sectors(sector_size),
            Self::Mbr(_) => 0,
        }
    }
}
