//! The size of a filesystem, and whether one of a given size holds a tree.

use super::division::{Division, InodeDemand, Shape};
use super::error::Ext4Error;
use super::features::Feature;
use super::geometry::Geometry;
use super::journal;
use super::options::{Ext4Options, FreeInodes, InodeCount};
use super::orphan;
use super::places::{Contents, Own, Places};
use crate::fs::FreeSpace;

/// A division with everything in its place.
pub type Placed = (Geometry, Places);

/// Finds sizes for one tree.
pub struct Sizing<'a> {
    contents: Contents<'a>,
    options: &'a Ext4Options,
    demand: InodeDemand,
    journal: journal::Demand,
}

impl<'a> Sizing<'a> {
    /// Fails when fewer inodes are asked for than the tree needs and shall be free.
    pub fn new(contents: Contents<'a>, options: &'a Ext4Options) -> Result<Self, Ext4Error> {
        let needed = u64::from(contents.numbers.last);
        let least = with_free_inodes(needed, options.free_inodes);
        let demand = match options.inodes {
            InodeCount::PerBytes(bytes) => InodeDemand {
                least,
                per_bytes: Some(bytes),
            },
            InodeCount::Exact(given) if u64::from(given) < least => {
                return Err(Ext4Error::Inodes {
                    given: given.into(),
                    needed,
                    free: least - needed,
                });
            }
            InodeCount::Exact(given) => InodeDemand {
                least: given.into(),
                per_bytes: None,
            },
            InodeCount::Needed => InodeDemand {
                least,
                per_bytes: None,
            },
        };
        Ok(Self {
            contents,
            options,
            demand,
            journal: journal::Demand::new(options),
        })
    }

    /// A filesystem of `bytes` bytes, or a little less.
    ///
    /// Every size from the smallest on will do. Where a larger one crosses a threshold that costs more
    /// than it gives (a larger journal, a further group's tables), the journal stays smaller, or the
    /// last group is left out.
    pub fn fixed(&self, bytes: u64) -> Result<Placed, Ext4Error> {
        let blocks = bytes / u64::from(self.options.block_size.bytes());
        match self.divided(blocks) {
            Ok(geometry) => {
                let journal = self.journal.blocks(geometry.division.blocks);
                if let Some(placed) = self.fitting(geometry, journal) {
                    return Ok(placed);
                }
            }
            Err(Ext4Error::TooSmall { .. }) => {}
            Err(other) => return Err(other),
        }
        let smallest = self.smallest(FreeSpace::Bytes(0))?;
        let needed = smallest.0.division.blocks;
        if needed > blocks {
            return Err(Ext4Error::TooSmall {
                blocks,
                block_size: self.options.block_size.bytes(),
                needed,
            });
        }
        Ok(self.before_threshold(blocks)?.unwrap_or(smallest))
    }

    /// The smallest filesystem with that much free.
    ///
    /// Sizes are tried in ascending order, but not one by one: between two changes of the groups, the
    /// inodes or the journal, all need the same number of blocks. Most of those stretches are passed
    /// because the least that they need is more than they have.
    pub fn smallest(&self, free: FreeSpace) -> Result<Placed, Ext4Error> {
        let contents = self.contents.end();
        let mut blocks = self.with_free(contents, free)?;
        loop {
            let division = match self.division(blocks) {
                Err(Ext4Error::TooSmall { needed, .. }) => {
                    blocks = needed.max(blocks + 1);
                    continue;
                }
                division => division?,
            };
            if division.blocks < blocks {
                blocks = division.next_group_size();
                continue;
            }
            let journal = self.journal.blocks(blocks);
            let own = self.own(journal, blocks);
            let mut last = division
                .last_size(self.demand)
                .min(self.journal.last_size(blocks));
            if own.orphan_file > 0 {
                last = last.min(orphan::last_size(blocks));
            }
            let least = contents + division.metadata_blocks() + own.blocks();
            let least = self.with_free(least, free)?.max(blocks);
            if least > last {
                blocks = last + 1;
                continue;
            }
            blocks = match self.divided(least) {
                Ok(geometry) if geometry.division.blocks < least => {
                    geometry.next_size.min(division.next_group_size())
                }
                Ok(geometry) => {
                    let places = self.contents.place(&geometry.taken, own);
                    let needed = self.with_free(places.used_blocks(&geometry.taken), free)?;
                    if needed <= least {
                        return Ok((geometry, places));
                    }
                    needed.min(last + 1)
                }
                Err(Ext4Error::TooSmall { needed, .. }) => needed.max(least + 1),
                Err(other) => return Err(other),
            };
        }
    }

