//! Larger disks: the table of a disk that has grown, and its last partition with it.
//!
//! A table is not made anew but changed where it has to, so whatever else others put into it stays. [`grow`] gives
//! the changes as a list of [`DiskWrite`]s. Done in this order, each on the disk before the next begins, a power cut at
//! any point leaves a table that can be used; doing it all again then completes it.
//!
//! For a GPT the order is: the backup at the disk's new end, which nobody refers to yet; the primary entries and
//! their header, while the new backup vouches for the same; the MBR's protective entry; and at last the old backup's
//! signature goes.
//!
//! | file | holds |
//! |---|---|
//! | `gpt` | both copies of a GPT |
//! | `mbr` | the boot record, protective or plain |

mod gpt;
mod mbr;

use std::fs::File;
use std::io;
use std::ops::Range;

use kurmadisk_formats::error::MapError;
use kurmadisk_formats::map::{DiskMap, Extent};
use kurmadisk_formats::read_at::ReadAt;
use kurmadisk_formats::write_at::{DiskWrite, write_in_order};
use thiserror::Error;

use super::{TableError, TableProblem, read};
use crate::layout::{DiskLayout, PlacedPartition, Scheme, Size};

/// Partitions end at a multiple of this.
const ALIGNMENT: Size = Size::Bytes(1 << 20);

/// What makes a disk's table that of a larger disk.
#[derive(Clone, Debug)]
pub struct Growth {
    /// The disk's new length in bytes.
    pub len: u64,
    /// The writes, in the order that keeps a table at every moment; none that changes nothing.
    pub writes: Vec<DiskWrite>,
    /// The partition that grows, as it was.
    pub partition: PlacedPartition,
    /// Its new length in sectors.
    pub sectors: u64,
    /// Bytes of a sector.
    pub sector_size: u64,
}

/// A disk cannot grow.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GrowError {
    /// Its table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Its table is not sound.
    #[error("{0}; repair the table first, by `sgdisk` or `sfdisk`")]
    Problem(TableProblem),
    /// It would shrink.
    #[error("the disk has {old} bytes, and {new} are fewer; nothing is made smaller here")]
    Smaller {
        /// Its length.
        old: u64,
        /// What was asked for.
        new: u64,
    },
    /// The length is no whole number of sectors.
    #[error("{len} bytes are no whole number of the disk's sectors of {sector} bytes")]
    Sectors {
        /// What was asked for.
        len: u64,
        /// Bytes of a sector.
        sector: u64,
    },
    /// There is no partition to grow.
    #[error("the disk has no partition")]
    NoPartition,
    /// The partition that was named is not there, or more than once.
    #[error("{found} partitions are called {name:?}; give the number of one")]
    Unknown {
        /// The label or number.
        name: String,
        /// How many have it.
        found: usize,
    },
    /// The partition cannot grow.
    #[error("partition {number} cannot grow: {reason}")]
    Partition {
        /// Its number.
        number: u32,
        /// Why.
        reason: String,
    },
    /// The table has something that is not changed here.
    #[error("the table is not changed: {0}")]
    Unsupported(&'static str),
}

/// The table of `disk`, sound or left behind by a growth that was cut off, for a disk of `len` bytes, whose last partition (or that of this label or number, which must be
/// the last one) ends where the disk does.
pub fn grow(disk: &dyn ReadAt, len: u64, partition: Option<&str>) -> Result<Growth, GrowError> {
    if len < disk.len() {
        let old = disk.len();
        return Err(GrowError::Smaller { old, new: len });
    }
    let table = read(disk)?;
    let layout = &table.layout;
    let sector = layout.sector_size.bytes();
    if !len.is_multiple_of(sector) {
        return Err(GrowError::Sectors { len, sector });
    }
    let growing = choose(layout, partition)?;
    for problem in &table.problems {
        let unfinished = match problem {
            TableProblem::BackupMisplaced { .. }
            | TableProblem::CopiesDiffer
            | TableProblem::Copy { .. } => true,
            TableProblem::HybridUnmatched { slot } => mbr::starts(disk, *slot)? == growing.first.0,
            _ => false,
        };
        if !unfinished {
            return Err(GrowError::Problem(problem.clone()));
        }
    }
    let larger = DiskLayout {
        sectors: len / sector,
        ..layout.clone()
    };
    let sectors = new_sectors(&larger, growing);
    let change = Change {
        disk,
        layout,
        partition: growing,
        sectors,
        disk_sectors: larger.sectors,
    };
    let mut writes = match &layout.scheme {
        Scheme::Gpt(scheme) => gpt::writes(&change, scheme)?,
        Scheme::Mbr(scheme) => mbr::plain(&change, scheme)?,
    };
    // Copies may differ if the new backup is complete; else nobody knows which of them counts.
    let differ = table.problems.contains(&TableProblem::CopiesDiffer);
    if differ && !writes.iter().take(2).all(|write| is_there(disk, write)) {
        return Err(GrowError::Problem(TableProblem::CopiesDiffer));
    }
    writes.retain(|write| !is_there(disk, write));
    Ok(Growth {
        len,
        writes,
        partition: growing.clone(),
        sectors,
        sector_size: sector,
    })
}

