//! Extent trees (`ifork.rst`, "Extent Tree"): four entries in the inode, more in blocks of their own.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{Immutable, IntoBytes};

use super::checksum::Checksum;
use super::spec::{EXTENT_MAGIC, ExtentHeader, ExtentIndex, ExtentLeaf};

/// Consecutive blocks of a file that lie in one piece; at most
/// [`MAX_EXTENT_BLOCKS`](super::spec::MAX_EXTENT_BLOCKS) of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRun {
    /// The first block's number within the file.
    pub logical: u32,
    /// The first block's number within the filesystem.
    pub start: u64,
    pub len: u32,
}

/// Entries the inode itself holds.
const IN_INODE: usize = 4;

/// Entries a block holds: the checksum behind them takes the place of a part of one.
fn per_block(block_size: usize) -> usize {
    (block_size - size_of::<ExtentHeader>() - 4) / size_of::<ExtentLeaf>()
}

/// How many blocks the tree of `extents` extents needs outside the inode.
pub fn tree_blocks(extents: usize, block_size: usize) -> usize {
    let mut blocks = 0;
    let mut level = extents;
    while level > IN_INODE {
        level = level.div_ceil(per_block(block_size));
        blocks += level;
    }
    blocks
}

/// A node of the tree as its parent refers to it.
struct Child {
    first_logical: u32,
    block: u64,
}

/// The root of a tree, which lies in `i_block`, and its other nodes as (block number, bytes).
///
/// `places` are the blocks for those nodes, as many as [`tree_blocks`] says; `seed` is the inode's.
pub fn tree(
    runs: &[BlockRun],
    places: &[u64],
    block_size: usize,
    seed: Checksum,
) -> ([u8; 60], Vec<(u64, Vec<u8>)>) {
    let leaves: Vec<ExtentLeaf> = runs.iter().map(leaf).collect();
    if leaves.len() <= IN_INODE {
        return (root(&leaves, 0), Vec::new());
    }
    let mut writer = NodeWriter {
        places: places.iter(),
        block_size,
        seed,
        nodes: Vec::new(),
    };
    let firsts: Vec<u32> = runs.iter().map(|run| run.logical).collect();
    let mut children = writer.level(&leaves, &firsts, 0);
    let mut depth = 1;
    while children.len() > IN_INODE {
        let entries: Vec<ExtentIndex> = children.iter().map(index).collect();
        let firsts: Vec<u32> = children.iter().map(|child| child.first_logical).collect();
        children = writer.level(&entries, &firsts, depth);
        depth += 1;
    }
    let entries: Vec<ExtentIndex> = children.iter().map(index).collect();
    (root(&entries, depth), writer.nodes)
}

fn leaf(run: &BlockRun) -> ExtentLeaf {
    let (lo, hi) = split48(run.start);
    ExtentLeaf {
        block: U32::new(run.logical),
        len: U16::new(u16::try_from(run.len).expect("a run has at most 32768 blocks")),
        start_hi: U16::new(hi),
        start_lo: U32::new(lo),
    }
}

fn index(child: &Child) -> ExtentIndex {
    let (lo, hi) = split48(child.block);
    ExtentIndex {
        block: U32::new(child.first_logical),
        leaf_lo: U32::new(lo),
        leaf_hi: U16::new(hi),
        unused: U16::new(0),
    }
}

fn root<E: IntoBytes + Immutable>(entries: &[E], depth: u16) -> [u8; 60] {
    let mut bytes = [0; 60];
    let used = node(entries, depth, IN_INODE);
    bytes[..used.len()].copy_from_slice(&used);
    bytes
}

fn node<E: IntoBytes + Immutable>(entries: &[E], depth: u16, max: usize) -> Vec<u8> {
    let count = |number| u16::try_from(number).expect("a node has at most 340 entries");
    let header = ExtentHeader {
        magic: U16::new(EXTENT_MAGIC),
        entries: U16::new(count(entries.len())),
        max: U16::new(count(max)),
        depth: U16::new(depth),
        generation: U32::new(0),
    };
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(entries.as_bytes());
    bytes
}

struct NodeWriter<'a> {
    places: std::slice::Iter<'a, u64>,
    block_size: usize,
    seed: Checksum,
    nodes: Vec<(u64, Vec<u8>)>,
}

