//! An image's file as a map: its structures, and the disk's stretches where they lie in the file.

use super::UpdateError;
use crate::error::PlaceError;
use crate::format::Writer;
use crate::image::ImageFile;
use crate::map::{DiskMap, MapBuilder};

/// What will lie in the file of `image`. Holes of it are holes of the file.
pub(super) fn file_map(disk: &DiskMap, image: &ImageFile) -> Result<DiskMap, UpdateError> {
    let format = image.choice.format;
    #[cfg(any(feature = "compress", feature = "_compressed-blocks", feature = "vmdk"))]
    let refused = |reason| UpdateError::Format { format, reason };
    #[cfg(feature = "compress")]
    if image.choice.compression.is_some() {
        return Err(refused(
            "where something lies in a compressed file depends on all before it",
        ));
    }
    let (place, filled) = match format.format().writer {
        Writer::Placed(place) => (place, false),
        Writer::Filled(place) => (place, true),
        #[cfg(feature = "vmdk")]
        Writer::Parts(_) => return Err(refused("they are several files")),
        #[cfg(feature = "_compressed-blocks")]
        Writer::Streamed { .. } => {
            return Err(refused("where something lies depends on the content"));
        }
    };
    let placement = place(disk, &image.tuned())?;
    let mut map = MapBuilder::new(placement.len);
    for (offset, bytes) in placement.metadata {
        map.push_bytes(offset, bytes);
    }
    for run in placement.runs {
        for mut piece in disk.pieces(run.disk..run.disk.saturating_add(run.len)) {
            piece.start = piece.start - run.disk + run.file;
            map.push(piece);
        }
    }
    let map = map.finish().map_err(PlaceError::from)?;
    Ok(if filled { map.filled() } else { map })
}
