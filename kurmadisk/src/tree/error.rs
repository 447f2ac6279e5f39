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
    /// Something else stands where a directory is wanted.
    #[error("{path} is there and no directory; give another path, or leave it out of its tree")]
    InTheWay {
        /// Its path.
        path: String,
    },
    /// A symbolic link stands where a directory is wanted.
    #[error(
        "{path} is a symbolic link to {target:?}, and none is followed; give the path that it leads to"
    )]
    LinkOnTheWay {
        /// The link's path.
        path: String,
        /// Where it leads.
        target: String,
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
    /// A directory should become something else, or something else a directory.
    #[error(
        "{path} is to change between a folder and something else; remove it, and add what it shall be"
    )]
    DirectoryKind {
        /// The path.
        path: String,
    },
    /// A file in a directory that goes elsewhere has a name outside of it too.
    #[error(
        "{path} is a hard link of a file that also has a name outside of the directory, and goes to another filesystem; \
         copy it"
    )]
    LinkedOutside {
        /// The path.
        path: String,
    },
    /// A directory of one tree meets something else of another.
    #[error(
        "/{path} is a folder in one tree and something else in the other; leave it out of one of them"
    )]
    Mismatch {
        /// The path, without a leading `/`.
        path: String,
    },
    /// A directory of one tree meets a symbolic link of the one below.
    #[error(
        "{path} is a folder here and a symbolic link to {target:?} in the tree below; put it where the link leads, or \
         have links followed (follow-links)"
    )]
    LinkMeetsFolder {
        /// The path.
        path: String,
        /// Where the link leads.
        target: String,
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
