//! Directories (`directory.rst`): names in blocks, and an index over the blocks where there are more
//! than one.
//!
//! | file | holds |
//! |---|---|
//! | `linear` | blocks of names |
//! | `hash` | the hash of a name |
//! | `index` | the shape of an index: which name in which block, how many blocks |
//! | `htree` | the blocks of an indexed directory |
//! | `table` | the shapes of all directories of a tree |
//!
//! A directory whose names fit one block is linear, as are all without the feature `dir_index`. A larger one
//! is a hash tree: its names are sorted by their hashes into blocks, and the first block, with further ones
//! between it and the names when they are many, says which hashes begin which block.

mod hash;
mod htree;
mod index;
mod linear;
mod table;

use uuid::Uuid;

use super::checksum::Checksum;
use super::options::{BlockSize, NameBytes};
use super::spec::{DIR_TAIL, DX_TAIL, DirEntryHead, DxEntry, DxRootHead};
use hash::NameHasher;
pub use table::{Directories, entries};

/// Names may have this many bytes.
pub const MAX_NAME: usize = 255;

/// One name of a directory.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub inode: u32,
    pub name: &'a [u8],
    pub file_type: u8,
}

/// Bytes an entry takes: its head and name, to a multiple of four.
fn entry_len(name_len: usize) -> usize {
    (size_of::<DirEntryHead>() + name_len).next_multiple_of(4)
}

/// What the directories of a filesystem have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Bytes in a block.
    block_size: usize,
    /// Whether each block has a checksum.
    checksums: bool,
    /// Whether each name says of what type its file is.
    file_types: bool,
    /// How names are hashed, if large directories have an index.
    hasher: Option<NameHasher>,
}

impl Format {
    /// Directories without an index; `checksums` says whether each block has one.
    pub fn linear(block_size: BlockSize, checksums: bool) -> Self {
        Self {
            block_size: block_size.bytes() as usize,
            checksums,
            file_types: true,
            hasher: None,
        }
    }

    /// These directories, with names that don't say of what type their file is.
    pub fn without_file_types(self) -> Self {
        Self {
            file_types: false,
            ..self
        }
    }

    /// What a name says of a file of this type.
    fn file_type(&self, kind: u8) -> u8 {
        if self.file_types { kind } else { 0 }
    }

    /// These directories, with an index where they are large.
    pub fn indexed(self, seed: Uuid, bytes: NameBytes) -> Self {
        Self {
            hasher: Some(NameHasher::new(seed, bytes)),
            ..self
        }
    }

    /// Bytes for names in a block.
    fn room(&self) -> usize {
        self.block_size
            - if self.checksums {
                usize::from(DIR_TAIL)
            } else {
                0
            }
    }

    /// Entries the index's root has room for.
    fn root_limit(&self) -> usize {
        self.index_limit(size_of::<DxRootHead>())
    }

    /// Entries any other block of the index has room for.
    fn node_limit(&self) -> usize {
        self.index_limit(size_of::<DirEntryHead>())
    }

    fn index_limit(&self, head: usize) -> usize {
        let tail = if self.checksums { DX_TAIL } else { 0 };
        (self.block_size - head - tail) / size_of::<DxEntry>()
    }
}

/// A directory as its blocks tell of it.
#[derive(Clone, Copy, Debug)]
pub struct Directory<'a> {
    /// Its inode.
    pub inode: u32,
    /// The inode of the directory it lies in.
    pub parent: u32,
    /// Its names, ascending by their bytes; a `lost+found` that was added comes before them.
    pub entries: &'a [Entry<'a>],
    /// What its blocks' checksums begin with, if they have any.
    pub seed: Option<Checksum>,
}
