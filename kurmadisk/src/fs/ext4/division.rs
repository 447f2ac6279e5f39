//! How a filesystem of some size is divided into groups, and its inodes among them.

use std::ops::Range;

use super::error::Ext4Error;
use super::features::{Feature, FeatureError, Features};
use super::options::{BlockSize, Ext4Options};

/// Blocks a last group must have to be worth having.
const SMALLEST_LAST_GROUP: u64 = 50;

/// How many inodes there shall be.
#[derive(Clone, Copy, Debug)]
pub struct InodeDemand {
    /// There must be so many; at most 2³².
    pub least: u64,
    /// And one for each so many bytes, as far as the structures can count them.
    pub per_bytes: Option<u32>,
}

/// What decides how large the tables of a filesystem are, and where copies of them lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub block_size: BlockSize,
    /// Bytes of an inode.
    pub inode_size: u16,
    pub features: Features,
}

impl Shape {
    pub fn new(options: &Ext4Options) -> Self {
        Self {
            block_size: options.block_size,
            inode_size: options.inode_size.bytes(),
            features: options.features,
        }
    }

    /// Bytes of a group descriptor.
    pub fn descriptor_size(self) -> u16 {
        if self.features.has(Feature::Bits64) {
            64
        } else {
            32
        }
    }

    /// Groups whose tables lie together.
    pub fn groups_per_flex(self) -> u32 {
        1 << self.log_groups_per_flex()
    }

    /// log2 of the groups whose tables lie together.
    pub fn log_groups_per_flex(self) -> u8 {
        if self.features.has(Feature::FlexBg) {
            4
        } else {
            0
        }
    }

    /// With blocks of 1 KiB, block 0 is the boot block and belongs to no group.
    fn first_data_block(self) -> u64 {
        u64::from(self.block_size == BlockSize::B1024)
    }

    fn blocks_per_group(self) -> u64 {
        self.block_bytes() * 8
    }

    fn block_bytes(self) -> u64 {
        self.block_size.bytes().into()
    }

    fn descriptors_per_block(self) -> u64 {
        self.block_bytes() / u64::from(self.descriptor_size())
    }

    /// Rounded up to fill the blocks of an inode table and the bytes of a bitmap.
    fn round_up(self, inodes: u64) -> u64 {
        inodes.max(1).next_multiple_of(self.inode_step())
    }

    fn inode_step(self) -> u64 {
        (self.block_bytes() / u64::from(self.inode_size)).max(8)
    }

    /// What a bitmap of one block has bits for, and all groups' numbers together fit 32 bits.
    fn most_inodes_per_group(self, groups: u64) -> u64 {
        let step = self.inode_step();
        let countable = u64::from(u32::MAX) / groups / step * step;
        countable.min(self.blocks_per_group())
    }

    /// Whether a group holds a copy of the superblock.
    fn has_backup(self, group: u32) -> bool {
        !self.features.has(Feature::SparseSuper) || is_sparse_backup(group)
    }

    /// All groups below `groups` that hold a copy of the superblock, ascending.
    pub fn backup_groups(self, groups: u32) -> Vec<u32> {
        if self.features.has(Feature::SparseSuper) {
            sparse_backups(groups)
        } else {
            (0..groups).collect()
        }
    }

    /// Blocks kept for descriptors when the filesystem grows to 1024 times its size, as mke2fs keeps
    /// them: as many as one block of the resize inode lists, at most.
    fn reserved_descriptor_blocks(self, blocks: u64, descriptor_blocks: u64) -> u64 {
        if !self.features.has(Feature::ResizeInode) {
            return 0;
        }
        let grown = blocks.saturating_mul(1024).min(u32::MAX.into());
        let groups = (grown - self.first_data_block()).div_ceil(self.blocks_per_group());
        groups
            .div_ceil(self.descriptors_per_block())
            .saturating_sub(descriptor_blocks)
            .min(self.block_bytes() / 4)
    }

    /// Refuses what features are too many or too few for.
    fn check_blocks(self, blocks: u64) -> Result<(), FeatureError> {
        if blocks <= u32::MAX.into() {
            return Ok(());
        }
        let reason = if !self.features.has(Feature::Bits64) {
            "needs the feature 64bit; leave out ^64bit, or make it smaller"
        } else if self.features.has(Feature::ResizeInode) {
            "is more than resize_inode can list; leave that out"
        } else {
            return Ok(());
        };
        Err(FeatureError::Blocks { blocks, reason })
    }
}

