//! An archive's headers, read on the way through it.

use std::io;
use std::ops::Range;

use kurmadisk_formats::map::{DiskMap, MapReader};
use kurmadisk_formats::read_at::ReadAt;

/// Bytes read at once where headers lie far from one another: a header, and often the next one.
const SHORT: usize = 4 << 10;
/// Bytes read at once where headers lie close together.
const LONG: usize = 256 << 10;

/// Reads a map at ascending offsets, in pieces as large as pays.
pub(super) struct Forward<'a> {
    pub(super) map: &'a DiskMap,
    reader: MapReader<'a>,
    buf: Vec<u8>,
    /// Offset of `buf` in the map, in bytes.
    start: u64,
    piece: usize,
}

impl<'a> Forward<'a> {
    pub(super) fn new(map: &'a DiskMap) -> Self {
        Self {
            map,
            reader: map.reader(),
            buf: Vec::new(),
            start: 0,
            piece: SHORT,
        }
    }

    /// `len` bytes, few, from `offset` on; none where the map ends before.
    pub(super) fn header(&mut self, offset: u64, len: usize) -> io::Result<Option<&[u8]>> {
        if !self.has(offset, len as u64) {
            return Ok(None);
        }
        if self.buffered(offset, len).is_none() {
            self.fill(offset, len)?;
        }
        Ok(self.buffered(offset, len))
    }

    /// `len` bytes from `offset` on, as a copy; none where the map ends before.
    pub(super) fn bytes(&self, offset: u64, len: u64) -> io::Result<Option<Vec<u8>>> {
        if !self.has(offset, len) {
            return Ok(None);
        }
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if let Some(bytes) = self.buffered(offset, len) {
            return Ok(Some(bytes.to_vec()));
        }
        let mut bytes = vec![0; len];
        self.reader.read_exact_at(offset, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// All of `range`, which lies within the map, piece by piece.
    pub(super) fn each(&self, range: Range<u64>, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut buf = vec![0; LONG];
        let mut at = range.start;
        while at < range.end {
            let left = usize::try_from(range.end - at).unwrap_or(LONG);
            let piece = &mut buf[..left.min(LONG)];
            self.reader.read_exact_at(at, piece)?;
            take(piece);
            at += piece.len() as u64;
        }
        Ok(())
    }

    /// Says that all was read: the last chance to notice that the archive changed meanwhile.
    pub(super) fn close(self) -> io::Result<()> {
        self.reader.close().map_err(io::Error::other)
    }

    fn has(&self, offset: u64, len: u64) -> bool {
        let end = offset.checked_add(len);
        end.is_some_and(|end| end <= self.map.len())
    }

    /// Bytes that were read already.
    fn buffered(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.buf.get(at..at.checked_add(len)?)
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let near = offset.saturating_sub(self.start) <= (self.buf.len() as u64).saturating_mul(2);
        self.piece = if near {
            LONG.min(self.piece * 2)
        } else {
            SHORT
        };
        let piece = self.piece.max(len);
        let left = self.map.len() - offset;
        let len = usize::try_from(left).map_or(piece, |left| left.min(piece));
        self.buf.resize(len, 0);
        self.start = offset;
        let read = self.reader.read_exact_at(offset, &mut self.buf);
        read.inspect_err(|_| self.buf.clear())
    }
}
