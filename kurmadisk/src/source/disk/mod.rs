//! Trees from filesystems that are there already: a partition of a disk image or of a disk, or a whole image
//! without partitions. A compressed raw image is uncompressed once, as an archive is.
//!
//! Contents stay in the image: a file is a map of extents in it. The image stays open, with one descriptor, as
//! long as a map refers to it, and must not change meanwhile.
//!
//! | file | holds |
//! |---|---|
//! | `select` | which partition |
//! | `error` | [`DiskError`], [`DiskFault`] |

mod error;
mod select;

use std::path::Path;

use kurmadisk_formats::error::OpenError;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::open::{ImageStore, open};
use kurmadisk_formats::read_at::ReadAt;

pub use error::{DiskError, DiskFault};

#[cfg(feature = "archives")]
use super::{decompress, known::known_format, tar};
use crate::fs::{ext4, fat};
use crate::inspect;
use crate::tree::{Metadata, Tree};

/// Whether the file at `path` is the image of a disk: it has a container's signature, a partition table or a
/// filesystem.
#[must_use]
pub fn recognise(path: &Path) -> bool {
    match open(path) {
        Err(OpenError::File { .. }) => false,
        Ok(image) if image.format() == ImageFormat::Raw => is_disk(&image),
        // A container, if one that is damaged or not read here.
        _ => true,
    }
}

/// Whether a raw disk has a partition table or a filesystem.
pub(crate) fn is_disk(disk: &dyn ReadAt) -> bool {
    let report = inspect::disk(disk);
    report.table.is_some() || report.content.is_some_and(|content| content.is_known())
}

/// Opens the image file or block device at `path`, of any format that can be opened. A compressed file is
/// uncompressed into `scratch`, a folder, first: once, and into a file without a name.
#[cfg(feature = "archives")]
pub fn open_image(path: &Path, scratch: &Path) -> Result<ImageStore, DiskError> {
    let opened =
        |store: Result<ImageStore, OpenError>| store.map_err(|error| open_error(path, error));
    let store = opened(ImageStore::open(path))?;
    if store.image().format() != ImageFormat::Raw {
        return Ok(store);
    }
    // As it lies in the file, without regard to holes.
    let whole = store.map(0, store.image().len());
    let file = decompress::uncompressed_file(&whole, scratch);
    let file = file.map_err(|source| DiskError::Decompress {
        path: path.to_path_buf(),
        source,
    })?;
    let store = match file {
        Some(file) => opened(ImageStore::from_file(path, file))?,
        None => store,
    };
    match archive_format(store.image()) {
        Some(format) if store.image().format() == ImageFormat::Raw => Err(DiskError::Archive {
            path: path.to_path_buf(),
            format,
        }),
        _ => Ok(store),
    }
}

/// The archive that a raw disk really is: an appliance, or another that images come in.
#[cfg(feature = "archives")]
fn archive_format(disk: &dyn ReadAt) -> Option<&'static str> {
    let mut start = [0; 512];
    disk.read_exact_at(0, &mut start).ok()?;
    if tar::recognise(&start) {
        return Some("tar");
    }
    known_format(&start).filter(|format| ["zip", "7z"].contains(format))
}

fn open_error(path: &Path, source: OpenError) -> DiskError {
    match source {
        OpenError::File { .. } => DiskError::File(source),
        source => DiskError::Open {
            path: path.to_path_buf(),
            source,
        },
    }
}

/// Reads the tree of an ext2, ext3, ext4 or FAT filesystem in the image file or block device at `path`, of any
/// format that can be opened.
///
/// `partition` is the number or label of a partition: the label the table gives it, or else the one its
/// filesystem has. Without it, it is the only one with such a filesystem, or the whole disk when there is no
/// partition table. `root` is for the root directory of a FAT volume, which has no metadata.
///
/// What a container has no room for are zeros like any other, and no holes of files: so the same filesystem gives
/// the same tree from every container.
pub fn read(path: &Path, partition: Option<&str>, root: &Metadata) -> Result<Tree, DiskError> {
    let store = ImageStore::open(path).map_err(|source| open_error(path, source))?;
    let volume = |start, len| store.map(start, len);
    let tree = tree(store.image(), volume, partition, root);
    tree.map_err(|fault| image_error(path, fault))
}

/// The same of the raw disk that `disk` is, uncompressed from the file at `path`.
pub(super) fn read_uncompressed(
    path: &Path,
    disk: &DiskMap,
    partition: Option<&str>,
    root: &Metadata,
) -> Result<Tree, DiskError> {
    let volume = |start: u64, len| disk.slice(start..start.saturating_add(len));
    let tree = tree(&disk.reader(), volume, partition, root);
    tree.map_err(|fault| image_error(path, fault))
}

fn image_error(path: &Path, source: DiskFault) -> DiskError {
    DiskError::Image {
        path: path.to_path_buf(),
        source,
    }
}

/// The tree of a partition of `disk`, of which `volume` gives a part by its begin and length.
fn tree(
    disk: &dyn ReadAt,
    volume: impl Fn(u64, u64) -> DiskMap,
    partition: Option<&str>,
    root: &Metadata,
) -> Result<Tree, DiskFault> {
    let report = inspect::disk(disk);
    let selected = select::select(&report, partition)?;
    let volume = volume(selected.start, selected.len);
    Ok(if selected.is_fat {
        fat::read_tree(&volume, root.clone())?
    } else {
        ext4::read_tree(&volume)?
    })
}
