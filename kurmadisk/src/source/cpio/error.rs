//! What can be wrong with a cpio archive.

use std::io;

use thiserror::Error;

use super::super::decompress::DecompressError;
use super::super::names::NameFault;
use crate::tree::TreeError;

/// No tree could be made of a cpio archive.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CpioError {
    /// The archive cannot be read.
    #[error("cannot read the cpio archive")]
    Read(#[source] io::Error),
    /// Something is wrong that belongs to no name.
    #[error("cpio archive, byte {offset}")]
    Archive {
        /// Where, in bytes.
        offset: u64,
        /// What is wrong there.
        source: CpioFault,
    },
    /// Something is wrong with a member.
    #[error("{path:?} in the cpio archive, byte {offset}")]
    Member {
        /// The member's name, as the archive has it.
        path: String,
        /// Where its header lies, in bytes.
        offset: u64,
        /// What is wrong with it.
        source: CpioFault,
    },
    /// Compressed data cannot be uncompressed.
    #[error("the compressed data at byte {offset} of the cpio archive")]
    Decompress {
        /// Where it begins, in bytes.
        offset: u64,
        /// What is wrong; it counts from there.
        source: DecompressError,
    },
    /// Something is wrong in compressed data.
    #[error("in the {format} data at byte {offset} of the cpio archive")]
    Compressed {
        /// The name of the compression.
        format: &'static str,
        /// Where it begins, in bytes.
        offset: u64,
        /// What is wrong; it counts in the uncompressed data.
        source: Box<CpioError>,
    },
}

/// What is wrong in a cpio archive.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CpioFault {
    /// There is no archive at all.
    #[error("there is nothing but zeros; an empty archive would have its \"TRAILER!!!\"")]
    Empty,
    /// Neither header nor compressed data.
    #[error(
        "no cpio header: it begins with none of \"070701\", \"070702\" and \"070707\"; the archive is damaged or no cpio archive"
    )]
    Magic,
    /// Data of a format that cannot be read.
    #[error("this is {format} data, which cannot be read here; unpack it and give what is in it")]
    Format {
        /// What it is.
        format: &'static str,
    },
    /// More compressed pieces than any honest archive has.
    #[error("more than {limit} compressed pieces; join the archives before they are compressed")]
    Pieces {
        /// The most that are read.
        limit: usize,
    },
    /// The archive ends in the middle of something.
    #[error("the archive ends here, in the middle of {what}; it is incomplete, get it again")]
    Truncated {
        /// Of what.
        what: &'static str,
    },
    /// The archive ends without its trailer.
    #[error("the archive ends here without its \"TRAILER!!!\"; it is incomplete, get it again")]
    NoTrailer,
    /// A field that should be a number is none.
    #[error("the header's field {field} is no number")]
    Number {
        /// The field's name.
        field: &'static str,
    },
    /// The name's length can't be one.
    #[error("the name has {len} bytes with its NUL; Linux takes paths of 2 to {limit}")]
    NameLength {
        /// The length in bytes.
        len: u64,
        /// The longest in bytes.
        limit: u64,
    },
    /// The name does not end.
    #[error("the name does not end with a NUL")]
    NameEnd,
    /// The name can't be placed.
    #[error(transparent)]
    Name(#[from] NameFault),
    /// A mode without a known type.
    #[error("its mode {mode:#o} has no file type that is known")]
    Mode {
        /// The mode.
        mode: u32,
    },
    /// The root directory is something else.
    #[error("it would replace the root directory by something else")]
    Root,
    /// A name is there twice.
    #[error("the name occurs before in the same archive; one of the two would be lost")]
    Duplicate,
    /// Something else would replace a directory.
    #[error(
        "an earlier archive has a directory of that name with something in it; nothing else can take its place"
    )]
    Directory,
    /// Names of one file bring contents of different lengths.
    #[error(
        "it is a hard link (inode {ino}) and has {len} bytes, another name of the same file {other}; one of the two would be lost"
    )]
    LinkContent {
        /// The file's number in the archive.
        ino: u32,
        /// The length in bytes.
        len: u64,
        /// The other name's length in bytes.
        other: u64,
    },
    /// A symbolic link's target can't be one.
    #[error(
        "it is a symbolic link with a target of {len} bytes, or one with a NUL in it; Linux takes 1 to {limit} bytes"
    )]
    SymlinkTarget {
        /// The target's length in bytes.
        len: u64,
        /// The longest in bytes.
        limit: u64,
    },
    /// The sum of the content is wrong.
    #[error(
        "its content has the sum {found:#010x}, while the header says {expected:#010x}; the archive is damaged, get it again"
    )]
    Sum {
        /// What the header says.
        expected: u32,
        /// What the content has.
        found: u32,
    },
    /// The tree can't take it.
    #[error(transparent)]
    Tree(#[from] TreeError),
}
