//! Archives as places for images: what is written into a member goes on into the archive's own place, which may
//! be a file, or a compressor before one.
//!
//! | module | holds |
//! |---|---|
//! | `tar` | tar archives, with members that are sparse, or whose size is known at their end only |
//! | `tree` | trees as tar archives: maps of headers, with content where it lies |
//! | `zip` | zip archives, written strictly forward |
//! | `deflate` | deflated streams, by several threads |
//! | `sequence` | a place as a writer |
//! | `sparse` | a disk's data without its holes |
//!
//! Members are written one after another. Their times are the caller's, their owner is root, so the same members
//! give the same bytes.

mod deflate;
mod sequence;
mod sparse;
mod tar;
mod tree;
mod zip;

use std::io;

pub use deflate::Packing;
pub use sparse::data_stretches;
pub use tar::{Room, SparseMember, Tar, TarMember};
pub use tree::{TreeTar, TreeTarError};
pub use zip::{Zip, ZipMember};

/// An archive can't hold what it was given.
pub(super) fn fault(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message.into())
}