impl NodeWriter<'_> {
    /// Writes one level of nodes; gives what their parents refer to.
    fn level<E: IntoBytes + Immutable>(
        &mut self,
        entries: &[E],
        firsts: &[u32],
        depth: u16,
    ) -> Vec<Child> {
        let max = per_block(self.block_size);
        let mut children = Vec::new();
        for (entries, firsts) in entries.chunks(max).zip(firsts.chunks(max)) {
            let block = *self.places.next().expect("the plan counted the nodes");
            let mut bytes = node(entries, depth, max);
            bytes.resize(size_of::<ExtentHeader>() * (max + 1), 0);
            let checksum = self.seed.update(&bytes).value();
            bytes.extend_from_slice(&checksum.to_le_bytes());
            bytes.resize(self.block_size, 0);
            self.nodes.push((block, bytes));
            children.push(Child {
                first_logical: firsts[0],
                block,
            });
        }
        children
    }
}

/// The halves of a block number of 48 bits.
pub fn split48(block: u64) -> (u32, u16) {
    let low = u32::try_from(block & 0xffff_ffff).unwrap_or(0);
    (low, u16::try_from(block >> 32 & 0xffff).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const SEED: Checksum = Checksum::START;

    fn u16_at(node: &[u8], at: usize) -> u16 {
        u16::from_le_bytes([node[at], node[at + 1]])
    }

    fn u32_at(node: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(node[at..at + 4].try_into().unwrap())
    }

    /// The runs below a node, which checks every node on the way.
    fn read(node: &[u8], nodes: &HashMap<u64, Vec<u8>>, depth: u16, found: &mut Vec<BlockRun>) {
        assert_eq!((u16_at(node, 0), u16_at(node, 6)), (EXTENT_MAGIC, depth));
        let (count, max) = (usize::from(u16_at(node, 2)), usize::from(u16_at(node, 4)));
        assert!(count <= max && count > 0);
        for at in (0..count).map(|entry| 12 + 12 * entry) {
            let logical = u32_at(node, at);
            if depth == 0 {
                let start = u64::from(u16_at(node, at + 6)) << 32 | u64::from(u32_at(node, at + 8));
                let len = u16_at(node, at + 4).into();
                found.push(BlockRun {
                    logical,
                    start,
                    len,
                });
                continue;
            }
            let block = u64::from(u16_at(node, at + 8)) << 32 | u64::from(u32_at(node, at + 4));
            let child = &nodes[&block];
            let max = usize::from(u16_at(child, 4));
            assert_eq!(max, (child.len() - 12) / 12);
            let tail = 12 + 12 * max;
            assert_eq!(u32_at(child, tail), SEED.update(&child[..tail]).value());
            assert_eq!(u32_at(child, 12), logical);
            read(child, nodes, depth - 1, found);
        }
    }

    fn check(count: u32, block_size: usize, expected_depth: u16) {
        let runs: Vec<_> = (0..count)
            .map(|number| BlockRun {
                logical: number * 40_000,
                start: (7 << 32) + u64::from(number) * 50_000,
                len: 32768 - number % 5,
            })
            .collect();
        let needed = tree_blocks(runs.len(), block_size);
        let places: Vec<u64> = (0..needed as u64).map(|node| (9 << 32) + node).collect();
        let (root, nodes) = tree(&runs, &places, block_size, SEED);
        assert_eq!(nodes.len(), needed);
        assert!(nodes.iter().all(|(_, bytes)| bytes.len() == block_size));
        let nodes: HashMap<_, _> = nodes.into_iter().collect();
        assert_eq!(nodes.len(), needed, "each has a place of its own");
        assert_eq!((u16_at(&root, 4), u16_at(&root, 6)), (4, expected_depth));
        let mut found = Vec::new();
        read(&root, &nodes, expected_depth, &mut found);
        assert!(found == runs);
    }

    #[test]
    fn trees_of_every_depth_hold_their_runs() {
        let cases = [
            (4, 4096, 0),
            (5, 4096, 1),
            (340, 4096, 1),
            (341, 4096, 1),
            (1360, 4096, 1),
            (1361, 4096, 2),
            (100_000, 4096, 2),
            (336, 1024, 1),
            (337, 1024, 2),
            (28224, 1024, 2),
            (28225, 1024, 3),
            (100_000, 1024, 3),
            (676, 2048, 1),
            (677, 2048, 2),
        ];
        for (count, block_size, depth) in cases {
            check(count, block_size, depth);
        }
    }

    #[test]
    fn a_content_without_blocks_has_an_empty_root() {
        let (root, nodes) = tree(&[], &[], 4096, SEED);
        assert_eq!(root[..8], [0x0a, 0xf3, 0, 0, 4, 0, 0, 0]);
        assert_eq!((&root[8..], nodes.len()), (&[0; 52][..], 0));
    }

    #[test]
    fn a_block_number_has_48_bits() {
        assert_eq!(split48(0xffee_ddcc_bbaa), (0xddcc_bbaa, 0xffee));
    }
}