    /// A filesystem of `blocks` blocks with less than such a one usually has.
    fn before_threshold(&self, blocks: u64) -> Result<Option<Placed>, Ext4Error> {
        let full = self.divided(blocks)?;
        let without_last = full.division.without_last_group(self.demand).transpose()?;
        let without_last = without_last
            .map(|division| Geometry::new(division, self.demand))
            .transpose()?;
        let less_reserve = full.division.with_less_reserve();
        let less_reserve = less_reserve
            .map(|division| Geometry::new(division, self.demand))
            .transpose()?;
        for journal in self.journal.choices(full.division.blocks) {
            let geometries = std::iter::once(&full).chain(&less_reserve);
            for geometry in geometries.chain(&without_last) {
                let placed = self.fitting(geometry.clone(), journal);
                if placed.is_some() {
                    return Ok(placed);
                }
            }
        }
        Ok(None)
    }

    /// Everything in its place, if it fits.
    fn fitting(&self, geometry: Geometry, journal: u32) -> Option<Placed> {
        let own = self.own(journal, geometry.division.blocks);
        let places = self.contents.place(&geometry.taken, own);
        let fits = places.used_blocks(&geometry.taken) <= geometry.division.blocks;
        fits.then_some((geometry, places))
    }

    /// What a filesystem of `blocks` blocks has for its own use.
    fn own(&self, journal: u32, blocks: u64) -> Own {
        let has = |feature| self.options.features.has(feature);
        Own {
            journal,
            orphan_file: if has(Feature::OrphanFile) {
                orphan::blocks(blocks)
            } else {
                0
            },
            resize: u32::from(has(Feature::ResizeInode)),
        }
    }

    fn divided(&self, blocks: u64) -> Result<Geometry, Ext4Error> {
        Geometry::new(self.division(blocks)?, self.demand)
    }

    fn division(&self, blocks: u64) -> Result<Division, Ext4Error> {
        Division::new(Shape::new(self.options), blocks, self.demand)
    }

    /// Blocks in all so that `used` are used and the rest is free as asked.
    fn with_free(&self, used: u64, free: FreeSpace) -> Result<u64, Ext4Error> {
        let too_large = Ext4Error::TooLarge { blocks: used };
        match free {
            FreeSpace::Bytes(bytes) => {
                let block = u64::from(self.options.block_size.bytes());
                used.checked_add(bytes.div_ceil(block)).ok_or(too_large)
            }
            FreeSpace::PerMille(share @ 0..1000) => {
                let used_share = u64::from(1000 - share);
                Ok(used
                    .checked_mul(1000)
                    .ok_or(too_large)?
                    .div_ceil(used_share))
            }
            FreeSpace::PerMille(share) => Err(Ext4Error::Option {
                field: "free",
                value: share.into(),
                range: "less than 1000 thousandths",
            }),
        }
    }
}

/// Inodes in all so that `needed` are used and the others free as asked.
fn with_free_inodes(needed: u64, free: FreeInodes) -> u64 {
    let used_share = u64::from(1000_u16.saturating_sub(free.per_mille).max(1));
    let by_share = (needed * 1000).div_ceil(used_share);
    by_share.max(needed + u64::from(free.count))
}

