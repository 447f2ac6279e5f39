//! The map of a virtual disk.

use std::ops::Range;

use bytes::Bytes;

use super::extents::Extents;
use super::{Extent, MapReader, Source};
use crate::error::MapError;

/// Sorted, disjoint extents over a virtual length; what none covers reads as zeros.
#[derive(Clone, Debug, Default)]
pub struct DiskMap {
    len: u64,
    extents: Extents,
}

impl DiskMap {
    /// An empty map of `len` bytes: all zeros.
    #[must_use]
    pub fn new(len: u64) -> Self {
        Self {
            len,
            extents: Extents::default(),
        }
    }

    pub(super) fn from_sorted(len: u64, extents: Vec<Extent>) -> Result<Self, MapError> {
        let mut free_from = 0;
        for (index, extent) in extents.iter().enumerate() {
            check_range(len, extent.start, extent.len)?;
            check_source(extent)?;
            if extent.start < free_from {
                let other = extents[index - 1].start;
                return Err(MapError::Overlap {
                    start: extent.start,
                    len: extent.len,
                    other,
                });
            }
            free_from = extent.end();
        }
        let extents = extents.into();
        Ok(Self { len, extents })
    }

    /// The virtual length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether no extent is in the map: the whole disk reads as zeros.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.extents.is_empty()
    }

    /// The extents, ascending.
    #[must_use]
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Bytes that extents cover.
    #[must_use]
    pub fn data_len(&self) -> u64 {
        self.extents.iter().map(|extent| extent.len).sum()
    }

    /// Makes the disk longer; what is added reads as zeros. A shorter `len` changes nothing.
    pub fn grow(&mut self, len: u64) {
        self.len = self.len.max(len);
    }

    /// Puts `bytes` at offset `start`.
    pub fn insert_bytes(&mut self, start: u64, bytes: impl Into<Bytes>) -> Result<(), MapError> {
        let bytes = bytes.into();
        self.insert(Extent {
            start,
            len: bytes.len() as u64,
            source: Source::Bytes(bytes),
        })
    }

    /// Adds an extent; one of no length is left out.
    ///
    /// Fails when it overlaps another one, reaches past the end of the disk, or is longer than its
    /// bytes in memory.
    pub fn insert(&mut self, extent: Extent) -> Result<(), MapError> {
        check_range(self.len, extent.start, extent.len)?;
        if extent.len == 0 {
            return Ok(());
        }
        check_source(&extent)?;
        let at = self.free_slot(extent.start, extent.len)?;
        self.extents.insert(at, extent);
        Ok(())
    }

    /// Puts the whole map `other` at offset `at`.
    ///
    /// Fails when any extent of this map lies within the range `other` covers, holes included, or
    /// when that range reaches past the end.
    pub fn splice(&mut self, at: u64, other: Self) -> Result<(), MapError> {
        check_range(self.len, at, other.len)?;
        let slot = self.free_slot(at, other.len)?;
        let mut extents = other.extents.into_vec();
        for extent in &mut extents {
            extent.start += at;
        }
        let own = self.extents.list();
        // The shorter list moves: the other one may have millions.
        if extents.len() > own.len() {
            std::mem::swap(own, &mut extents);
            let behind = extents.split_off(slot);
            own.splice(..0, extents);
            own.extend(behind);
        } else {
            own.splice(slot..slot, extents);
        }
        Ok(())
    }

    /// The extents within `range`, clipped to it, ascending.
    pub fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Extent> {
        let first = self
            .extents
            .partition_point(|extent| extent.end() <= range.start);
        self.extents[first..]
            .iter()
            .map_while(move |extent| extent.clipped(range.start, range.end))
    }

    /// The part of the disk in `range`, as a disk of its own; what lies beyond the end is left out.
    #[must_use]
    pub fn slice(&self, range: Range<u64>) -> Self {
        let start = range.start.min(self.len);
        let len = range.end.min(self.len).saturating_sub(start);
        let mut extents: Vec<_> = self.pieces(start..start + len).collect();
        for extent in &mut extents {
            extent.start -= start;
        }
        let extents = extents.into();
        Self { len, extents }
    }

    /// The disk that has only these parts of its extents, ascending.
    pub(crate) fn reduced_to(&self, parts: Vec<Extent>) -> Self {
        Self {
            len: self.len,
            extents: parts.into(),
        }
    }

    /// The same disk without holes: extents of zeros lie where no extent did.
    #[must_use]
    pub fn filled(self) -> Self {
        let mut extents = Vec::with_capacity(self.extents.len());
        let mut at = 0;
        for extent in self.extents.into_vec() {
            extents.extend(zeros(at, extent.start));
            at = extent.end();
            extents.push(extent);
        }
        extents.extend(zeros(at, self.len));
        Self {
            len: self.len,
            extents: extents.into(),
        }
    }

    /// The runs of blocks of `block_size` bytes (not zero) that hold at least one byte of an
    /// extent, as ranges of block numbers, ascending and never adjacent.
    #[must_use]
    pub fn block_runs(&self, block_size: u64) -> BlockRuns<'_> {
        BlockRuns {
            extents: &self.extents,
            block_size: block_size.max(1),
        }
    }

    /// The disk this map describes, to be read at any offset.
    #[must_use]
    pub fn reader(&self) -> MapReader<'_> {
        MapReader::new(self)
    }

    /// Where in the list an extent of this range belongs, if the range is free.
    fn free_slot(&self, start: u64, len: u64) -> Result<usize, MapError> {
        let end = start + len;
        let slot = self.extents.partition_point(|extent| extent.end() <= start);
        match self.extents.get(slot) {
            Some(next) if next.start < end => Err(MapError::Overlap {
                start,
                len,
                other: next.start,
            }),
            _ => Ok(slot),
        }
    }
}

/// An extent of zeros from `start` to `end`, unless that is nothing.
fn zeros(start: u64, end: u64) -> Option<Extent> {
    (start < end).then(|| Extent {
        start,
        len: end - start,
        source: Source::Zeros,
    })
}

fn check_range(disk: u64, start: u64, len: u64) -> Result<(), MapError> {
    match start.checked_add(len) {
        Some(end) if end <= disk => Ok(()),
        _ => Err(MapError::OutOfRange { start, len, disk }),
    }
}

fn check_source(extent: &Extent) -> Result<(), MapError> {
    match &extent.source {
        Source::Bytes(bytes) if (bytes.len() as u64) < extent.len => Err(MapError::ShortSource {
            start: extent.start,
            len: extent.len,
        }),
        _ => Ok(()),
    }
}

/// Iterator over runs of touched blocks; see [`DiskMap::block_runs`].
#[derive(Clone, Debug)]
pub struct BlockRuns<'a> {
    extents: &'a [Extent],
    block_size: u64,
}

impl Iterator for BlockRuns<'_> {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        let (first, rest) = self.extents.split_first()?;
        let start = first.start / self.block_size;
        let mut end = first.end().div_ceil(self.block_size);
        self.extents = rest;
        while let Some((next, rest)) = self.extents.split_first() {
            if next.start / self.block_size > end {
                break;
            }
            end = end.max(next.end().div_ceil(self.block_size));
            self.extents = rest;
        }
        Some(start..end)
    }
}
