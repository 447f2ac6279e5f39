//! How large the parts of a volume are: pure arithmetic.
//!
//! The type follows from the number of clusters and from nothing else (fatgen103, "FAT Type
//! Determination"). Because several drivers count wrongly by a few, numbers within 16 of a limit are
//! avoided, as that section advises.

use std::fmt;
use std::ops::RangeInclusive;

use super::spec::{ENTRY_LEN, FAT_COPIES, FAT32_RESERVED, FIRST_CLUSTER, ROOT_ENTRIES};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// From this size on a volume becomes FAT32 when no type is asked for, as with mkfs.fat.
const FAT32_FROM: u64 = 512 * MIB;
/// FAT32's cluster sizes: largest volume, bytes per cluster.
const FAT32_CLUSTERS: [(u64, u32); 5] = [
    (260 * MIB, 512),
    (8 * GIB, 4 << 10),
    (16 * GIB, 8 << 10),
    (32 * GIB, 16 << 10),
    (u64::MAX, 32 << 10),
];
/// Sectors per cluster at which the search for FAT12 and FAT16 begins.
const SMALL_FAT_CLUSTER: u32 = 4;
/// Largest cluster that is chosen unasked: some drivers know no larger ones.
const MAX_CHOSEN_CLUSTER: u32 = 32 << 10;
/// What the data area is aligned to at least: pages and blocks of the host.
const MIN_ALIGNMENT: u32 = 4096;
/// The part of a volume that may stay unused between two types: one in so many clusters.
const MAX_WASTE: u64 = 64;
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
        let alignment = self.cluster_size().max(MIN_ALIGNMENT) / self.sector_size;
        (u64::from(self.min_reserved() + self.root_sectors()) + u64::from(FAT_COPIES) * fat_sectors)
            .next_multiple_of(u64::from(alignment))
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
    fn fit(self, sectors: u64, may_waste: bool) -> Option<Geometry> {
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

/// Chooses type and cluster size by the volume's size, as far as they are not asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub sector_size: u32,
    pub fat_type: Option<FatType>,
    pub sectors_per_cluster: Option<u32>,
    /// Entries the root directory needs.
    pub root_entries: u32,
}

impl Rules {
    /// Most entries the root directory can have if it is not a chain of clusters: 16 bits, in whole
    /// sectors.
    pub(super) fn max_root_entries(&self) -> u32 {
        let per_sector = self.sector_size / ENTRY_LEN;
        u32::from(u16::MAX) / per_sector * per_sector
    }

    /// The volume of `size` bytes, if any type and cluster size that may be chosen suits it.
    ///
    /// With a cluster size asked for, there are sizes with too many clusters for one type and too few
    /// for the next: there a bit of the volume stays unused.
    pub(super) fn fixed(&self, size: u64) -> Option<Geometry> {
        let sectors = size / u64::from(self.sector_size);
        [false, true].into_iter().find_map(|may_waste| {
            self.preferred(size)
                .find_map(|format| format.fit(sectors, may_waste))
        })
    }

    /// The smallest volume of more than `above` bytes whose clusters suffice for what `needed` says.
    ///
    /// Whether a volume suffices changes only where its clusters become enough, or where the rules
    /// choose another type or cluster size: those sizes are tried, ascending.
    pub(super) fn smallest(&self, above: u64, needed: impl Fn(&Format) -> u64) -> Option<Geometry> {
        let sector = u64::from(self.sector_size);
        let mut sizes: Vec<u64> = FAT32_CLUSTERS
            .iter()
            .map(|(largest, _)| largest.saturating_add(sector))
            .collect();
        sizes.push(FAT32_FROM);
        for format in self.all() {
            let range = format.fat_type.cluster_range();
            for clusters in [needed(&format).max(*range.start()), range.end() + 1] {
                sizes.push(format.sectors(clusters).saturating_mul(sector));
            }
        }
        sizes.retain(|size| *size > above && u32::try_from(size / sector).is_ok());
        sizes.sort_unstable();
        sizes
            .into_iter()
            .filter_map(|size| self.fixed(size))
            .find(|found| u64::from(found.clusters) >= needed(&found.format))
    }

    /// The smallest and largest size in bytes that the asked type and cluster size allow.
    pub(super) fn bounds(&self) -> (u64, u64) {
        let sector = u64::from(self.sector_size);
        let mut bounds = (u64::MAX, 0);
        for format in self.all() {
            let range = format.fat_type.cluster_range();
            bounds.0 = bounds.0.min(format.sectors(*range.start()));
            bounds.1 = bounds.1.max(format.sectors(*range.end()));
        }
        (
            bounds.0 * sector,
            bounds.1.min(u64::from(u32::MAX)) * sector,
        )
    }

    fn format(&self, fat_type: FatType, sectors_per_cluster: u32) -> Format {
        let per_sector = self.sector_size / ENTRY_LEN;
        let root_entries = match fat_type {
            FatType::Fat12 | FatType::Fat16 => self
                .root_entries
                .max(ROOT_ENTRIES)
                .next_multiple_of(per_sector),
            FatType::Fat32 => 0,
        };
        Format {
            fat_type,
            sector_size: self.sector_size,
            sectors_per_cluster,
            root_entries,
        }
    }

