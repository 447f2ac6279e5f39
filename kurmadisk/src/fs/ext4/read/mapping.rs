//! Where a content's blocks lie (`ifork.rst`): by an extent tree, or by block lists.

use std::ops::Range;

use byteorder::{ByteOrder, LittleEndian};
use kurmadisk_formats::map::{DiskMap, MapBuilder};

use super::error::Ext4Fault;
use super::inode::RawInode;
use super::spec::{MAX_DEPTH, UNWRITTEN_FROM};
use super::volume::{Volume, front, joined48};
use crate::fs::ext4::indirect::DIRECT;
use crate::fs::ext4::spec::{EXTENT_MAGIC, ExtentHeader, ExtentIndex, ExtentLeaf};

/// Blocks of a content that lie in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The first one's number in the content.
    pub logical: u64,
    /// The first one's number in the filesystem.
    pub physical: u64,
    pub len: u64,
}

/// Blocks of a content are counted in 32 bits.
const MOST_BLOCKS: u64 = 1 << 32;
/// Bytes of an extent tree's head and of each of its entries.
const ENTRY: usize = size_of::<ExtentHeader>();

/// Where the blocks of `inode` lie, ascending; what is missing are holes, or was never written.
pub(super) fn runs(volume: &mut Volume<'_>, inode: &RawInode) -> Result<Vec<Run>, Ext4Fault> {
    let mut walk = Walk {
        volume,
        inode,
        runs: Vec::new(),
        next: 0,
    };
    if inode.has_extents() {
        walk.extents(&inode.fields.block, None)?;
    } else {
        walk.lists()?;
    }
    Ok(walk.runs)
}

/// The content of a file of `size` bytes with these blocks, as a part of the volume's map.
pub(super) fn content(volume: &Volume<'_>, runs: &[Run], size: u64) -> Result<DiskMap, Ext4Fault> {
    let block = volume.parameters.block_size;
    let mut content = MapBuilder::new(size);
    for run in runs {
        // Blocks were found to be in the volume, and less than 2^32 in a content.
        let (start, physical) = (run.logical * block, run.physical * block);
        let len = (run.len * block).min(size.saturating_sub(start));
        for mut piece in volume.map.pieces(physical..physical + len) {
            piece.start = start + (piece.start - physical);
            content.push(piece);
        }
    }
    content.finish().map_err(|_| Ext4Fault::Extents {
        reason: "they overlap",
    })
}

struct Walk<'a, 'v> {
    volume: &'a mut Volume<'v>,
    inode: &'a RawInode,
    runs: Vec<Run>,
    /// The first block that the next run may begin with.
    next: u64,
}

impl Walk<'_, '_> {
    /// A node of an extent tree, which must be as deep as the one above says, if there is one.
    fn extents(&mut self, node: &[u8], expected: Option<u16>) -> Result<(), Ext4Fault> {
        let fault = |reason| Ext4Fault::Extents { reason };
        let header: ExtentHeader = front(node).ok_or(fault("a node is too short"))?;
        if header.magic.get() != EXTENT_MAGIC {
            return Err(fault("a node has no signature"));
        }
        let (entries, max) = (usize::from(header.entries.get()), header.max.get().into());
        let depth = header.depth.get();
        if entries > max || max > node.len() / ENTRY - 1 {
            return Err(fault("a node has more entries than room"));
        }
        if depth > MAX_DEPTH || expected.is_some_and(|expected| expected != depth) {
            return Err(fault("a node is of another depth than it should be"));
        }
        if expected.is_some() {
            self.check_node(node, ENTRY * (max + 1))?;
        }
        for entry in node[ENTRY..ENTRY * (entries + 1)].chunks_exact(ENTRY) {
            match depth {
                0 => self.leaf(entry)?,
                _ => self.index(entry, depth)?,
            }
        }
        Ok(())
    }

    /// The checksum of a node that is a block lies behind the room for entries.
    fn check_node(&self, node: &[u8], end: usize) -> Result<(), Ext4Fault> {
        let Some(seed) = self.inode.seed.enabled() else {
            return Ok(());
        };
        let stored = node.get(end..end + 4).map(LittleEndian::read_u32);
        if stored == Some(seed.update(&node[..end]).value()) {
            return Ok(());
        }
        Err(Ext4Fault::Checksum {
            what: "a node of its extent tree",
        })
    }

