//! Where a container puts a disk's bytes within its file.

use bytes::Bytes;

use crate::map::DiskMap;

/// A stretch of the disk that lies in one piece in the container's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
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
pub(crate) struct Placement {
    /// Length of the file in bytes.
    pub len: u64,
    /// The container's own structures: offset in the file, and bytes.
    pub metadata: Vec<(u64, Bytes)>,
    /// The disk's allocated stretches, ascending both on the disk and in the file.
    pub runs: Vec<Run>,
}

impl Placement {
    /// The disk itself, byte by byte.
    pub(crate) fn whole(disk: &DiskMap) -> Self {
        let whole = Run {
            disk: 0,
            file: 0,
            len: disk.len(),
        };
        Self {
            len: disk.len(),
            metadata: Vec::new(),
            runs: vec![whole],
        }
    }
}
