//! VHD: virtual hard disks of Virtual PC, Hyper-V and Azure.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | footer and dynamic header as they lie in the file, and their checksums |
//! | `footer` | the footer of a disk |
//! | `place` | which block lies where, with header and allocation table; the fixed disk |
//! | `read` | opening either again |
//! | `blocks` | reading a dynamic disk, whose blocks tell which sectors they hold |
//! | `lint` | what platforms refuse of such files |

mod blocks;
mod footer;
pub(crate) mod lint;
mod place;
mod read;
mod spec;

pub(crate) use read::open;

use crate::format::{Format, Tunes, Writer};

/// Dynamic VHD: blocks in the order of the disk, those that nothing touches left out.
pub(crate) const DYNAMIC: Format = Format {
    name: spec::NAME,
    extension: "vhd",
    tunes: Tunes::NOTHING,
    writer: Writer::Placed(place::dynamic),
};

/// Fixed VHD: the disk itself, and a footer behind it.
pub(crate) const FIXED: Format = Format {
    name: spec::FIXED_NAME,
    extension: "vhd",
    tunes: Tunes::NOTHING,
    writer: Writer::Placed(place::fixed),
};
