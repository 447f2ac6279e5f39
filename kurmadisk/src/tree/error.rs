//! What can be wrong with a tree.

use std::io;
use std::path::PathBuf;

use kurmadisk_formats::error::SourceError;
use thiserror::Error;

/// A tree could not be read or put together.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TreeError {
    /// A name no filesystem can hold.
    #[error(
        "{name:?} cannot be a file's name: it is empty, \".\", \"..\" or has a \"/\" or NUL in it"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// Two entries of a directory have one name.
    #[error("{name:?} is there already")]
    Taken {
        /// The name.
        name: String,
    },
    /// Something that is not a directory should get an entry.
    #[error("{name:?} lies below something that is not a directory")]
    NotADirectory {
        /// The name of the entry.
        name: String,
    },
    /// A directory is added with entries that no check has seen.
    #[error("{name:?} has entries already; add it empty, and then what is in it")]
    NotEmpty {
        /// The name of the directory.
        name: String,
    },
    /// A directory should get a second name.
    #[error("{name:?} would be a hard link to a directory")]
    DirectoryLink {
        /// The name of the link.
        name: String,
    },
    /// Something of the host cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the host cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A fault at a path of the tree.
    #[error("{}", path.display())]
    At {
        /// Where.
        path: PathBuf,
        /// What is wrong there.
        source: Box<TreeError>,
    },
}
