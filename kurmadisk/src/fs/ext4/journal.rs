//! The journal (`journal.rst`): its size, and the superblock of an empty one.

use zerocopy::big_endian::U32;
use zerocopy::{FromZeros, IntoBytes};

use super::error::Ext4Error;
use super::options::JournalSize;
use super::spec::{JOURNAL_MAGIC, JOURNAL_SUPERBLOCK_V2, JournalSuperblock};

/// The kernel refuses a shorter journal.
const SHORTEST: u32 = 1024;

/// Filesystem blocks below which a journal has so many blocks.
const SIZES: [(u64, u32); 8] = [
    (2048, 0),
    (32 << 10, 1024),
    (256 << 10, 4096),
    (512 << 10, 8192),
    (4 << 20, 16384),
    (8 << 20, 32768),
    (16 << 20, 65536),
    (32 << 20, 131_072),
];

const LONGEST: u32 = 262_144;

/// Blocks of the journal of a filesystem of `blocks` blocks; 0 for none.
pub fn blocks(size: JournalSize, blocks: u64) -> Result<u32, Ext4Error> {
    match size {
        JournalSize::None => Ok(0),
        JournalSize::Auto => Ok(SIZES
            .iter()
            .find(|(below, _)| blocks < *below)
            .map_or(LONGEST, |(_, journal)| *journal)),
        JournalSize::Blocks(count) if count >= SHORTEST => Ok(count),
        JournalSize::Blocks(count) => Err(Ext4Error::Option {
            field: "journal",
            value: count.into(),
            range: "at least 1024 blocks, or none",
        }),
    }
}

/// The first block of an empty journal of `blocks` blocks; the others are zeros.
pub fn superblock(blocks: u32, block_size: u32) -> Vec<u8> {
    let mut superblock = JournalSuperblock::new_zeroed();
    superblock.magic = U32::new(JOURNAL_MAGIC);
    superblock.blocktype = U32::new(JOURNAL_SUPERBLOCK_V2);
    superblock.blocksize = U32::new(block_size);
    superblock.maxlen = U32::new(blocks);
    superblock.first = U32::new(1);
    superblock.sequence = U32::new(1);
    superblock.nr_users = U32::new(1);
    superblock.as_bytes().to_vec()
}
