//! Images brought up to date: only what changed since the last build is written, and the file is, byte for byte, what
//! a whole build would have made.
//!
//! An image whose places are decided by the map alone is a map itself: its structures in memory, the disk's stretches
//! by reference. Beside the image lies a record of that map, its *plan*: which bytes lie where, each stretch with an
//! identity. What has the same identity at the same place stays; of the rest, the blocks that differ are written.
//!
//! The image is changed in a copy by reference, which takes its name when it is complete, or in place: then the plan is
//! gone before the first byte changes, so whatever stops that leaves an image that is made as a whole next time.
//!
//! | file | holds |
//! |---|---|
//! | `file_map` | an image's file as a map |
//! | `pieces` | stretches of it and their identities; what two maps differ in |
//! | `record` | the plan's file |
//! | `change` | a file's bytes changed to another map's |
//! | `bmap` | block maps as bmaptool reads them |
//! | `build` | both ways to an image, joined |
//! | `error` | [`UpdateError`] |

mod bmap;
mod build;
mod change;
mod error;
mod file_map;
mod pieces;
mod record;
#[cfg(all(
    test,
    feature = "vdi",
    feature = "vhd",
    feature = "vhdx",
    feature = "vmdk-stream",
    feature = "qcow2-compressed"
))]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use build::write;
pub use error::UpdateError;

/// How an image is written.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Options {
    /// Take what the last build left, if its plan is there and tells of this very file.
    pub update: bool,
    /// Change the file where it is, rather than in a copy by reference.
    pub in_place: bool,
    /// Leave a plan for the next update; an update always does.
    pub save_plan: bool,
    /// Write a block map: of what changed for an update, else of all that is there.
    pub bmap: bool,
    /// The time since 1970 when the build began. Files that changed right before are not taken for the same next
    /// time: a further change could leave the same time.
    pub now: Duration,
}

impl Options {
    fn leaves_plan(&self) -> bool {
        self.update || self.save_plan
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Bytes written into the image.
    pub written: u64,
    /// Bytes that became holes.
    pub cleared: u64,
    /// How the image came to be.
    pub way: Way,
}

/// How an image came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// As a whole, and why.
    Whole(Whole),
    /// By changes to a copy by reference.
    Copy,
    /// By changes in place.
    InPlace,
}

/// Why an image was made as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Nothing else was asked for.
    Asked,
    /// There is no plan of it.
    NoPlan,
    /// The plan can't be used.
    Damaged(String),
    /// The image is not the one that the plan tells of: it was changed, replaced or removed.
    OtherImage,
}

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("no update was asked for"),
            Self::NoPlan => f.write_str("there was no plan of an earlier build"),
            Self::Damaged(reason) => write!(f, "the plan could not be used: {reason}"),
            Self::OtherImage => f.write_str("the image was not the one that the plan tells of"),
        }
    }
}

/// Where the plan of the image at `path` lies.
#[must_use]
pub fn plan_path(path: &Path) -> PathBuf {
    with_ending(path, ".plan")
}

/// Where the block map of the image at `path` lies.
#[must_use]
pub fn bmap_path(path: &Path) -> PathBuf {
    with_ending(path, ".bmap")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}
