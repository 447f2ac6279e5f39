//! VMDK: virtual disks of VMware.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | header and markers as they lie in the file |
//! | `descriptor` | the text that describes the disk |
//! | `sparse` | monolithicSparse: which grain lies where |
//! | `split` | monolithicFlat and twoGbMaxExtentSparse: which file holds what |
//! | `stream` | streamOptimized: compressed grains, tables behind them |
//! | `grains` | compressing the grains of a disk, in several threads |
//! | `read` | opening either again |
//! | `extent` | the lines of a descriptor that say where a stretch of the disk lies |
//! | `joined` | opening a disk that lies in several files |
//! | `inflate` | reading compressed grains |
//! | `lint` | what platforms refuse of such files |

mod descriptor;
mod extent;
#[cfg(feature = "vmdk-stream")]
mod grains;
#[cfg(feature = "vmdk-stream")]
mod inflate;
mod joined;
pub(crate) mod lint;
mod read;
mod sparse;
mod spec;
mod split;
#[cfg(feature = "vmdk-stream")]
mod stream;

pub(crate) use joined::open_descriptor;
pub(crate) use read::open;

use crate::format::{Format, Tunes, Writer};

/// monolithicSparse: grains in the order of the disk, those that nothing touches left out.
pub(crate) const SPARSE: Format = Format {
    name: spec::NAME,
    extension: "vmdk",
    tunes: Tunes::ADAPTER,
    writer: Writer::Placed(sparse::place),
};

/// streamOptimized: compressed, and grains of zeros left out.
#[cfg(feature = "vmdk-stream")]
pub(crate) const STREAM: Format = Format {
    name: spec::STREAM_NAME,
    extension: "vmdk",
    tunes: Tunes::ADAPTER.and_level(1, 9),
    writer: Writer::Streamed {
        at_most: stream::at_most,
        begin: stream::begin,
        forward: true,
    },
};

/// monolithicFlat: the descriptor, and the disk itself in a file beside it.
pub(crate) const FLAT: Format = Format {
    name: spec::FLAT_NAME,
    extension: "vmdk",
    tunes: Tunes::ADAPTER,
    writer: Writer::Parts(split::flat),
};

/// twoGbMaxExtentSparse: the descriptor, and grains in files of 2047 MiB of the disk each.
pub(crate) const SPLIT: Format = Format {
    name: spec::SPLIT_NAME,
    extension: "vmdk",
    tunes: Tunes::ADAPTER,
    writer: Writer::Parts(split::split),
};
