//! The journal (`journal.rst`): its size, and the superblock of an empty one.

use zerocopy::big_endian::U32;
use zerocopy::{FromZeros, IntoBytes};

use super::error::Ext4Error;
use super::features::Feature;
use super::options::{Ext4Options, JournalSize};
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

/// What is asked of the journal.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    pub size: JournalSize,
    /// Whether there must be one however small the filesystem is, unless [`JournalSize::None`] says otherwise.
    pub required: bool,
}

impl Demand {
    pub fn new(options: &Ext4Options) -> Self {
        let has = |feature| options.features.has(feature);
        Self {
            size: if has(Feature::HasJournal) {
                options.journal
            } else {
                JournalSize::None
            },
            required: has(Feature::OrphanFile),
        }
    }

    /// Blocks of the journal of a filesystem of `blocks` blocks; 0 for none.
    pub fn blocks(self, blocks: u64) -> u32 {
        match self.size {
            JournalSize::None => 0,
            JournalSize::Auto => SIZES[self.class(blocks)].1,
            JournalSize::Blocks(count) => count,
        }
    }

    /// The largest number of blocks for which [`blocks`](Self::blocks) gives the same.
    pub fn last_size(self, blocks: u64) -> u64 {
        match self.size {
            JournalSize::Auto => SIZES[self.class(blocks)].0 - 1,
            JournalSize::None | JournalSize::Blocks(_) => u64::MAX,
        }
    }

    /// What a filesystem of `blocks` blocks may have when that is all that fits: what
    /// [`blocks`](Self::blocks) gives, then whatever is smaller, if the size is not prescribed.
    pub fn choices(self, blocks: u64) -> Vec<u32> {
        match self.size {
            JournalSize::Auto => {
                let sizes = &SIZES[self.smallest_class()..=self.class(blocks)];
                sizes.iter().rev().map(|(_, journal)| *journal).collect()
            }
            JournalSize::None => vec![0],
            JournalSize::Blocks(count) => vec![count],
        }
    }

    /// The row of [`SIZES`] for a filesystem of `blocks` blocks.
    fn class(self, blocks: u64) -> usize {
        SIZES
            .partition_point(|(below, _)| *below <= blocks)
            .clamp(self.smallest_class(), SIZES.len() - 1)
    }

    /// The first row has no journal.
    fn smallest_class(self) -> usize {
        usize::from(self.required)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(size: JournalSize) -> Demand {
        Demand {
            size,
            required: false,
        }
    }

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
            let auto = of(JournalSize::Auto);
            assert_eq!(auto.blocks(filesystem), journal, "{filesystem}");
            let required = Demand {
                required: true,
                ..auto
            };
            assert_eq!(required.blocks(filesystem), journal.max(1024));
        }
        assert_eq!(of(JournalSize::None).blocks(1 << 30), 0);
        assert_eq!(of(JournalSize::Blocks(5000)).blocks(50), 5000);
    }

    #[test]
    fn it_stays_the_same_up_to_the_last_size() {
        for required in [false, true] {
            for from in [50, 2048, 32768, 100_000, 5 << 20] {
                let demand = Demand {
                    size: JournalSize::Auto,
                    required,
                };
                let last = demand.last_size(from);
                assert_eq!(demand.blocks(last), demand.blocks(from));
                assert_ne!(demand.blocks(last + 1), demand.blocks(from));
            }
        }
        assert_eq!(of(JournalSize::Blocks(1024)).last_size(9), u64::MAX);
    }

    #[test]
    fn a_size_that_is_not_prescribed_may_be_smaller() {
        let auto = of(JournalSize::Auto);
        assert_eq!(auto.choices(300_000), [8192, 4096, 1024, 0]);
        assert_eq!(auto.choices(100), [0]);
        let required = Demand {
            required: true,
            ..auto
        };
        assert_eq!(required.choices(300_000), [8192, 4096, 1024]);
        assert_eq!(required.choices(100), [1024]);
        assert_eq!(of(JournalSize::None).choices(300_000), [0]);
        assert_eq!(of(JournalSize::Blocks(2000)).choices(300_000), [2000]);
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
