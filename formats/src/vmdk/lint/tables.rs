//! Grain directories and tables, read within bounds.

use std::io;

use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use super::spec::{GT_ENTRIES, GT_SECTORS, Header, SECTOR};
use crate::lint::read::{inside, read};
use crate::read_at::ReadAt;

/// The entries of a grain table.
pub(super) type Table = [U32; GT_ENTRIES as usize];

/// How many grain tables the disk has; `None` for a header that makes no sense.
pub(super) fn count(header: &Header) -> Option<u64> {
    let span = header.grain_size.get().checked_mul(GT_ENTRIES.into())?;
    let sensible = span > 0 && header.gt_entries.get() == GT_ENTRIES;
    sensible.then(|| header.capacity.get().div_ceil(span))
}

/// Entries of a grain directory that are read at once.
const CHUNK: u64 = 16 << 10;

/// A grain directory, read in ascending order.
pub(super) struct Directory<'a> {
    file: &'a dyn ReadAt,
    /// Its offset in the file in bytes.
    at: u64,
    /// Entries of the whole directory.
    count: u64,
    /// The number of the first entry of `chunk`.
    first: u64,
    chunk: Vec<U32>,
}

impl<'a> Directory<'a> {
    /// The directory at a sector; `None` when it is not all in the file.
    pub(super) fn new(file: &'a dyn ReadAt, sector: u64, count: u64) -> Option<Self> {
        let at = sector.checked_mul(SECTOR)?;
        inside(file, at, count.checked_mul(4)?).then_some(Self {
            file,
            at,
            count,
            first: 0,
            chunk: Vec::new(),
        })
    }

    /// Where an entry is in the file in bytes.
    pub(super) fn place(&self, number: u64) -> u64 {
        self.at.saturating_add(number.saturating_mul(4))
    }

    /// An entry, one of `count`: the sector of a grain table.
    pub(super) fn entry(&mut self, number: u64) -> io::Result<u32> {
        let within = |first: u64| usize::try_from(number.wrapping_sub(first)).ok();
        if let Some(entry) = within(self.first).and_then(|at| self.chunk.get(at)) {
            return Ok(entry.get());
        }
        let len = self.count.saturating_sub(number).min(CHUNK);
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.chunk = vec![U32::ZERO; len];
        self.first = number;
        let place = self.place(number);
        self.file
            .read_exact_at(place, self.chunk.as_mut_slice().as_mut_bytes())?;
        let first = self.chunk.first().map(|entry| entry.get());
        first.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// How much may be read: tables that lie apart are no longer than their file.
pub(super) struct Budget(u64);

impl Budget {
    pub(super) fn new(file: &dyn ReadAt) -> Self {
        Self(file.len())
    }

    /// The grain table at a sector; `None` past the file's end, or when tables can't lie apart.
    pub(super) fn table(
        &mut self,
        file: &dyn ReadAt,
        sector: u32,
    ) -> io::Result<Option<Box<Table>>> {
        let at = u64::from(sector) * SECTOR;
        let left = self.0.checked_sub(GT_SECTORS * SECTOR);
        let Some(left) = left.filter(|_| inside(file, at, GT_SECTORS * SECTOR)) else {
            return Ok(None);
        };
        self.0 = left;
        Ok(Some(Box::new(read(file, at)?)))
    }
}
