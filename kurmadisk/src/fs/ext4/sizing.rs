//! The size of a filesystem, and whether one of a given size holds a tree.

use super::division::{Division, InodeDemand};
use super::error::Ext4Error;
use super::geometry::Geometry;
use super::journal;
use super::options::{Ext4Options, InodeCount};
use super::places::{Contents, Places};
use crate::fs::FreeSpace;

/// A division with everything in its place.
pub type Placed = (Geometry, Places);

/// Finds sizes for one tree.
pub struct Sizing<'a> {
    contents: Contents<'a>,
    options: &'a Ext4Options,
    demand: InodeDemand,
}

impl<'a> Sizing<'a> {
    /// Fails when fewer inodes are asked for than the tree needs.
    pub fn new(contents: Contents<'a>, options: &'a Ext4Options) -> Result<Self, Ext4Error> {
        let needed = u64::from(contents.numbers.last);
        let demand = match options.inodes {
            InodeCount::PerBytes(bytes) => InodeDemand {
                least: needed,
                per_bytes: Some(bytes),
            },
            InodeCount::Exact(given) if u64::from(given) < needed => {
                return Err(Ext4Error::Inodes {
                    given: given.into(),
                    needed,
                });
            }
            InodeCount::Exact(given) => InodeDemand {
                least: given.into(),
                per_bytes: None,
            },
        };
        Ok(Self {
            contents,
            options,
            demand,
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
                let journal = journal::blocks(self.options.journal, geometry.division.blocks);
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
        let contents = self.contents.place(&[], 0).end;
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
            let journal = journal::blocks(self.options.journal, blocks);
            let last = division
                .last_size(self.demand)
                .min(journal::last_size(self.options.journal, blocks));
            let least = contents + division.metadata_blocks() + u64::from(journal);
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
                    let places = self.contents.place(&geometry.taken, journal);
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
        for journal in journal::choices(self.options.journal, full.division.blocks) {
            for geometry in std::iter::once(&full).chain(&without_last) {
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
        let places = self.contents.place(&geometry.taken, journal);
        let fits = places.used_blocks(&geometry.taken) <= geometry.division.blocks;
        fits.then_some((geometry, places))
    }

    fn divided(&self, blocks: u64) -> Result<Geometry, Ext4Error> {
        Geometry::new(self.division(blocks)?, self.demand)
    }

    fn division(&self, blocks: u64) -> Result<Division, Ext4Error> {
        Division::new(self.options.block_size, blocks, self.demand)
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

#[cfg(test)]
mod tests {
    use kurmadisk_formats::map::DiskMap;
    use uuid::Uuid;

    use super::*;
    use crate::fs::ext4::numbers::Numbers;
    use crate::fs::ext4::options::{BlockSize, JournalSize};
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

    /// Whether a filesystem of exactly so many blocks has so much free, with the usual journal.
    fn enough(sizing: &Sizing<'_>, blocks: u64, free: FreeSpace) -> bool {
        let Ok(geometry) = sizing.divided(blocks) else {
            return false;
        };
        let journal = journal::blocks(sizing.options.journal, blocks);
        let places = sizing.contents.place(&geometry.taken, journal);
        let needed = sizing.with_free(places.used_blocks(&geometry.taken), free);
        geometry.division.blocks == blocks && needed.unwrap() <= blocks
    }

    /// Every size from nothing on is tried, one by one.
    fn check(content: u64, options: &Ext4Options, free: FreeSpace) {
        let tree = tree(content, options.block_size);
        let numbers = Numbers::new(&tree, options.lost_found);
        let contents = Contents {
            tree: &tree,
            numbers: &numbers,
            block_size: options.block_size,
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
    fn the_smallest_may_have_more_groups_than_a_size_that_is_not_enough() {
        // 1000 inodes make 62 tables of two blocks, or 63 of one: 59 blocks less are needed in all.
        let options = Ext4Options {
            inodes: InodeCount::Exact(1000),
            journal: JournalSize::None,
            ..Ext4Options::new(Uuid::nil(), Uuid::nil())
        };
        let tree = Tree::new(Metadata::default());
        let numbers = Numbers::new(&tree, true);
        let contents = Contents {
            tree: &tree,
            numbers: &numbers,
            block_size: options.block_size,
        };
        let sizing = Sizing::new(contents, &options).unwrap();
        let full = 62 * 32768;
        let used = |blocks: u64| {
            let geometry = sizing.divided(blocks).unwrap();
            let places = sizing.contents.place(&geometry.taken, 0);
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
