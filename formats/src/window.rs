//! One ascending pass over a disk, window by window: each source is read once, for all who want its bytes.

use std::ops::Range;
#[cfg(feature = "_compressed-blocks")]
use std::sync::OnceLock;

use crate::buffer::PageBuffer;
use crate::error::SourceError;
use crate::map::{ContentCursor, DiskMap, Extent, OpenedAhead};

/// Bytes of a window: large enough that calls don't count, small enough that it stays in a processor's
/// second-level cache from the first writing to the last. Windows begin at multiples of it.
pub(crate) const WINDOW: usize = 256 << 10;

/// Bytes of a block: a grain of VMDK, a cluster of qcow2.
pub(crate) const BLOCK: usize = 64 << 10;

#[cfg(feature = "_compressed-blocks")]
const BLOCKS: usize = WINDOW / BLOCK;

/// Gaps shorter than this are written as zeros rather than skipped: a call costs more.
const SMALL_GAP: usize = 16 << 10;

/// A stretch of the disk, and where in it something lies.
pub(crate) struct Window {
    /// Offset on the disk of the first byte.
    start: u64,
    /// Bytes of the disk in it: fewer than [`WINDOW`] only at its end.
    len: usize,
    /// The bytes. Outside of `data` they are zeros in blocks that something lies in, and else undefined.
    buffer: PageBuffer,
    /// Where something lies, ascending; small gaps are counted in.
    data: Vec<Range<usize>>,
    /// Bytes of extents read so far, in this one and all before it.
    pub(crate) read: u64,
    #[cfg(feature = "_compressed-blocks")]
    /// Which blocks hold something that is not zero; looked for once, if somebody asks.
    filled: OnceLock<[bool; BLOCKS]>,
}

impl Window {
    pub(crate) fn new() -> Self {
        Self {
            start: 0,
            len: 0,
            buffer: PageBuffer::new(WINDOW),
            data: Vec::new(),
            read: 0,
            #[cfg(feature = "_compressed-blocks")]
            filled: OnceLock::new(),
        }
    }

    /// The window's end on the disk.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.len as u64
    }

    /// What lies in the window: offset on the disk, and bytes; ascending.
    pub(crate) fn data(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.data.iter().map(|range| {
            let at = self.start + range.start as u64;
            (at, &self.buffer[range.clone()])
        })
    }

    #[cfg(feature = "_compressed-blocks")]
    /// The blocks that are not all zeros: number on the disk, and [`BLOCK`] bytes, zeros behind the disk's end.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let is_filled = |block| self.is_touched(block) && !is_zero(self.block(block));
        let filled = self.filled.get_or_init(|| std::array::from_fn(is_filled));
        let first = self.start / BLOCK as u64;
        let numbers = (0..BLOCKS).filter(|block| filled[*block]);
        numbers.map(move |block| (first + block as u64, self.block(block)))
    }

    #[cfg(feature = "_compressed-blocks")]
    /// Whether something lies in a block.
    fn is_touched(&self, block: usize) -> bool {
        let (start, end) = (block * BLOCK, (block + 1) * BLOCK);
        let mut data = self.data.iter();
        data.any(|range| range.start < end && range.end > start)
    }

    #[cfg(feature = "_compressed-blocks")]
    fn block(&self, block: usize) -> &[u8] {
        &self.buffer[block * BLOCK..][..BLOCK]
    }

    fn begin(&mut self, start: u64, disk: u64) {
        self.start = start;
        self.len = usize::try_from(disk - start).map_or(WINDOW, |left| left.min(WINDOW));
        self.data.clear();
        #[cfg(feature = "_compressed-blocks")]
        self.filled.take();
    }

    /// Room for `range` of the window, behind all that is in it.
    fn room(&mut self, range: Range<usize>) -> &mut [u8] {
        let end = self.data.last().map_or(0, |last| last.end);
        let begin = range.start / BLOCK * BLOCK;
        match self.data.last_mut() {
            Some(last) if range.start - end < SMALL_GAP => {
                last.end = range.end;
                self.buffer[end..range.start].fill(0);
            }
            _ => {
                self.close_block();
                self.buffer[begin.max(end)..range.start].fill(0);
                self.data.push(range.clone());
            }
        }
        &mut self.buffer[range]
    }

    /// Zeros behind what lies in the last block that something lies in.
    fn close_block(&mut self) {
        if let Some(last) = self.data.last() {
            let end = last.end;
            self.buffer[end..end.next_multiple_of(BLOCK)].fill(0);
        }
    }
}

#[cfg(any(feature = "compress", feature = "_compressed-blocks"))]
/// Whether all bytes are zeros.
pub(crate) fn is_zero(data: &[u8]) -> bool {
    // Pieces without an early exit inside: the compiler makes vector code of them.
    data.chunks(512)
        .all(|piece| piece.iter().fold(0, |all, byte| all | byte) == 0)
}

