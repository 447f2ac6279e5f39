//! Compressing the clusters of a disk, in several threads.

use std::ops::Range;

use flate2::{Compress, Compression, FlushCompress, Status};

use super::spec::CLUSTER;
use crate::blocks::{BATCH, Blocks, Compressor};
use crate::incompressible::is_incompressible;
use crate::window::BLOCK;

/// The deflate level, by measurement on a system's libraries: level 6 takes 19 % more time for a file
/// that is 1.1 % smaller.
pub(super) const LEVEL: u32 = 4;

/// Two to the power of this bytes are as far back as a stream may refer: QEMU promises its readers no
/// more, though many would take it.
const WINDOW_BITS: u8 = 12;

const _: () = assert!(BLOCK as u64 == CLUSTER);

/// Compressed clusters on their way.
pub(super) struct Batch {
    deflate: Compress,
    bytes: Vec<u8>,
    clusters: Vec<(u64, Range<usize>)>,
}

/// What a cluster became.
pub(super) enum Packed<'a> {
    /// A deflate stream without a header, shorter than a cluster.
    Stream(&'a [u8]),
    /// The cluster as it is: deflate makes it no shorter.
    Whole(&'a [u8]),
}

impl Batch {
    pub(super) fn new(level: u32) -> Self {
        let level = Compression::new(level);
        Self {
            deflate: Compress::new_with_window_bits(level, false, WINDOW_BITS),
            bytes: Vec::new(),
            clusters: Vec::new(),
        }
    }

    /// Number and form of the clusters that are not all zeros, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Packed<'_>)> {
        self.clusters.iter().map(|(number, range)| {
            let bytes = &self.bytes[range.clone()];
            let packed = if bytes.len() < BLOCK {
                Packed::Stream(bytes)
            } else {
                Packed::Whole(bytes)
            };
            (*number, packed)
        })
    }
}

impl Compressor for Batch {
    fn compress(&mut self, clusters: &Blocks) {
        self.clusters.clear();
        self.bytes.resize(BATCH * BLOCK, 0);
        let mut start = 0;
        for (number, data) in clusters.iter() {
            let place = &mut self.bytes[start..start + BLOCK];
            let stream = stream(data, &mut self.deflate, &mut place[..BLOCK - 1]);
            let len = stream.unwrap_or_else(|| {
                place.copy_from_slice(data);
                BLOCK
            });
            self.clusters.push((number, start..start + len));
            start += len;
        }
    }
}

/// Writes the stream of `data` into `place`; its length, if it is worth it and fits.
fn stream(data: &[u8], deflate: &mut Compress, place: &mut [u8]) -> Option<usize> {
    if is_incompressible(data) {
        return None;
    }
    deflate.reset();
    let status = deflate.compress(data, place, FlushCompress::Finish).ok()?;
    let len = usize::try_from(deflate.total_out()).ok()?;
    (status == Status::StreamEnd).then_some(len)
}
