//! Bitmaps and group descriptors (`bitmaps.rst`, `group_descr.rst`).

use std::ops::Range;

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

use super::checksum::Checksum;
use super::extents::split48;
use super::geometry::GroupTables;
use super::spec::{GroupDescriptor, group_flags};

/// What one group holds.
pub struct GroupUse {
    pub tables: GroupTables,
    pub free_blocks: u32,
    pub free_inodes: u32,
    pub directories: u32,
    /// Inodes at the table's end that were never in use.
    pub unused_inodes: u32,
    pub block_bitmap: Bitmap,
    pub inode_bitmap: Bitmap,
}

/// A bitmap of a group.
pub enum Bitmap {
    /// Left to the kernel to make: nothing but the group's own metadata is in use.
    Uninitialised,
    /// One block of bits, and how many bytes of it the checksum covers.
    Bits { block: Vec<u8>, summed: usize },
}

impl Bitmap {
    /// A block of `block_size` bytes with the bits of `used` set, and all from `end` on.
    pub fn new(used: &[Range<u64>], end: u64, block_size: usize, summed: usize) -> Self {
        let mut block = vec![0; block_size];
        for range in used {
            set(&mut block, range.clone());
        }
        set(&mut block, end..block_size as u64 * 8);
        Self::Bits { block, summed }
    }

    fn checksum(&self, seed: Checksum) -> (U16, U16) {
        match self {
            Self::Uninitialised => (U16::new(0), U16::new(0)),
            Self::Bits { block, summed } => {
                let sum = seed.update(&block[..*summed]);
                (U16::new(sum.lo()), U16::new(sum.hi()))
            }
        }
    }

    fn flag(&self, flag: u16) -> u16 {
        match self {
            Self::Uninitialised => flag,
            Self::Bits { .. } => 0,
        }
    }
}

/// Sets the bits of a range, whole bytes at a time where it can.
fn set(block: &mut [u8], range: Range<u64>) {
    let mut bit = usize::try_from(range.start).unwrap_or(usize::MAX);
    let end = usize::try_from(range.end).unwrap_or(usize::MAX);
    while bit < end && bit % 8 != 0 {
        block[bit / 8] |= 1 << (bit % 8);
        bit += 1;
    }
    if bit < end {
        block[bit / 8..end / 8].fill(0xff);
        for bit in (end / 8 * 8).max(bit)..end {
            block[bit / 8] |= 1 << (bit % 8);
        }
    }
}

/// The descriptor of group number `group`; `seed` is the filesystem's.
pub fn descriptor(group: u32, content: &GroupUse, seed: Checksum) -> GroupDescriptor {
    let mut descriptor = GroupDescriptor::new_zeroed();
    let word = |block: u64| {
        let (lo, hi) = split48(block);
        (U32::new(lo), U32::new(hi.into()))
    };
    let tables = &content.tables;
    (descriptor.block_bitmap_lo, descriptor.block_bitmap_hi) = word(tables.block_bitmap);
    (descriptor.inode_bitmap_lo, descriptor.inode_bitmap_hi) = word(tables.inode_bitmap);
    (descriptor.inode_table_lo, descriptor.inode_table_hi) = word(tables.inode_table);
    (descriptor.free_blocks_lo, descriptor.free_blocks_hi) = halves(content.free_blocks);
    (descriptor.free_inodes_lo, descriptor.free_inodes_hi) = halves(content.free_inodes);
    (descriptor.used_dirs_lo, descriptor.used_dirs_hi) = halves(content.directories);
    (descriptor.itable_unused_lo, descriptor.itable_unused_hi) = halves(content.unused_inodes);
    (
        descriptor.block_bitmap_csum_lo,
        descriptor.block_bitmap_csum_hi,
    ) = content.block_bitmap.checksum(seed);
    (
        descriptor.inode_bitmap_csum_lo,
        descriptor.inode_bitmap_csum_hi,
    ) = content.inode_bitmap.checksum(seed);
    descriptor.flags = U16::new(
        group_flags::ITABLE_ZEROED
            | content.block_bitmap.flag(group_flags::BLOCK_UNINIT)
            | content.inode_bitmap.flag(group_flags::INODE_UNINIT),
    );
    let checksum = seed
        .update(&group.to_le_bytes())
        .update(descriptor.as_bytes());
    descriptor.checksum = U16::new(checksum.lo());
    descriptor
}

fn halves(value: u32) -> (U16, U16) {
    let [a, b, c, d] = value.to_le_bytes();
    (U16::from_bytes([a, b]), U16::from_bytes([c, d]))
}
