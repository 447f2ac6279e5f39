//! Reading a disk whose blocks lie in one piece each in a container's file.

use std::io;
use std::ops::Range;

use crate::placement::Run;
use crate::read_at::{ReadAt, range_end};

/// Two parts of an image share bytes of its file: the one at this offset (bytes) is one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overlap(pub u64);

/// Collects the allocated blocks of an image that is being opened.
///
/// Parts that share no bytes are together no longer than the file. More is refused as soon as it
/// comes: this bounds what a hostile image can make us hold and read.
#[derive(Debug)]
pub(crate) struct RunCollector {
    /// Bytes of the file that are not claimed yet.
    room: u64,
    runs: Vec<Run>,
    reserved: Vec<Range<u64>>,
}

impl RunCollector {
    /// For a file of `file_len` bytes.
    pub(crate) fn new(file_len: u64) -> Self {
        Self {
            room: file_len,
            runs: Vec::new(),
            reserved: Vec::new(),
        }
    }

    /// Says that the container's own structures lie in this range of the file.
    pub(crate) fn reserve(&mut self, range: Range<u64>) -> Result<(), Overlap> {
        self.claim(range.start, range.end - range.start)?;
        self.reserved.push(range);
        Ok(())
    }

    /// Adds a block; blocks come in ascending order on the disk.
    pub(crate) fn push(&mut self, block: Run) -> Result<(), Overlap> {
        self.claim(block.file, block.len)?;
        match self.runs.last_mut() {
            Some(last)
                if last.disk + last.len == block.disk && last.file + last.len == block.file =>
            {
                last.len += block.len;
            }
            _ => self.runs.push(block),
        }
        Ok(())
    }

    /// Says that `len` bytes from offset `at` on are used, by what is checked elsewhere.
    pub(crate) fn claim(&mut self, at: u64, len: u64) -> Result<(), Overlap> {
        self.room = self.room.checked_sub(len).ok_or(Overlap(at))?;
        Ok(())
    }

    /// Whether all parts so far lie apart.
    pub(crate) fn check(&self) -> Result<(), Overlap> {
        let mut used = self.reserved.clone();
        used.extend(self.runs.iter().map(|run| run.file..run.file + run.len));
        first_overlap(&mut used).map_or(Ok(()), |at| Err(Overlap(at)))
    }

    /// The runs, if all parts lie apart.
    pub(crate) fn finish(self) -> Result<Vec<Run>, Overlap> {
        self.check()?;
        Ok(self.runs)
    }
}

/// Where two of the ranges overlap, if any do.
fn first_overlap(ranges: &mut [Range<u64>]) -> Option<u64> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    ranges
        .windows(2)
        .find(|pair| pair[1].start < pair[0].end)
        .map(|pair| pair[1].start)
}

/// Merges blocks of a disk that follow each other into ranges of bytes.
pub(crate) fn merged(blocks: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for block in blocks {
        match ranges.last_mut() {
            Some(last) if last.end == block.start => last.end = block.end,
            _ => ranges.push(block),
        }
    }
    ranges
}

/// A disk in runs within a file; what no run covers reads as zeros.
#[derive(Debug)]
pub(crate) struct RunReader<R> {
    file: R,
    len: u64,
    runs: Vec<Run>,
}

impl<R: ReadAt> RunReader<R> {
    /// A disk of `len` bytes; `runs` are those of a [`RunCollector`], within the file.
    pub(crate) fn new(file: R, len: u64, runs: Vec<Run>) -> Self {
        Self { file, len, runs }
    }

    /// The container's file.
    #[cfg(any(feature = "qcow2-compressed", feature = "vhd"))]
    pub(crate) fn file(&self) -> &R {
        &self.file
    }

    /// The ranges of the disk that runs cover.
    #[cfg(any(feature = "qcow2", feature = "vdi", feature = "vmdk"))]
    pub(crate) fn allocated(&self) -> Vec<Range<u64>> {
        merged(self.runs.iter().map(|run| run.disk..run.disk + run.len))
    }
}

#[cfg(any(feature = "vhd", feature = "vhdx", feature = "vmdk"))]
impl<R: ReadAt> RunReader<R> {
    /// The ranges of the disk that runs cover and that are no holes of the file, of which `data` are the
    /// others, ascending.
    pub(crate) fn allocated_in(&self, data: &[Range<u64>]) -> Vec<Range<u64>> {
        merged(self.runs.iter().flat_map(|run| {
            let end = run.file + run.len;
            let first = data.partition_point(|range| range.end <= run.file);
            let within = data[first..]
                .iter()
                .take_while(move |range| range.start < end);
            within.map(move |range| {
                let from = range.start.max(run.file) - run.file;
                let to = range.end.min(end) - run.file;
                run.disk + from..run.disk + to
            })
        }))
    }
}

impl<R: ReadAt> ReadAt for RunReader<R> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = range_end(self.len, offset, buf)?;
        buf.fill(0);
        let first = self
            .runs
            .partition_point(|run| run.disk + run.len <= offset);
        for run in self.runs[first..].iter().take_while(|run| run.disk < end) {
            let from = run.disk.max(offset);
            let to = (run.disk + run.len).min(end);
            // Both lie within `buf`, whose length is a usize.
            let start = usize::try_from(from - offset).map_err(io::Error::other)?;
            let stop = usize::try_from(to - offset).map_err(io::Error::other)?;
            let place = run.file + (from - run.disk);
            self.file.read_exact_at(place, &mut buf[start..stop])?;
        }
        Ok(())
    }
}