    fn index(&mut self, entry: &[u8], depth: u16) -> Result<(), Ext4Fault> {
        let fault = |reason| Ext4Fault::Extents { reason };
        let index: ExtentIndex = front(entry).ok_or(fault("a node is too short"))?;
        if u64::from(index.block.get()) < self.next {
            return Err(fault("they are not in order"));
        }
        let block = joined48(index.leaf_lo, index.leaf_hi);
        let number = self.inode.number;
        let node = self
            .volume
            .own_block(block, number, "a node of its extent tree")?;
        self.extents(&node, Some(depth - 1))
    }

    fn leaf(&mut self, entry: &[u8]) -> Result<(), Ext4Fault> {
        let fault = |reason| Ext4Fault::Extents { reason };
        let leaf: ExtentLeaf = front(entry).ok_or(fault("a node is too short"))?;
        let len = u32::from(leaf.len.get());
        let (len, is_written) = match len {
            0 => return Err(fault("one has no length")),
            len if len > UNWRITTEN_FROM => (len - UNWRITTEN_FROM, false),
            len => (len, true),
        };
        let run = Run {
            logical: leaf.block.get().into(),
            physical: joined48(leaf.start_lo, leaf.start_hi),
            len: len.into(),
        };
        if run.logical < self.next {
            return Err(fault("they are not in order"));
        }
        self.add(run, is_written)
    }

    /// Adds a run that lies behind those before.
    fn add(&mut self, run: Run, is_written: bool) -> Result<(), Ext4Fault> {
        let end = run.logical + run.len;
        if end > MOST_BLOCKS {
            return Err(Ext4Fault::Extents {
                reason: "one reaches beyond the largest content",
            });
        }
        let what = "its content";
        let blocks = run.physical..run.physical + run.len;
        self.volume.claim(blocks, self.inode.number, what)?;
        self.next = end;
        if is_written {
            match self.runs.last_mut() {
                Some(last)
                    if last.logical + last.len == run.logical
                        && last.physical + last.len == run.physical =>
                {
                    last.len += run.len;
                }
                _ => self.runs.push(run),
            }
        }
        Ok(())
    }

    /// Twelve block numbers in the inode, then lists of them, lists of lists, and lists of those.
    fn lists(&mut self) -> Result<(), Ext4Fault> {
        let root = self.inode.fields.block;
        let numbers = |range: Range<usize>| {
            let bytes = &root[range.start * 4..range.end * 4];
            bytes.chunks_exact(4).map(LittleEndian::read_u32)
        };
        let direct = usize::try_from(DIRECT).unwrap_or(0);
        self.blocks(numbers(0..direct), 0)?;
        let per_list = self.volume.parameters.block_size / 4;
        let mut logical = DIRECT;
        for (depth, block) in (1..).zip(numbers(direct..15)) {
            self.list(block, depth, logical)?;
            logical += per_list.pow(depth);
        }
        Ok(())
    }

    /// A list of lists of that depth, whose first block is `logical`.
    fn list(&mut self, block: u32, depth: u32, logical: u64) -> Result<(), Ext4Fault> {
        if block == 0 {
            return Ok(());
        }
        let number = self.inode.number;
        let bytes = self
            .volume
            .own_block(block.into(), number, "a list of its blocks")?;
        let numbers = bytes.chunks_exact(4).map(LittleEndian::read_u32);
        if depth == 1 {
            return self.blocks(numbers, logical);
        }
        let below = (self.volume.parameters.block_size / 4).pow(depth - 1);
        for (index, block) in (0..).zip(numbers) {
            self.list(block, depth - 1, logical + index * below)?;
        }
        Ok(())
    }

    /// Blocks of the content, the first of which is `logical`; 0 is a hole.
    fn blocks(
        &mut self,
        numbers: impl Iterator<Item = u32>,
        logical: u64,
    ) -> Result<(), Ext4Fault> {
        let mut pending: Option<Run> = None;
        for (logical, block) in (logical..).zip(numbers.map(u64::from)) {
            match &mut pending {
                Some(run) if block != 0 && run.physical + run.len == block => {
                    run.len += 1;
                    continue;
                }
                _ => {}
            }
            if let Some(run) = pending.take() {
                self.add(run, true)?;
            }
            pending = (block != 0).then_some(Run {
                logical,
                physical: block,
                len: 1,
            });
        }
        pending.map_or(Ok(()), |run| self.add(run, true))
    }
}
