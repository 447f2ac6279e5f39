//! Inode numbers and places for everything in a tree, and the size that takes.

use std::ops::Range;

use super::alloc::Allocator;
use super::dir;
use super::error::Ext4Error;
use super::extents::{BlockRun, tree_blocks};
use super::geometry::Geometry;
use super::inode::{FAST_SYMLINK, SECONDS, device_fits};
use super::journal;
use super::options::{Ext4Options, InodeCount};
use super::spec::{FIRST_INODE, MAX_EXTENT_BLOCKS, ROOT_INODE};
use crate::fs::{FreeSpace, VolumeSize};
use crate::tree::{NodeId, NodeKind, Tree};

/// Blocks of `/lost+found`: room for names without having to allocate in an emergency.
const LOST_FOUND_BYTES: u64 = 16384;
pub(super) const LOST_FOUND: &[u8] = b"lost+found";

/// A filesystem, decided to the last block; no content was read for it.
#[derive(Clone, Debug)]
pub struct Ext4Plan {
    pub(super) options: Ext4Options,
    pub(super) geometry: Geometry,
    pub(super) numbers: Numbers,
    pub(super) places: Places,
}

/// Which inode each node of the tree gets.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    /// The nodes in the order of their inodes, the root directory first.
    pub(super) order: Vec<NodeId>,
    /// The inode of a node, by its index.
    pub(super) inodes: Vec<u32>,
    /// The inode of a directory's parent, by the directory's index.
    pub(super) parents: Vec<u32>,
    /// The inode of `/lost+found`, when the plan adds one.
    pub(super) lost_found: Option<u32>,
    /// The highest inode in use.
    pub(super) last: u32,
}

/// Where contents lie.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    runs: Vec<BlockRun>,
    tree_blocks: Vec<u64>,
    pub(super) journal: Place,
    pub(super) lost_found: Place,
    /// By the node's index.
    pub(super) nodes: Vec<Place>,
    /// Everything below is in use.
    pub(super) end: u64,
}

/// One content: which of the runs, and which of the blocks for extent trees, are its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    runs: Range<usize>,
    tree_blocks: Range<usize>,
}

impl Places {
    pub(super) fn runs(&self, place: &Place) -> &[BlockRun] {
        &self.runs[place.runs.clone()]
    }

    pub(super) fn tree_blocks(&self, place: &Place) -> &[u64] {
        &self.tree_blocks[place.tree_blocks.clone()]
    }

    /// Blocks a content occupies, those of its extent tree included.
    pub(super) fn blocks(&self, place: &Place) -> u64 {
        let data: u64 = self.runs(place).iter().map(|run| u64::from(run.len)).sum();
        data + place.tree_blocks.len() as u64
    }
}

impl Ext4Plan {
    /// Plans a filesystem of `size` that holds `tree`.
    pub fn new(tree: &Tree, size: VolumeSize, options: &Ext4Options) -> Result<Self, Ext4Error> {
        check_options(options)?;
        check_tree(tree, options)?;
        let numbers = number(tree, options);
        let planner = Planner {
            tree,
            options,
            numbers: &numbers,
        };
        let (geometry, places) = match size {
            VolumeSize::Fixed(bytes) => planner.fixed(bytes)?,
            VolumeSize::Auto(free) => planner.smallest(free)?,
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
        self.geometry.blocks * self.block_bytes()
    }

    /// Blocks of the filesystem.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.geometry.blocks
    }

    /// Blocks that are free, those reserved for root included.
    #[must_use]
    pub fn free_blocks(&self) -> u64 {
        self.geometry.blocks - used_blocks(&self.geometry, &self.places)
    }

