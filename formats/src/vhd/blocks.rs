//! Reading a dynamic disk.

use std::io;
use std::ops::Range;

use super::spec::SECTOR;
use crate::placement::Run;
use crate::read_at::{ReadAt, range_end};
use crate::runs::RunReader;

/// A block whose bitmap leaves out sectors; they read as zeros, whatever lies there.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartialBlock {
    /// Offset on the disk in bytes.
    pub disk: u64,
    /// Offset of its bitmap in the file in bytes.
    pub bitmap: u64,
}

/// A dynamic disk: runs of blocks, some of which hold only a part of their sectors.
pub(super) struct BlockReader {
    runs: RunReader<Box<dyn ReadAt>>,
    block: u64,
    /// Ascending on the disk.
    partial: Vec<PartialBlock>,
}

impl BlockReader {
    /// A disk of `len` bytes in blocks of `block` bytes; `runs` and `partial` are checked.
    pub(super) fn new(
        file: Box<dyn ReadAt>,
        len: u64,
        block: u64,
        runs: Vec<Run>,
        partial: Vec<PartialBlock>,
    ) -> Self {
        Self {
            runs: RunReader::new(file, len, runs),
            block,
            partial,
        }
    }

    /// The ranges of the disk that blocks cover and that are no holes of the file, of which `data` are
    /// the others.
    pub(super) fn allocated_in(&self, data: &[Range<u64>]) -> Vec<Range<u64>> {
        self.runs.allocated_in(data)
    }

    /// Fills the sectors with zeros that `partial` leaves out, of those in `buf`, which holds the disk
    /// from `offset` on.
    fn leave_out(&self, partial: PartialBlock, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset + buf.len() as u64;
        let first = (offset.max(partial.disk) - partial.disk) / SECTOR;
        let last = (end.min(partial.disk + self.block) - partial.disk).div_ceil(SECTOR);
        let (first_byte, last_byte) = (first / 8, last.div_ceil(8));
        let mut bits = vec![0; usize::try_from(last_byte - first_byte).map_err(io::Error::other)?];
        let file = self.runs.file();
        file.read_exact_at(partial.bitmap + first_byte, &mut bits)?;
        for sector in first..last {
            if is_set(&bits, sector - first_byte * 8) {
                continue;
            }
            let start = partial.disk + sector * SECTOR;
            let place = start.max(offset)..(start + SECTOR).min(end);
            // Within `buf`, whose length is a usize.
            let from = usize::try_from(place.start - offset).map_err(io::Error::other)?;
            let to = usize::try_from(place.end - offset).map_err(io::Error::other)?;
            buf[from..to].fill(0);
        }
        Ok(())
    }
}

impl ReadAt for BlockReader {
    fn len(&self) -> u64 {
        self.runs.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = range_end(self.len(), offset, buf)?;
        self.runs.read_exact_at(offset, buf)?;
        let first = self
            .partial
            .partition_point(|partial| partial.disk + self.block <= offset);
        let touched = self.partial[first..].iter();
        touched
            .take_while(|partial| partial.disk < end)
            .try_for_each(|partial| self.leave_out(*partial, offset, buf))
    }
}

/// Whether the bitmap at `at` has all bits set of a block of `block` bytes, of which `len` are the
/// disk's.
pub(super) fn is_whole(file: &dyn ReadAt, at: u64, len: u64) -> io::Result<bool> {
    let sectors = len.div_ceil(SECTOR);
    let bytes = usize::try_from(sectors.div_ceil(8)).map_err(io::Error::other)?;
    let mut bits = vec![0; bytes];
    file.read_exact_at(at, &mut bits)?;
    Ok((0..sectors).all(|sector| is_set(&bits, sector)))
}

/// Section "Block Bitmap": the first sector's bit is the highest of the first byte.
fn is_set(bits: &[u8], sector: u64) -> bool {
    usize::try_from(sector / 8)
        .ok()
        .and_then(|byte| bits.get(byte))
        .is_some_and(|byte| byte & (0x80 >> (sector % 8)) != 0)
}
