//! The orphan file (`orphan.rst`): room to note files that are removed while they are open, in blocks that
//! each end with a magic number and a checksum.

use super::checksum::Checksum;

const MAGIC: u32 = 0x0b10_ca04;

/// Bytes at the end of each block.
const TAIL: usize = 8;

/// A block of the file for each so many of the filesystem, within limits.
const BLOCKS_EACH: u64 = 4096;
const LEAST: u64 = 32;
const MOST: u64 = 512;

/// Blocks of the orphan file in a filesystem of `blocks` blocks, as `mke2fs` chooses.
pub fn blocks(blocks: u64) -> u32 {
    let count = (blocks / BLOCKS_EACH).clamp(LEAST, MOST);
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The largest number of blocks for which [`blocks`] gives the same.
pub fn last_size(filesystem: u64) -> u64 {
    match u64::from(blocks(filesystem)) {
        MOST => u64::MAX,
        count => (count + 1) * BLOCKS_EACH - 1,
    }
}

/// The end of the block at `number`, which is empty; `seed` is that of the file's inode.
pub fn tail(number: u64, block_size: u32, seed: Checksum) -> Vec<u8> {
    let entries = vec![0; block_size as usize - TAIL];
    let sum = seed.update(&number.to_le_bytes()).update(&entries);
    [MAGIC, sum.value()].map(u32::to_le_bytes).concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_follows_that_of_the_filesystem() {
        // As mke2fs 1.47 makes it.
        let sizes = [
            (50, 32),
            (25_600, 32),
            (153_600, 37),
            (786_432, 192),
            (2_359_296, 512),
            (1 << 40, 512),
        ];
        for (filesystem, expected) in sizes {
            assert_eq!(blocks(filesystem), expected);
            let last = last_size(filesystem);
            assert!(last >= filesystem && blocks(last) == expected);
            assert!(last == u64::MAX || blocks(last + 1) == expected + 1);
        }
    }

    #[test]
    fn each_block_ends_with_its_magic_and_checksum() {
        let tail = |seed| tail(77, 1024, seed);
        assert_eq!(tail(Checksum::OFF), [4, 0xca, 0x10, 0x0b, 0, 0, 0, 0]);
        let seed = Checksum::START.for_inode(12);
        let mut covered = vec![77, 0, 0, 0, 0, 0, 0, 0];
        covered.resize(1024, 0);
        let sum = seed.update(&covered).value().to_le_bytes();
        assert_eq!(tail(seed)[4..], sum);
    }
}