    /// Inodes of the filesystem.
    #[must_use]
    pub fn inodes(&self) -> u64 {
        self.geometry.inodes()
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

    pub(super) fn block_bytes(&self) -> u64 {
        self.options.block_size.bytes().into()
    }
}

fn check_options(options: &Ext4Options) -> Result<(), Ext4Error> {
    if options.label.len() > 16 {
        return Err(Ext4Error::Label {
            label: options.label.clone(),
        });
    }
    if options.reserved_per_mille > 500 {
        let value = options.reserved_per_mille.into();
        return Err(Ext4Error::Option {
            field: "reserved",
            value,
            range: "at most 50 %",
        });
    }
    if let InodeCount::PerBytes(bytes) = options.inodes
        && bytes < options.block_size.bytes()
    {
        let range = "at least the block size";
        return Err(Ext4Error::Option {
            field: "bytes per inode",
            value: bytes.into(),
            range,
        });
    }
    Ok(())
}

/// Refuses what no inode or directory entry can express.
fn check_tree(tree: &Tree, options: &Ext4Options) -> Result<(), Ext4Error> {
    let block = u64::from(options.block_size.bytes());
    for (id, node) in tree.nodes() {
        let refuse = |reason: String| {
            Err(Ext4Error::Entry {
                path: tree.path_of(id),
                reason,
            })
        };
        if !SECONDS.contains(&node.meta.mtime.seconds) {
            let seconds = node.meta.mtime.seconds;
            return refuse(format!(
                "the time {seconds} s is outside of ext4's years 1901 to 2446"
            ));
        }
        match &node.kind {
            NodeKind::Symlink(target) if target.len() as u64 >= block || target.is_empty() => {
                let len = target.len();
                return refuse(format!(
                    "a symbolic link's target must have 1 to {} bytes, not {len}",
                    block - 1
                ));
            }
            NodeKind::File(content) if content.len().div_ceil(block) > u64::from(u32::MAX) => {
                let len = content.len();
                return refuse(format!(
                    "{len} bytes are more than a file can have with blocks of {block} bytes"
                ));
            }
            NodeKind::CharDevice(device) | NodeKind::BlockDevice(device)
                if !device_fits(*device) =>
            {
                return refuse(format!(
                    "device {}:{} is out of ext4's range",
                    device.major, device.minor
                ));
            }
            NodeKind::Directory(entries) => {
                if let Some(entry) = entries
                    .iter()
                    .find(|entry| entry.name.len() > dir::MAX_NAME)
                {
                    let name = crate::tree::lossy(&entry.name);
                    return refuse(format!(
                        "the name {name:?} has more than {} bytes",
                        dir::MAX_NAME
                    ));
                }
            }
            _ if node.links() > 65000 => {
                return refuse(format!(
                    "{} names are more than the 65000 ext4 can count",
                    node.links()
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Numbers the nodes: a directory's entries in the order of their names, before the entries of its
/// subdirectories. So the numbers depend on the tree alone, not on how it was read.
fn number(tree: &Tree, options: &Ext4Options) -> Numbers {
    let mut inodes = vec![0; tree.node_count()];
    let mut parents = vec![ROOT_INODE; tree.node_count()];
    let mut order = vec![Tree::ROOT];
    inodes[Tree::ROOT.index()] = ROOT_INODE;
    let mut next = FIRST_INODE;
    let adds_lost_found = options.lost_found && tree.child(Tree::ROOT, LOST_FOUND).is_none();
    let lost_found = adds_lost_found.then(|| {
        next += 1;
        FIRST_INODE
    });
    let mut pending = vec![Tree::ROOT];
    while let Some(dir) = pending.pop() {
        let mut below = Vec::new();
        for entry in tree.entries(dir) {
            if inodes[entry.node.index()] == 0 {
                inodes[entry.node.index()] = next;
                next += 1;
                order.push(entry.node);
                if matches!(tree.node(entry.node).kind, NodeKind::Directory(_)) {
                    parents[entry.node.index()] = inodes[dir.index()];
                    below.push(entry.node);
                }
            }
        }
        pending.extend(below.into_iter().rev());
    }
    Numbers {
        order,
        inodes,
        parents,
        lost_found,
        last: next - 1,
    }
}

struct Planner<'a> {
    tree: &'a Tree,
    options: &'a Ext4Options,
    numbers: &'a Numbers,
}

impl Planner<'_> {
    fn fixed(&self, bytes: u64) -> Result<(Geometry, Places), Ext4Error> {
        let block_size = self.options.block_size.bytes();
        let blocks = bytes / u64::from(block_size);
        let fitting = self.try_blocks(blocks).and_then(|(geometry, places)| {
            let needed = used_blocks(&geometry, &places);
            if needed <= geometry.blocks {
                return Ok((geometry, places));
            }
            Err(Ext4Error::TooSmall {
                blocks,
                block_size,
                needed,
            })
        });
        match fitting {
            Err(Ext4Error::TooSmall { .. }) => {
                let needed = self.smallest(FreeSpace::Bytes(0))?.0.blocks;
                Err(Ext4Error::TooSmall {
                    blocks,
                    block_size,
                    needed,
                })
            }
            done => done,
        }
    }

    /// The smallest filesystem with that much free.
    ///
    /// What a filesystem of some size needs never shrinks when it grows. So going from a size that
    /// is too small to what it needs, again and again, ends at the smallest that is enough.
    fn smallest(&self, free: FreeSpace) -> Result<(Geometry, Places), Ext4Error> {
        let mut blocks = 0;
        loop {
            blocks = match self.try_blocks(blocks) {
                Ok((geometry, places)) => {
                    let needed = self.with_free(used_blocks(&geometry, &places), free)?;
                    if needed <= geometry.blocks {
                        return Ok((geometry, places));
                    }
                    needed.max(geometry.next_size)
                }
                Err(Ext4Error::TooSmall { needed, .. }) => needed.max(blocks + 1),
                Err(other) => return Err(other),
            };
        }
    }

    /// Blocks in all so that `used` are used and the rest is free as asked.
    fn with_free(&self, used: u64, free: FreeSpace) -> Result<u64, Ext4Error> {
        let too_large = Ext4Error::TooLarge { blocks: used };
        match free {
            FreeSpace::Bytes(bytes) => {
                let block = u64::from(self.options.block_size.bytes());
                used.checked_add(bytes.div_ceil(block)).ok_or(too_large)
            }
            FreeSpace::PerMille(share @ 0..1000) => {
                let used_share = u64::from(1000 - share);
                Ok(used
                    .checked_mul(1000)
                    .ok_or(too_large)?
                    .div_ceil(used_share))
            }
            FreeSpace::PerMille(share) => Err(Ext4Error::Option {
                field: "free",
                value: share.into(),
                range: "less than 1000 thousandths",
            }),
        }
    }

    /// Places everything in a filesystem of `blocks` blocks; what is placed may end beyond it.
    fn try_blocks(&self, blocks: u64) -> Result<(Geometry, Places), Ext4Error> {
        let block_size = self.options.block_size;
        let needed = u64::from(self.numbers.last);
        let inodes = match self.options.inodes {
            InodeCount::PerBytes(bytes) => {
                let share = blocks.saturating_mul(block_size.bytes().into()) / u64::from(bytes);
                needed.max(share.min(u32::MAX.into()))
            }
            InodeCount::Exact(given) if u64::from(given) >= needed => given.into(),
            InodeCount::Exact(given) => {
                return Err(Ext4Error::Inodes {
                    given: given.into(),
                    needed,
                });
            }
        };
        let geometry = Geometry::new(block_size, blocks, inodes)?;
        let journal = journal::blocks(self.options.journal, geometry.blocks)?;
        let places = self.place(&geometry, journal);
        Ok((geometry, places))
    }

    /// The journal first, then directories, then contents, in the order of their inodes.
    fn place(&self, geometry: &Geometry, journal: u32) -> Places {
        let block = u64::from(self.options.block_size.bytes());
        let mut placer = Placer {
            allocator: Allocator::new(&geometry.taken),
            places: Places {
                nodes: vec![Place::default(); self.tree.node_count()],
                ..Places::default()
            },
            block_size: self.options.block_size.bytes() as usize,
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

/// Blocks in use: what was taken from the start, and everything below the contents' end.
fn used_blocks(geometry: &Geometry, places: &Places) -> u64 {
    let behind: u64 = geometry
        .taken
        .iter()
        .map(|range| range.end.saturating_sub(range.start.max(places.end)))
        .sum();
    places.end + behind
}
