//! The plan as an extent map: metadata encoded, contents referred to.
//!
//! | file | holds |
//! |---|---|
//! | `inodes` | what each inode says |
//! | `made` | inode tables and directories, encoded when they are read |
//! | `own` | the journal, and what else a filesystem has for its own use |

mod inodes;
mod made;
mod own;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use kurmadisk_formats::map::{DiskMap, MapBuilder};
use zerocopy::IntoBytes;

use super::checksum::Checksum;
use super::error::Ext4Error;
use super::features::Feature;
use super::group::{self, Bitmap, GroupUse};
use super::inode::FAST_SYMLINK;
use super::places::Place;
use super::plan::Ext4Plan;
use super::spec::{FIRST_INODE, JOURNAL_INODE, ROOT_INODE, SUPERBLOCK_OFFSET};
use super::superblock::{self, Totals};
use crate::tree::{NodeId, NodeKind};
use made::{DirectoryBlocks, InodeTables};

impl Ext4Plan {
    /// The filesystem as an extent map of [`size`](Self::size) bytes.
    ///
    /// Inodes and directories are encoded when they are read, of the plan, which the map shares.
    pub fn build(&self) -> Result<DiskMap, Ext4Error> {
        let plan = Arc::new(self.clone());
        let mut builder = Builder {
            plan: self,
            seed: self.checksum_seed(),
            map: MapBuilder::new(self.size()),
            directories: vec![0; self.geometry.division.groups as usize],
        };
        builder.map.reserve(self.places.run_count());
        builder.resize();
        builder.journal();
        builder.orphan_file();
        builder.lost_found();
        let directories = Arc::new(DirectoryBlocks::new(&plan));
        // In the order of their places.
        let is_dir = |id: &&NodeId| matches!(self.tree.node(**id).kind, NodeKind::Directory(_));
        for id in self.numbers.order.iter().filter(is_dir) {
            builder.directory(*id, &directories);
        }
        builder.attributes();
        for id in &self.numbers.order {
            builder.content(*id);
        }
        builder.tables(InodeTables::new(&plan));
        builder.groups();
        Ok(builder.map.finish()?)
    }
}

struct Builder<'a> {
    plan: &'a Ext4Plan,
    seed: Checksum,
    map: MapBuilder,
    /// Directories with an inode in each group.
    directories: Vec<u32>,
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

    /// Counts a directory with that inode.
    fn count_directory(&mut self, number: u32) {
        let group = (number - 1) / self.plan.geometry.division.inodes_per_group;
        self.directories[group as usize] += 1;
    }

    /// The blocks that tell where a place is and that lie outside its inode, whose number this is.
    fn mapping(&mut self, number: u32, place: &Place) {
        if self.plan.places.tree_blocks(place).is_empty() {
            return;
        }
        let (_, nodes) = self.plan.mapping(place, self.seed.for_inode(number));
        for (block, bytes) in nodes {
            self.map.push_bytes(self.offset(block), bytes);
        }
    }

    /// Refers to a directory's blocks.
    fn directory(&mut self, id: NodeId, directories: &Arc<DirectoryBlocks>) {
        let plan = self.plan;
        let number = plan.numbers.inodes[id.index()];
        let place = &plan.places.nodes[id.index()];
        self.count_directory(number);
        for run in plan.places.runs(place) {
            let (at, from) = (self.offset(run.start), self.offset(run.logical.into()));
            let len = self.offset(run.len.into());
            self.map.push(directories.extent(at, number, from, len));
        }
        self.mapping(number, place);
    }

    /// Refers to the content of what is no directory.
    fn content(&mut self, id: NodeId) {
        let plan = self.plan;
        let place = &plan.places.nodes[id.index()];
        match &plan.tree.node(id).kind {
            NodeKind::File(content) => self.file(content, place),
            NodeKind::Symlink(target) if target.len() > FAST_SYMLINK => {
                for run in plan.places.runs(place) {
                    self.map.push_bytes(self.offset(run.start), target.to_vec());
                }
            }
            _ => return,
        }
        self.mapping(plan.numbers.inodes[id.index()], place);
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

    /// The used part of each group's inode table.
    fn tables(&mut self, inodes: InodeTables) {
        let inodes = Arc::new(inodes);
        let inode_size = u64::from(self.plan.options.inode_size.bytes());
        for (group, tables) in (0..).zip(&self.plan.geometry.tables) {
            let len = u64::from(self.used_inodes(group)) * inode_size;
            let at = self.offset(tables.inode_table);
            self.map.push(inodes.extent(at, group, len));
        }
    }

    /// Bitmaps, descriptors and superblocks.
    fn groups(&mut self) {
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
            journal: self.plan.journal_inode(),
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
