//! How large the parts of a volume are: pure arithmetic.
//!
//! The type follows from the number of clusters and from nothing else (fatgen103, "FAT Type
//! Determination"). Because several drivers count wrongly by a few, numbers within 16 of a limit are
//! avoided, as that section advises.

use std::fmt;
use std::ops::RangeInclusive;

use super::spec::{ENTRY_LEN, FAT_COPIES, FAT32_RESERVED, FIRST_CLUSTER};

/// The part of a volume that may stay unused between two types: one in so many clusters.
pub(super) const MAX_WASTE: u64 = 64;
/// Distance kept from the limits between the types.
const MARGIN: u32 = 16;

/// The width of an entry of the file allocation table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FatType {
    /// 12 bits: up to 4,068 clusters.
    Fat12,
    /// 16 bits: 4,101 to 65,508 clusters.
    Fat16,
    /// 32 bits, of which 28 are used: from 65,541 clusters on.
    Fat32,
}

impl FatType {
    /// All types, small to large.
    pub const ALL: [Self; 3] = [Self::Fat12, Self::Fat16, Self::Fat32];

    /// Bits of a table entry.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }

    /// How many clusters a volume of this type has here: [`MARGIN`] away from the limits.
    pub(super) fn cluster_range(self) -> RangeInclusive<u64> {
        let margin = u64::from(MARGIN);
        match self {
            Self::Fat12 => 1..=4_084 - margin,
            Self::Fat16 => 4_085 + margin..=65_524 - margin,
            Self::Fat32 => 65_525 + margin..=0x0fff_fff5 - margin,
        }
    }

    /// The entry of a chain's last cluster.
    pub(super) fn end_of_chain(self) -> u32 {
        match self {
            Self::Fat12 => 0xfff,
            Self::Fat16 => 0xffff,
            Self::Fat32 => 0x0fff_ffff,
        }
    }
}

impl fmt::Display for FatType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FAT{}", self.bits())
    }
}

/// Everything about a volume's shape but its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub fat_type: FatType,
    /// Bytes.
    pub sector_size: u32,
    pub sectors_per_cluster: u32,
    /// Entries of the root directory; 0 on FAT32, where it is a chain of clusters.
    pub root_entries: u32,
    /// Sectors; the first cluster begins at a multiple of them.
    pub alignment: u32,
}

impl Format {
    /// Bytes per cluster.
    pub(super) fn cluster_size(&self) -> u32 {
        self.sector_size * self.sectors_per_cluster
    }

    pub(super) fn root_sectors(&self) -> u32 {
        (self.root_entries * ENTRY_LEN).div_ceil(self.sector_size)
    }

    fn min_reserved(&self) -> u32 {
        match self.fat_type {
            FatType::Fat12 | FatType::Fat16 => 1,
            FatType::Fat32 => FAT32_RESERVED,
        }
    }

    /// Sectors of one FAT for so many clusters.
    fn fat_sectors(&self, clusters: u64) -> u64 {
        let bits = (clusters + u64::from(FIRST_CLUSTER)) * u64::from(self.fat_type.bits());
        bits.div_ceil(8).div_ceil(u64::from(self.sector_size))
    }

    /// The sector of the first cluster; aligned by more reserved sectors.
    fn data_start(&self, fat_sectors: u64) -> u64 {
        (u64::from(self.min_reserved() + self.root_sectors()) + u64::from(FAT_COPIES) * fat_sectors)
            .next_multiple_of(u64::from(self.alignment))
    }

    /// Sectors of the smallest volume with so many clusters.
    pub(super) fn sectors(&self, clusters: u64) -> u64 {
        self.data_start(self.fat_sectors(clusters)) + clusters * u64::from(self.sectors_per_cluster)
    }

    fn clusters_behind(&self, fat_sectors: u64, sectors: u64) -> u64 {
        sectors.saturating_sub(self.data_start(fat_sectors)) / u64::from(self.sectors_per_cluster)
    }

    /// The shape of a volume of so many sectors, if its clusters are as many as the type demands.
    ///
    /// When they are a little more and `may_waste`, the rest stays unused.
    pub(super) fn fit(self, sectors: u64, may_waste: bool) -> Option<Geometry> {
        // Fewer sectors of FAT leave more clusters to describe: look for the fewest that suffice.
        let (mut low, mut high) = (1, self.fat_sectors(sectors));
        while low < high {
            let middle = low.midpoint(high);
            if self.fat_sectors(self.clusters_behind(middle, sectors)) <= middle {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let possible = self.clusters_behind(low, sectors);
        let range = self.fat_type.cluster_range();
        let clusters = if may_waste && possible - possible / MAX_WASTE <= *range.end() {
            possible.min(*range.end())
        } else {
            possible
        };
        if !range.contains(&clusters) {
            return None;
        }
        let data_start = u32::try_from(self.data_start(low)).ok()?;
        let fat_sectors = u32::try_from(low).ok()?;
        let total_sectors = if clusters < possible {
            u64::from(data_start) + clusters * u64::from(self.sectors_per_cluster)
        } else {
            sectors
        };
        Some(Geometry {
            format: self,
            total_sectors: u32::try_from(total_sectors).ok()?,
            reserved_sectors: data_start - FAT_COPIES * fat_sectors - self.root_sectors(),
            fat_sectors,
            clusters: u32::try_from(clusters).ok()?,
        })
    }
}

/// Where everything lies on a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub format: Format,
    pub total_sectors: u32,
    pub reserved_sectors: u32,
    pub fat_sectors: u32,
    pub clusters: u32,
}

impl Geometry {
    /// Bytes of the volume.
    pub(super) fn size(&self) -> u64 {
        self.sector_offset(self.total_sectors)
    }

    /// The byte at which a sector begins.
    pub(super) fn sector_offset(&self, sector: u32) -> u64 {
        u64::from(sector) * u64::from(self.format.sector_size)
    }

    /// The byte at which a copy of the FAT begins.
    pub(super) fn fat_offset(&self, copy: u32) -> u64 {
        self.sector_offset(self.reserved_sectors + copy * self.fat_sectors)
    }

    /// The byte at which the root directory of FAT12 and FAT16 begins.
    pub(super) fn root_offset(&self) -> u64 {
        self.fat_offset(FAT_COPIES)
    }

    /// The byte at which a cluster begins; the first one is number 2.
    pub(super) fn cluster_offset(&self, cluster: u32) -> u64 {
        self.root_offset()
            + self.sector_offset(self.format.root_sectors())
            + u64::from(cluster - FIRST_CLUSTER) * u64::from(self.format.cluster_size())
    }
}
