//! Places for everything in a tree: blocks are given out in the order of the inodes.

use std::ops::Range;

use super::alloc::Allocator;
use super::dir;
use super::extents::{BlockRun, tree_blocks};
use super::inode::FAST_SYMLINK;
use super::numbers::{LOST_FOUND, Numbers};
use super::options::BlockSize;
use super::spec::MAX_EXTENT_BLOCKS;
use crate::tree::{NodeId, NodeKind, Tree};

/// Bytes of `/lost+found`: room for names without having to allocate in an emergency.
const LOST_FOUND_BYTES: u64 = 16384;

/// Where contents lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    runs: Vec<BlockRun>,
    tree_blocks: Vec<u64>,
    pub journal: Place,
    pub lost_found: Place,
    /// By the node's index.
    pub nodes: Vec<Place>,
    /// Everything below is in use.
    pub end: u64,
}

/// One content: which of the runs, and which of the blocks for extent trees, are its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    runs: Range<usize>,
    tree_blocks: Range<usize>,
}

impl Places {
    pub fn runs(&self, place: &Place) -> &[BlockRun] {
        &self.runs[place.runs.clone()]
    }

    pub fn tree_blocks(&self, place: &Place) -> &[u64] {
        &self.tree_blocks[place.tree_blocks.clone()]
    }

    /// Blocks a content occupies, those of its extent tree included.
    pub fn blocks(&self, place: &Place) -> u64 {
        let data: u64 = self.runs(place).iter().map(|run| u64::from(run.len)).sum();
        data + place.tree_blocks.len() as u64
    }

    /// Blocks of a filesystem that are in use: everything below the contents' end, and what was
    /// taken from the start.
    pub fn used_blocks(&self, taken: &[Range<u64>]) -> u64 {
        let behind: u64 = taken
            .iter()
            .map(|range| range.end.saturating_sub(range.start.max(self.end)))
            .sum();
        self.end + behind
    }
}

/// What is to be placed.
#[derive(Clone, Copy)]
pub struct Contents<'a> {
    pub tree: &'a Tree,
    pub numbers: &'a Numbers,
    pub block_size: BlockSize,
}

impl Contents<'_> {
    /// Places the journal first, then directories, then contents, in the order of their inodes, around
    /// `taken`. They may end beyond the filesystem.
    pub fn place(&self, taken: &[Range<u64>], journal: u32) -> Places {
        let block = u64::from(self.block_size.bytes());
        let mut placer = Placer {
            allocator: Allocator::new(taken),
            places: Places {
                nodes: vec![Place::default(); self.tree.node_count()],
                ..Places::default()
            },
            block_size: self.block_size.bytes() as usize,
        };
        placer.places.journal = placer.content(std::iter::once(0..u64::from(journal)));
        if self.numbers.lost_found.is_some() {
            let blocks = LOST_FOUND_BYTES.div_ceil(block);
            placer.places.lost_found = placer.content(std::iter::once(0..blocks));
        }
        let is_dir = |id: &&NodeId| matches!(self.tree.node(**id).kind, NodeKind::Directory(_));
        for id in self.numbers.order.iter().filter(is_dir) {
            let extra = (*id == Tree::ROOT && self.numbers.lost_found.is_some())
                .then_some(LOST_FOUND.len());
            let names = self.tree.entries(*id).iter().map(|entry| entry.name.len());
            let blocks = dir::block_count(extra.into_iter().chain(names), placer.block_size);
            placer.places.nodes[id.index()] = placer.content(std::iter::once(0..blocks));
        }
        for id in &self.numbers.order {
            let place = match &self.tree.node(*id).kind {
                NodeKind::File(content) => placer.content(content.block_runs(block)),
                NodeKind::Symlink(target) if target.len() > FAST_SYMLINK => {
                    placer.content(std::iter::once(0..1))
                }
                _ => continue,
            };
            placer.places.nodes[id.index()] = place;
        }
        placer.places.end = placer.allocator.next();
        placer.places
    }
}

struct Placer<'a> {
    allocator: Allocator<'a>,
    places: Places,
    block_size: usize,
}

impl Placer<'_> {
    /// Places a content that has blocks at `logical`, ranges of block numbers within it.
    fn content(&mut self, logical: impl Iterator<Item = Range<u64>>) -> Place {
        let first = self.places.runs.len();
        for mut range in logical {
            while range.start < range.end {
                let most = (range.end - range.start).min(MAX_EXTENT_BLOCKS.into());
                let taken = self.allocator.take(most);
                let len = taken.end - taken.start;
                self.places.runs.push(BlockRun {
                    logical: u32_of(range.start),
                    start: taken.start,
                    len: u32_of(len),
                });
                range.start += len;
            }
        }
        let runs = first..self.places.runs.len();
        let first = self.places.tree_blocks.len();
        for _ in 0..tree_blocks(runs.len(), self.block_size) {
            self.places.tree_blocks.push(self.allocator.take(1).start);
        }
        Place {
            runs,
            tree_blocks: first..self.places.tree_blocks.len(),
        }
    }
}

/// Block numbers within a file, and lengths of runs, were checked to fit.
fn u32_of(value: u64) -> u32 {
    u32::try_from(value).expect("a file has fewer than 2^32 blocks")
}