/// What is to change.
struct Change<'a> {
    disk: &'a dyn ReadAt,
    layout: &'a DiskLayout,
    partition: &'a PlacedPartition,
    /// The partition's new length.
    sectors: u64,
    /// The disk's.
    disk_sectors: u64,
}

/// The partition that is wanted, or the last one; nothing lies behind it.
fn choose<'a>(
    layout: &'a DiskLayout,
    wanted: Option<&str>,
) -> Result<&'a PlacedPartition, GrowError> {
    let last = layout.partitions.iter().max_by_key(|each| each.end());
    let last = last.ok_or(GrowError::NoPartition)?;
    let Some(wanted) = wanted else {
        return Ok(last);
    };
    let called = layout
        .partitions
        .iter()
        .filter(|each| each.label == wanted || each.number.to_string() == wanted);
    let called: Vec<_> = called.collect();
    let [found] = called.as_slice() else {
        return Err(GrowError::Unknown {
            name: wanted.to_owned(),
            found: called.len(),
        });
    };
    if found.number == last.number {
        Ok(last)
    } else {
        Err(GrowError::Partition {
            number: found.number,
            reason: format!("partition {} lies behind it", last.number),
        })
    }
}

/// The length of a partition that ends where the disk's room does, at a multiple of the alignment; never less than
/// it has.
fn new_sectors(larger: &DiskLayout, partition: &PlacedPartition) -> u64 {
    let alignment = ALIGNMENT.sectors(larger.sector_size).max(1);
    let limit = match larger.scheme {
        Scheme::Gpt(_) => larger.usable_end().0,
        // An MBR says both begin and length in 32 bits.
        Scheme::Mbr(_) => larger.sectors.min(u64::from(u32::MAX)),
    };
    let end = limit / alignment * alignment;
    end.saturating_sub(partition.first.0).max(partition.sectors)
}

/// Whether the disk has these bytes there already.
fn is_there(disk: &dyn ReadAt, write: &DiskWrite) -> bool {
    let mut found = vec![0; write.bytes.len()];
    disk.read_exact_at(write.offset, &mut found).is_ok() && found == write.bytes
}

impl Growth {
    /// Makes the file larger, if it is one, and does the writes, each on the disk before the next.
    pub fn perform(&self, file: &File) -> io::Result<()> {
        let data = file.metadata()?;
        if data.is_file() && data.len() < self.len {
            file.set_len(self.len)?;
            file.sync_all()?;
        }
        write_in_order(file, &self.writes)
    }

    /// The grown disk as a map, `disk` being that of the old one.
    pub fn apply(&self, disk: &DiskMap) -> Result<DiskMap, MapError> {
        let mut map = DiskMap::new(self.len);
        let mut writes: Vec<_> = self.writes.iter().collect();
        writes.sort_by_key(|write| write.offset);
        let mut next = 0;
        for write in writes {
            copy(&mut map, disk, next..write.offset)?;
            map.insert_bytes(write.offset, write.bytes.clone())?;
            next = write.offset + write.bytes.len() as u64;
        }
        copy(&mut map, disk, next..disk.len())?;
        Ok(map)
    }
}

fn copy(map: &mut DiskMap, disk: &DiskMap, range: Range<u64>) -> Result<(), MapError> {
    let pieces: Vec<Extent> = disk.pieces(range).collect();
    pieces.into_iter().try_for_each(|piece| map.insert(piece))
}
