//! One stretch of a virtual disk that has content.

use super::Source;

/// `len` bytes of a virtual disk from byte `start` on, and where their content comes from.
#[derive(Clone, Debug)]
pub struct Extent {
    /// The first byte's offset on the virtual disk.
    pub start: u64,
    /// Length in bytes; never zero in a [`DiskMap`](super::DiskMap).
    pub len: u64,
    /// The content; it holds at least `len` bytes.
    pub source: Source,
}

impl Extent {
    /// The offset just behind the extent's last byte.
    ///
    /// A [`DiskMap`](super::DiskMap) holds only extents whose end is at most its length.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }

    /// The part of this extent that lies within `start..end`, if any.
    #[must_use]
    pub fn clipped(&self, start: u64, end: u64) -> Option<Self> {
        let from = self.start.max(start);
        let to = self.end().min(end);
        (from < to).then(|| Self {
            start: from,
            len: to - from,
            source: self.source.sliced(from - self.start, to - from),
        })
    }
}
