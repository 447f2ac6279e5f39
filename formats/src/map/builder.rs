//! A map from extents that come in any order.

use bytes::Bytes;

use super::{DiskMap, Extent, Source};
use crate::error::MapError;

/// Collects extents in any order and sorts them once.
///
/// Filesystem builders place metadata and content in turns; inserting each into a sorted list would
/// cost a move of everything behind it.
#[derive(Debug, Default)]
pub struct MapBuilder {
    len: u64,
    extents: Vec<Extent>,
}

impl MapBuilder {
    /// A builder for a map of `len` bytes.
    #[must_use]
    pub fn new(len: u64) -> Self {
        Self {
            len,
            extents: Vec::new(),
        }
    }

    /// Makes room for so many more extents: lists of millions that grow leave holes in memory.
    pub fn reserve(&mut self, extents: usize) {
        self.extents.reserve(extents);
    }

    /// Adds an extent; one of no length is left out.
    pub fn push(&mut self, extent: Extent) {
        if extent.len > 0 {
            self.extents.push(extent);
        }
    }

    /// Adds `bytes` at offset `start`.
    pub fn push_bytes(&mut self, start: u64, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        self.push(Extent {
            start,
            len: bytes.len() as u64,
            source: Source::Bytes(bytes),
        });
    }

    /// The finished map.
    ///
    /// Fails when two extents overlap, or one reaches past the end or is longer than its bytes in
    /// memory.
    pub fn finish(mut self) -> Result<DiskMap, MapError> {
        // Mostly they come in long ascending runs, which this sort finds.
        self.extents.sort_by_key(|extent| extent.start);
        DiskMap::from_sorted(self.len, self.extents)
    }
}
