//! VDI: disk images of VirtualBox.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the header as it lies in the file |
//! | `place` | which block lies where, and the header and block map that say so |
//! | `read` | opening such a file again |

mod place;
mod read;
mod spec;

pub(crate) use read::open;

use crate::format::{Format, Writer};

/// Dynamic VDI: blocks in the order of the disk, those that nothing touches left out.
pub(crate) const FORMAT: Format = Format {
    name: spec::NAME,
    extension: "vdi",
    writer: Writer::Placed(place::place),
};
