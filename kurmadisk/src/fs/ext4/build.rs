//! The plan as an extent map: metadata encoded, contents referred to.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use kurmadisk_formats::map::{DiskMap, MapBuilder};
use zerocopy::IntoBytes;

use super::checksum::Checksum;
use super::dir::{self, Entry};
use super::error::Ext4Error;
use super::extents::{self, BlockRun};
use super::group::{self, Bitmap, GroupUse};
use super::inode::{self, Block, FAST_SYMLINK, InodeFields};
use super::journal;
use super::numbers::LOST_FOUND;
use super::places::Place;
use super::plan::Ext4Plan;
use super::spec::{
    FIRST_INODE, INODE_SIZE, Inode, JOURNAL_INODE, ROOT_INODE, SUPERBLOCK_OFFSET, file_type,
};
use super::superblock::{self, Totals};
use crate::tree::{Metadata, NodeId, NodeKind, Tree};

/// A directory with more subdirectories has 1 as its number of links (`dir_nlink`).
const MOST_LINKS: usize = 64998;

impl Ext4Plan {
    /// The filesystem as an extent map of [`size`](Self::size) bytes.
    ///
    /// Fails with [`Ext4Error::Changed`] when `tree` is not what the plan was made for.
    pub fn build(&self, tree: &Tree) -> Result<DiskMap, Ext4Error> {
        self.check_unchanged(tree)?;
        let mut builder = Builder {
            plan: self,
            tree,
            seed: Checksum::seed(self.options.uuid),
            map: MapBuilder::new(self.size()),
            inodes: Vec::new(),
            directories: vec![0; self.geometry.division.groups as usize],
        };
        builder.inodes();
        let journal = builder.journal();
        if let Some(inode) = self.numbers.lost_found {
            builder.lost_found(inode);
        }
        for id in &self.numbers.order {
            builder.node(*id);
        }
        builder.tables();
        builder.groups(journal);
        Ok(builder.map.finish()?)
    }
}

struct Builder<'a> {
    plan: &'a Ext4Plan,
    tree: &'a Tree,
    seed: Checksum,
    map: MapBuilder,
    /// The used part of each group's inode table.
    inodes: Vec<BytesMut>,
    /// Directories with an inode in each group.
    directories: Vec<u32>,
}

/// An inode whose content is in its place.
struct Draft<'a> {
    number: u32,
    meta: &'a Metadata,
    type_bits: u16,
    links: u16,
    place: &'a Place,
}