/// The division of a filesystem, decided by its size and the demand for inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    pub shape: Shape,
    /// Blocks in all; fewer than were given when they would have made too small a last group.
    pub blocks: u64,
    pub groups: u32,
    pub inodes_per_group: u32,
    /// Blocks of the group descriptors, in each copy.
    pub descriptor_blocks: u64,
    /// Blocks behind them kept for more (`resize_inode`), in each copy.
    pub reserved_descriptor_blocks: u64,
}

impl Division {
    /// Divides `blocks` blocks.
    ///
    /// Fails with the number of blocks needed when they are too few for so many inodes.
    pub fn new(shape: Shape, blocks: u64, demand: InodeDemand) -> Result<Self, Ext4Error> {
        let first = shape.first_data_block();
        let per_group = shape.blocks_per_group();
        let used = blocks.saturating_sub(first);
        let too_small = |needed| Ext4Error::TooSmall {
            blocks,
            block_size: shape.block_size.bytes(),
            needed,
        };
        if used < SMALLEST_LAST_GROUP {
            return Err(too_small(first + SMALLEST_LAST_GROUP));
        }
        let (whole, rest) = (used / per_group, used % per_group);
        let (blocks, groups) = if whole > 0 && rest < SMALLEST_LAST_GROUP {
            (first + whole * per_group, whole)
        } else {
            (blocks, whole + 1)
        };
        shape.check_blocks(blocks)?;
        let too_large = || Ext4Error::TooLarge { blocks };
        let descriptor_blocks = groups.div_ceil(shape.descriptors_per_block());
        if descriptor_blocks > per_group / 2 {
            return Err(too_large());
        }
        let needed = shape.round_up(demand.least.div_ceil(groups));
        if needed > per_group {
            let groups_needed = demand.least.div_ceil(per_group);
            return Err(too_small(
                first + (groups_needed - 1) * per_group + SMALLEST_LAST_GROUP,
            ));
        }
        let most = shape.most_inodes_per_group(groups);
        if needed > most {
            return Err(too_large());
        }
        let share = demand.per_bytes.map_or(0, |bytes| {
            blocks.saturating_mul(shape.block_bytes()) / u64::from(bytes)
        });
        let wanted = shape.round_up(share.div_ceil(groups)).min(most);
        let reserved = shape.reserved_descriptor_blocks(blocks, descriptor_blocks);
        Ok(Self {
            shape,
            blocks,
            groups: u32::try_from(groups).map_err(|_| too_large())?,
            inodes_per_group: u32::try_from(wanted.max(needed)).map_err(|_| too_large())?,
            descriptor_blocks,
            reserved_descriptor_blocks: reserved,
        })
    }

    pub fn first_data_block(&self) -> u64 {
        self.shape.first_data_block()
    }

    pub fn blocks_per_group(&self) -> u32 {
        self.shape.block_size.bytes() * 8
    }

    pub fn inodes(&self) -> u64 {
        u64::from(self.groups) * u64::from(self.inodes_per_group)
    }

    /// Blocks of one group's inode table.
    pub fn table_blocks(&self) -> u64 {
        u64::from(self.inodes_per_group) * u64::from(self.shape.inode_size)
            / self.shape.block_bytes()
    }

    pub fn group_start(&self, group: u32) -> u64 {
        self.first_data_block() + u64::from(group) * u64::from(self.blocks_per_group())
    }

    /// The blocks of a group; the last one may be short.
    pub fn group_blocks(&self, group: u32) -> Range<u64> {
        self.group_start(group)..self.group_start(group + 1).min(self.blocks)
    }

    /// The superblock and descriptors that a group holds a copy of, if it does, and what is kept for
    /// more descriptors.
    pub fn backup(&self, group: u32) -> Option<Range<u64>> {
        let start = self.group_start(group);
        let end = start + self.backup_blocks();
        self.shape.has_backup(group).then_some(start..end)
    }

    fn backup_blocks(&self) -> u64 {
        1 + self.descriptor_blocks + self.reserved_descriptor_blocks
    }

