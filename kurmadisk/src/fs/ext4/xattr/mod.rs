//! Extended attributes (`attributes.rst`): in the inode behind its fields, and in one block more.
//!
//! | file | holds |
//! |---|---|
//! | `name` | attributes as ext4 names them |
//! | `acl` | access control lists, from the kernel's form to ext4's and back |
//! | `split` | which attributes lie in the inode, which in the block |
//! | `encode` | both of these |
//! | `table` | the attributes of all nodes of a tree |
//!
//! A block serves up to 1024 inodes that have the same attributes in it, as the kernel shares them.

mod acl;
mod encode;
mod name;
mod split;
mod table;

pub use encode::INODE_HEAD;
#[cfg(feature = "inspect")]
pub use name::{given, is_inline_data};
pub use table::{Attributes, Stored};

use super::features::Feature;
use super::options::{BlockSize, Ext4Options};
use super::spec::{EXTRA_ISIZE, OLD_INODE_SIZE, XattrEntryHead, XattrHeader};
use name::Attribute;

/// What ends the entries of an inode or block.
pub const END: usize = 4;

/// What the attributes of a filesystem have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Bytes in a block.
    block_size: usize,
    /// Bytes of an inode behind its fields.
    body: usize,
    /// Whether there may be any.
    allowed: bool,
}

impl Format {
    pub fn new(options: &Ext4Options) -> Self {
        let fields = OLD_INODE_SIZE + EXTRA_ISIZE;
        Self {
            block_size: options.block_size.bytes() as usize,
            body: options.inode_size.bytes().saturating_sub(fields).into(),
            allowed: options.features.has(Feature::ExtAttr),
        }
    }

    /// Bytes for attributes in an inode.
    fn inode_room(self) -> usize {
        self.body.saturating_sub(INODE_HEAD + END)
    }

    /// Bytes for attributes in a block.
    fn block_room(self) -> usize {
        self.block_size - size_of::<XattrHeader>() - END
    }

    /// Whether there are larger blocks than these.
    fn has_larger_blocks(self) -> bool {
        self.block_size < BlockSize::B4096.bytes() as usize
    }
}

/// Bytes an attribute takes: its entry and its value, each to a multiple of four.
fn len(attribute: &Attribute<'_>) -> usize {
    let entry = size_of::<XattrEntryHead>() + attribute.name.len();
    entry.next_multiple_of(4) + attribute.value.len().next_multiple_of(4)
}
