//! The plan as an extent map: metadata encoded, contents referred to.

mod own;

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use kurmadisk_formats::map::{DiskMap, MapBuilder};
use zerocopy::IntoBytes;

use super::check::MOST_LINKS;
use super::checksum::Checksum;
use super::dir;
use super::error::Ext4Error;
use super::extents::{self, BlockRun};
use super::features::Feature;
use super::group::{self, Bitmap, GroupUse};
use super::indirect::{self, Mapping};
use super::inode::{self, Block, FAST_SYMLINK, InodeFields};
use super::places::Place;
use super::plan::Ext4Plan;
use super::spec::{FIRST_INODE, Inode, JOURNAL_INODE, ROOT_INODE, SUPERBLOCK_OFFSET, file_type};
use super::superblock::{self, Totals};
use super::xattr::Stored;
use crate::tree::{Metadata, NodeId, NodeKind, Tree};

impl Ext4Plan {
    /// The filesystem as an extent map of [`size`](Self::size) bytes.
    ///
    /// Fails with [`Ext4Error::Changed`] when `tree` is not what the plan was made for.
    pub fn build(&self, tree: &Tree) -> Result<DiskMap, Ext4Error> {
        self.check_unchanged(tree)?;
        let mut builder = Builder {
            plan: self,
            tree,
            seed: self.checksum_seed(),
            map: MapBuilder::new(self.size()),
            inodes: Vec::new(),
            directories: vec![0; self.geometry.division.groups as usize],
        };
        builder.inodes();
        builder.resize();
        let journal = builder.journal();
        if let Some(inode) = self.numbers.orphan_file {
            builder.orphan_file(inode);
        }
        if let Some(inode) = self.numbers.lost_found {
            builder.lost_found(inode);
        }
        for id in &self.numbers.order {
            builder.node(*id);
        }
        builder.attributes();
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
    /// Whether it is a directory with an index.
    indexed: bool,
    attributes: Stored<'a>,
}

impl Builder<'_> {
    fn block_size(&self) -> usize {
        self.plan.options.block_size.bytes() as usize
    }

    fn inode_size(&self) -> usize {
        self.plan.options.inode_size.bytes().into()
    }