#[cfg(test)]
mod tests {
    use kurmadisk_formats::map::DiskMap;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::fs::ext4::dir::{Directories, Format};
    use crate::fs::ext4::features::{FeatureChanges, Profile};
    use crate::fs::ext4::indirect::Mapping;
    use crate::fs::ext4::numbers::Numbers;
    use crate::fs::ext4::options::{BlockSize, InodeSize, JournalSize};
    use crate::fs::ext4::xattr::Attributes;
    use crate::tree::{Metadata, Tree};

    /// A tree of one file with that many blocks.
    fn tree(blocks: u64, block_size: BlockSize) -> Tree {
        let len = blocks * u64::from(block_size.bytes());
        let mut content = DiskMap::new(len);
        let zeros = vec![0; usize::try_from(len).unwrap()];
        content.insert_bytes(0, zeros).unwrap();
        let mut tree = Tree::new(Metadata::default());
        tree.place_file(b"file", Metadata::default(), content)
            .unwrap();
        tree
    }

    fn directories(tree: &Tree, numbers: &Numbers, block_size: BlockSize) -> Directories {
        Directories::new(tree, numbers, Format::linear(block_size, true)).unwrap()
    }

    /// Whether a filesystem of exactly so many blocks has so much free, with the usual journal.
    fn enough(sizing: &Sizing<'_>, blocks: u64, free: FreeSpace) -> bool {
        let Ok(geometry) = sizing.divided(blocks) else {
            return false;
        };
        let own = sizing.own(sizing.journal.blocks(blocks), blocks);
        let places = sizing.contents.place(&geometry.taken, own);
        let needed = sizing.with_free(places.used_blocks(&geometry.taken), free);
        geometry.division.blocks == blocks && needed.unwrap() <= blocks
    }

    /// Every size from nothing on is tried, one by one.
    fn check(content: u64, options: &Ext4Options, free: FreeSpace) {
        let tree = tree(content, options.block_size);
        let numbers = Numbers::new(&tree, options.lost_found);
        let directories = directories(&tree, &numbers, options.block_size);
        let contents = Contents {
            tree: &tree,
            numbers: &numbers,
            directories: &directories,
            attributes: &Attributes::default(),
            block_size: options.block_size,
            mapping: Mapping::new(options.features),
        };
        let sizing = Sizing::new(contents, options).unwrap();
        let (geometry, _) = sizing.smallest(free).unwrap();
        let first =
            (content..=geometry.division.blocks).find(|blocks| enough(&sizing, *blocks, free));
        assert_eq!(
            Some(geometry.division.blocks),
            first,
            "{content} {options:?} {free:?}"
        );
    }

