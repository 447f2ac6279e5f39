//! ext4 from a tree, as an extent map.
//!
//! Everything is decided before a byte of it exists: [`Ext4Plan::new`] numbers the inodes, places
//! tables, journal, directories, attributes and file contents; [`Ext4Plan::build`] encodes the metadata and
//! refers to the contents. The result is what a fresh `mke2fs` and a copy of the tree would have
//! given, but with tables and contents packed at the front, unused inode tables left unwritten
//! (lazily initialised groups), and the same bytes every time.
//!
//! | file | holds |
//! |---|---|
//! | `options` | what a caller may choose |
//! | `features`, `mount` | features and default mount options by name |
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
//! | `dir` | the shapes of directories, and their blocks |
//! | `xattr` | extended attributes, and what of them inodes share |
//! | `extents`, `indirect`, `inode`, `journal`, `orphan`, `resize`, `group`, `superblock` | the encoders |
//! | `build` | the plan as an extent map; `build::own`: what is for the filesystem's own use |
//! | `read` | `read_tree`: a tree from a filesystem (feature `inspect`) |
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
mod features;
mod geometry;
mod group;
mod indirect;
mod inode;
mod journal;
mod mount;
mod numbers;
mod options;
mod orphan;
mod places;
mod plan;
#[cfg(feature = "inspect")]
pub(crate) mod read;
mod resize;
mod sizing;
pub(crate) mod spec;
mod superblock;
mod xattr;

pub use error::Ext4Error;
pub use features::{Feature, FeatureChanges, FeatureError, Features, Profile};
pub use mount::{DefaultMountOptions, MountOptionError};
pub use options::{
    BlockSize, ErrorPolicy, Ext4Options, FreeInodes, InodeCount, InodeSize, JournalSize, NameBytes,
};
pub use plan::Ext4Plan;
#[cfg(feature = "inspect")]
pub use read::{Ext4Fault, Ext4ReadError, read_tree};
