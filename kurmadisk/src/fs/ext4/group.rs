//! Bitmaps and group descriptors (`bitmaps.rst`, `group_descr.rst`).

use std::ops::Range;

use bytes::Bytes;
use uuid::Uuid;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

use super::checksum::{Checksum, crc16};
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
    Bits { block: Bytes, summed: usize },
}

impl Bitmap {
    /// A block of `block_size` bytes with the bits of `used` set, and all from `end` on.
    pub fn new(used: &[Range<u64>], end: u64, block_size: usize, summed: usize) -> Self {
        let mut block = vec![0; block_size];
        for range in used {
            set(&mut block, range.clone());
        }
        set(&mut block, end..block_size as u64 * 8);
        Self::Bits {
            block: block.into(),
            summed,
        }
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

/// What all descriptors of a filesystem have in common.
#[derive(Clone, Copy)]
pub struct Format {
    /// Bytes of a descriptor.
    pub size: u16,
    /// The filesystem's seed.
    pub seed: Checksum,
    /// The UUID, where descriptors alone have checksums (`uninit_bg`).
    pub crc16: Option<Uuid>,
}

impl Format {
    fn checksum(self, group: u32, descriptor: &[u8]) -> u16 {
        let number = group.to_le_bytes();
        match self.crc16 {
            // The field of the checksum itself, at 0x1e, is left out.
            Some(uuid) => [
                uuid.as_bytes(),
                &number[..],
                &descriptor[..0x1e],
                &descriptor[0x20..],
            ]
            .into_iter()
            .fold(!0, crc16),
            None => self.seed.update(&number).update(descriptor).lo(),
        }
    }

    /// Whether groups may be left to be initialised later.
    fn is_lazy(self) -> bool {
        self.seed.enabled().is_some() || self.crc16.is_some()
    }
}

/// The descriptor of group number `group`.
pub fn descriptor(group: u32, content: &GroupUse, format: Format) -> Vec<u8> {
    let seed = format.seed;
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
    (
        descriptor.block_bitmap_csum_lo,
        descriptor.block_bitmap_csum_hi,
    ) = content.block_bitmap.checksum(seed);
    (
        descriptor.inode_bitmap_csum_lo,
        descriptor.inode_bitmap_csum_hi,
    ) = content.inode_bitmap.checksum(seed);
    if format.is_lazy() {
        (descriptor.itable_unused_lo, descriptor.itable_unused_hi) = halves(content.unused_inodes);
        descriptor.flags = U16::new(
            group_flags::ITABLE_ZEROED
                | content.block_bitmap.flag(group_flags::BLOCK_UNINIT)
                | content.inode_bitmap.flag(group_flags::INODE_UNINIT),
        );
    }
    // Numbers of 32 bits have no upper halves: a short descriptor leaves nothing out.
    let size = usize::from(format.size);
    let checksum = format.checksum(group, &descriptor.as_bytes()[..size]);
    descriptor.checksum = U16::new(checksum);
    descriptor.as_bytes()[..size].to_vec()
}

fn halves(value: u32) -> (U16, U16) {
    let [a, b, c, d] = value.to_le_bytes();
    (U16::from_bytes([a, b]), U16::from_bytes([c, d]))
}

#[cfg(test)]
mod tests {
    use zerocopy::FromBytes;

    use super::*;

    #[test]
    fn every_range_of_bits_is_set() {
        for start in 0..40_u64 {
            for end in 0..=40 {
                let mut block = [0; 5];
                set(&mut block, start..end);
                let found = (0..40_usize).map(|bit| block[bit / 8] >> (bit % 8) & 1 == 1);
                let expected = (0..40_u64).map(|bit| (start..end).contains(&bit));
                assert!(found.eq(expected), "{start}..{end}");
            }
        }
        let mut block = [0; 4096];
        set(&mut block, 0..32768);
        assert_eq!(block, [0xff; 4096]);
    }

    #[test]
    fn bits_past_the_end_are_set() {
        let Bitmap::Bits { block, summed } = Bitmap::new(&[0..3, 9..10], 21, 4, 2) else {
            panic!("it has bits");
        };
        assert_eq!((&block[..], summed), (&[7, 2, 0xe0, 0xff][..], 2));
    }

    #[test]
    fn a_descriptor_has_both_halves_and_its_checksum() {
        let content = GroupUse {
            tables: GroupTables {
                block_bitmap: 0x1_0000_0002,
                inode_bitmap: 3,
                inode_table: 0x5_0000_0004,
            },
            free_blocks: 0x8000,
            free_inodes: 0x1_0001,
            directories: 7,
            unused_inodes: 9,
            block_bitmap: Bitmap::Uninitialised,
            inode_bitmap: Bitmap::new(&[], 32, 4, 4),
        };
        let seed = Checksum::seed(Uuid::from_u128(1));
        let format = Format {
            size: 64,
            seed,
            crc16: None,
        };
        let bytes = descriptor(5, &content, format);
        let mut descriptor = GroupDescriptor::read_from_bytes(&bytes).unwrap();
        let word = |lo: U32, hi: U32| u64::from(hi.get()) << 32 | u64::from(lo.get());
        let bitmap = word(descriptor.block_bitmap_lo, descriptor.block_bitmap_hi);
        assert_eq!(bitmap, 0x1_0000_0002);
        let table = word(descriptor.inode_table_lo, descriptor.inode_table_hi);
        assert_eq!(table, 0x5_0000_0004);
        assert_eq!(descriptor.free_blocks_lo.get(), 0x8000);
        assert_eq!(
            (
                descriptor.free_inodes_lo.get(),
                descriptor.free_inodes_hi.get()
            ),
            (1, 1)
        );
        assert_eq!(
            descriptor.flags.get(),
            group_flags::ITABLE_ZEROED | group_flags::BLOCK_UNINIT
        );
        assert_eq!(descriptor.block_bitmap_csum_lo.get(), 0);
        let sum = seed.update(&[0; 4]);
        assert_eq!(descriptor.inode_bitmap_csum_lo.get(), sum.lo());
        assert_eq!(descriptor.inode_bitmap_csum_hi.get(), sum.hi());
        let checksum = descriptor.checksum.get();
        descriptor.checksum = U16::new(0);
        let expected = seed.update(&[5, 0, 0, 0]).update(descriptor.as_bytes());
        assert_eq!(checksum, expected.lo());
    }

    #[test]
    fn a_short_descriptor_is_the_front_of_a_long_one() {
        let content = || GroupUse {
            tables: GroupTables {
                block_bitmap: 2,
                inode_bitmap: 3,
                inode_table: 4,
            },
            free_blocks: 100,
            free_inodes: 200,
            directories: 7,
            unused_inodes: 9,
            block_bitmap: Bitmap::new(&[], 32, 4, 4),
            inode_bitmap: Bitmap::new(&[], 32, 4, 4),
        };
        let seed = Checksum::seed(Uuid::nil());
        let of = |size, seed, crc16| descriptor(1, &content(), Format { size, seed, crc16 });
        let (long, short) = (of(64, seed, None), of(32, seed, None));
        assert_eq!((long.len(), &long[..0x1e]), (64, &short[..0x1e]));
        let plain = of(32, Checksum::OFF, None);
        // No flags, no count of unused inodes, no checksums.
        assert_eq!(
            (&plain[..0x12], &plain[0x12..]),
            (&short[..0x12], &[0; 14][..])
        );
        let summed = of(32, Checksum::OFF, Some(Uuid::nil()));
        let parts: [&[u8]; 3] = [&[0; 16], &[1, 0, 0, 0], &summed[..0x1e]];
        let sum = parts.into_iter().fold(!0, crc16);
        assert_eq!(summed[0x1e..], sum.to_le_bytes());
        assert_eq!(summed[0x1a..0x1e], [0, 0, 9, 0]);
    }
}
