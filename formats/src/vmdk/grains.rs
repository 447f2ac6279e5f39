//! Compressing the grains of a disk, in several threads.

use zerocopy::IntoBytes;

use super::spec::{GRAIN, GRAIN_SECTORS, GrainMarker, SECTOR};
use crate::blocks::{BATCH, Blocks, Compressor};
use crate::deflate::{Deflater, stored_zlib_stream};
use crate::incompressible::is_incompressible;
use crate::window::BLOCK;

/// The most bytes of a compressed grain with its marker, padded: incompressible data grows by a few
/// bytes, and hypervisors have no room for more.
pub(super) const MAX_RECORD: u64 = GRAIN + SECTOR;

const SECTOR_LEN: usize = 512;
const RECORD_LEN: usize = BLOCK + SECTOR_LEN;
const MARKER_LEN: usize = size_of::<GrainMarker>();

const _: () = assert!(BLOCK as u64 == GRAIN && RECORD_LEN as u64 == MAX_RECORD);

/// Compressed grains on their way.
pub(super) struct Batch {
    deflater: Deflater,
    output: Vec<u8>,
    /// The grains that are not all zeros, ascending.
    pub records: Vec<Record>,
    /// Whether all of it was compressed.
    pub complete: bool,
}

/// A compressed grain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Its number on the disk.
    pub grain: u64,
    /// Where its marker begins in the batch's bytes: a multiple of a sector.
    pub start: usize,
    /// Where the next one begins.
    pub end: usize,
}

impl Batch {
    pub(super) fn new(level: u32) -> Self {
        Self {
            deflater: Deflater::new(level),
            output: Vec::new(),
            records: Vec::new(),
            complete: false,
        }
    }

    /// The bytes of markers and grains from `records`, as they lie in the file.
    pub(super) fn bytes(&self, records: &[Record]) -> &[u8] {
        match (records.first(), records.last()) {
            (Some(first), Some(last)) => &self.output[first.start..last.end],
            _ => &[],
        }
    }
}

impl Compressor for Batch {
    fn compress(&mut self, grains: &Blocks) {
        self.records.clear();
        self.output.resize(BATCH * RECORD_LEN, 0);
        let mut start = 0;
        for (grain, data) in grains.iter() {
            let place = &mut self.output[start..start + RECORD_LEN];
            let Some(len) = record(grain, data, &mut self.deflater, place) else {
                self.complete = false;
                return;
            };
            let end = start + len;
            self.records.push(Record { grain, start, end });
            start = end;
        }
        self.complete = true;
    }
}

/// Writes the stream of `data` into `room`; its length. Where compressing would take more, it is stored.
fn stream(data: &[u8], deflater: &mut Deflater, room: &mut [u8]) -> Option<usize> {
    let worth = !is_incompressible(data);
    let smaller = worth.then(|| deflater.zlib_stream(data, room));
    smaller.flatten().or_else(|| stored_zlib_stream(data, room))
}

/// Writes marker, compressed data and padding into `place`; the length of all that.
fn record(grain: u64, data: &[u8], deflater: &mut Deflater, place: &mut [u8]) -> Option<usize> {
    let (marker, room) = place.split_at_mut(MARKER_LEN);
    let len = stream(data, deflater, room)?;
    let size = u32::try_from(len).ok()?;
    let written = GrainMarker {
        lba: (grain * GRAIN_SECTORS).into(),
        size: size.into(),
    };
    marker.copy_from_slice(written.as_bytes());
    let used = MARKER_LEN + len;
    let end = used.next_multiple_of(SECTOR_LEN);
    place[used..end].fill(0);
    Some(end)
}
