//! Partition tables on disk: written from a [`DiskLayout`], and read back into one.
//!
//! Writing is plain structures with explicit byte order (`spec`) in a [`DiskMap`]. Reading goes through
//! the `gpt` and `mbrman` crates, so what one implementation wrote another one reads; everything
//! those crates would trust in a header is checked before they see it. Only the feature `inspect`
//! brings reading, and those crates.
//!
//! | file | holds |
//! |---|---|
//! | `gpt/spec` | header and entry of a GPT |
//! | `gpt/build` | both copies of a GPT, and its protective or hybrid MBR |
//! | `gpt/rewrite` | both copies changed in place |
//! | `gpt/read` | both copies read, checked, and one of them taken |
//! | `mbr/spec` | the boot record, its four entries, CHS addresses |
//! | `mbr/build` | the MBR and the chain of extended boot records |
//! | `mbr/read` | the same, read back |
//! | [`grow`](mod@grow) | a table for a larger disk |
//! | `read` | which kind of table and which sector size a disk has |
//! | `error` | [`TableError`], and the [`TableProblem`]s of a table that can still be used |

mod error;
mod gpt;
#[cfg(feature = "inspect")]
pub mod grow;
mod mbr;
#[cfg(feature = "inspect")]
mod read;

use kurmadisk_formats::map::DiskMap;

pub use error::{ChainFault, CopyFault, GptCopyName, TableError, TableProblem};
#[cfg(feature = "inspect")]
pub(crate) use gpt::set_attributes;
pub use mbr::BOOT_CODE_LEN;
#[cfg(feature = "inspect")]
pub use read::{PartitionTable, read, read_with_sector_size};

use crate::layout::{DiskLayout, Scheme};

/// The table of `layout` as a map of the whole disk's length: nothing but the table has content.
///
/// `boot_code` goes to the disk's first bytes, at most [`BOOT_CODE_LEN`] of them.
///
/// Fails when the layout breaks a rule ([`DiskLayout::check`]) or the boot code is too long.
pub fn build(layout: &DiskLayout, boot_code: Option<&[u8]>) -> Result<DiskMap, TableError> {
    layout.check()?;
    let mut map = DiskMap::new(layout.len_bytes());
    let boot_code = boot_code.unwrap_or_default();
    match &layout.scheme {
        Scheme::Gpt(scheme) => gpt::build(layout, scheme, boot_code, &mut map)?,
        Scheme::Mbr(scheme) => mbr::build(layout, scheme, boot_code, &mut map)?,
    }
    Ok(map)
}
