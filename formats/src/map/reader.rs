//! The disk that a map describes, read back.

use std::io;
use std::sync::{Mutex, PoisonError};

use super::{ContentCursor, DiskMap};
use crate::error::SourceError;
use crate::read_at::{ReadAt, range_end};

/// Reads the virtual disk of a [`DiskMap`] at any offset; holes are zeros.
///
/// Tests compare every container with it: it is the truth the container must hold.
pub struct MapReader<'a> {
    map: &'a DiskMap,
    cursor: Mutex<ContentCursor>,
}

impl<'a> MapReader<'a> {
    pub(super) fn new(map: &'a DiskMap) -> Self {
        Self {
            map,
            cursor: Mutex::default(),
        }
    }

    /// Says that all wanted bytes were read: the last chance to notice that what was read last changed
    /// meanwhile.
    pub fn close(self) -> Result<(), SourceError> {
        let mut cursor = self.cursor.into_inner();
        cursor.as_mut().map_or_else(
            |poisoned| poisoned.get_mut().finish(),
            ContentCursor::finish,
        )
    }
}

impl ReadAt for MapReader<'_> {
    fn len(&self) -> u64 {
        self.map.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = range_end(self.map.len(), offset, buf)?;
        buf.fill(0);
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in self.map.pieces(offset..end) {
            // Both lie within `buf`, whose length is a usize.
            let from = usize::try_from(piece.start - offset).map_err(io::Error::other)?;
            let len = usize::try_from(piece.len).map_err(io::Error::other)?;
            cursor
                .read(&piece.source, 0, &mut buf[from..from + len])
                .map_err(io::Error::other)?;
        }
        Ok(())
    }
}