impl Builder<'_> {
    fn block_size(&self) -> usize {
        self.plan.options.block_size.bytes() as usize
    }

    fn offset(&self, block: u64) -> u64 {
        block * self.plan.block_bytes()
    }

    /// Inodes in use of a group: they are numbered without gaps, so it is a front part.
    fn used_inodes(&self, group: u32) -> u32 {
        let per_group = self.plan.geometry.division.inodes_per_group;
        self.plan
            .numbers
            .last
            .saturating_sub(group * per_group)
            .min(per_group)
    }

    fn inodes(&mut self) {
        self.inodes = (0..self.plan.geometry.division.groups)
            .map(|group| {
                let bytes = self.used_inodes(group) as usize * usize::from(INODE_SIZE);
                BytesMut::zeroed(bytes)
            })
            .collect();
    }

    fn put_inode(&mut self, number: u32, inode: &Inode) {
        let index = number - 1;
        let per_group = self.plan.geometry.division.inodes_per_group;
        let group = (index / per_group) as usize;
        let at = (index % per_group) as usize * usize::from(INODE_SIZE);
        self.inodes[group][at..at + usize::from(INODE_SIZE)].copy_from_slice(inode.as_bytes());
        if inode.mode.get() & 0xf000 == file_type::DIRECTORY.0 {
            self.directories[group] += 1;
        }
    }

    /// The extent tree of a place; its blocks outside the inode go into the map.
    fn extents(&mut self, place: &Place, seed: Checksum) -> [u8; 60] {
        let places = &self.plan.places;
        let (root, nodes) = extents::tree(
            places.runs(place),
            places.tree_blocks(place),
            self.block_size(),
            seed,
        );
        for (block, bytes) in nodes {
            self.map.push_bytes(self.offset(block), bytes);
        }
        root
    }

    /// Puts blocks of metadata at the places of their runs, and those of a run in one piece.
    fn put_blocks(&mut self, runs: &[BlockRun], blocks: &[Vec<u8>]) {
        let mut blocks = blocks.iter();
        for run in runs {
            let bytes: Vec<u8> = blocks
                .by_ref()
                .take(run.len as usize)
                .flatten()
                .copied()
                .collect();
            self.map.push_bytes(self.offset(run.start), bytes);
        }
    }

    /// The journal's inode and superblock; gives what the filesystem's superblock repeats of it.
    fn journal(&mut self) -> Option<([u8; 60], u64)> {
        let place = self.plan.places.journal.clone();
        let blocks = self.plan.journal_blocks();
        let first = self.plan.places.runs(&place).first()?.start;
        let count = u32::try_from(blocks).expect("a journal has at most 2^32 blocks");
        let bytes = journal::superblock(count, self.plan.options.block_size.bytes());
        self.map.push_bytes(self.offset(first), bytes);
        let seed = self.seed.for_inode(JOURNAL_INODE);
        let root = self.extents(&place, seed);
        let time = self.plan.options.time;
        let fields = InodeFields {
            meta: &Metadata {
                mode: 0o600,
                mtime: time,
                ..Metadata::default()
            },
            type_bits: file_type::REGULAR.0,
            links: 1,
            size: self.offset(blocks),
            blocks: self.plan.places.blocks(&place),
            block: Block::Extents(root),
            created: time,
        };
        let inode = inode::encode(&fields, self.plan.options.block_size.bytes(), seed);
        self.put_inode(JOURNAL_INODE, &inode);
        Some((root, fields.size))
    }

    fn lost_found(&mut self, number: u32) {
        let plan = self.plan;
        let time = plan.options.time;
        let meta = Metadata {
            mode: 0o700,
            mtime: time,
            ..Metadata::default()
        };
        let seed = self.seed.for_inode(number);
        let runs = plan.places.runs(&plan.places.lost_found);
        let count: u32 = runs.iter().map(|run| run.len).sum();
        let mut blocks = dir::blocks(
            number,
            ROOT_INODE,
            std::iter::empty(),
            self.block_size(),
            seed,
        );
        blocks.resize(count as usize, dir::empty_block(self.block_size(), seed));
        self.put_blocks(runs, &blocks);
        let place = &plan.places.lost_found;
        let draft = Draft {
            number,
            meta: &meta,
            type_bits: file_type::DIRECTORY.0,
            links: 2,
            place,
        };
        self.finish_inode(&draft, self.blocks_len(place), None);
    }

    fn node(&mut self, id: NodeId) {
        let number = self.plan.numbers.inodes[id.index()];
        let node = self.tree.node(id);
        let place = &self.plan.places.nodes[id.index()];
        // The plan refused more names than the field can count.
        let mut links = u16::try_from(node.links()).unwrap_or(u16::MAX);
        let (size, block) = match &node.kind {
            NodeKind::Directory(_) => {
                links = self.directory(id, number);
                (self.blocks_len(place), None)
            }
            NodeKind::File(content) => {
                self.file(content, place);
                (content.len(), None)
            }
            NodeKind::Symlink(target) => (target.len() as u64, self.symlink(target, place)),
            NodeKind::CharDevice(device) | NodeKind::BlockDevice(device) => {
                (0, Some(inode::device_block(*device)))
            }
            NodeKind::Fifo | NodeKind::Socket => (0, Some([0; 60])),
        };
        let (type_bits, _) = inode::type_of(&node.kind);
        let draft = Draft {
            number,
            meta: &node.meta,
            type_bits,
            links,
            place,
        };
        self.finish_inode(&draft, size, block);
    }

    /// A symbolic link's target: in `i_block` when it is short, else in a block of its own.
    fn symlink(&mut self, target: &[u8], place: &Place) -> Option<[u8; 60]> {
        if target.len() > FAST_SYMLINK {
            self.put_blocks(self.plan.places.runs(place), &[target.to_vec()]);
            return None;
        }
        let mut block = [0; 60];
        block[..target.len()].copy_from_slice(target);
        Some(block)
    }

    /// Bytes in the blocks of a place.
    fn blocks_len(&self, place: &Place) -> u64 {
        let runs = self.plan.places.runs(place);
        runs.iter().map(|run| self.offset(run.len.into())).sum()
    }

    /// An inode of `size` bytes, with `block` as its `i_block` unless it has an extent tree.
    fn finish_inode(&mut self, draft: &Draft<'_>, size: u64, block: Option<[u8; 60]>) {
        let seed = self.seed.for_inode(draft.number);
        let block = match block {
            Some(bytes) => Block::Plain(bytes),
            None => Block::Extents(self.extents(draft.place, seed)),
        };
        let fields = InodeFields {
            meta: draft.meta,
            type_bits: draft.type_bits,
            links: draft.links,
            size,
            blocks: self.plan.places.blocks(draft.place),
            block,
            created: draft.meta.mtime,
        };
        let inode = inode::encode(&fields, self.plan.options.block_size.bytes(), seed);
        self.put_inode(draft.number, &inode);
    }

    /// A directory's blocks; gives its number of links.
    fn directory(&mut self, id: NodeId, number: u32) -> u16 {
        let plan = self.plan;
        let tree = self.tree;
        let lost_found = plan
            .numbers
            .lost_found
            .filter(|_| id == Tree::ROOT)
            .map(|inode| Entry {
                inode,
                name: LOST_FOUND,
                file_type: file_type::DIRECTORY.1,
            });
        let entries = tree.entries(id).iter().map(|entry| Entry {
            inode: plan.numbers.inodes[entry.node.index()],
            name: &entry.name,
            file_type: inode::type_of(&tree.node(entry.node).kind).1,
        });
        let entries: Vec<_> = lost_found.into_iter().chain(entries).collect();
        let directories = entries
            .iter()
            .filter(|entry| entry.file_type == file_type::DIRECTORY.1)
            .count();
        let parent = plan.numbers.parents[id.index()];
        let seed = self.seed.for_inode(number);
        let blocks = dir::blocks(number, parent, entries.into_iter(), self.block_size(), seed);
        self.put_blocks(plan.places.runs(&plan.places.nodes[id.index()]), &blocks);
        match u16::try_from(directories + 2) {
            Ok(links) if directories <= MOST_LINKS => links,
            _ => 1,
        }
    }

    /// Refers to a file's content at the places of its blocks.
    fn file(&mut self, content: &DiskMap, place: &Place) {
        for run in self.plan.places.runs(place) {
            let from = self.offset(run.logical.into());
            let to = from + self.offset(run.len.into());
            let start = self.offset(run.start);
            for mut piece in content.pieces(from..to) {
                piece.start = start + (piece.start - from);
                self.map.push(piece);
            }
        }
    }

    fn tables(&mut self) {
        let tables = &self.plan.geometry.tables;
        for (bytes, tables) in std::mem::take(&mut self.inodes).into_iter().zip(tables) {
            self.map
                .push_bytes(self.offset(tables.inode_table), bytes.freeze());
        }
    }

    /// Bitmaps, descriptors and superblocks.
    fn groups(&mut self, journal: Option<([u8; 60], u64)>) {
        let division = &self.plan.geometry.division;
        let mut descriptors = Vec::new();
        let (mut free_blocks, mut free_inodes) = (0_u64, 0_u32);
        for number in 0..division.groups {
            let content = self.group(number);
            free_blocks += u64::from(content.free_blocks);
            free_inodes += content.free_inodes;
            let tables = &content.tables;
            let bitmaps = [
                (tables.block_bitmap, &content.block_bitmap),
                (tables.inode_bitmap, &content.inode_bitmap),
            ];
            for (block, bitmap) in bitmaps {
                if let Bitmap::Bits { block: bytes, .. } = bitmap {
                    self.map.push_bytes(self.offset(block), bytes.clone());
                }
            }
            let descriptor = group::descriptor(number, &content, self.seed);
            descriptors.extend_from_slice(descriptor.as_bytes());
        }
        let totals = Totals {
            free_blocks,
            free_inodes,
            journal,
        };
        let primary = superblock::primary(&self.plan.options, division, &totals);
        let descriptors = Bytes::from(descriptors);
        for number in 0..division.groups {
            let Some(blocks) = division.backup(number) else {
                continue;
            };
            let (at, superblock) = match number {
                0 => (SUPERBLOCK_OFFSET, primary.clone()),
                _ => (
                    self.offset(blocks.start),
                    superblock::backup(&primary, number),
                ),
            };
            self.map.push_bytes(at, superblock.as_bytes().to_vec());
            self.map
                .push_bytes(self.offset(blocks.start + 1), descriptors.clone());
        }
    }

    fn group(&self, number: u32) -> GroupUse {
        let geometry = &self.plan.geometry;
        let division = &geometry.division;
        let blocks = division.group_blocks(number);
        let used = self.used_ranges(&blocks);
        let used_blocks: u64 = used.iter().map(|range| range.end - range.start).sum();
        let own = division.backup(number).map_or(0, |own| own.end - own.start);
        let last = number + 1 == division.groups;
        // The kernel makes the bitmap of a group that holds nothing but its own copies.
        let block_bitmap = if used_blocks == own && !last && number > 0 {
            Bitmap::Uninitialised
        } else {
            let summed = division.blocks_per_group() as usize / 8;
            Bitmap::new(&used, blocks.end - blocks.start, self.block_size(), summed)
        };
        let per_group = division.inodes_per_group;
        let used_inodes = self.used_inodes(number);
        let inode_bitmap = if used_inodes == 0 {
            Bitmap::Uninitialised
        } else {
            let used = std::iter::once(0..u64::from(used_inodes)).collect::<Vec<_>>();
            Bitmap::new(
                &used,
                per_group.into(),
                self.block_size(),
                per_group as usize / 8,
            )
        };
        let free = blocks.end - blocks.start - used_blocks;
        GroupUse {
            tables: geometry.tables[number as usize],
            free_blocks: u32::try_from(free).expect("a group has at most 32768 blocks"),
            free_inodes: per_group - used_inodes,
            directories: self.directories[number as usize],
            unused_inodes: per_group - used_inodes,
            block_bitmap,
            inode_bitmap,
        }
    }

    /// The used blocks of a group, as numbers within it.
    fn used_ranges(&self, group: &Range<u64>) -> Vec<Range<u64>> {
        let contents = 0..self.plan.places.end;
        let taken = &self.plan.geometry.taken;
        let first = taken.partition_point(|range| range.end <= contents.end.max(group.start));
        let behind = taken[first..]
            .iter()
            .map(|range| range.start.max(contents.end)..range.end);
        std::iter::once(contents.clone())
            .chain(behind)
            .take_while(|range| range.start < group.end)
            .map(|range| range.start.max(group.start)..range.end.min(group.end))
            .filter(|range| range.start < range.end)
            .map(|range| range.start - group.start..range.end - group.start)
            .collect()
    }
}

const _: () = assert!(ROOT_INODE < FIRST_INODE && JOURNAL_INODE < FIRST_INODE);
