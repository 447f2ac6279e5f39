//! What can be wrong with a volume that is read.

use std::io;

use thiserror::Error;

use crate::tree::TreeError;

/// No tree could be made of a volume.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FatReadError {
    /// It cannot be read.
    #[error("cannot read the FAT volume")]
    Read(#[from] io::Error),
    /// It is none.
    #[error("this is no FAT volume: its first sector is no boot sector of one")]
    NotFat,
    /// Its boot sector can't be one.
    #[error("damaged FAT volume: {reason}; run `fsck.fat` on it, or on a copy")]
    Boot {
        /// What is wrong.
        reason: String,
    },
    /// It was not unmounted.
    #[error(
        "the FAT volume is in use, or was not unmounted cleanly; run `fsck.fat -a` on it, or on a copy"
    )]
    Unclean,
    /// Something is wrong at a path.
    #[error("{path} in the FAT volume")]
    Entry {
        /// The path, from `/`.
        path: String,
        /// What is wrong with it.
        source: FatFault,
    },
}

/// What is wrong with something on a volume.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FatFault {
    /// It cannot be read.
    #[error("cannot be read")]
    Read(#[from] io::Error),
    /// It lies in a cluster that is none.
    #[error("cluster {cluster} does not exist; run `fsck.fat` on the volume")]
    Range {
        /// The cluster.
        cluster: u32,
    },
    /// A cluster belongs to two entries, or twice to one: its chain may be a loop.
    #[error("cluster {cluster} is in use twice; run `fsck.fat` on the volume")]
    Twice {
        /// The cluster.
        cluster: u64,
    },
    /// A chain leads to a cluster that is free or bad.
    #[error("cluster {cluster}, in its chain, is {what}; run `fsck.fat` on the volume")]
    Chain {
        /// The cluster.
        cluster: u32,
        /// What the table says of it.
        what: &'static str,
    },
    /// A chain ends before the content does.
    #[error("its chain of clusters ends before its {size} bytes do; run `fsck.fat` on the volume")]
    Short {
        /// The content's length.
        size: u32,
    },
    /// A directory is longer than it may be.
    #[error("the directory has more than {most} entries; run `fsck.fat` on the volume")]
    Long {
        /// The most.
        most: u32,
    },
    /// It lies deeper than any path leads.
    #[error(
        "its path has {len} bytes; Linux takes paths of up to {limit}: mount the volume and move it up"
    )]
    LongPath {
        /// The path's length in bytes.
        len: usize,
        /// The longest path in bytes.
        limit: usize,
    },
    /// A long name that is no Unicode.
    #[error("its long name is no UTF-16: it has half of a surrogate pair; give it another name")]
    Name,
    /// It does not fit into a tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
}
