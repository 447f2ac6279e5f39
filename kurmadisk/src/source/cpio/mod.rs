//! Trees from cpio archives: newc and crc, as initial RAM filesystems have them, and odc.
//!
//! Only headers are read. A file's content is a slice of the archive's map.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | headers as they lie in the archive |
//! | `members` | members one after the other |
//! | `place` | members put into a tree |
//! | `error` | [`CpioError`], [`CpioFault`] |

mod error;
mod members;
mod place;
mod spec;

use kurmadisk_formats::map::DiskMap;

use super::decompress::{self, Leading};
use super::known::known_format;
use super::scratch::Scratch;
use crate::tree::{Metadata, Tree};
use members::Members;
use place::Placer;
use spec::Format;

pub use error::{CpioError, CpioFault};

/// Each keeps its uncompressed copy open. What has a few is an initrd of several parts.
const MOST_PIECES: usize = 64;

/// Whether an archive whose first bytes are `start` (6 are enough) is a cpio archive that can be read.
#[must_use]
pub fn recognise(start: &[u8]) -> bool {
    start.get(..spec::MAGIC).and_then(Format::of).is_some()
}

/// Puts what `archive` holds into `tree`; content by reference.
///
/// Several archives may follow one another with zeros between them, and each may be compressed (as
/// [`decompressed`](super::decompress::decompressed) knows it; the copy goes where `scratch` says): an initrd with
/// the processor's microcode in front is such a file. What a later archive has replaces what earlier ones, and
/// `tree` before, have under that name, but a directory that is not empty; within one archive a name occurs
/// once, but directories, whose last entry counts. Hard links are names of one file within their archive.
///
/// Parents that the archive doesn't have are made, owned by root, with mode 0755 and the time of the first member
/// that needs them. Names are relative to the tree's root, with a leading `/` or without; one for `.` is the root
/// directory. Each archive must end with its trailer.
///
/// Fails with the member's name and where it lies; the tree then holds what came before. Nothing is ever put
/// through a symbolic link, nor outside the tree.
pub fn apply(archive: &DiskMap, tree: &mut Tree, scratch: &Scratch) -> Result<(), CpioError> {
    each_piece(archive, scratch, tree, &mut |_, _| {})
}

/// A part of an archive: an uncompressed archive, or compressed data with archives in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// The name of its compression.
    pub compression: Option<&'static str>,
    /// Its length in bytes when it is uncompressed.
    pub content: u64,
}

/// Each piece of an archive on its own, with the tree that it alone makes. They follow one another as
/// [`apply`] says, which fails where this does, and where pieces contradict one another.
pub fn pieces(archive: &DiskMap, scratch: &Scratch) -> Result<Vec<(Piece, Tree)>, CpioError> {
    let empty = || {
        Tree::with_implied_root(Metadata {
            mode: 0o755,
            ..Metadata::default()
        })
    };
    let mut found = Vec::new();
    let mut tree = empty();
    each_piece(archive, scratch, &mut tree, &mut |piece, tree| {
        found.push((piece, std::mem::replace(tree, empty())));
    })?;
    Ok(found)
}

/// Goes through the pieces of an archive, each put into `tree`, and tells `done` of it.
fn each_piece(
    archive: &DiskMap,
    scratch: &Scratch,
    tree: &mut Tree,
    done: &mut dyn FnMut(Piece, &mut Tree),
) -> Result<(), CpioError> {
    let mut members = Members::new(archive);
    let mut compressed_pieces = 0;
    let mut any = false;
    while let Some(offset) = members.skip_zeros()? {
        any = true;
        if members.at_header()? {
            one(&mut members, tree)?;
            let len = members.offset() - offset;
            let piece = Piece {
                offset,
                len,
                compression: None,
                content: len,
            };
            done(piece, tree);
            continue;
        }
        compressed_pieces += 1;
        if compressed_pieces > MOST_PIECES {
            let limit = MOST_PIECES;
            return Err(archive_fault(offset, CpioFault::Pieces { limit }));
        }
        let compressed = uncompressed(archive, offset, scratch)?;
        inside(&compressed.map, tree).map_err(|source| CpioError::Compressed {
            format: compressed.format,
            offset,
            source: Box::new(source),
        })?;
        members.skip(compressed.end);
        let piece = Piece {
            offset,
            len: compressed.end,
            compression: Some(compressed.format),
            content: compressed.map.len(),
        };
        done(piece, tree);
    }
    if !any {
        return Err(archive_fault(0, CpioFault::Empty));
    }
    members.close()
}

/// The archives in a compressed piece.
fn inside(archives: &DiskMap, tree: &mut Tree) -> Result<(), CpioError> {
    let mut members = Members::new(archives);
    let mut any = false;
    while members.skip_zeros()?.is_some() {
        any = true;
        one(&mut members, tree)?;
    }
    if !any {
        return Err(archive_fault(0, CpioFault::Empty));
    }
    members.close()
}

/// One archive, up to its trailer.
fn one(members: &mut Members<'_>, tree: &mut Tree) -> Result<(), CpioError> {
    let mut placer = Placer::new(tree);
    while let Some(member) = members.next()? {
        placer.place(&member, members)?;
    }
    Ok(())
}

fn uncompressed(archive: &DiskMap, offset: u64, scratch: &Scratch) -> Result<Leading, CpioError> {
    let rest = archive.slice(offset..archive.len());
    let leading = decompress::leading(&rest, scratch)
        .map_err(|source| CpioError::Decompress { offset, source })?;
    if let Some(leading) = leading {
        return Ok(leading);
    }
    let mut start = vec![0; usize::try_from(rest.len().min(8)).unwrap_or(8)];
    kurmadisk_formats::read_at::ReadAt::read_exact_at(&rest.reader(), 0, &mut start)
        .map_err(CpioError::Read)?;
    let fault =
        known_format(&start).map_or(CpioFault::Magic, |format| CpioFault::Format { format });
    Err(archive_fault(offset, fault))
}

fn archive_fault(offset: u64, source: CpioFault) -> CpioError {
    CpioError::Archive { offset, source }
}
