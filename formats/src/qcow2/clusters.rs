//! Reading a disk whose clusters are partly compressed.

use std::io;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::codec::Decompressor;
use super::read::Stored;
use super::spec::Compression;
use crate::read_at::{ReadAt, range_end};
use crate::runs::{RunReader, merged};

/// A disk in runs, and in compressed clusters between them.
///
/// The cluster that was read last stays inflated, so a forward pass inflates each once.
pub(super) struct ClusterReader<R> {
    plain: RunReader<R>,
    /// Bytes of a cluster.
    cluster: u64,
    /// Ascending by number.
    stored: Vec<Stored>,
    last: Mutex<Inflated>,
}

struct Inflated {
    number: Option<u64>,
    compressed: Vec<u8>,
    data: Vec<u8>,
    codec: Decompressor,
}

impl<R: ReadAt> ClusterReader<R> {
    /// `stored` are clusters that no run covers, ascending by number and within the file.
    pub(super) fn new(
        plain: RunReader<R>,
        cluster: u64,
        compression: Compression,
        stored: Vec<Stored>,
    ) -> Self {
        Self {
            plain,
            cluster,
            stored,
            last: Mutex::new(Inflated {
                number: None,
                compressed: Vec::new(),
                data: Vec::new(),
                codec: Decompressor::new(compression),
            }),
        }
    }

    /// The ranges of the disk that runs or compressed clusters cover.
    pub(super) fn allocated(&self) -> Vec<Range<u64>> {
        let inflated = merged(self.stored.iter().map(|stored| {
            let start = stored.number * self.cluster;
            start..(start + self.cluster).min(self.plain.len())
        }));
        let mut ranges = self.plain.allocated();
        ranges.extend(inflated);
        ranges.sort_unstable_by_key(|range| range.start);
        merged(ranges.into_iter())
    }

    /// Inflates a cluster into `last`.
    fn inflate(&self, stored: Stored, last: &mut Inflated) -> io::Result<()> {
        last.number = None;
        // Both bounded: a cluster has at most 2 MiB, and its stream at most twice that.
        let size = |bytes: u64| usize::try_from(bytes).map_err(io::Error::other);
        last.compressed.resize(size(stored.len)?, 0);
        last.data.resize(size(self.cluster)?, 0);
        self.plain
            .file()
            .read_exact_at(stored.at, &mut last.compressed)?;
        if !last.codec.fill(&last.compressed, &mut last.data) {
            let message = format!("cluster {} does not uncompress to a cluster", stored.number);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        last.number = Some(stored.number);
        Ok(())
    }
}

impl<R: ReadAt> ReadAt for ClusterReader<R> {
    fn len(&self) -> u64 {
        self.plain.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = range_end(self.len(), offset, buf)?;
        self.plain.read_exact_at(offset, buf)?;
        let first = self
            .stored
            .partition_point(|stored| (stored.number + 1) * self.cluster <= offset);
        let stored = &self.stored[first..];
        let count = stored.partition_point(|stored| stored.number * self.cluster < end);
        if count == 0 {
            return Ok(());
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        for stored in &stored[..count] {
            if last.number != Some(stored.number) {
                self.inflate(*stored, &mut last)?;
            }
            let start = stored.number * self.cluster;
            let (from, to) = (start.max(offset), (start + self.cluster).min(end));
            let place = |at: u64, base: u64| usize::try_from(at - base).map_err(io::Error::other);
            buf[place(from, offset)?..place(to, offset)?]
                .copy_from_slice(&last.data[place(from, start)?..place(to, start)?]);
        }
        Ok(())
    }
}
