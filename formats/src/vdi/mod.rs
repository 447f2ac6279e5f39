//! VDI: disk images of VirtualBox.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the header as it lies in the file |
//! | `place` | which block lies where, and the header and block map that say so |
//! | `read` | opening such a file again |
//! | `lint` | what platforms refuse of such files |

pub(crate) mod lint;
mod place;
mod read;
mod spec;

pub use place::image_uuid;
pub(crate) use read::open;

use crate::format::{Format, Tunes, Writer};

/// Dynamic VDI: blocks in the order of the disk, those that nothing touches left out.
pub(crate) const DYNAMIC: Format = Format {
    name: spec::NAME,
    extension: "vdi",
    tunes: Tunes::NOTHING,
    writer: Writer::Placed(place::dynamic),
};

/// Fixed VDI: all blocks in the order of the disk, written whole, so that no write to it can lack room.
pub(crate) const FIXED: Format = Format {
    name: spec::NAME_FIXED,
    extension: "vdi",
    tunes: Tunes::NOTHING,
    writer: Writer::Filled(place::fixed),
};
