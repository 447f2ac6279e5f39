//! Why GRUB can't be put on a disk.

use std::io;
use std::path::PathBuf;

use kurmadisk_formats::error::SourceError;
use thiserror::Error;

/// GRUB's files cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GrubError {
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that goes to the disk cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file is not what GRUB installs there.
    #[error("{}: {problem}; is it GRUB's own, of version 2.02 or later?", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A module is not there.
    #[error("{} has no module {name:?}{}; install it, or name another one", folder.display(), needed_by(by.as_deref()))]
    NoModule {
        /// The platform's folder.
        folder: PathBuf,
        /// The module.
        name: String,
        /// The module that depends on it.
        by: Option<String>,
    },
    /// The core image does not fit where it must lie.
    #[error("GRUB's core image has {len} bytes, and {most} fit {place}; give it fewer modules")]
    TooLarge {
        /// Its length.
        len: u64,
        /// The room.
        most: u64,
        /// Where.
        place: &'static str,
    },
    /// GRUB would pass on something else.
    #[error(
        "{character:?} is in it, which GRUB passes on as something else; leave it out, or use another loader"
    )]
    CommandLine {
        /// The character.
        character: char,
    },
    /// GRUB puts the kernel's path in front, and leaves out what is too much.
    #[error(
        "with the kernel's path in front and a slot's name behind, as GRUB has them, it has {len} bytes, and the kernel \
         takes {most}; shorten it"
    )]
    CommandLineTooLong {
        /// Its length.
        len: usize,
        /// The most.
        most: usize,
    },
}

fn needed_by(by: Option<&str>) -> String {
    by.map_or_else(String::new, |by| format!(", which {by:?} depends on"))
}
