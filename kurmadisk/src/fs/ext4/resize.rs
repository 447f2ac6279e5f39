//! The resize inode: what is kept for more group descriptors belongs to it, so that nothing else is put
//! there (`resize_inode`).
//!
//! The blocks right behind the first group's descriptors are listed by one doubly indirect block; each of
//! them lists those that are its copies in other groups.

use super::division::Division;

/// The word of `i_block` that names the doubly indirect block.
const DOUBLY_INDIRECT: usize = 13;

/// The inode's content, as blocks.
pub struct Reserve {
    /// The inode's `i_block`.
    pub root: [u8; 60],
    /// Size in bytes: as if a content had all that it could list.
    pub size: u64,
    /// Blocks that belong to the inode.
    pub blocks: u64,
}

/// What belongs to the resize inode, whose doubly indirect block lies at `list`.
pub fn reserve(division: &Division, list: u64) -> Reserve {
    let block = division.shape.block_size.bytes() as usize;
    let per_block = block / 4;
    let copies = division.shape.backup_groups(division.groups).len() as u64;
    let mut root = [0; 60];
    put(&mut root[DOUBLY_INDIRECT * 4..], list);
    let listed = (per_block * per_block + per_block + 12) as u64;
    Reserve {
        root,
        size: listed * block as u64,
        blocks: 1 + division.reserved_descriptor_blocks * copies,
    }
}

/// The blocks of the resize inode that list others, the doubly indirect one at `list` first: number and bytes.
pub fn lists(division: &Division, list: u64) -> Vec<(u64, Vec<u8>)> {
    let block = division.shape.block_size.bytes() as usize;
    let slots = (0..block / 4).cycle();
    let copies = division.shape.backup_groups(division.groups);
    let first = division.first_data_block() + 1;
    let (used, kept) = (
        division.descriptor_blocks,
        division.reserved_descriptor_blocks,
    );
    let mut lists = vec![(list, vec![0; block])];
    // Blocks are numbered as if descriptors in use were among them, but begin again at the list's end.
    for (number, slot) in (0..used + kept)
        .zip(slots)
        .filter(|(number, _)| *number >= used)
    {
        put(&mut lists[0].1[slot * 4..], first + number);
        let mut others = vec![0; block];
        for (group, word) in copies[1..].iter().zip(others.chunks_exact_mut(4)) {
            put(word, division.group_start(*group) + 1 + number);
        }
        lists.push((first + number, others));
    }
    lists
}

/// Such a filesystem was planned to have no block whose number takes more than 32 bits.
fn put(word: &mut [u8], block: u64) {
    word[..4].copy_from_slice(&block.to_le_bytes()[..4]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::ext4::division::{InodeDemand, Shape};
    use crate::fs::ext4::features::{Feature, Profile};
    use crate::fs::ext4::options::BlockSize;

    fn division(block_size: BlockSize, blocks: u64) -> Division {
        let shape = Shape {
            block_size,
            inode_size: 256,
            features: Profile::default().features().with(Feature::ResizeInode),
        };
        let demand = InodeDemand {
            least: 1000,
            per_bytes: None,
        };
        Division::new(shape, blocks, demand).unwrap()
    }

    #[test]
    fn as_much_is_kept_as_mke2fs_keeps() {
        let kept = |blocks| division(BlockSize::B4096, blocks).reserved_descriptor_blocks;
        let sizes = [25_600, 153_600, 786_432, 2_359_296, 10_485_760];
        assert_eq!(sizes.map(kept), [12, 74, 383, 1024, 1024]);
        for blocks in [50, 2047, 2048, 2049, 25_600, 786_432] {
            let division = division(BlockSize::B4096, blocks);
            let demand = InodeDemand {
                least: 1000,
                per_bytes: None,
            };
            let last = division.last_size(demand);
            let next = kept(last + 1);
            assert_eq!(kept(last), division.reserved_descriptor_blocks);
            assert!(next == kept(last) + 1 || last == division.group_start(division.groups));
        }
    }

    #[test]
    fn every_block_that_is_kept_is_listed_once() {
        let division = division(BlockSize::B1024, 100_000);
        let (reserve, lists) = (reserve(&division, 5000), lists(&division, 5000));
        let words = |bytes: &[u8]| -> Vec<u64> {
            let words = bytes
                .chunks_exact(4)
                .map(|word| u32::from_le_bytes(word.try_into().unwrap()));
            words.map(u64::from).filter(|word| *word != 0).collect()
        };
        assert_eq!(words(&reserve.root), [5000]);
        let (list, copies) = lists.split_first().unwrap();
        let firsts: Vec<_> = copies.iter().map(|(block, _)| *block).collect();
        let mut listed = words(&list.1);
        listed.sort_unstable();
        assert_eq!(listed, firsts);
        let mut found: Vec<_> = copies
            .iter()
            .flat_map(|(_, bytes)| words(bytes))
            .chain(firsts)
            .collect();
        found.sort_unstable();
        let behind = |group| {
            let copy = division.backup(group)?;
            Some(copy.start + 1 + division.descriptor_blocks..copy.end)
        };
        let expected: Vec<_> = (0..division.groups).filter_map(behind).flatten().collect();
        assert_eq!(found, expected);
        assert_eq!(reserve.blocks, 1 + expected.len() as u64);
    }
}
