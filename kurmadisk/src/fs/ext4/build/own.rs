//! What a filesystem has for its own use: the journal, the blocks kept for descriptors, the orphan file,
//! `/lost+found`.

use bytes::Bytes;

use super::Builder;
use super::inodes::Draft;
use crate::fs::ext4::inode::{self, Block, InodeFields};
use crate::fs::ext4::places::Place;
use crate::fs::ext4::plan::Ext4Plan;
use crate::fs::ext4::spec::{Inode, JOURNAL_INODE, RESIZE_INODE, file_type};
use crate::fs::ext4::xattr::Stored;
use crate::fs::ext4::{journal, orphan, resize};
use crate::tree::Metadata;

impl Ext4Plan {
    fn own_meta(&self, mode: u16) -> Metadata {
        Metadata {
            mode,
            mtime: self.options.time,
            ..Metadata::default()
        }
    }

    /// The inode of a file that only the filesystem itself uses, of whole blocks; none when it has none.
    pub(super) fn own_inode(&self, number: u32, place: &Place) -> Option<Inode> {
        self.made_inode(number, place, (0o600, file_type::REGULAR.0, 1))
    }

    /// The inode of `/lost+found`.
    pub(super) fn lost_found_inode(&self, number: u32) -> Option<Inode> {
        let place = &self.places.lost_found;
        self.made_inode(number, place, (0o700, file_type::DIRECTORY.0, 2))
    }

    /// The inode of what no tree has, of whole blocks, with this mode, type, and number of links.
    fn made_inode(
        &self,
        number: u32,
        place: &Place,
        (mode, type_bits, links): (u16, u16, u16),
    ) -> Option<Inode> {
        let draft = Draft {
            number,
            meta: &self.own_meta(mode),
            type_bits,
            links,
            place,
            indexed: false,
            attributes: Stored::default(),
        };
        let len = self.blocks_len(place);
        (len > 0).then(|| self.draft_inode(&draft, len, None))
    }

    /// What the superblock repeats of the journal's inode: its `i_block` and its size in bytes.
    pub(super) fn journal_inode(&self) -> Option<([u8; 60], u64)> {
        let place = &self.places.journal;
        let inode = self.own_inode(JOURNAL_INODE, place)?;
        Some((inode.block, self.blocks_len(place)))
    }

    /// The inode that the blocks kept for descriptors belong to.
    pub(super) fn resize_inode(&self) -> Option<Inode> {
        let list = self.places.runs(&self.places.resize).first()?;
        let reserve = resize::reserve(&self.geometry.division, list.start);
        let fields = InodeFields {
            meta: &self.own_meta(0o600),
            type_bits: file_type::REGULAR.0,
            links: 1,
            size: reserve.size,
            blocks: reserve.blocks,
            block: Block::Plain(reserve.root),
            indexed: false,
            attributes: Stored::default(),
            created: self.options.time,
        };
        let seed = self.checksum_seed().for_inode(RESIZE_INODE);
        Some(inode::encode(&fields, self.inode_format(), seed))
    }
}

impl Builder<'_> {
    /// The journal's superblock.
    pub(super) fn journal(&mut self) {
        let plan = self.plan;
        let place = &plan.places.journal;
        let Some(first) = plan.places.runs(place).first() else {
            return;
        };
        let count =
            u32::try_from(plan.journal_blocks()).expect("a journal has at most 2^32 blocks");
        let bytes = journal::superblock(count, plan.options.block_size.bytes());
        self.map.push_bytes(self.offset(first.start), bytes);
        self.mapping(JOURNAL_INODE, place);
    }

    /// The lists of the blocks kept for descriptors.
    pub(super) fn resize(&mut self) {
        let plan = self.plan;
        let Some(list) = plan.places.runs(&plan.places.resize).first() else {
            return;
        };
        for (block, bytes) in resize::lists(&plan.geometry.division, list.start) {
            self.map.push_bytes(self.offset(block), bytes);
        }
    }

    /// The orphan file: nothing but the ends of its blocks is other than zero.
    pub(super) fn orphan_file(&mut self) {
        let plan = self.plan;
        let Some(number) = plan.numbers.orphan_file else {
            return;
        };
        let place = &plan.places.orphan;
        let seed = self.seed.for_inode(number);
        for run in plan.places.runs(place) {
            for block in run.start..run.start + u64::from(run.len) {
                let end = self.offset(block + 1);
                let tail = orphan::tail(block, plan.options.block_size.bytes(), seed);
                self.map.push_bytes(end - tail.len() as u64, tail);
            }
        }
        self.mapping(number, place);
    }

    /// The blocks of `/lost+found`.
    pub(super) fn lost_found(&mut self) {
        let plan = self.plan;
        let Some(number) = plan.numbers.lost_found else {
            return;
        };
        let place = &plan.places.lost_found;
        let seed = self.seed.for_inode(number);
        let runs = plan.places.runs(place);
        let count: u32 = runs.iter().map(|run| run.len).sum();
        let blocks = plan
            .directories
            .encode_lost_found(number, count, seed.enabled());
        let mut rest = Bytes::from(blocks);
        for run in runs {
            let piece = rest.split_to(run.len as usize * self.block_size());
            self.map.push_bytes(self.offset(run.start), piece);
        }
        self.count_directory(number);
        self.mapping(number, place);
    }
}
