//! A filesystem, decided.

use std::ops::Range;

use super::check;
use super::error::Ext4Error;
use super::geometry::Geometry;
use super::numbers::Numbers;
use super::options::Ext4Options;
use super::places::{Contents, Places};
use super::sizing::Sizing;
use crate::fs::VolumeSize;
use crate::tree::{NodeId, NodeKind, Tree};

/// A filesystem, decided to the last block; no content was read for it.
#[derive(Clone, Debug)]
pub struct Ext4Plan {
    pub(super) options: Ext4Options,
    pub(super) geometry: Geometry,
    pub(super) numbers: Numbers,
    pub(super) places: Places,
}

impl Ext4Plan {
    /// Plans a filesystem of `size` that holds `tree`.
    pub fn new(tree: &Tree, size: VolumeSize, options: &Ext4Options) -> Result<Self, Ext4Error> {
        check::options(options)?;
        check::tree(tree, options.block_size)?;
        let numbers = Numbers::new(tree, options.lost_found);
        let contents = Contents {
            tree,
            numbers: &numbers,
            block_size: options.block_size,
        };
        let sizing = Sizing::new(contents, options)?;
        let (geometry, places) = match size {
            VolumeSize::Fixed(bytes) => sizing.fixed(bytes)?,
            VolumeSize::Auto(free) => sizing.smallest(free)?,
        };
        Ok(Self {
            options: options.clone(),
            geometry,
            numbers,
            places,
        })
    }

    /// What the plan was made with.
    #[must_use]
    pub fn options(&self) -> &Ext4Options {
        &self.options
    }

    /// Size of the filesystem in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.blocks() * self.block_bytes()
    }

    /// Blocks of the filesystem.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.geometry.division.blocks
    }

    /// Blocks that are free, those reserved for root included.
    #[must_use]
    pub fn free_blocks(&self) -> u64 {
        self.blocks() - self.places.used_blocks(&self.geometry.taken)
    }

    /// Inodes of the filesystem.
    #[must_use]
    pub fn inodes(&self) -> u64 {
        self.geometry.division.inodes()
    }

    /// Inodes in use, those of the filesystem's own among them.
    #[must_use]
    pub fn used_inodes(&self) -> u64 {
        self.numbers.last.into()
    }

    /// Blocks of the journal; 0 without one.
    #[must_use]
    pub fn journal_blocks(&self) -> u64 {
        self.places
            .runs(&self.places.journal)
            .iter()
            .map(|run| u64::from(run.len))
            .sum()
    }

    /// Where the content of a node lies: ranges of bytes from the filesystem's begin, in the order
    /// of the content. The last block may reach past the content's end.
    pub fn ranges(&self, node: NodeId) -> impl Iterator<Item = Range<u64>> {
        let block = self.block_bytes();
        let runs = self.places.runs(&self.places.nodes[node.index()]);
        runs.iter()
            .map(move |run| run.start * block..(run.start + u64::from(run.len)) * block)
    }

    /// The regular files of `tree` and their [`ranges`](Self::ranges).
    pub fn files<'a>(
        &'a self,
        tree: &'a Tree,
    ) -> impl Iterator<Item = (String, Vec<Range<u64>>)> + 'a {
        let files = tree
            .paths()
            .into_iter()
            .filter(|(_, id)| matches!(tree.node(*id).kind, NodeKind::File(_)));
        files.map(|(path, id)| {
            (
                format!("/{}", crate::tree::lossy(&path)),
                self.ranges(id).collect(),
            )
        })
    }

    /// Plans the contents of `tree` again: they must come to lie where they were planned.
    pub(super) fn check_unchanged(&self, tree: &Tree) -> Result<(), Ext4Error> {
        check::tree(tree, self.options.block_size)?;
        let numbers = Numbers::new(tree, self.options.lost_found);
        let contents = Contents {
            tree,
            numbers: &numbers,
            block_size: self.options.block_size,
        };
        let journal = self.places.runs(&self.places.journal);
        let journal = journal.iter().map(|run| run.len).sum();
        let same =
            numbers == self.numbers && contents.place(&self.geometry.taken, journal) == self.places;
        same.then_some(()).ok_or(Ext4Error::Changed)
    }

    pub(super) fn block_bytes(&self) -> u64 {
        self.options.block_size.bytes().into()
    }
}
