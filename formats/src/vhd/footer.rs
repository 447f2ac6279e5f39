//! The footer of a disk.

use uuid::Uuid;
use zerocopy::FromZeros;

use super::spec::{self, Checksummed, Footer, Geometry, SECTOR};
use crate::error::PlaceError;
use crate::format::ImageOptions;
use crate::map::DiskMap;

/// The size of the disk in the file called `format`: `disk`'s rounded up to whole sectors.
pub(super) fn disk_size(disk: &DiskMap, format: &'static str) -> Result<u64, PlaceError> {
    let size_error = |reason| PlaceError::Size {
        format,
        size: disk.len(),
        reason,
    };
    match disk.len() {
        0 => Err(size_error("it has no room for an empty disk")),
        len if len > spec::MAX_DISK => Err(size_error("2040 GiB are the most")),
        len => Ok(len.next_multiple_of(SECTOR)),
    }
}

/// The footer of a disk of `size` bytes, whole sectors and at most [`spec::MAX_DISK`].
pub(super) fn footer(size: u64, kind: u32, data_offset: u64, options: &ImageOptions) -> Footer {
    let mut footer = Footer::new_zeroed();
    footer.cookie = *spec::COOKIE;
    footer.features.set(spec::FEATURES);
    footer.version.set(spec::VERSION_1_0);
    footer.data_offset.set(data_offset);
    footer.creator = spec::CREATOR;
    footer.creator_version.set(spec::CREATOR_VERSION);
    footer.creator_os = spec::CREATOR_OS;
    footer.original_size.set(size);
    footer.current_size.set(size);
    footer.geometry = geometry(size / SECTOR);
    footer.kind.set(kind);
    // XenServer refuses a null UUID.
    footer.uuid = Uuid::new_v5(&options.identity, b"vhd").into_bytes();
    footer.seal();
    footer
}

/// The geometry by the specification's appendix "CHS Calculation", with a cylinder at least.
fn geometry(sectors: u64) -> Geometry {
    const CYLINDERS: u64 = 65_535;
    let sectors = sectors.min(CYLINDERS * 16 * 255);
    // Cylinders times heads, heads, and sectors of a track.
    let (tracks, heads, track) = if sectors >= CYLINDERS * 16 * 63 {
        (sectors / 255, 16, 255)
    } else {
        let tracks = sectors / 17;
        let heads = tracks.div_ceil(1024).max(4);
        if tracks < heads * 1024 && heads <= 16 {
            (tracks, heads, 17)
        } else if sectors / 31 < 16 * 1024 {
            (sectors / 31, 16, 31)
        } else {
            (sectors / 63, 16, 63)
        }
    };
    let field = |value: u64| u8::try_from(value).unwrap_or(u8::MAX);
    let cylinders = u16::try_from((tracks / heads).max(1)).unwrap_or(u16::MAX);
    Geometry {
        cylinders: cylinders.into(),
        heads: field(heads),
        sectors: field(track),
    }
}
