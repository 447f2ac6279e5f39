//! Places for everything in a tree: blocks are given out in the order of the inodes.

use std::collections::BTreeMap;
use std::ops::Range;

use super::alloc::Allocator;
use super::dir::Directories;
use super::extents::{BlockRun, tree_blocks};
use super::indirect::{Mapping, list_blocks};
use super::inode::FAST_SYMLINK;
use super::numbers::Numbers;
use super::options::BlockSize;
use super::spec::MAX_EXTENT_BLOCKS;
use super::xattr::Attributes;
use crate::tree::{NodeId, NodeKind, Tree};

/// Bytes of `/lost+found`: room for names without having to allocate in an emergency.
const LOST_FOUND_BYTES: u64 = 16384;

/// Where contents lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    runs: Vec<BlockRun>,
    /// Blocks for extent trees or block lists, of the few contents that need any, by the first of their runs.
    tree_blocks: BTreeMap<u32, Vec<u64>>,
    /// The doubly indirect block of the resize inode.
    pub resize: Place,
    pub journal: Place,
    pub orphan: Place,
    pub lost_found: Place,
    /// Blocks of attributes.
    pub attributes: Vec<u64>,
    /// By the node's index.
    pub nodes: Vec<Place>,
    /// Everything below is in use.
    pub end: u64,
}

/// One content: which of the runs are its own. Every inode has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    first: u32,
    count: u32,
}

impl Place {
    /// The runs from `first` on of a table that has `end`.
    fn new(first: usize, end: usize) -> Self {
        let narrow = |row| u32::try_from(row).expect("memory holds fewer than 2^32 runs");
        Self {
            first: narrow(first),
            count: narrow(end - first),
        }
    }

    fn range(&self) -> Range<usize> {
        let first = self.first as usize;
        first..first + self.count as usize
    }
}

impl Places {
    /// Runs of all contents.
    pub fn run_count(&self) -> usize {
        self.runs.len()
    }

    pub fn runs(&self, place: &Place) -> &[BlockRun] {
        &self.runs[place.range()]
    }

    /// Blocks of what is the filesystem's own.
    pub fn own(&self) -> Own {
        let blocks = |place| self.runs(place).iter().map(|run| run.len).sum();
        Own {
            journal: blocks(&self.journal),
            orphan_file: blocks(&self.orphan),
            resize: blocks(&self.resize),
        }
    }

    pub fn tree_blocks(&self, place: &Place) -> &[u64] {
        // Of those that begin at one run, all but one are empty.
        let own = self.tree_blocks.get(&place.first);
        own.filter(|_| place.count > 0).map_or(&[], Vec::as_slice)
    }

    /// Blocks a content occupies, those of its extent tree included.
    pub fn blocks(&self, place: &Place) -> u64 {
        let data: u64 = self.runs(place).iter().map(|run| u64::from(run.len)).sum();
        data + self.tree_blocks(place).len() as u64
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

/// Blocks of what a filesystem has for its own use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    pub journal: u32,
    pub orphan_file: u32,
    /// Of the resize inode, but for what is kept for descriptors: 1 if there is one.
    pub resize: u32,
}

impl Own {
    pub fn blocks(self) -> u64 {
        [self.journal, self.orphan_file, self.resize]
            .map(u64::from)
            .iter()
            .sum()
    }
}

/// What is to be placed.
#[derive(Clone, Copy)]
pub struct Contents<'a> {
    pub tree: &'a Tree,
    pub numbers: &'a Numbers,
    pub directories: &'a Directories,
    pub attributes: &'a Attributes,
    pub block_size: BlockSize,
    pub mapping: Mapping,
}

impl Contents<'_> {
    /// Where they would end if nothing else were in the filesystem.
    pub fn end(&self) -> u64 {
        let mut placer = self.placer(&[]);
        self.place_each(&mut placer, |placer, _, _| {
            placer.places.runs.clear();
            placer.places.tree_blocks.clear();
        });
        placer.allocator.next()
    }

    /// Places what is the filesystem's own first, then directories, attributes, and contents, in the order of their
    /// inodes, around `taken`. They may end beyond the filesystem.
    pub fn place(&self, taken: &[Range<u64>], own: Own) -> Places {
        let mut placer = self.placer(taken);
        placer.places.nodes = vec![Place::default(); self.tree.node_count()];
        // Most contents are in one piece, and lists of millions that grow leave holes in memory.
        placer.places.runs.reserve(self.numbers.order.len());
        let mut whole = |blocks: u32| placer.content(std::iter::once(0..u64::from(blocks)));
        let (resize, journal) = (whole(own.resize), whole(own.journal));
        let orphan = whole(own.orphan_file);
        placer.places.resize = resize;
        placer.places.journal = journal;
        placer.places.orphan = orphan;
        self.place_each(&mut placer, |placer, id, place| {
            placer.places.nodes[id.index()] = place;
        });
        placer.places.end = placer.allocator.next();
        placer.places
    }

    fn placer<'t>(&self, taken: &'t [Range<u64>]) -> Placer<'t> {
        Placer {
            allocator: Allocator::new(taken),
            places: Places::default(),
            block_size: self.block_size.bytes() as usize,
            mapping: self.mapping,
        }
    }

    /// Places what comes of the tree, and tells of each node's.
    fn place_each(
        &self,
        placer: &mut Placer<'_>,
        mut placed: impl FnMut(&mut Placer<'_>, NodeId, Place),
    ) {
        let block = u64::from(self.block_size.bytes());
        if self.numbers.lost_found.is_some() {
            let blocks = LOST_FOUND_BYTES.div_ceil(block);
            placer.places.lost_found = placer.content(std::iter::once(0..blocks));
        }
        let is_dir = |id: &&NodeId| matches!(self.tree.node(**id).kind, NodeKind::Directory(_));
        for id in self.numbers.order.iter().filter(is_dir) {
            let blocks = u64::from(self.directories.blocks(*id));
            let place = placer.content(std::iter::once(0..blocks));
            placed(placer, *id, place);
        }
        placer.places.attributes = (0..self.attributes.block_count())
            .map(|_| placer.allocator.take(1).start)
            .collect();
        for id in &self.numbers.order {
            let place = match &self.tree.node(*id).kind {
                NodeKind::File(content) => placer.content(content.block_runs(block)),
                NodeKind::Symlink(target) if target.len() > FAST_SYMLINK => {
                    placer.content(std::iter::once(0..1))
                }
                _ => continue,
            };
            placed(placer, *id, place);
        }
    }
}

struct Placer<'a> {
    allocator: Allocator<'a>,
    places: Places,
    block_size: usize,
    mapping: Mapping,
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
        let own = match self.mapping {
            Mapping::Extents => tree_blocks(runs.len(), self.block_size),
            Mapping::Blocks => list_blocks(&self.places.runs[runs.clone()], self.block_size),
        };
        let place = Place::new(runs.start, runs.end);
        if own > 0 {
            let blocks = (0..own).map(|_| self.allocator.take(1).start).collect();
            self.places.tree_blocks.insert(place.first, blocks);
        }
        place
    }
}

/// Block numbers within a file, and lengths of runs, were checked to fit.
fn u32_of(value: u64) -> u32 {
    u32::try_from(value).expect("a file has fewer than 2^32 blocks")
}
