//! Compressing the clusters of a disk, in several threads.

use std::ops::Range;

use super::codec;
use super::spec::{CLUSTER, Compression};
use crate::blocks::{BATCH, Blocks, Compressor};
use crate::incompressible::is_incompressible;
use crate::window::BLOCK;

const _: () = assert!(BLOCK as u64 == CLUSTER);

/// Compressed clusters on their way.
pub(super) struct Batch {
    codec: codec::Compressor,
    bytes: Vec<u8>,
    clusters: Vec<(u64, Range<usize>)>,
}

/// What a cluster became.
pub(super) enum Packed<'a> {
    /// Shorter than a cluster: of deflate without a header, of zstd a frame.
    Stream(&'a [u8]),
    /// The cluster as it is: compression makes it no shorter.
    Whole(&'a [u8]),
}

impl Batch {
    pub(super) fn new(compression: Compression, level: Option<u32>) -> Self {
        Self {
            codec: codec::Compressor::new(compression, level),
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
            let worth = !is_incompressible(data);
            let stream = worth.then(|| self.codec.stream(data, &mut place[..BLOCK - 1]));
            let len = stream.flatten().unwrap_or_else(|| {
                place.copy_from_slice(data);
                BLOCK
            });
            self.clusters.push((number, start..start + len));
            start += len;
        }
    }
}
