//! The journal (`journal.rst`): its size, and the superblock of an empty one.

use zerocopy::big_endian::U32;
use zerocopy::{FromZeros, IntoBytes};

use super::error::Ext4Error;
use super::options::JournalSize;
use super::spec::{JOURNAL_MAGIC, JOURNAL_SUPERBLOCK_V2, JournalSuperblock};

/// The kernel refuses a shorter journal.
const SHORTEST: u32 = 1024;

/// Journals by the size of their filesystem, as `mke2fs` chooses: below so many blocks, so many
/// blocks; 0 for none.
const SIZES: [(u64, u32); 9] = [
    (2048, 0),
    (32 << 10, 1024),
    (256 << 10, 4096),
    (512 << 10, 8192),
    (4 << 20, 16384),
    (8 << 20, 32768),
    (16 << 20, 65536),
    (32 << 20, 131_072),
    (u64::MAX, 262_144),
];

/// Refuses a journal that the kernel would refuse.
pub fn check(size: JournalSize) -> Result<(), Ext4Error> {
    match size {
        JournalSize::Blocks(count) if count < SHORTEST => Err(Ext4Error::Option {
            field: "journal",
            value: count.into(),
            range: "at least 1024 blocks, or none",
        }),
        _ => Ok(()),
    }
}

/// Blocks of the journal of a filesystem of `blocks` blocks; 0 for none.
pub fn blocks(size: JournalSize, blocks: u64) -> u32 {
    match size {
        JournalSize::None => 0,
        JournalSize::Auto => SIZES[class(blocks)].1,
        JournalSize::Blocks(count) => count,
    }
}

/// The largest number of blocks for which [`blocks`] gives the same.
pub fn last_size(size: JournalSize, blocks: u64) -> u64 {
    match size {
        JournalSize::Auto => SIZES[class(blocks)].0 - 1,
        JournalSize::None | JournalSize::Blocks(_) => u64::MAX,
    }
}

/// What a filesystem of `blocks` blocks may have when that is all that fits: what [`blocks`] gives,
/// then whatever is smaller, if the size is not prescribed.
pub fn choices(size: JournalSize, blocks: u64) -> Vec<u32> {
    match size {
        JournalSize::Auto => {
            let sizes = SIZES[..=class(blocks)].iter().rev();
            sizes.map(|(_, journal)| *journal).collect()
        }
        JournalSize::None => vec![0],
        JournalSize::Blocks(count) => vec![count],
    }
}

/// The row of [`SIZES`] for a filesystem of `blocks` blocks.
fn class(blocks: u64) -> usize {
    SIZES
        .partition_point(|(below, _)| *below <= blocks)
        .min(SIZES.len() - 1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_follows_that_of_the_filesystem() {
        let sizes = [
            (50, 0),
            (2047, 0),
            (2048, 1024),
            (32767, 1024),
            (32768, 4096),
            (262_143, 4096),
            (262_144, 8192),
            (524_287, 8192),
            (524_288, 16384),
            (4 << 20, 32768),
            (8 << 20, 65536),
            (16 << 20, 131_072),
            ((32 << 20) - 1, 131_072),
            (32 << 20, 262_144),
            (1 << 40, 262_144),
        ];
        for (filesystem, journal) in sizes {
            assert_eq!(
                blocks(JournalSize::Auto, filesystem),
                journal,
                "{filesystem}"
            );
        }
        assert_eq!(blocks(JournalSize::None, 1 << 30), 0);
        assert_eq!(blocks(JournalSize::Blocks(5000), 50), 5000);
    }

    #[test]
    fn it_stays_the_same_up_to_the_last_size() {
        for from in [50, 2048, 32768, 100_000, 5 << 20] {
            let last = last_size(JournalSize::Auto, from);
            let of = |filesystem| blocks(JournalSize::Auto, filesystem);
            assert_eq!(of(last), of(from));
            assert_ne!(of(last + 1), of(from));
        }
        assert_eq!(last_size(JournalSize::Blocks(1024), 9), u64::MAX);
    }

    #[test]
    fn a_size_that_is_not_prescribed_may_be_smaller() {
        assert_eq!(choices(JournalSize::Auto, 300_000), [8192, 4096, 1024, 0]);
        assert_eq!(choices(JournalSize::Auto, 100), [0]);
        assert_eq!(choices(JournalSize::None, 300_000), [0]);
        assert_eq!(choices(JournalSize::Blocks(2000), 300_000), [2000]);
        assert!(check(JournalSize::Blocks(1024)).is_ok());
        let error = check(JournalSize::Blocks(1023)).unwrap_err().to_string();
        assert_eq!(
            error,
            "journal is 1023; it must be at least 1024 blocks, or none"
        );
    }

    #[test]
    fn an_empty_journal_is_clean() {
        let bytes = superblock(4096, 1024);
        assert_eq!(bytes.len(), 1024);
        assert_eq!(bytes[..8], [0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 4]);
        assert_eq!(bytes[12..20], [0, 0, 4, 0, 0, 0, 0x10, 0]);
        assert_eq!(bytes[0x1c..0x20], [0; 4]);
    }
}
