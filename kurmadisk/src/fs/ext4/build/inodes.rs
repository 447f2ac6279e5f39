//! What each inode says.

use zerocopy::FromZeros;

use crate::fs::ext4::check::MOST_LINKS;
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::dir;
use crate::fs::ext4::extents;
use crate::fs::ext4::indirect::{self, Mapping};
use crate::fs::ext4::inode::{self, Block, FAST_SYMLINK, InodeFields};
use crate::fs::ext4::places::Place;
use crate::fs::ext4::plan::Ext4Plan;
use crate::fs::ext4::spec::{Inode, JOURNAL_INODE, RESIZE_INODE, file_type};
use crate::fs::ext4::xattr::Stored;
use crate::tree::{Metadata, NodeId, NodeKind};

/// An inode whose content is in its place.
pub(super) struct Draft<'a> {
    pub number: u32,
    pub meta: &'a Metadata,
    pub type_bits: u16,
    pub links: u16,
    pub place: &'a Place,
    /// Whether it is a directory with an index.
    pub indexed: bool,
    pub attributes: Stored<'a>,
}

impl Ext4Plan {
    /// The inode of that number; zeros for one that is not in use.
    pub(super) fn inode(&self, number: u32) -> Inode {
        if let Some(id) = self.numbers.node(number) {
            return self.node_inode(id, number);
        }
        let own = match number {
            JOURNAL_INODE => self.own_inode(JOURNAL_INODE, &self.places.journal),
            RESIZE_INODE => self.resize_inode(),
            _ if self.numbers.lost_found == Some(number) => self.lost_found_inode(number),
            _ if self.numbers.orphan_file == Some(number) => {
                self.own_inode(number, &self.places.orphan)
            }
            _ => None,
        };
        own.unwrap_or_else(Inode::new_zeroed)
    }

    fn node_inode(&self, id: NodeId, number: u32) -> Inode {
        let node = self.tree.node(id);
        let place = &self.places.nodes[id.index()];
        // The plan refused more names than the field can count.
        let mut links = u16::try_from(node.links()).unwrap_or(u16::MAX);
        let (size, block) = match &node.kind {
            NodeKind::Directory(_) => {
                links = self.directory_links(id);
                (self.blocks_len(place), None)
            }
            NodeKind::File(content) => (content.len(), None),
            NodeKind::Symlink(target) => (target.len() as u64, short_target(target)),
            NodeKind::CharDevice(device) | NodeKind::BlockDevice(device) => {
                (0, Some(inode::device_block(*device)))
            }
            NodeKind::Fifo | NodeKind::Socket => (0, Some([0; 60])),
        };
        let draft = Draft {
            number,
            meta: &node.meta,
            type_bits: inode::type_of(&node.kind).0,
            links,
            place,
            indexed: self.directories.is_indexed(id),
            attributes: self.attributes.of(id, &self.places.attributes),
        };
        self.draft_inode(&draft, size, block)
    }

    /// An inode of `size` bytes, with `block` as its `i_block` unless that tells where its blocks lie.
    pub(super) fn draft_inode(
        &self,
        draft: &Draft<'_>,
        size: u64,
        block: Option<[u8; 60]>,
    ) -> Inode {
        let seed = self.checksum_seed().for_inode(draft.number);
        let block = match block {
            Some(bytes) => Block::Plain(bytes),
            None => self.mapping(draft.place, seed).0,
        };
        let fields = InodeFields {
            meta: draft.meta,
            type_bits: draft.type_bits,
            links: draft.links,
            size,
            blocks: self.places.blocks(draft.place),
            block,
            indexed: draft.indexed,
            attributes: draft.attributes,
            created: draft.meta.mtime,
        };
        inode::encode(&fields, self.inode_format(), seed)
    }

    /// How an inode tells where a place is, and the blocks for that outside the inode: number and bytes.
    pub(super) fn mapping(&self, place: &Place, seed: Checksum) -> (Block, Vec<(u64, Vec<u8>)>) {
        let block_size = self.options.block_size.bytes() as usize;
        let (runs, blocks) = (self.places.runs(place), self.places.tree_blocks(place));
        match Mapping::new(self.options.features) {
            Mapping::Extents => {
                let (root, nodes) = extents::tree(runs, blocks, block_size, seed);
                (Block::Extents(root), nodes)
            }
            Mapping::Blocks => {
                let (root, lists) = indirect::lists(runs, blocks, block_size);
                (Block::Plain(root), lists)
            }
        }
    }

    pub(super) fn inode_format(&self) -> inode::Format {
        inode::Format {
            block_size: self.options.block_size.bytes(),
            inode_size: self.options.inode_size,
        }
    }

    /// Bytes in the blocks of a place.
    pub(super) fn blocks_len(&self, place: &Place) -> u64 {
        let runs = self.places.runs(place).iter();
        runs.map(|run| u64::from(run.len) * self.block_bytes())
            .sum()
    }

    /// A directory is named by its parent, by itself, and by each directory in it, as far as they are counted.
    fn directory_links(&self, id: NodeId) -> u16 {
        let directories = dir::entries(&self.tree, &self.numbers, id)
            .filter(|entry| entry.file_type == file_type::DIRECTORY.1)
            .count();
        match u16::try_from(directories + 2) {
            Ok(links) if directories <= MOST_LINKS => links,
            _ => 1,
        }
    }
}

/// A symbolic link's target in `i_block`, when it is short.
fn short_target(target: &[u8]) -> Option<[u8; 60]> {
    let mut block = [0; 60];
    let short = target.len() <= FAST_SYMLINK;
    short.then(|| {
        block[..target.len()].copy_from_slice(target);
        block
    })
}
