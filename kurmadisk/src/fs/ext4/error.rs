//! What can be wrong with a filesystem that is asked for.

use kurmadisk_formats::error::MapError;
use thiserror::Error;

use super::features::FeatureError;

/// A filesystem cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Ext4Error {
    /// The filesystem is too small for its tree.
    #[error(
        "the filesystem has {blocks} blocks of {block_size} bytes and its content and tables need {needed}: \
         {} more; give it at least {} bytes, or \"auto\"",
        needed.saturating_sub(*blocks), needed.saturating_mul(u64::from(*block_size))
    )]
    TooSmall {
        /// Blocks it has.
        blocks: u64,
        /// Bytes in a block.
        block_size: u32,
        /// The smallest number of blocks that would do.
        needed: u64,
    },
    /// The filesystem has more blocks or inodes than its structures can count.
    #[error("a filesystem of {blocks} blocks is larger than this layout of ext4 can be")]
    TooLarge {
        /// Blocks asked for.
        blocks: u64,
    },
    /// Fewer inodes were asked for than the tree needs.
    #[error(
        "{given} inodes were asked for and the tree needs {needed}{}: {} more; ask for as many, or \
         for none",
        and_free(*free), (needed + free).saturating_sub(*given)
    )]
    Inodes {
        /// Inodes asked for.
        given: u64,
        /// Inodes the tree needs, those for the filesystem's own use included.
        needed: u64,
        /// Inodes that shall be free.
        free: u64,
    },
    /// Mount options that do not fit.
    #[error(
        "the mount options {options:?} have {} bytes; ext4 has room for 63, without control characters",
        options.len()
    )]
    MountOptions {
        /// The options.
        options: String,
    },
    /// Features can't be as asked for.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// A label that does not fit.
    #[error(
        "the label {label:?} has {} bytes; ext4 has room for 16, without control characters",
        label.len()
    )]
    Label {
        /// The label.
        label: String,
    },
    /// An option's value is out of its range.
    #[error("{field} is {value}; it must be {range}")]
    Option {
        /// The option.
        field: &'static str,
        /// Its value.
        value: u64,
        /// What it may be.
        range: &'static str,
    },
    /// The time the filesystem is said to be made at cannot be expressed.
    #[error(
        "the filesystem's time, {seconds} s and {nanos} ns, is none: seconds are of the years \
         {years}, nanoseconds less than 1000000000"
    )]
    Time {
        /// The years an inode can express.
        years: &'static str,
        /// Seconds since 1970.
        seconds: i64,
        /// Nanoseconds within the second.
        nanos: u32,
    },
    /// An entry of the tree cannot be expressed.
    #[error("{path}: {reason}")]
    Entry {
        /// The path in the tree.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The parts of the filesystem collide: a fault of the plan.
    #[error("the parts of the filesystem do not fit together")]
    Map(#[from] MapError),
}

fn and_free(free: u64) -> String {
    match free {
        0 => String::new(),
        free => format!(", and {free} shall be free"),
    }
}