    fn any_options() -> impl Strategy<Value = Ext4Options> {
        let inodes = prop_oneof![
            (1024..20_000_u32).prop_map(InodeCount::PerBytes),
            (13..9000_u32).prop_map(InodeCount::Exact),
            Just(InodeCount::Needed),
        ];
        let journal = prop_oneof![
            2 => Just(JournalSize::Auto),
            1 => Just(JournalSize::None),
            1 => (1024..3000_u32).prop_map(JournalSize::Blocks),
        ];
        let features = [
            "",
            "resize_inode",
            "^flex_bg",
            "^sparse_super,^64bit,^extent",
            "resize_inode,^flex_bg,^64bit",
        ];
        let features = prop::sample::select(features.to_vec()).prop_map(|text| {
            let changes: FeatureChanges = text.parse().unwrap();
            Profile::Ext4.features().changed(changes)
        });
        let sizes = [InodeSize::B128, InodeSize::B256];
        let inode_size = prop::sample::select(sizes.to_vec());
        let blocks = [BlockSize::B1024, BlockSize::B2048];
        let block_size = prop::sample::select(blocks.to_vec());
        let all = (
            inodes,
            journal,
            features,
            inode_size,
            block_size,
            any::<bool>(),
        );
        all.prop_map(
            |(inodes, journal, features, inode_size, block_size, lost_found)| Ext4Options {
                block_size,
                inode_size,
                features,
                inodes,
                journal,
                lost_found,
                ..Ext4Options::new(Uuid::nil(), Uuid::nil())
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_is_asked_for_no_smaller_size_is_enough(
            content in 1..4000_u64,
            options in any_options(),
            free in prop_oneof![
                (0..700_u16).prop_map(FreeSpace::PerMille),
                (0..5_u64 << 20).prop_map(FreeSpace::Bytes),
            ],
        ) {
            check(content, &options, free);
        }
    }

    #[test]
    fn no_size_below_the_smallest_is_enough() {
        let inodes = [
            InodeCount::PerBytes(1024),
            InodeCount::PerBytes(16384),
            InodeCount::Exact(13),
            InodeCount::Exact(1000),
            InodeCount::Exact(9000),
        ];
        for inodes in inodes {
            for journal in [JournalSize::Auto, JournalSize::None] {
                let options = Ext4Options {
                    block_size: BlockSize::B1024,
                    inodes,
                    journal,
                    ..Ext4Options::new(Uuid::nil(), Uuid::nil())
                };
                for content in [1, 950, 1500, 1900, 5100, 6000, 7900, 14_000, 16_200, 30_000] {
                    check(content, &options, FreeSpace::Bytes(0));
                }
                check(1000, &options, FreeSpace::Bytes(7 << 20));
                check(500, &options, FreeSpace::PerMille(700));
            }
        }
    }

    #[test]
    fn features_cost_what_they_cost_at_every_size() {
        for features in [
            "resize_inode",
            "orphan_file",
            "^flex_bg,^sparse_super",
            "^64bit,^extent,resize_inode",
        ] {
            let changes: FeatureChanges = features.parse().unwrap();
            let options = Ext4Options {
                block_size: BlockSize::B1024,
                features: Profile::Ext4.features().changed(changes),
                free_inodes: FreeInodes {
                    count: 700,
                    per_mille: 0,
                },
                ..Ext4Options::new(Uuid::nil(), Uuid::nil())
            };
            for content in [1, 950, 1900, 6000, 14_000, 20_000, 30_000] {
                check(content, &options, FreeSpace::Bytes(0));
            }
            check(1000, &options, FreeSpace::PerMille(700));
        }
    }

    #[test]
    fn as_many_inodes_are_free_as_was_asked() {
        let free = |count, per_mille| FreeInodes { count, per_mille };
        for (needed, asked, least) in [
            (11, free(0, 0), 11),
            (11, free(16, 100), 27),
            (1000, free(16, 100), 1112),
            (1000, free(1000, 0), 2000),
            (1000, free(0, 999), 1_000_000),
        ] {
            assert_eq!(with_free_inodes(needed, asked), least);
        }
    }

    #[test]
    fn the_smallest_may_have_more_groups_than_a_size_that_is_not_enough() {
        // 1000 inodes make 62 tables of two blocks, or 63 of one: 59 blocks less are needed in all.
        let options = Ext4Options {
            inodes: InodeCount::Exact(1000),
            journal: JournalSize::None,
            ..Ext4Options::new(Uuid::nil(), Uuid::nil())
        };
        let tree = Tree::new(Metadata::default());
        let numbers = Numbers::new(&tree, true);
        let directories = directories(&tree, &numbers, options.block_size);
        let contents = Contents {
            tree: &tree,
            numbers: &numbers,
            directories: &directories,
            attributes: &Attributes::default(),
            block_size: options.block_size,
            mapping: Mapping::new(options.features),
        };
        let sizing = Sizing::new(contents, &options).unwrap();
        let full = 62 * 32768;
        let used = |blocks: u64| {
            let geometry = sizing.divided(blocks).unwrap();
            let places = sizing.contents.place(&geometry.taken, Own::default());
            places.used_blocks(&geometry.taken)
        };
        assert_eq!(used(full) - used(full + 50), 59);
        // So much free that 62 groups lack 55 blocks, and 63 have it from their first size on, 50 blocks
        // later.
        let free = FreeSpace::Bytes((full + 55 - used(full)) * 4096);
        let (geometry, _) = sizing.smallest(free).unwrap();
        assert_eq!(geometry.division.blocks, full + 50);
    }
}
