//! FAT12, FAT16 and FAT32 from a tree.
//!
//! [`FatPlan::new`] fixes type, sizes and places; [`FatPlan::build`] turns the same plan into an
//! extent map. Directories lie first, then the files, each without a gap, in the tree's order.
//!
//! What FAT cannot express: owners, modes, extended attributes, flags and holes are dropped in silence (a hole
//! reads as zeros), but a file that nobody may write to is read-only. Each name of a hard-linked file becomes a
//! file of its own, with the same content. Times are UTC in steps of two seconds, clamped to the years 1980 to
//! 2107; an entry's time of change also serves as those of its creation and last access. Symbolic links,
//! devices, pipes and sockets, names that are not UTF-8 or leave the Basic Multilingual Plane, that have one of
//! `" * / : < > ? \ |` in them or a dot or space at their end, and names that differ in case only are errors.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the on-disk structures |
//! | `geometry` | the places of a volume's parts, by arithmetic |
//! | `rules` | which type and cluster size a volume has |
//! | `contents` | the tree, checked and in the volume's order |
//! | `name` | long and short names, labels |
//! | `time` | times as FAT stores them |
//! | `plan` | [`FatPlan`] |
//! | `directory`, `build` | the bytes: directories; boot sectors, tables, the map |
//! | `read` | `read_tree`: a tree from a volume (feature `inspect`) |
//! | `update` | files of a volume replaced in place (feature `inspect`) |

mod build;
mod contents;
mod directory;
mod error;
mod geometry;
mod name;
mod plan;
#[cfg(feature = "inspect")]
pub(crate) mod read;
mod rules;
pub mod spec;
mod time;
#[cfg(feature = "inspect")]
pub mod update;

pub use error::FatError;
pub use geometry::FatType;
pub use plan::FatPlan;
#[cfg(feature = "inspect")]
pub use read::{FatFault, FatReadError, read_tree};

use crate::tree::Timestamp;

/// What a FAT volume shall be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FatOptions {
    /// The label: up to 11 of the characters of short names, and spaces.
    pub label: Option<String>,
    /// Time of the label's entry in the root directory.
    pub label_time: Timestamp,
    /// The serial number.
    pub serial: u32,
    /// The type; without one it follows mkfs.fat's rule: FAT32 from 512 MiB on, otherwise FAT12 or
    /// FAT16 by the number of clusters. What no FAT16 below 512 MiB holds, as very many files, makes it FAT32 there
    /// too.
    pub fat_type: Option<FatType>,
    /// Bytes per sector: 512 or 4096.
    pub sector_size: u32,
    /// Sectors per cluster: a power of two; without it, by mkfs.fat's tables.
    pub sectors_per_cluster: Option<u32>,
    /// Bytes from the volume's begin of which the first cluster is at a multiple: a power of two from the
    /// sector's size to 16 MiB. Without it: the cluster's size, and 4096 at least.
    pub data_alignment: Option<u32>,
    /// Sectors of the disk before the volume: its first LBA on a partitioned disk.
    pub hidden_sectors: u32,
}

impl Default for FatOptions {
    /// No label, serial 0, sectors of 512 bytes, the rest by the rules, not on a partition.
    fn default() -> Self {
        Self {
            label: None,
            label_time: Timestamp::default(),
            serial: 0,
            fat_type: None,
            sector_size: 512,
            sectors_per_cluster: None,
            data_alignment: None,
            hidden_sectors: 0,
        }
    }
}
