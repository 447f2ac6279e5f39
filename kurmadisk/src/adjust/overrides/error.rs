//! What can be wrong with overrides.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::adjust::glob::PatternError;
use crate::adjust::names::UnknownName;
use crate::place::Place;
use crate::tree::TreeError;

/// Overrides can't be read or applied.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OverrideError {
    /// The file can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An override is wrong.
    #[error("{place}: {fault}")]
    At {
        /// Where it is written.
        place: Place,
        /// What is wrong with it.
        fault: OverrideFault,
    },
}

/// What is wrong with an override.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OverrideFault {
    /// It is not TOML, or has a key or value that can't be.
    #[error("{reason}")]
    Syntax {
        /// What is wrong.
        reason: String,
    },
    /// A keyword of mtree that is unknown.
    #[error("{keyword:?} is no keyword of mtree that is known here; correct it, or leave it out")]
    Keyword {
        /// The keyword.
        keyword: String,
    },
    /// A keyword's value can't be one.
    #[error("{keyword}: {value:?} is no {expected}")]
    Value {
        /// The keyword.
        keyword: String,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A `\` in mtree with something behind it that means nothing.
    #[error("{text:?} has a \\ that begins none of the sequences of vis(3), such as \\040 and \\s")]
    Escape {
        /// The word.
        text: String,
    },
    /// A `\` at the end of the file.
    #[error(
        "the file ends in a continued line: none follows this \\; remove it, or give the whole file"
    )]
    Joined,
    /// More directories end than began.
    #[error(
        "\"..\" has no directory to leave; give an entry with type=dir for it, or remove the line"
    )]
    Above,
    /// A path leaves the tree.
    #[error("{path:?} has \"..\" in it; write the path from the root")]
    OutOfTree {
        /// The path.
        path: String,
    },
    /// The path or pattern is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Nothing in the tree is named so.
    #[error(
        "nothing in the tree is at {path:?}, or an override before removed it; correct the path, or say that it is optional"
    )]
    Unmatched {
        /// The path or pattern.
        path: String,
    },
    /// A name has no number.
    #[error(transparent)]
    Name(#[from] UnknownName),
    /// What is there is of another type.
    #[error("{path} is {found} and not {wanted}; correct the type, or remove the file before")]
    Type {
        /// The path.
        path: String,
        /// What it is.
        found: &'static str,
        /// What it was said to be.
        wanted: &'static str,
    },
    /// A node can't be made, nor a file become it, without what it consists of.
    #[error("{path} can't be made {what} without {missing}")]
    Incomplete {
        /// The path.
        path: String,
        /// What it should be.
        what: &'static str,
        /// What is missing.
        missing: &'static str,
    },
    /// A node can't be made without a folder.
    #[error(
        "{path} can't be made: the folder above it is not there; make it by an override before, of type dir"
    )]
    NoFolder {
        /// The path.
        path: String,
    },
    /// Something has no number of a device, or no target.
    #[error("{path} is {found}: it has no {key}; give the type too, or leave {key} out")]
    NotOfType {
        /// The path.
        path: String,
        /// What it is.
        found: &'static str,
        /// The key.
        key: &'static str,
    },
    /// Something has no capabilities.
    #[error("{path} is {found}, and only regular files have capabilities; name the file itself")]
    NotCapable {
        /// The path.
        path: String,
        /// What it is.
        found: &'static str,
    },
    /// Two keys say the same.
    #[error("{first} and {second} say the same; leave one of them out")]
    Twice {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// The root is to be removed.
    #[error("the root can't be removed; write \"/*\" for all that is in it")]
    RemovesRoot,
    /// What is removed is to be changed.
    #[error(
        "what is removed can't be changed; leave out remove, or everything else but path and optional"
    )]
    RemovedAndChanged,
    /// The tree can't be changed so.
    #[error(transparent)]
    Tree(#[from] TreeError),
}