    fn inode_format(&self) -> inode::Format {
        inode::Format {
            block_size: self.plan.options.block_size.bytes(),
            inode_size: self.plan.options.inode_size,
        }
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
                let bytes = self.used_inodes(group) as usize * self.inode_size();
                BytesMut::zeroed(bytes)
            })
            .collect();
    }

    fn put_inode(&mut self, number: u32, inode: &Inode) {
        let index = number - 1;
        let per_group = self.plan.geometry.division.inodes_per_group;
        let group = (index / per_group) as usize;
        let at = (index % per_group) as usize * self.inode_size();
        let used = &inode.as_bytes()[..self.inode_size()];
        self.inodes[group][at..at + used.len()].copy_from_slice(used);
        if inode.mode.get() & 0xf000 == file_type::DIRECTORY.0 {
            self.directories[group] += 1;
        }
    }

    /// How an inode tells where a place is; the blocks for that outside the inode go into the map.
    fn mapping(&mut self, place: &Place, seed: Checksum) -> Block {
        let places = &self.plan.places;
        let (runs, blocks) = (places.runs(place), places.tree_blocks(place));
        let (block, nodes) = match Mapping::new(self.plan.options.features) {
            Mapping::Extents => {
                let (root, nodes) = extents::tree(runs, blocks, self.block_size(), seed);
                (Block::Extents(root), nodes)
            }
            Mapping::Blocks => {
                let (root, lists) = indirect::lists(runs, blocks, self.block_size());
                (Block::Plain(root), lists)
            }
        };
        for (block, bytes) in nodes {
            self.map.push_bytes(self.offset(block), bytes);
        }
        block
    }

    /// Puts metadata at the places of its runs.
    fn put_blocks(&mut self, runs: &[BlockRun], bytes: Vec<u8>) {
        let mut rest = Bytes::from(bytes);
        for run in runs {
            let len = run.len as usize * self.block_size();
            let piece = rest.split_to(len.min(rest.len()));
            self.map.push_bytes(self.offset(run.start), piece);
        }
    }

    fn node(&mut self, id: NodeId) {
        let plan = self.plan;
        let number = plan.numbers.inodes[id.index()];
        let node = self.tree.node(id);
        let place = &plan.places.nodes[id.index()];
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
            indexed: self.plan.directories.is_indexed(id),
            attributes: plan.attributes.of(id, &plan.places.attributes),
        };
        self.finish_inode(&draft, size, block);
    }

    /// A symbolic link's target: in `i_block` when it is short, else in a block of its own.
    fn symlink(&mut self, target: &[u8], place: &Place) -> Option<[u8; 60]> {
        if target.len() > FAST_SYMLINK {
            self.put_blocks(self.plan.places.runs(place), target.to_vec());
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

    /// An inode of `size` bytes, with `block` as its `i_block` unless that tells where its blocks lie; gives its
    /// `i_block`.
    fn finish_inode(&mut self, draft: &Draft<'_>, size: u64, block: Option<[u8; 60]>) -> [u8; 60] {
        let seed = self.seed.for_inode(draft.number);
        let block = match block {
            Some(bytes) => Block::Plain(bytes),
            None => self.mapping(draft.place, seed),
        };
        let fields = InodeFields {
            meta: draft.meta,
            type_bits: draft.type_bits,
            links: draft.links,
            size,
            blocks: self.plan.places.blocks(draft.place),
            block,
            indexed: draft.indexed,
            attributes: draft.attributes,
            created: draft.meta.mtime,
        };
        let inode = inode::encode(&fields, self.inode_format(), seed);
        self.put_inode(draft.number, &inode);
        inode.block
    }

    /// A directory's blocks; gives its number of links.
    fn directory(&mut self, id: NodeId, number: u32) -> u16 {
        let plan = self.plan;
        let directories = dir::entries(self.tree, &plan.numbers, id)
            .filter(|entry| entry.file_type == file_type::DIRECTORY.1)
            .count();
        let seed = self.seed.for_inode(number);
        let blocks = plan
            .directories
            .encode(self.tree, &plan.numbers, id, seed.enabled());
        self.put_blocks(plan.places.runs(&plan.places.nodes[id.index()]), blocks);
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

    /// The blocks of attributes that inodes share.
    fn attributes(&mut self) {
        let plan = self.plan;
        for (index, number) in plan.places.attributes.iter().enumerate() {
            let bytes = plan.attributes.block(index, *number, self.seed);
            self.map.push_bytes(self.offset(*number), bytes);
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
        let features = self.plan.options.features;
        let format = group::Format {
            size: division.shape.descriptor_size(),
            seed: self.seed,
            crc16: features
                .has(Feature::UninitBg)
                .then_some(self.plan.options.uuid),
        };
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
            descriptors.extend(group::descriptor(number, &content, format));
        }
        let totals = Totals {
            free_blocks,
            free_inodes,
            journal,
            orphan_file: self.plan.numbers.orphan_file,
            large_dir: self.plan.directories.needs_large_dir(),
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
        let features = self.plan.options.features;
        let blocks = division.group_blocks(number);
        let used = self.used_ranges(&blocks);
        let used_blocks: u64 = used.iter().map(|range| range.end - range.start).sum();
        let mut own = division.backup(number).map_or(0, |own| own.end - own.start);
        if !features.has(Feature::FlexBg) {
            own += 2 + division.table_blocks();
        }
        let last = number + 1 == division.groups;
        let lazy = features.has_group_checksums();
        // The kernel makes the bitmap of a group that holds nothing but its own copies.
        let block_bitmap = if lazy && used_blocks == own && !last && number > 0 {
            Bitmap::Uninitialised
        } else {
            let summed = division.blocks_per_group() as usize / 8;
            Bitmap::new(&used, blocks.end - blocks.start, self.block_size(), summed)
        };
        let per_group = division.inodes_per_group;
        let used_inodes = self.used_inodes(number);
        let inode_bitmap = if lazy && used_inodes == 0 {
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
