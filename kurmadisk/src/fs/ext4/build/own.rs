//! What a filesystem has for its own use: the journal, the blocks kept for descriptors, the orphan file,
//! `/lost+found`.

use super::{Builder, Draft};
use crate::fs::ext4::inode::{self, Block, InodeFields};
use crate::fs::ext4::places::Place;
use crate::fs::ext4::spec::{JOURNAL_INODE, RESIZE_INODE, file_type};
use crate::fs::ext4::xattr::Stored;
use crate::fs::ext4::{journal, orphan, resize};
use crate::tree::Metadata;

impl Builder<'_> {
    fn own_meta(&self, mode: u16) -> Metadata {
        Metadata {
            mode,
            mtime: self.plan.options.time,
            ..Metadata::default()
        }
    }

    /// A file that only the filesystem itself uses, of whole blocks; gives its `i_block`.
    fn own_file(&mut self, number: u32, place: &Place) -> [u8; 60] {
        let draft = Draft {
            number,
            meta: &self.own_meta(0o600),
            type_bits: file_type::REGULAR.0,
            links: 1,
            place,
            indexed: false,
            attributes: Stored::default(),
        };
        self.finish_inode(&draft, self.blocks_len(place), None)
    }

    /// The journal's inode and superblock; gives what the filesystem's superblock repeats of it.
    pub(super) fn journal(&mut self) -> Option<([u8; 60], u64)> {
        let plan = self.plan;
        let place = &plan.places.journal;
        let first = plan.places.runs(place).first()?.start;
        let count =
            u32::try_from(plan.journal_blocks()).expect("a journal has at most 2^32 blocks");
        let bytes = journal::superblock(count, plan.options.block_size.bytes());
        self.map.push_bytes(self.offset(first), bytes);
        Some((self.own_file(JOURNAL_INODE, place), self.blocks_len(place)))
    }

    /// The inode that the blocks kept for descriptors belong to.
    pub(super) fn resize(&mut self) {
        let plan = self.plan;
        let Some(list) = plan.places.runs(&plan.places.resize).first() else {
            return;
        };
        let reserve = resize::reserve(&plan.geometry.division, list.start);
        for (block, bytes) in reserve.lists {
            self.map.push_bytes(self.offset(block), bytes);
        }
        let fields = InodeFields {
            meta: &self.own_meta(0o600),
            type_bits: file_type::REGULAR.0,
            links: 1,
            size: reserve.size,
            blocks: reserve.blocks,
            block: Block::Plain(reserve.root),
            indexed: false,
            attributes: Stored::default(),
            created: plan.options.time,
        };
        let seed = self.seed.for_inode(RESIZE_INODE);
        let inode = inode::encode(&fields, self.inode_format(), seed);
        self.put_inode(RESIZE_INODE, &inode);
    }

    /// The orphan file: nothing but the ends of its blocks is other than zero.
    pub(super) fn orphan_file(&mut self, number: u32) {
        let plan = self.plan;
        let place = &plan.places.orphan;
        let seed = self.seed.for_inode(number);
        for run in plan.places.runs(place) {
            for block in run.start..run.start + u64::from(run.len) {
                let end = self.offset(block + 1);
                let tail = orphan::tail(block, plan.options.block_size.bytes(), seed);
                self.map.push_bytes(end - tail.len() as u64, tail);
            }
        }
        self.own_file(number, place);
    }

    pub(super) fn lost_found(&mut self, number: u32) {
        let plan = self.plan;
        let place = &plan.places.lost_found;
        let seed = self.seed.for_inode(number);
        let runs = plan.places.runs(place);
        let count: u32 = runs.iter().map(|run| run.len).sum();
        let blocks = plan
            .directories
            .encode_lost_found(number, count, seed.enabled());
        self.put_blocks(runs, blocks);
        let draft = Draft {
            number,
            meta: &self.own_meta(0o700),
            type_bits: file_type::DIRECTORY.0,
            links: 2,
            place,
            indexed: false,
            attributes: Stored::default(),
        };
        self.finish_inode(&draft, self.blocks_len(place), None);
    }
}
