//! Packing compressed clusters one behind another, without a gap but before whole ones.

use super::layout;
use super::spec::CLUSTER;
use crate::error::EmitError;
use crate::output::Output;
use crate::writer::write_at;

/// Bytes of whole clusters that wait until the cluster before them is full.
const WAITING: usize = 4 << 20;

const CLUSTER_LEN: usize = 1 << super::spec::CLUSTER_BITS;

/// The clusters of a file in the making, written in ascending order, and their reference counts.
///
/// Streams may cross from one cluster into the next. A whole cluster must begin at one, and would leave
/// a gap behind the streams before it: so it waits, and streams go on filling that gap for as long as
/// they fit.
pub(super) struct Packer<'a> {
    pub out: Box<dyn Output + Send + 'a>,
    /// Offset of `open` in the file: a multiple of a cluster.
    start: u64,
    /// Streams that don't fill their cluster yet.
    open: Vec<u8>,
    /// Whole clusters behind the open one; none if nothing is open.
    waiting: Vec<u8>,
    /// How many things lie in each cluster of the file.
    counts: Vec<u16>,
}

impl<'a> Packer<'a> {
    /// Begins behind the first cluster, which is left to the header.
    pub(super) fn new(out: Box<dyn Output + Send + 'a>) -> Self {
        Self {
            out,
            start: CLUSTER,
            open: Vec::new(),
            waiting: Vec::new(),
            counts: vec![1],
        }
    }

    /// Adds a stream shorter than a cluster; says where it is.
    pub(super) fn stream(&mut self, bytes: &[u8]) -> Result<u64, EmitError> {
        if !self.waiting.is_empty() && self.open.len() + bytes.len() > CLUSTER_LEN {
            self.flush()?;
        }
        let at = self.start + self.open.len() as u64;
        self.open.extend_from_slice(bytes);
        self.count(at, bytes.len() as u64);
        if self.waiting.is_empty() {
            let full = self.open.len() / CLUSTER_LEN * CLUSTER_LEN;
            write_at(&mut self.out, self.start, &self.open[..full])?;
            self.open.drain(..full);
            self.start += full as u64;
        }
        Ok(at)
    }

    /// Adds a whole cluster; says where it is.
    pub(super) fn whole(&mut self, bytes: &[u8]) -> Result<u64, EmitError> {
        if self.waiting.len() >= WAITING {
            self.flush()?;
        }
        let at = if self.open.is_empty() {
            write_at(&mut self.out, self.start, bytes)?;
            self.start += CLUSTER;
            self.start - CLUSTER
        } else {
            self.waiting.extend_from_slice(bytes);
            self.start + self.waiting.len() as u64
        };
        self.count(at, CLUSTER);
        Ok(at)
    }

    /// Writes what waits; nothing is open then.
    fn flush(&mut self) -> Result<(), EmitError> {
        if !self.open.is_empty() {
            self.open.resize(CLUSTER_LEN, 0);
            write_at(&mut self.out, self.start, &self.open)?;
            write_at(&mut self.out, self.start + CLUSTER, &self.waiting)?;
            self.start += CLUSTER + self.waiting.len() as u64;
            self.open.clear();
            self.waiting.clear();
        }
        Ok(())
    }

    /// Counts something of `len` bytes, at least one, in the clusters that it touches.
    fn count(&mut self, at: u64, len: u64) {
        let (first, last) = (at / CLUSTER, (at + len - 1) / CLUSTER);
        let needed = layout::slot(last + 1);
        if self.counts.len() < needed {
            self.counts.resize(needed, 0);
        }
        for count in &mut self.counts[layout::slot(first)..needed] {
            // A frame of zstd has eleven bytes at least, a stream of deflate dozens: there are some thousands at most.
            *count += 1;
        }
    }

    /// Writes what waits; where the next cluster begins, and the reference counts of all before it.
    pub(super) fn finish(&mut self) -> Result<(u64, Vec<u16>), EmitError> {
        self.flush()?;
        Ok((self.start, std::mem::take(&mut self.counts)))
    }
}
