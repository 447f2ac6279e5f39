//! Which type, which size of clusters: mkfs.fat's tables, and what was asked for.

use super::FatType;
use super::geometry::{Format, Geometry};
use super::spec::{ENTRY_LEN, ROOT_ENTRIES};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// From this size on a volume becomes FAT32 when no type is asked for, as with mkfs.fat.
pub(super) const FAT32_FROM: u64 = 512 * MIB;
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
/// What the data area is aligned to unasked, if clusters are smaller: pages and blocks of the host.
const USUAL_ALIGNMENT: u32 = 4096;

/// Chooses type and cluster size by the volume's size, as far as they are not asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub sector_size: u32,
    pub fat_type: Option<FatType>,
    pub sectors_per_cluster: Option<u32>,
    /// Bytes to which the data area is aligned.
    pub data_alignment: Option<u32>,
    /// Entries the root directory needs.
    pub root_entries: u32,
    /// Bytes from which on FAT32 is preferred: [`FAT32_FROM`], unless [`suited_to`](Self::suited_to) says
    /// otherwise.
    pub fat32_from: u64,
}

impl Rules {
    /// Most entries the root directory can have if it is not a chain of clusters: 16 bits, in whole
    /// sectors.
    pub(super) fn max_root_entries(&self) -> u32 {
        let per_sector = self.sector_size / ENTRY_LEN;
        u32::from(u16::MAX) / per_sector * per_sector
    }

    /// These rules for what needs so many clusters: when no volume below [`FAT32_FROM`] has room for it, FAT32 is
    /// preferred there too, for it may be the number of clusters that is lacking.
    pub(super) fn suited_to(self, needed: impl Fn(&Format) -> u64) -> Self {
        let found = self.smallest(0, needed);
        if found.is_some_and(|found| found.size() < FAT32_FROM) {
            self
        } else {
            Self {
                fat32_from: 0,
                ..self
            }
        }
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
        sizes.push(self.fat32_from);
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
        let alignment = self.data_alignment.unwrap_or_else(|| {
            let cluster = self.sector_size * sectors_per_cluster;
            cluster.max(USUAL_ALIGNMENT)
        });
        Format {
            fat_type,
            sector_size: self.sector_size,
            sectors_per_cluster,
            root_entries,
            alignment: alignment / self.sector_size,
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
        let choices: Vec<_> = if size < self.fat32_from {
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
    use crate::fs::fat::geometry::MAX_WASTE;
    use crate::fs::fat::spec::FIRST_CLUSTER;

    fn rules(fat_type: Option<FatType>, sectors_per_cluster: Option<u32>) -> Rules {
        Rules {
            sector_size: 512,
            fat_type,
            sectors_per_cluster,
            data_alignment: None,
            root_entries: 1,
            fat32_from: FAT32_FROM,
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

    #[test]
    fn more_clusters_than_fat16_has_make_a_small_volume_fat32() {
        for (clusters, expected) in [(65_508, FatType::Fat16), (65_509, FatType::Fat32)] {
            let needed = |_: &Format| clusters;
            let rules = rules(None, None).suited_to(needed);
            let found = rules.smallest(0, needed).expect("some volume has room");
            assert_eq!(found.format.fat_type, expected);
            assert!(found.size() < 140 * MIB, "{}", found.size());
        }
        // Where the type is FAT32 anyway, a small number of clusters changes nothing.
        let usual = rules(None, None).suited_to(|_| 1);
        assert_eq!(usual.fat32_from, FAT32_FROM);
    }
}
