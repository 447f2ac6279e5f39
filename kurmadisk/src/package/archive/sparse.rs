//! A file without its holes: where its data lies, and where each piece of it goes when it is packed.

use std::io;
use std::ops::Range;

use kurmadisk_formats::map::DiskMap;

use super::fault;

/// What stretches of data begin and end at, in bytes: the page that file systems allocate by.
const PAGE: u64 = 4 << 10;

/// Holes up to so many bytes count as data: each is an entry of a map, and zeros compress well.
const SMALL_HOLE: u64 = 64 << 10;

/// The stretches of a disk that are not hole, ascending: whole pages of 4096 bytes, but for the disk's end.
#[must_use]
pub fn data_stretches(disk: &DiskMap) -> Vec<Range<u64>> {
    let mut stretches: Vec<Range<u64>> = Vec::new();
    for extent in disk.extents() {
        let start = extent.start - extent.start % PAGE;
        let end = extent.end().next_multiple_of(PAGE).min(disk.len());
        match stretches.last_mut() {
            Some(last) if start.saturating_sub(last.end) <= SMALL_HOLE => last.end = end,
            _ => stretches.push(start..end),
        }
    }
    stretches
}

/// The data of a file with holes, and its places in a row of nothing but data.
#[derive(Debug)]
pub(super) struct Stretches {
    /// Length of the file in bytes.
    len: u64,
    /// Each with the sum of the lengths before it.
    ranges: Vec<(Range<u64>, u64)>,
}

/// Bytes, and their offset in the row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) packed: u64,
    pub(super) data: &'a [u8],
}

impl Stretches {
    /// Of a file of `len` bytes; `data` is ascending and disjoint.
    pub(super) fn new(data: Vec<Range<u64>>, len: u64) -> Self {
        let mut packed = 0;
        let ranges = data.into_iter().map(|range| {
            let before = packed;
            packed += range.end - range.start;
            (range, before)
        });
        Self {
            len,
            ranges: ranges.collect(),
        }
    }

    /// Where `data`, which lies at `offset` of the file, goes. What lies in a hole must be zeros, and is left out.
    pub(super) fn pieces<'a>(&self, offset: u64, data: &'a [u8]) -> io::Result<Vec<Piece<'a>>> {
        let end = offset + data.len() as u64;
        let cut = |from: u64, to: u64| {
            let within = |at: u64| usize::try_from(at - offset).unwrap_or(data.len());
            &data[within(from)..within(to)]
        };
        let first = self
            .ranges
            .partition_point(|(range, _)| range.end <= offset);
        let mut pieces = Vec::new();
        let mut at = offset;
        for (range, before) in &self.ranges[first..] {
            if range.start >= end {
                break;
            }
            let (from, to) = (range.start.max(offset), range.end.min(end));
            all_zeros(cut(at, from))?;
            pieces.push(Piece {
                packed: before + (from - range.start),
                data: cut(from, to),
            });
            at = to;
        }
        all_zeros(cut(at, end))?;
        Ok(pieces)
    }

    /// Fails unless the file has the length that was announced.
    pub(super) fn check_len(&self, len: u64) -> io::Result<()> {
        if len == self.len {
            return Ok(());
        }
        let expected = self.len;
        Err(fault(format!(
            "a member of {len} bytes was predicted to have {expected}"
        )))
    }
}

fn all_zeros(data: &[u8]) -> io::Result<()> {
    if data.iter().all(|byte| *byte == 0) {
        Ok(())
    } else {
        Err(fault("there is data where the disk has a hole"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_whole_pages_and_small_holes_belong_to_them() {
        let mut disk = DiskMap::new(1 << 20);
        for start in [5000, 60_000, 300_000, (1 << 20) - 1] {
            disk.insert_bytes(start, &b"x"[..]).unwrap();
        }
        assert_eq!(
            data_stretches(&disk),
            [4096..61_440, 299_008..303_104, 1_044_480..1 << 20]
        );
        assert_eq!(data_stretches(&DiskMap::new(1 << 20)), []);
    }

    #[test]
    fn data_is_packed_and_nothing_else_is_lost() {
        let stretches = Stretches::new(vec![10..20, 30..40], 50);
        let mut data = [0; 50];
        data[10..20].fill(1);
        data[30..40].fill(2);
        let pieces = stretches.pieces(0, &data).unwrap();
        assert_eq!(pieces.len(), 2);
        assert_eq!((pieces[0].packed, pieces[0].data), (0, &[1; 10][..]));
        assert_eq!((pieces[1].packed, pieces[1].data), (10, &[2; 10][..]));
        let inside = stretches.pieces(33, &data[33..36]).unwrap();
        assert_eq!((inside[0].packed, inside[0].data), (13, &[2; 3][..]));
        assert_eq!(stretches.pieces(20, &data[20..30]).unwrap(), []);
        for hole in [0, 20, 45] {
            assert!(stretches.pieces(hole, &[0, 0, 1]).is_err());
        }
        assert!(stretches.check_len(50).is_ok());
        assert!(stretches.check_len(51).is_err());
    }
}
