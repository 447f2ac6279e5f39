//! What can keep a volume from being changed.

use std::io;

use thiserror::Error;

use crate::fs::fat::FatReadError;

/// The files of a FAT volume cannot be replaced. Sizes are in bytes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FatUpdateError {
    /// The volume cannot be read, or something is wrong with it.
    #[error(transparent)]
    Volume(#[from] FatReadError),
    /// It is larger than what is changed here.
    #[error("the FAT volume has {clusters} clusters, more than the {most} that are changed here")]
    TooLarge {
        /// Its clusters.
        clusters: u64,
        /// The most.
        most: u64,
    },
    /// It has too little room.
    #[error(
        "the new files need {needed} bytes of the FAT volume, and {free} are free{}; remove files from it, or give \
         smaller ones",
        if *without_old { ", the files that are replaced not counted" } else { " beside the old ones" }
    )]
    Full {
        /// What is needed, in whole clusters.
        needed: u64,
        /// What is free.
        free: u64,
        /// Whether that is what is free without the files that are replaced.
        without_old: bool,
    },
    /// A directory cannot have more entries.
    #[error("directory /{directory} of the FAT volume is full; remove files from it")]
    DirectoryFull {
        /// Its name; empty for the root.
        directory: String,
    },
    /// A name that FAT cannot store.
    #[error("{name:?}: {problem}; give another name")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file is a directory, or the other way round.
    #[error("{path} of the FAT volume is {found}, and a {wanted} belongs there; remove it")]
    Kind {
        /// The path.
        path: String,
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// A file longer than the 32 bits of its size field.
    #[error("{name} would have {len} bytes, and FAT holds files of at most 4294967295")]
    FileTooLarge {
        /// The file.
        name: String,
        /// Its length.
        len: u64,
    },
    /// The content of a new file cannot be read.
    #[error("the new content of {name} cannot be read")]
    Content {
        /// The file.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The volume cannot be written to.
    #[error("cannot write to the FAT volume")]
    Write(#[source] io::Error),
}