    /// The boot block, and all copies of superblock and descriptors, bitmaps and inode tables.
    pub fn metadata_blocks(&self) -> u64 {
        let backups = self.shape.backup_groups(self.groups).len() as u64;
        self.first_data_block()
            + backups * self.backup_blocks()
            + u64::from(self.groups) * (2 + self.table_blocks())
    }

    /// The largest number of blocks that is divided into as many groups with as many inodes, and as
    /// much kept for more descriptors.
    pub fn last_size(&self, demand: InodeDemand) -> u64 {
        let most = self.shape.most_inodes_per_group(self.groups.into());
        let by_inodes = match demand.per_bytes {
            Some(bytes) if u64::from(self.inodes_per_group) < most => {
                let next = (self.inodes() + 1).saturating_mul(bytes.into());
                next.div_ceil(self.shape.block_bytes()) - 1
            }
            _ => u64::MAX,
        };
        self.group_start(self.groups)
            .min(by_inodes)
            .min(self.last_size_by_reserve())
    }

    fn last_size_by_reserve(&self) -> u64 {
        let shape = self.shape;
        let most = shape.block_bytes() / 4;
        let kept = self.reserved_descriptor_blocks;
        if !shape.features.has(Feature::ResizeInode) || kept == most {
            return u64::MAX;
        }
        let groups = (self.descriptor_blocks + kept) * shape.descriptors_per_block();
        let grown = groups * shape.blocks_per_group() + self.first_data_block();
        if grown < u32::MAX.into() {
            grown / 1024
        } else {
            u64::MAX
        }
    }

    /// The smallest number of blocks that has one group more.
    pub fn next_group_size(&self) -> u64 {
        self.group_start(self.groups) + SMALLEST_LAST_GROUP
    }

    /// The same without the last group; none when there is only one.
    pub fn without_last_group(&self, demand: InodeDemand) -> Option<Result<Self, Ext4Error>> {
        let last = self.groups - 1;
        (last > 0).then(|| Self::new(self.shape, self.group_start(last), demand))
    }

    /// The same with one block less kept for more descriptors; none when none is kept.
    pub fn with_less_reserve(&self) -> Option<Self> {
        let reserved = self.reserved_descriptor_blocks.checked_sub(1)?;
        Some(Self {
            reserved_descriptor_blocks: reserved,
            ..*self
        })
    }
}

/// Whether a group holds a copy of the superblock (`sparse_super`): 0, 1, and powers of 3, 5 and 7.
pub fn is_sparse_backup(group: u32) -> bool {
    let power_of = |base: u32| {
        let mut rest = group;
        while rest > 1 && rest.is_multiple_of(base) {
            rest /= base;
        }
        rest == 1
    };
    group <= 1 || power_of(3) || power_of(5) || power_of(7)
}

