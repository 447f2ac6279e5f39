//! Moving the bytes: one ascending pass over a map.

use std::ops::ControlFlow;

use crate::buffer::PageBuffer;
use crate::error::EmitError;
use crate::map::{ContentCursor, DiskMap};
use crate::output::Output;

/// Bytes gathered before they are written: large enough that calls don't count, small enough that
/// they stay in the processor's second-level cache between reading and writing.
const BUFFER: usize = 256 << 10;

/// Gaps shorter than this are written as zeros rather than skipped: a call costs more.
const SMALL_GAP: u64 = 16 << 10;

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of content moved so far.
    pub done: u64,
    /// Bytes of content in all.
    pub total: u64,
}

/// Told of progress from time to time; [`ControlFlow::Break`] stops the build.
pub type OnProgress<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// Writes the bytes that `map` describes into `out`; holes of the map stay holes where the output
/// can have them.
///
/// `out` holds a part of the bytes when this fails.
pub fn write_map(
    map: &DiskMap,
    out: &mut dyn Output,
    progress: &mut OnProgress<'_>,
) -> Result<(), EmitError> {
    let mut pass = Pass {
        out,
        buffer: PageBuffer::new(BUFFER),
        start: 0,
        filled: 0,
        done: 0,
        total: map.data_len(),
    };
    let mut cursor = ContentCursor::default();
    for extent in map.extents() {
        pass.move_to(extent.start, progress)?;
        let mut moved = 0;
        while moved < extent.len {
            let room = pass.room(extent.len - moved, progress)?;
            cursor.read(&extent.source, moved, room)?;
            let len = room.len();
            pass.filled += len;
            pass.done += len as u64;
            moved += len as u64;
        }
    }
    cursor.finish()?;
    pass.flush(progress)?;
    let path = pass.out.path().to_path_buf();
    pass.out
        .set_len(map.len())
        .map_err(|source| EmitError::Output { path, source })
}

struct Pass<'a> {
    out: &'a mut dyn Output,
    buffer: PageBuffer,
    /// Offset in the output of the buffer's first byte.
    start: u64,
    filled: usize,
    done: u64,
    total: u64,
}

impl Pass<'_> {
    /// Continues at `offset`: within the buffer when the gap is small, else after writing it out.
    fn move_to(&mut self, offset: u64, progress: &mut OnProgress<'_>) -> Result<(), EmitError> {
        let gap = offset - (self.start + self.filled as u64);
        if self.filled > 0 && gap < SMALL_GAP {
            // Below SMALL_GAP, so it fits.
            let mut left = usize::try_from(gap).unwrap_or(0);
            while left > 0 {
                let room = self.room(left as u64, progress)?;
                room.fill(0);
                let len = room.len();
                self.filled += len;
                left -= len;
            }
        } else if gap > 0 {
            self.flush(progress)?;
            self.start = offset;
        }
        Ok(())
    }

    /// The free part of the buffer, at most `wanted` bytes and never empty; a full buffer is
    /// written out first.
    fn room(&mut self, wanted: u64, progress: &mut OnProgress<'_>) -> Result<&mut [u8], EmitError> {
        if self.filled == self.capacity() {
            self.flush(progress)?;
        }
        let free = self.capacity() - self.filled;
        let len = usize::try_from(wanted).map_or(free, |wanted| wanted.min(free));
        Ok(&mut self.buffer[self.filled..self.filled + len])
    }

    /// How much of the buffer is used before it is written: up to an offset in the output that is
    /// a multiple of the buffer's length, so that writes are aligned from the second one on.
    fn capacity(&self) -> usize {
        let ahead = self.start % self.buffer.len() as u64;
        // Below the buffer's length, which is a usize.
        self.buffer.len() - usize::try_from(ahead).unwrap_or(0)
    }

    fn flush(&mut self, progress: &mut OnProgress<'_>) -> Result<(), EmitError> {
        if self.filled > 0 {
            self.out
                .write_at(self.start, &self.buffer[..self.filled])
                .map_err(|source| output_error(self.out, source))?;
            self.start += self.filled as u64;
            self.filled = 0;
        }
        report(
            Progress {
                done: self.done,
                total: self.total,
            },
            progress,
        )
    }
}

/// Tells `progress`, and turns its wish to stop into the error that says so.
pub(crate) fn report(now: Progress, progress: &mut OnProgress<'_>) -> Result<(), EmitError> {
    match progress(now) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(EmitError::Cancelled),
    }
}

pub(crate) fn output_error(out: &dyn Output, source: std::io::Error) -> EmitError {
    EmitError::Output {
        path: out.path().to_path_buf(),
        source,
    }
}