    /// Whether a volume may be of this type: nobody asked for another, and the root directory fits.
    fn allows(&self, fat_type: FatType) -> bool {
        self.fat_type.is_none_or(|asked| asked == fat_type)
            && (fat_type == FatType::Fat32 || self.root_entries <= self.max_root_entries())
    }

    /// Every format that may be chosen for some size.
    fn all(&self) -> impl Iterator<Item = Format> {
        FatType::ALL
            .into_iter()
            .filter(|fat_type| self.allows(*fat_type))
            .flat_map(move |fat_type| {
                self.cluster_sizes(1)
                    .into_iter()
                    .map(move |sectors| self.format(fat_type, sectors))
            })
    }

    /// The formats for a volume of `size` bytes, most wanted first.
    fn preferred(&self, size: u64) -> impl Iterator<Item = Format> {
        let small = self
            .cluster_sizes(SMALL_FAT_CLUSTER)
            .into_iter()
            .flat_map(|sectors| [(FatType::Fat12, sectors), (FatType::Fat16, sectors)]);
        let (_, bytes) = FAT32_CLUSTERS
            .into_iter()
            .find(|(largest, _)| size <= *largest)
            .unwrap_or(FAT32_CLUSTERS[FAT32_CLUSTERS.len() - 1]);
        let large = self
            .cluster_sizes((bytes / self.sector_size).max(1))
            .into_iter()
            .map(|sectors| (FatType::Fat32, sectors));
        let choices: Vec<_> = if size < FAT32_FROM {
            small.chain(large).collect()
        } else {
            large.chain(small).collect()
        };
        choices
            .into_iter()
            .filter(|(fat_type, _)| self.allows(*fat_type))
            .map(|(fat_type, sectors)| self.format(fat_type, sectors))
    }

    /// Sectors per cluster to be tried: the asked number alone, or `first`, then ever larger ones,
    /// then smaller ones.
    fn cluster_sizes(&self, first: u32) -> Vec<u32> {
        if let Some(asked) = self.sectors_per_cluster {
            return vec![asked];
        }
        let largest = MAX_CHOSEN_CLUSTER / self.sector_size;
        let larger = std::iter::successors(Some(first), |size| Some(size * 2))
            .take_while(|size| *size <= largest);
        let smaller = std::iter::successors(Some(first / 2), |size| Some(size / 2))
            .take_while(|size| *size > 0);
        larger.chain(smaller).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(fat_type: Option<FatType>, sectors_per_cluster: Option<u32>) -> Rules {
        Rules {
            sector_size: 512,
            fat_type,
            sectors_per_cluster,
            root_entries: 1,
        }
    }

    #[test]
    fn a_volume_for_some_clusters_has_exactly_those() {
        for sector_size in [512, 4096] {
            let rules = Rules {
                sector_size,
                ..rules(None, None)
            };
            for format in rules.all() {
                let range = format.fat_type.cluster_range();
                for clusters in [*range.start(), range.start() + 12_345, *range.end()] {
                    let sectors = format.sectors(clusters);
                    let fits = range.contains(&clusters) && u32::try_from(sectors).is_ok();
                    let found = format
                        .fit(sectors, false)
                        .map(|found| found.clusters.into());
                    assert_eq!(found, fits.then_some(clusters), "{format:?}");
                    let fewer = format
                        .fit(sectors - 1, false)
                        .map(|found| found.clusters.into());
                    assert!(fewer < Some(clusters), "{format:?}");
                }
            }
        }
    }

    #[test]
    fn no_size_lies_between_two_types() {
        for sectors_per_cluster in [None, Some(1), Some(2)] {
            let rules = rules(None, sectors_per_cluster);
            let (smallest, _) = rules.bounds();
            let mut types = Vec::new();
            // Every seventh size up to well above the fewest clusters of FAT32.
            for size in (smallest..80 * MIB).step_by(7 * 512) {
                let found = rules.fixed(size).expect("some type suits");
                let range = found.format.fat_type.cluster_range();
                assert!(range.contains(&u64::from(found.clusters)), "{size}");
                assert!(found.size() <= size);
                assert!(found.size() > size - size / MAX_WASTE - 512, "{size}");
                types.push(found.format.fat_type);
            }
            assert!(types.is_sorted());
        }
    }

    #[test]
    fn everything_ends_within_the_volume() {
        for size in [MIB, 20 * MIB, 700 * MIB] {
            let found = rules(None, None).fixed(size).expect("some type suits");
            let end = found.cluster_offset(FIRST_CLUSTER + found.clusters);
            assert!(end <= size && end + u64::from(found.format.cluster_size()) > size);
            let table =
                u64::from(found.fat_sectors) * 512 * 8 / u64::from(found.format.fat_type.bits());
            assert!(table >= u64::from(found.clusters + FIRST_CLUSTER));
        }
    }
}