/// All groups below `groups` of which [`is_sparse_backup`] is true, ascending.
fn sparse_backups(groups: u32) -> Vec<u32> {
    let powers = [3_u32, 5, 7]
        .into_iter()
        .flat_map(|base| std::iter::successors(Some(base), move |power| power.checked_mul(base)));
    // No number is a power of two of these, and each list ascends by itself.
    let mut found: Vec<u32> = [0, 1].into_iter().chain(powers).collect();
    found.retain(|group| *group < groups);
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::ext4::features::Profile;

    fn shape(block_size: BlockSize) -> Shape {
        Shape {
            block_size,
            inode_size: 256,
            features: Profile::default().features(),
        }
    }

    const PER_16_KIB: InodeDemand = InodeDemand {
        least: 11,
        per_bytes: Some(16384),
    };

    fn exactly(least: u64) -> InodeDemand {
        InodeDemand {
            least,
            per_bytes: None,
        }
    }

    #[test]
    fn copies_lie_in_groups_0_1_and_powers_of_3_5_and_7() {
        let expected = [
            0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125, 243, 343, 625, 729, 2187, 2401,
        ];
        assert_eq!(sparse_backups(3000), expected);
        for groups in [0, 1, 2, 3, 4, 9, 10, 1000] {
            let by_number: Vec<u32> = (0..groups)
                .filter(|group| is_sparse_backup(*group))
                .collect();
            assert_eq!(sparse_backups(groups), by_number);
        }
        assert!(!is_sparse_backup(6) && !is_sparse_backup(15) && !is_sparse_backup(21));
    }

    #[test]
    fn a_last_group_of_less_than_50_blocks_is_left_out() {
        for (block_size, first, group) in [
            (BlockSize::B1024, 1, 8192),
            (BlockSize::B2048, 0, 16384),
            (BlockSize::B4096, 0, 32768),
        ] {
            for groups in [1_u32, 2, 100] {
                let full = first + u64::from(groups) * group;
                for rest in [0, 1, 49] {
                    let division =
                        Division::new(shape(block_size), full + rest, PER_16_KIB).unwrap();
                    assert_eq!((division.blocks, division.groups), (full, groups));
                    assert_eq!(division.group_start(groups), full);
                    assert_eq!(division.next_group_size(), full + 50);
                }
                let division = Division::new(shape(block_size), full + 50, PER_16_KIB).unwrap();
                assert_eq!((division.blocks, division.groups), (full + 50, groups + 1));
                assert_eq!(division.group_blocks(groups), full..full + 50);
            }
            let error = Division::new(shape(block_size), first + 49, PER_16_KIB).unwrap_err();
            let Ext4Error::TooSmall { needed, .. } = error else {
                panic!("{error}");
            };
            assert_eq!(needed, first + 50);
        }
    }

    #[test]
    fn inodes_fill_the_blocks_of_their_tables() {
        for block_size in [BlockSize::B1024, BlockSize::B2048, BlockSize::B4096] {
            for (blocks, least) in [(5000, 11), (5000, 17), (40_000, 999), (1 << 20, 100_000)] {
                let division = Division::new(shape(block_size), blocks, exactly(least)).unwrap();
                let per_group = u64::from(division.inodes_per_group);
                assert!(division.inodes() >= least);
                assert_eq!(per_group % 8, 0);
                let bytes = per_group * 256;
                assert_eq!(
                    bytes,
                    division.table_blocks() * u64::from(block_size.bytes())
                );
                let step = shape(block_size).inode_step() * u64::from(division.groups);
                assert!(division.inodes() < least + step + u64::from(division.groups));
            }
        }
    }

    #[test]
    fn what_is_too_many_inodes_for_one_group_asks_for_more_groups() {
        let error = Division::new(shape(BlockSize::B1024), 8193, exactly(8193)).unwrap_err();
        let Ext4Error::TooSmall { needed, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(needed, 1 + 8192 + 50);
        let division = Division::new(shape(BlockSize::B1024), needed, exactly(8193)).unwrap();
        assert_eq!(division.inodes(), 8208);
    }

    #[test]
    fn a_share_of_inodes_is_what_can_be_counted() {
        // One for each block would be one too many with block 0 outside of the only group.
        let each = InodeDemand {
            least: 11,
            per_bytes: Some(1024),
        };
        let division = Division::new(shape(BlockSize::B1024), 8193, each).unwrap();
        assert_eq!(division.inodes(), 8192);
        // 2³² inodes are one more than the superblock can say.
        let blocks = (64 << 40) / 4096;
        let division = Division::new(shape(BlockSize::B4096), blocks, PER_16_KIB).unwrap();
        assert!(division.inodes() < 1 << 32 && division.inodes() > (1 << 32) - (1 << 24));
        let huge = Division::new(shape(BlockSize::B4096), 1 << 40, PER_16_KIB);
        assert!(matches!(huge, Err(Ext4Error::TooLarge { .. })));
    }

    #[test]
    fn the_next_size_is_where_groups_or_inodes_change() {
        for block_size in [BlockSize::B1024, BlockSize::B4096] {
            for demand in [PER_16_KIB, exactly(1000)] {
                let group = u64::from(block_size.bytes()) * 8;
                for from in [500, group - 200, 3 * group + 77] {
                    let division = Division::new(shape(block_size), from, demand).unwrap();
                    let last = division.last_size(demand);
                    assert!(last >= from);
                    let shape_of = |blocks| {
                        let division = Division::new(shape(block_size), blocks, demand).unwrap();
                        (
                            division.groups,
                            division.inodes_per_group,
                            division.blocks == blocks,
                        )
                    };
                    assert_eq!(shape_of(last), shape_of(from));
                    assert_ne!(shape_of(last + 1), shape_of(from));
                }
            }
        }
    }
}
