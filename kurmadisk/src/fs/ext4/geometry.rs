//! Block groups, and where their tables and backups lie.

use std::ops::Range;

use super::error::Ext4Error;
use super::options::BlockSize;
use super::spec::{DESCRIPTOR_SIZE, INODE_SIZE, LOG_GROUPS_PER_FLEX};

/// Blocks the last group must have beyond its own metadata to be worth having.
const SMALLEST_LAST_GROUP: u64 = 50;

/// Where one group's bitmaps and inode table lie, as block numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTables {
    pub block_bitmap: u64,
    pub inode_bitmap: u64,
    pub inode_table: u64,
}

/// The division of a filesystem into groups, decided by its size and its number of inodes.
#[derive(Clone, Debug)]
pub struct Geometry {
    pub block_size: BlockSize,
    /// Blocks in all.
    pub blocks: u64,
    pub groups: u32,
    pub inodes_per_group: u32,
    /// Blocks of the group descriptors, in each copy.
    pub descriptor_blocks: u64,
    pub tables: Vec<GroupTables>,
    /// Blocks taken by the boot block, superblocks, descriptors, bitmaps and inode tables: ascending, disjoint.
    pub taken: Vec<Range<u64>>,
    /// The next larger number of blocks that would all be used: a last group too small for its
    /// metadata is left out.
    pub next_size: u64,
}

impl Geometry {
    /// Divides `blocks` blocks so that there are at least `inodes` inodes.
    ///
    /// A last group too small for its metadata is left out. Fails with the number of blocks needed
    /// when the tables or so many inodes don't fit.
    pub fn new(block_size: BlockSize, blocks: u64, inodes: u64) -> Result<Self, Ext4Error> {
        let mut geometry = Self {
            block_size,
            blocks,
            groups: 0,
            inodes_per_group: 0,
            descriptor_blocks: 0,
            tables: Vec::new(),
            taken: Vec::new(),
            next_size: blocks.saturating_add(1),
        };
        loop {
            geometry.divide(inodes)?;
            let needed = geometry.place_tables();
            if needed <= geometry.blocks {
                return Ok(geometry);
            }
            if geometry.groups == 1 {
                return Err(Ext4Error::TooSmall {
                    blocks,
                    block_size: block_size.bytes(),
                    needed,
                });
            }
            geometry.next_size = needed;
            geometry.blocks = geometry.group_start(geometry.groups - 1);
        }
    }

    pub fn first_data_block(&self) -> u64 {
        u64::from(self.block_size == BlockSize::B1024)
    }

    pub fn blocks_per_group(&self) -> u32 {
        self.block_size.bytes() * 8
    }

    pub fn inodes(&self) -> u64 {
        u64::from(self.groups) * u64::from(self.inodes_per_group)
    }

    /// Blocks of one group's inode table.
    pub fn table_blocks(&self) -> u64 {
        u64::from(self.inodes_per_group) * u64::from(INODE_SIZE)
            / u64::from(self.block_size.bytes())
    }

    pub fn group_start(&self, group: u32) -> u64 {
        self.first_data_block() + u64::from(group) * u64::from(self.blocks_per_group())
    }

    /// The blocks of a group; the last one may be short.
    pub fn group_blocks(&self, group: u32) -> Range<u64> {
        self.group_start(group)..self.group_start(group + 1).min(self.blocks)
    }

    /// The superblock and descriptors that a group holds a copy of, if it does.
    pub fn backup(&self, group: u32) -> Option<Range<u64>> {
        let start = self.group_start(group);
        has_backup(group).then(|| start..start + 1 + self.descriptor_blocks)
    }

