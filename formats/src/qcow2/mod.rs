//! qcow2: disk images of QEMU.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the header as it lies in the file, and the bits of table entries |
//! | `layout` | header and tables of offsets and reference counts |
//! | `place` | uncompressed: which cluster lies where |
//! | `stream` | compressed: clusters as they come, tables behind them |
//! | `batch` | compressing the clusters of a disk, in several threads |
//! | `codec` | deflate and zstd, for one cluster |
//! | `pack` | where compressed clusters and whole ones go |
//! | `read` | opening such a file again |
//! | `clusters` | reading a disk whose clusters are partly compressed |
//! | `lint` | what platforms refuse of such files |
//!
//! The format knows no identifier: two images of one disk are the same bytes.

#[cfg(feature = "qcow2-compressed")]
mod batch;
#[cfg(feature = "qcow2-compressed")]
mod clusters;
#[cfg(feature = "qcow2-compressed")]
mod codec;
mod layout;
pub(crate) mod lint;
#[cfg(feature = "qcow2-compressed")]
mod pack;
mod place;
mod read;
mod spec;
#[cfg(feature = "qcow2-compressed")]
mod stream;

pub(crate) use read::open;

#[cfg(feature = "qcow2-compressed")]
use self::spec::Compression;
use crate::format::{Format, Tunes, Writer};
#[cfg(feature = "qcow2-zstd")]
use crate::zstd::LEVELS;

/// Version 3: clusters in the order of the disk, those that nothing touches left out.
pub(crate) const V3: Format = Format {
    name: spec::NAME,
    extension: "qcow2",
    tunes: Tunes::NOTHING,
    writer: Writer::Placed(place::version_3),
};

/// Version 2, for programs that know no other.
pub(crate) const V2: Format = Format {
    name: spec::V2_NAME,
    extension: "qcow2",
    tunes: Tunes::NOTHING,
    writer: Writer::Placed(place::version_2),
};

/// Version 3 with compressed clusters, those of zeros left out.
#[cfg(feature = "qcow2-compressed")]
pub(crate) const COMPRESSED: Format = Format {
    name: spec::COMPRESSED_NAME,
    extension: "qcow2",
    tunes: Tunes::NOTHING.and_level(1, 9),
    writer: Writer::Streamed {
        at_most: |disk, _| stream::at_most(disk, Compression::Deflate),
        begin: |disk, options, out| stream::begin(disk, options, Compression::Deflate, out),
        forward: false,
    },
};

/// The same, compressed with zstd: smaller and faster, and many programs don't know it.
#[cfg(feature = "qcow2-zstd")]
pub(crate) const ZSTD: Format = Format {
    name: spec::ZSTD_NAME,
    extension: "qcow2",
    tunes: Tunes::NOTHING.and_level(LEVELS.0, LEVELS.1),
    writer: Writer::Streamed {
        at_most: |disk, _| stream::at_most(disk, Compression::Zstd),
        begin: |disk, options, out| stream::begin(disk, options, Compression::Zstd, out),
        forward: false,
    },
};
