//! VHDX: virtual hard disks of Hyper-V.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | headers, region table, metadata and table entries as they lie in the file |
//! | `place` | which block lies where, and the structures that say so |
//! | `structures` | the structures of a file that is read, checked |
//! | `read` | opening such a file again |
//! | `lint` | what platforms refuse of such files |

pub(crate) mod lint;
mod place;
mod read;
mod spec;
mod structures;

pub(crate) use read::open;

use crate::format::{Format, Tunes, Writer};

/// Dynamic VHDX: blocks in the order of the disk, those that nothing touches left out.
pub(crate) const DYNAMIC: Format = Format {
    name: spec::NAME,
    extension: "vhdx",
    tunes: Tunes::NOTHING,
    writer: Writer::Placed(place::dynamic),
};

/// Fixed VHDX: all blocks.
pub(crate) const FIXED: Format = Format {
    name: spec::FIXED_NAME,
    extension: "vhdx",
    tunes: Tunes::NOTHING,
    writer: Writer::Placed(place::fixed),
};
