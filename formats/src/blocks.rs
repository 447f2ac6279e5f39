//! The blocks of a disk, read in batches and worked on in several threads: for formats that compress
//! them.

use std::num::NonZero;

use crate::error::EmitError;
use crate::map::{ContentCursor, DiskMap};
use crate::ordered;

/// Bytes of a block: a grain of VMDK, a cluster of qcow2.
pub(crate) const BLOCK: usize = 64 << 10;

/// Blocks that one thread works on at a time: enough that handing them over doesn't count.
pub(crate) const BATCH: usize = 16;

/// Blocks that were read.
#[derive(Default)]
pub(crate) struct Blocks {
    numbers: Vec<u64>,
    bytes: Vec<u8>,
    /// Bytes of extents in these blocks.
    pub content: u64,
}

impl Blocks {
    /// Number and content of those that are not all zeros, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let all = self.numbers.iter().copied();
        all.zip(self.bytes.chunks_exact(BLOCK))
            .filter(|(_, data)| !is_zero(data))
    }

    /// Reads the next blocks; says `false` when there are none.
    fn fill(
        &mut self,
        disk: &DiskMap,
        numbers: &mut impl Iterator<Item = u64>,
        cursor: &mut ContentCursor,
    ) -> Result<bool, EmitError> {
        self.numbers.clear();
        self.numbers.extend(numbers.take(BATCH));
        self.content = 0;
        self.bytes.clear();
        self.bytes.resize(self.numbers.len() * BLOCK, 0);
        let places = self.bytes.chunks_exact_mut(BLOCK);
        for (number, place) in self.numbers.iter().zip(places) {
            let start = number * BLOCK as u64;
            for piece in disk.pieces(start..start + BLOCK as u64) {
                // Both lie within a block.
                let from = usize::try_from(piece.start - start).unwrap_or(0);
                let len = usize::try_from(piece.len).unwrap_or(0);
                cursor.read(&piece.source, 0, &mut place[from..from + len])?;
                self.content += piece.len;
            }
        }
        if self.numbers.is_empty() {
            cursor.finish()?;
        }
        Ok(!self.numbers.is_empty())
    }
}

fn is_zero(data: &[u8]) -> bool {
    // Pieces without an early exit inside: the compiler makes vector code of them.
    data.chunks(512)
        .all(|piece| piece.iter().fold(0, |all, byte| all | byte) == 0)
}

/// Blocks, and what a worker made of them.
#[derive(Default)]
struct Job<T> {
    blocks: Blocks,
    result: T,
}

/// Reads all blocks that extents touch, lets `threads` threads make a `T` of each batch of them, and
/// hands both to `drain` in ascending order. `worker` makes what works on batches, once for each
/// thread; results are used again.
pub(crate) fn for_each_batch<T, W>(
    disk: &DiskMap,
    threads: NonZero<usize>,
    worker: impl Fn() -> W + Sync,
    mut drain: impl FnMut(&Blocks, &T) -> Result<(), EmitError>,
) -> Result<(), EmitError>
where
    T: Default + Send,
    W: FnMut(&Blocks, &mut T),
{
    let mut numbers = disk.block_runs(BLOCK as u64).flatten();
    let mut cursor = ContentCursor::default();
    let worker = || {
        let mut work = worker();
        move |job: &mut Job<T>| work(&job.blocks, &mut job.result)
    };
    let fill = |job: &mut Job<T>| job.blocks.fill(disk, &mut numbers, &mut cursor);
    ordered::run(threads, worker, fill, |job| drain(&job.blocks, &job.result))
}
