//! Raw: the disk itself, with holes where its map has none, or with zeros there.

use std::ops::Range;

use crate::error::PlaceError;
use crate::format::{Format, ImageFormat, ImageOptions, Tunes, Writer};
use crate::map::DiskMap;
use crate::opened::Image;
use crate::placement::Placement;
use crate::read_at::ReadAt;

/// The disk byte by byte, with holes.
pub(crate) const SPARSE: Format = Format {
    name: "raw",
    extension: "raw",
    tunes: Tunes::NOTHING,
    writer: Writer::Placed(place),
};

/// The disk byte by byte, all of them written.
pub(crate) const FIXED: Format = Format {
    name: "raw-fixed",
    extension: "raw",
    tunes: Tunes::NOTHING,
    writer: Writer::Filled(place),
};

#[expect(
    clippy::unnecessary_wraps,
    reason = "a format's `place` can fail; this one holds any disk"
)]
fn place(disk: &DiskMap, _: &ImageOptions) -> Result<Placement, PlaceError> {
    Ok(Placement::whole(disk))
}

/// Opens a raw image, of which `allocated` are the ranges that are no holes.
pub(crate) fn open(file: Box<dyn ReadAt>, allocated: Vec<Range<u64>>) -> Image {
    Image::new(ImageFormat::Raw, file, allocated, Vec::new())
}
