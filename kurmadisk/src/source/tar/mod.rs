//! Trees from tar archives: Seventh Edition, ustar, PAX, GNU (old and new), star.
//!
//! Only headers are read. A file's content is a slice of the archive's map, and a sparse file's one with holes
//! where the archive says so.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the header as it lies in the archive, and its numbers |
//! | `input` | the archive's blocks |
//! | `members` | headers put together to members |
//! | `pax` | extended headers |
//! | `sparse` | sparse files |
//! | `acl`, `flags` | access control lists and file flags from their text |
//! | `place` | members put into a tree |
//! | `stream` | headers as they are, of an archive read front to back |
//! | `whiteout` | what a layer takes away from those below it |
//! | `error` | [`TarError`], [`TarFault`] |

mod acl;
mod error;
mod flags;
mod input;
mod members;
mod pax;
mod place;
mod sparse;
pub(crate) mod spec;
#[cfg(feature = "verify")]
pub(crate) mod stream;
mod whiteout;

use kurmadisk_formats::map::DiskMap;
use zerocopy::FromBytes;

use crate::tree::Tree;
use members::{End, Members};
use place::Placer;

pub use error::{TarError, TarFault};

/// Bytes of a header.
pub(super) const HEADER_LEN: usize = size_of::<spec::Header>();

/// Whether `start`, the first bytes of something, is the header of a tar archive's first member.
///
/// An archive without members has none.
#[must_use]
pub fn recognise(start: &[u8]) -> bool {
    let header = spec::Header::ref_from_prefix(start);
    start.first() != Some(&0) && header.is_ok_and(|(header, _)| header.is_valid())
}

/// How an archive joins a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TarMode {
    /// A tree by itself: a name occurs once (but directories, whose last entry counts), names are relative,
    /// and the archive must say where it ends.
    Whole,
    /// A layer of a container image over those in the tree (OCI image specification, "Image Layer Filesystem
    /// Changeset"). What is there is replaced, but directories, which keep what is in them; whiteouts take away
    /// from the layers below, wherever they stand in the archive; names may begin with `/`.
    Layer,
}

/// Puts what `archive`, uncompressed, holds into `tree`; content by reference.
///
/// Parents that the archive doesn't have are made, owned by root, with mode 0755 and the time of the first member
/// that needs them. An entry for `./` is the root directory. Access control lists become what the kernel keeps:
/// `system.posix_acl_*`, and permission bits.
///
/// Fails with the member's name and where it lies; the tree then holds what came before. Nothing is ever put
/// through a symbolic link, nor outside the tree.
pub fn apply(archive: &DiskMap, tree: &mut Tree, mode: TarMode) -> Result<(), TarError> {
    let end = match mode {
        TarMode::Whole => End::Marked,
        TarMode::Layer => {
            whiteout::apply(archive, tree)?;
            End::Any
        }
    };
    let mut members = Members::new(archive, end);
    let mut placer = Placer::new(tree, mode);
    while let Some(member) = members.next()? {
        if let Err(error) = placer.place(&member) {
            return Err(place::explained(error, &member, members));
        }
    }
    members.close()
}
