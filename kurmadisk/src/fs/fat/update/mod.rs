//! Files of a FAT12, FAT16 or FAT32 volume replaced in place, anybody's volume.
//!
//! [`FatUpdate::plan`] reads the volume and decides on everything, [`FatUpdate::perform`] writes. A power cut at any
//! point leaves each file as it was or as it shall be, for the order is: content into free clusters; the table's
//! entries for these; the directory's entry, in one sector, which is the moment when the new file counts; the old
//! clusters freed. What is written next is flushed before. At worst clusters are left that belong to nothing: the
//! next update finds and frees them first, as it does with what others lost.
//!
//! Where old and new files have no room beside one another, those that are replaced may be emptied first
//! ([`OldFiles`]).
//!
//! The mark of a volume in use is not set meanwhile, for nothing would have to be repaired. A volume that has it is
//! refused, and so is one whose directories or chains are damaged: what is free cannot be told then.
//!
//! | file | holds |
//! |---|---|
//! | `plan` | the order of everything |
//! | `table` | the table of clusters, in memory |
//! | `directory` | directories, in memory |
//! | `walk` | which clusters belong to something |
//! | `info` | `FSInfo` |
//! | `steps` | what is written, and when it is flushed |
//! | `error` | [`FatUpdateError`] |

mod directory;
mod error;
mod info;
mod plan;
mod steps;
mod table;
mod walk;

use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;
use kurmadisk_formats::write_at::WriteAt;

pub use error::FatUpdateError;
use plan::{Opened, Planner};
use steps::Steps;

use crate::tree::Timestamp;

/// What becomes of a file.
#[derive(Clone, Debug)]
pub struct FileChange<'a> {
    /// Its name in its directory; case does not matter.
    pub name: &'a str,
    /// What it shall be, whether it is there or not; none to remove it.
    pub content: Option<NewContent<'a>>,
}

/// What a file shall be.
#[derive(Clone, Copy, Debug)]
pub struct NewContent<'a> {
    /// Its bytes.
    pub bytes: &'a DiskMap,
    /// The time of its last change.
    pub time: Timestamp,
}

/// What may become of the files that are replaced while the new ones are not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldFiles {
    /// They stay until the new ones count.
    Stay,
    /// They are emptied first when there is no room for both.
    MayGoFirst,
}

/// An update of a volume, ready to be written.
#[derive(Debug)]
pub struct FatUpdate<'a> {
    steps: Steps<'a>,
}

impl<'a> FatUpdate<'a> {
    /// Plans to change files of the directory `folder` of the root, which is made if it is missing.
    ///
    /// Fails when that cannot be done; nothing was written then.
    pub fn plan(
        volume: &dyn ReadAt,
        folder: &str,
        changes: &'a [FileChange<'a>],
        old: OldFiles,
    ) -> Result<Self, FatUpdateError> {
        let opened = Opened::new(volume)?;
        let planned = match Planner::new(&opened).run(folder, changes, false) {
            Err(FatUpdateError::Full { .. }) if old == OldFiles::MayGoFirst => {
                Planner::new(&opened).run(folder, changes, true)
            }
            planned => planned,
        };
        Ok(Self { steps: planned? })
    }

    /// Writes to the volume that begins at byte `start` of the disk.
    ///
    /// The volume must be what it was when this was planned. After a failure all files are as they were, emptied, or
    /// as they shall be.
    pub fn perform(&self, disk: &dyn WriteAt, start: u64) -> Result<(), FatUpdateError> {
        self.steps.perform(disk, start)
    }
}
