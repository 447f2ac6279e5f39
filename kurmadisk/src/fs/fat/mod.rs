//! FAT12, FAT16 and FAT32 from a tree.
//!
//! [`FatPlan::new`] fixes type, sizes and places; [`FatPlan::build`] turns the same plan into an
//! extent map. Directories lie first, then the files, each without a gap, in the tree's order.
//!
//! What FAT cannot express: owners, modes and holes are dropped in silence (a hole reads as zeros).
//! Each name of a hard-linked file becomes a file of its own, with the same content. Times are UTC in
//! steps of two seconds, clamped to the years 1980 to 2107; an entry's time of change also serves as
//! that of its creation. Symbolic links, devices, pipes and sockets, names that are not UTF-8 or leave
//! the Basic Multilingual Plane, and names that differ in case only are errors.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the on-disk structures |
//! | `geometry` | type, cluster size and the places of the parts, by arithmetic |
//! | `contents` | the tree, checked and in the volume's order |
//! | `name` | long and short names, labels |
//! | `time` | times as FAT stores them |
//! | `plan` | [`FatPlan`] |
//! | `directory`, `build` | the bytes: directories; boot sectors, tables, the map |

mod build;
mod contents;
mod directory;
mod error;
mod geometry;
mod name;
mod plan;
pub mod spec;
mod time;

pub use error::FatError;
pub use geometry::FatType;
pub use plan::FatPlan;

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
    /// FAT16 by the number of clusters.
    pub fat_type: Option<FatType>,
    /// Bytes per sector: 512 or 4096.
    pub sector_size: u32,
    /// Sectors per cluster: a power of two; without it, by mkfs.fat's tables.
    pub sectors_per_cluster: Option<u32>,
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
            hidden_sectors: 0,
        }
    }
}