/// Reads the windows of a disk that something lies in, or all of them.
pub(crate) struct Windows<'a> {
    disk: u64,
    /// Extents from the one on that is being read.
    extents: &'a [Extent],
    /// Bytes of the first one that were read.
    moved: u64,
    every: bool,
    /// Where the last window ended.
    end: u64,
    cursor: ContentCursor,
    /// Bytes of extents read so far.
    read: u64,
}

impl<'a> Windows<'a> {
    /// `every`: empty windows come too.
    pub(crate) fn new(disk: &'a DiskMap, every: bool) -> Self {
        Self {
            disk: disk.len(),
            extents: disk.extents(),
            moved: 0,
            every,
            end: 0,
            cursor: ContentCursor::default(),
            read: 0,
        }
    }

    /// These, with contents that another thread opens.
    pub(crate) fn opened_ahead(self, contents: OpenedAhead) -> Self {
        let cursor = ContentCursor::ahead(contents);
        Self { cursor, ..self }
    }

    /// Makes `window` the next one, if there is one; after the last one the last content is closed, so that its
    /// change is noticed too.
    pub(crate) fn read_into(&mut self, window: &mut Window) -> Result<bool, SourceError> {
        let start = match self.extents.first() {
            _ if self.every => Some(self.end).filter(|start| *start < self.disk),
            Some(extent) => Some((extent.start + self.moved) / WINDOW as u64 * WINDOW as u64),
            None => None,
        };
        let Some(start) = start else {
            self.cursor.finish()?;
            return Ok(false);
        };
        window.begin(start, self.disk);
        self.end = window.end();
        let end = self.end;
        while let Some((extent, rest)) = self.extents.split_first() {
            let from = extent.start + self.moved;
            if from >= end {
                break;
            }
            let len = (extent.end() - from).min(end - from);
            let room = window.room(within(from - start)..within(from - start + len));
            self.cursor.read(&extent.source, self.moved, room)?;
            self.read += len;
            self.moved += len;
            if self.moved == extent.len {
                self.extents = rest;
                self.moved = 0;
            }
        }
        window.close_block();
        window.read = self.read;
        Ok(true)
    }
}

/// An offset in a window.
fn within(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(WINDOW).min(WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u64 = 3 * WINDOW as u64 + 1000;

    fn disk(pieces: &[(u64, usize)]) -> DiskMap {
        let mut disk = DiskMap::new(END);
        for (start, len) in pieces {
            disk.insert_bytes(*start, vec![7; *len]).unwrap();
        }
        disk
    }

    #[test]
    fn windows_without_anything_are_passed_unless_every_one_is_wanted() {
        let disk = disk(&[(WINDOW as u64 + 5, 10), (END - 1, 1)]);
        for (every, expected) in [(false, vec![1, 3]), (true, vec![0, 1, 2, 3])] {
            let mut windows = Windows::new(&disk, every);
            let mut seen = Vec::new();
            let mut window = Window::new();
            while windows.read_into(&mut window).unwrap() {
                seen.push(window.start / WINDOW as u64);
            }
            assert_eq!(seen, expected);
            assert_eq!((window.read, window.end()), (11, END));
        }
    }

    #[test]
    fn blocks_are_whole_and_never_hold_what_lay_there_before() {
        // First a full window, then one with little in it.
        let block = BLOCK as u64;
        let second = WINDOW as u64 + block;
        let disk = disk(&[
            (0, WINDOW),
            (second + 10, 1),
            (second + 20_000 + 10, 2),
            (second + block + BLOCK as u64 - 1, 1),
        ]);
        let mut windows = Windows::new(&disk, false);
        let mut window = Window::new();
        assert!(windows.read_into(&mut window).unwrap());
        assert_eq!(window.blocks().count(), BLOCKS);
        assert!(windows.read_into(&mut window).unwrap());
        let blocks: Vec<_> = window.blocks().collect();
        let filled = |data: &[u8]| data.iter().filter(|byte| **byte != 0).count();
        let told: Vec<_> = blocks
            .iter()
            .map(|(number, data)| (*number, data.len(), filled(data)))
            .collect();
        assert_eq!(told, [(5, BLOCK, 3), (6, BLOCK, 1)]);
        let data: Vec<_> = window
            .data()
            .map(|(at, data)| (at - second, data.len()))
            .collect();
        assert_eq!(data, [(10, 1), (20_010, 2), (2 * block - 1, 1)]);
    }

    #[test]
    fn zeros_that_are_content_are_data_and_no_blocks() {
        let mut disk = DiskMap::new(END);
        disk.insert_bytes(100, vec![0; 5000]).unwrap();
        disk.insert_bytes(BLOCK as u64, vec![1; 1]).unwrap();
        let mut windows = Windows::new(&disk, false);
        let mut window = Window::new();
        assert!(windows.read_into(&mut window).unwrap());
        assert_eq!(window.data().count(), 2);
        let numbers: Vec<_> = window.blocks().map(|(number, _)| number).collect();
        assert_eq!(numbers, [1]);
    }
}