    fn divide(&mut self, inodes: u64) -> Result<(), Ext4Error> {
        let block = u64::from(self.block_size.bytes());
        let per_group = u64::from(self.blocks_per_group());
        let first = self.first_data_block();
        let (blocks, block_size) = (self.blocks, self.block_size.bytes());
        let too_small = |needed| Ext4Error::TooSmall {
            blocks,
            block_size,
            needed,
        };
        let too_large = || Ext4Error::TooLarge { blocks };
        let used = self.blocks.saturating_sub(first);
        if used < SMALLEST_LAST_GROUP {
            return Err(too_small(first + SMALLEST_LAST_GROUP));
        }
        let (whole, rest) = (used / per_group, used % per_group);
        let groups = if whole > 0 && rest > 0 && rest < SMALLEST_LAST_GROUP {
            self.next_size = first + whole * per_group + SMALLEST_LAST_GROUP;
            self.blocks = first + whole * per_group;
            whole
        } else {
            used.div_ceil(per_group)
        };
        let descriptor_blocks = (groups * u64::from(DESCRIPTOR_SIZE)).div_ceil(block);
        if descriptor_blocks > per_group / 2 {
            return Err(too_large());
        }
        let inodes_per_block = block / u64::from(INODE_SIZE);
        let wanted = inodes
            .div_ceil(groups)
            .next_multiple_of(inodes_per_block.max(8));
        if wanted > per_group {
            let groups_needed = inodes.div_ceil(per_group);
            return Err(too_small(
                first + (groups_needed - 1) * per_group + SMALLEST_LAST_GROUP,
            ));
        }
        if wanted * groups > u64::from(u32::MAX) {
            return Err(too_large());
        }
        self.groups = u32::try_from(groups).map_err(|_| too_large())?;
        self.inodes_per_group = u32::try_from(wanted).map_err(|_| too_large())?;
        self.descriptor_blocks = descriptor_blocks;
        Ok(())
    }

    /// Places all tables, those of 16 groups together at the front of the first of them. Gives the
    /// number of blocks the filesystem must have for that.
    fn place_tables(&mut self) -> u64 {
        let backups: Vec<_> = (0..self.groups)
            .filter_map(|group| self.backup(group))
            .collect();
        let per_flex = 1 << LOG_GROUPS_PER_FLEX;
        let mut taken = backups.clone();
        if self.first_data_block() > 0 {
            taken.push(0..self.first_data_block());
        }
        self.tables.clear();
        for first in (0..self.groups).step_by(per_flex) {
            let count = (self.groups - first).min(1 << LOG_GROUPS_PER_FLEX);
            let mut cursor = Cursor {
                next: self.group_start(first),
                backups: &backups,
                taken: &mut taken,
            };
            let block_bitmaps: Vec<_> = (0..count).map(|_| cursor.place(1)).collect();
            let inode_bitmaps: Vec<_> = (0..count).map(|_| cursor.place(1)).collect();
            for (block_bitmap, inode_bitmap) in block_bitmaps.into_iter().zip(inode_bitmaps) {
                let inode_table = cursor.place(self.table_blocks());
                self.tables.push(GroupTables {
                    block_bitmap,
                    inode_bitmap,
                    inode_table,
                });
            }
        }
        taken.sort_unstable_by_key(|range| range.start);
        self.taken = join(taken);
        self.taken.last().map_or(0, |range| range.end)
    }
}

/// Places tables one after the other, around the backups in their way.
struct Cursor<'a> {
    next: u64,
    backups: &'a [Range<u64>],
    taken: &'a mut Vec<Range<u64>>,
}

impl Cursor<'_> {
    fn place(&mut self, blocks: u64) -> u64 {
        let first = self
            .backups
            .partition_point(|backup| backup.end <= self.next);
        for backup in &self.backups[first..] {
            if backup.start >= self.next + blocks {
                break;
            }
            self.next = backup.end;
        }
        let start = self.next;
        self.next += blocks;
        self.taken.push(start..self.next);
        start
    }
}

/// Joins sorted ranges that touch.
fn join(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

/// Whether a group holds a copy of the superblock (`sparse_super`): 0, 1, and powers of 3, 5 and 7.
pub fn has_backup(group: u32) -> bool {
    let power_of = |base: u32| {
        let mut rest = group;
        while rest > 1 && rest.is_multiple_of(base) {
            rest /= base;
        }
        rest == 1
    };
    group <= 1 || power_of(3) || power_of(5) || power_of(7)
}
