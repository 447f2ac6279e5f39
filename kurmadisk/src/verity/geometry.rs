//! How a hash area is divided: known from the data's length alone.

use super::DIGEST_LEN;
use super::options::{VerityError, VerityOptions};

/// Where everything lies in a hash area. Offsets and lengths are in blocks of hashes, from the area's begin;
/// its first block is the superblock's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Blocks of data.
    pub data_blocks: u64,
    /// The levels of the tree: the first has the digests of the data, the last is one block. None for data of
    /// one block, whose digest is the root hash itself.
    pub levels: Vec<Level>,
    /// All blocks of the area.
    pub blocks: u64,
}

/// A level of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// Its first block.
    pub first: u64,
    /// How many it has.
    pub blocks: u64,
}

impl Geometry {
    /// For `data_len` bytes of data, whole blocks of them.
    pub fn new(data_len: u64, options: &VerityOptions) -> Result<Self, VerityError> {
        let data_blocks = data_len / u64::from(options.data_block_size);
        if data_blocks == 0 || !data_len.is_multiple_of(options.data_block_size.into()) {
            return Err(VerityError::DataLength {
                len: data_len,
                block: options.data_block_size,
            });
        }
        let per_block = options.digests_per_block();
        let mut counts = Vec::new();
        let mut below = data_blocks;
        while below > 1 {
            below = below.div_ceil(per_block);
            counts.push(below);
        }
        // The last level lies first, right behind the superblock.
        let mut next = 1;
        let mut levels: Vec<_> = counts
            .iter()
            .rev()
            .map(|&blocks| {
                let first = next;
                next += blocks;
                Level { first, blocks }
            })
            .collect();
        levels.reverse();
        Ok(Self {
            data_blocks,
            levels,
            blocks: next,
        })
    }
}

impl VerityOptions {
    /// How many digests a block of hashes has room for.
    pub(super) fn digests_per_block(&self) -> u64 {
        u64::from(self.hash_block_size) / DIGEST_LEN as u64
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn levels_shrink_to_one_block_and_lie_in_reverse() {
        let options = VerityOptions::new(Uuid::nil(), Vec::new());
        let geometry = |blocks: u64| Geometry::new(blocks << 12, &options).unwrap();
        assert_eq!((geometry(1).levels, geometry(1).blocks), (vec![], 1));
        for (blocks, counts) in [
            (2, &[1][..]),
            (128, &[1]),
            (129, &[2, 1]),
            (128 * 128, &[128, 1]),
            (128 * 128 + 1, &[129, 2, 1]),
        ] {
            let geometry = geometry(blocks);
            let found: Vec<_> = geometry.levels.iter().map(|level| level.blocks).collect();
            assert_eq!(found, counts, "{blocks} blocks");
            let mut next = 1;
            for level in geometry.levels.iter().rev() {
                assert_eq!(level.first, next);
                next += level.blocks;
            }
            assert_eq!(geometry.blocks, next);
        }
        // The longest there may be has no more levels than 2^64 allows.
        let longest = geometry(u64::MAX >> 12);
        assert_eq!(longest.levels.len(), 8);
    }

    #[test]
    fn data_is_whole_blocks() {
        let options = VerityOptions::new(Uuid::nil(), Vec::new());
        for len in [0, 1, 4095, 4097] {
            let error = Geometry::new(len, &options).unwrap_err().to_string();
            assert!(error.contains(&len.to_string()), "{error}");
        }
    }
}
