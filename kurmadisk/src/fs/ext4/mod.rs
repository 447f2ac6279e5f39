//! ext4 from a tree, as an extent map.
//!
//! Everything is decided before a byte of it exists: [`Ext4Plan::new`] numbers the inodes, places
//! tables, journal, directories and file contents; [`Ext4Plan::build`] encodes the metadata and
//! refers to the contents. The result is what a fresh `mke2fs` and a copy of the tree would have
//! given, but with tables and contents packed at the front, unused inode tables left unwritten
//! (lazily initialised groups), and the same bytes every time.
//!
//! | file | holds |
//! |---|---|
//! | `options` | what a caller may choose |
//! | `check` | what cannot be expressed is refused |
//! | `numbers` | inode numbers for everything in a tree |
//! | `division` | how many groups, and inodes in each |
//! | `geometry` | where the groups' tables and backups lie |
//! | `alloc` | block after block around what is taken |
//! | `places` | places for everything in a tree |
//! | `sizing` | the smallest size, and whether a given one will do |
//! | `plan` | all of that together |
//! | `spec` | the on-disk structures |
//! | `checksum` | crc32c as ext4 seeds it |
//! | `dir`, `extents`, `inode`, `journal`, `group`, `superblock` | the encoders |
//! | `build` | the plan as an extent map |
//!
//! Structures are cited from the kernel's documentation, `Documentation/filesystems/ext4/`.

mod alloc;
mod build;
mod check;
pub(crate) mod checksum;
mod dir;
mod division;
mod error;
mod extents;
mod geometry;
mod group;
mod inode;
mod journal;
mod numbers;
mod options;
mod places;
mod plan;
mod sizing;
pub(crate) mod spec;
mod superblock;

pub use error::Ext4Error;
pub use options::{BlockSize, ErrorPolicy, Ext4Options, InodeCount, JournalSize};
pub use plan::Ext4Plan;
