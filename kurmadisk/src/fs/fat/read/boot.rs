//! The boot sector, and the places of a volume's parts by it.

use std::ops::Range;

use zerocopy::FromBytes;

use super::table::Run;
use crate::fs::fat::FatType;
use crate::fs::fat::spec::{
    BOOT_SECTOR_LEN, BOOT_SIGNATURE, BootSector16, BootSector32, Bpb, ENTRY_LEN,
    EXTENDED_SIGNATURE, FIRST_CLUSTER, Identity, ShortEntry,
};

/// [`Identity::reserved`]: not unmounted cleanly.
const DIRTY: u8 = 1;
/// First byte of a directory entry: this and all behind it are free.
pub(crate) const END_OF_DIRECTORY: u8 = 0;
/// First byte of a deleted directory entry.
pub(crate) const DELETED: u8 = 0xe5;
/// Clusters from which on a volume is not FAT12, and not FAT16 (fatgen103, "FAT Type
/// Determination").
const FAT16_FROM: u64 = 4_085;
pub(crate) const FAT32_FROM: u64 = 65_525;

/// A boot sector; which of its two forms counts, the type decides.
pub(crate) struct BootSector {
    pub bpb: Bpb,
    old: BootSector16,
    pub fat32: BootSector32,
}

impl BootSector {
    pub(crate) fn read(head: &[u8]) -> Option<Self> {
        let bytes = head.get(..BOOT_SECTOR_LEN)?;
        let old = BootSector16::read_from_bytes(bytes).ok()?;
        let fat32 = BootSector32::read_from_bytes(bytes).ok()?;
        let jumps = matches!(old.bpb.jump[0], 0xeb | 0xe9);
        (old.signature == BOOT_SIGNATURE && jumps).then_some(Self {
            bpb: old.bpb,
            old,
            fat32,
        })
    }

    /// A FAT32 volume says the length of its table elsewhere.
    fn is_fat32(&self) -> bool {
        self.bpb.fat_sectors_16.get() == 0
    }

    /// Serial and label, if there are any.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let identity = if self.is_fat32() {
            self.fat32.identity
        } else {
            self.old.identity
        };
        (identity.signature == EXTENDED_SIGNATURE).then_some(identity)
    }

    /// Whether the volume was unmounted cleanly as far as the boot sector says, or nobody keeps count.
    pub(crate) fn is_clean(&self) -> bool {
        let identity = self.identity();
        identity.is_none_or(|identity| identity.reserved & DIRTY == 0)
    }
}

/// Where a volume's parts lie. Fields of 32 bits at most are added and multiplied here, so no sector's
/// number reaches 2^42, and no offset overflows.
pub(crate) struct Geometry {
    pub fat_type: FatType,
    pub sector_size: u64,
    pub sectors_per_cluster: u64,
    pub reserved: u64,
    pub tables: u64,
    pub table_sectors: u64,
    pub root_entries: u64,
    /// The sector of the first cluster.
    pub data: u64,
    pub total_sectors: u64,
    pub clusters: u64,
}

pub(crate) enum NoGeometry {
    /// Some other boot sector.
    NotFat,
    /// The boot sector of a FAT volume, with parts larger than the whole.
    Impossible,
}

impl Geometry {
    pub(crate) fn of(boot: &BootSector) -> Result<Self, NoGeometry> {
        let bpb = &boot.bpb;
        let sector_size: u64 = bpb.bytes_per_sector.get().into();
        let sectors_per_cluster: u64 = bpb.sectors_per_cluster.into();
        let reserved: u64 = bpb.reserved_sectors.get().into();
        let tables: u64 = bpb.fat_copies.into();
        let is_fat = matches!(sector_size, 512 | 1024 | 2048 | 4096)
            && sectors_per_cluster.is_power_of_two()
            && bpb.media >= 0xf0
            && reserved > 0
            && tables > 0;
        if !is_fat {
            return Err(NoGeometry::NotFat);
        }
        let either = |short: u16, long: u32| match short {
            0 => u64::from(long),
            short => u64::from(short),
        };
        let table_sectors = either(bpb.fat_sectors_16.get(), boot.fat32.fat32.fat_sectors.get());
        let total_sectors = either(bpb.total_sectors_16.get(), bpb.total_sectors_32.get());
        let root_entries: u64 = bpb.root_entries.get().into();
        let root_sectors = (root_entries * u64::from(ENTRY_LEN)).div_ceil(sector_size);
        let data = reserved + tables * table_sectors + root_sectors;
        let clusters = total_sectors.saturating_sub(data) / sectors_per_cluster;
        let fat_type = if boot.is_fat32() {
            FatType::Fat32
        } else if clusters < FAT16_FROM {
            FatType::Fat12
        } else {
            FatType::Fat16
        };
        let table_bits = table_sectors * sector_size * 8;
        let needed_bits = (clusters + u64::from(FIRST_CLUSTER)) * u64::from(fat_type.bits());
        let too_many = fat_type == FatType::Fat16 && clusters >= FAT32_FROM;
        if clusters == 0 || too_many || needed_bits > table_bits {
            return Err(NoGeometry::Impossible);
        }
        Ok(Self {
            fat_type,
            sector_size,
            sectors_per_cluster,
            reserved,
            tables,
            table_sectors,
            root_entries,
            data,
            total_sectors,
            clusters,
        })
    }

    pub(crate) fn cluster_size(&self) -> u64 {
        self.sectors_per_cluster * self.sector_size
    }

    /// Where clusters lie on the volume, in bytes.
    pub(in crate::fs::fat) fn place(&self, run: &Run) -> Range<u64> {
        let cluster = self.cluster_size();
        let data = self.data * self.sector_size;
        let at = |number: u32| data + u64::from(number.saturating_sub(FIRST_CLUSTER)) * cluster;
        at(run.start)..at(run.end)
    }

    /// Where the root directory of FAT12 and FAT16 lies, in bytes.
    pub(in crate::fs::fat) fn root(&self) -> Range<u64> {
        let start = (self.reserved + self.tables * self.table_sectors) * self.sector_size;
        start..start + self.root_entries * u64::from(ENTRY_LEN)
    }

    /// The cluster that an entry begins with; 0 without any.
    pub(in crate::fs::fat) fn first_cluster(&self, entry: &ShortEntry) -> u32 {
        // FAT12 and FAT16 have no upper half, and some systems put something else there.
        let high = match self.fat_type {
            FatType::Fat32 => entry.cluster_high.get(),
            FatType::Fat12 | FatType::Fat16 => 0,
        };
        u32::from(high) << 16 | u32::from(entry.cluster_low.get())
    }
}
