//! Where a container puts a disk's bytes within its file.

use bytes::Bytes;

use crate::error::PlaceError;
use crate::map::{DiskMap, MapBuilder};

/// A stretch of the disk that lies in one piece in the container's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Offset on the disk in bytes.
    pub disk: u64,
    /// Offset in the file in bytes.
    pub file: u64,
    /// Length in bytes.
    pub len: u64,
}

/// An uncompressed container, decided before a byte of it is written: its headers and tables, and
/// where each allocated stretch of the disk lies.
///
/// What is allocated depends on the disk's map alone, never on the content: so the size of the file
/// is known in advance, its tables can lead, and it can be written in one forward pass.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// Length of the file in bytes.
    pub len: u64,
    /// The container's own structures: offset in the file, and bytes.
    pub metadata: Vec<(u64, Bytes)>,
    /// The disk's allocated stretches, ascending both on the disk and in the file.
    pub runs: Vec<Run>,
}

impl Placement {
    /// The file as an extent map: the container's structures, and the disk's extents moved to
    /// their places. Ascending in the file is ascending on the disk, so every source is still read
    /// forward.
    ///
    /// Fails when parts overlap, which would be a fault of the container's arithmetic.
    pub fn file_map(&self, disk: &DiskMap) -> Result<DiskMap, PlaceError> {
        let mut file = MapBuilder::new(self.len);
        for (offset, bytes) in &self.metadata {
            file.push_bytes(*offset, bytes.clone());
        }
        for run in &self.runs {
            for mut piece in disk.pieces(run.disk..run.disk.saturating_add(run.len)) {
                piece.start = run.file + (piece.start - run.disk);
                file.push(piece);
            }
        }
        Ok(file.finish()?)
    }
}
