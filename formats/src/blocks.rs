//! The blocks of a disk in batches, to be compressed in several threads.

use std::num::NonZero;

use crate::error::EmitError;
use crate::pool::{Job, Ordered};
use crate::window::{BLOCK, Window};
use crate::writer::DiskWriter;

/// Blocks that one thread works on at a time: enough that handing them over doesn't count.
pub(crate) const BATCH: usize = 16;

/// Blocks of the disk that are not all zeros, ascending.
#[derive(Default)]
pub(crate) struct Blocks {
    numbers: Vec<u64>,
    bytes: Vec<u8>,
}

impl Blocks {
    /// Number and content of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let all = self.numbers.iter().copied();
        all.zip(self.bytes.chunks_exact(BLOCK))
    }

    fn push(&mut self, number: u64, block: &[u8]) {
        self.numbers.push(number);
        self.bytes.extend_from_slice(block);
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.bytes.clear();
    }
}

/// A batch's compressor and what it made; both are used again.
pub(crate) trait Compressor: Send + 'static {
    /// Makes something of `blocks`, in place of what was made before. It must depend on them alone.
    fn compress(&mut self, blocks: &Blocks);
}

/// A file of compressed blocks in the making.
pub(crate) trait BlockFile: Send {
    /// What compresses the file's blocks.
    type Compressor: Compressor;

    /// A new one.
    fn compressor(&self) -> Self::Compressor;

    /// Appends the blocks of a batch; batches ascend.
    fn add(&mut self, batch: &Self::Compressor) -> Result<(), EmitError>;

    /// Writes what follows the blocks.
    fn finish(&mut self) -> Result<(), EmitError>;
}

/// Gathers blocks, has them compressed, and hands them to the file in their order.
pub(crate) struct BlockWriter<F: BlockFile> {
    file: F,
    queue: Ordered<Batch<F::Compressor>>,
    /// The batch that is being filled.
    next: Option<Batch<F::Compressor>>,
    /// Those that are to be filled again.
    free: Vec<Batch<F::Compressor>>,
}

struct Batch<C> {
    blocks: Blocks,
    compressor: C,
}

impl<C: Compressor> Job for Batch<C> {
    fn work(&mut self) {
        self.compressor.compress(&self.blocks);
    }
}

impl<F: BlockFile> BlockWriter<F> {
    pub(crate) fn new(file: F, threads: NonZero<usize>) -> Self {
        Self {
            file,
            queue: Ordered::new(threads),
            next: None,
            free: Vec::new(),
        }
    }

    fn add(&mut self, mut batch: Batch<F::Compressor>) -> Result<(), EmitError> {
        self.file.add(&batch.compressor)?;
        batch.blocks.clear();
        self.free.push(batch);
        Ok(())
    }
}

impl<F: BlockFile> DiskWriter for BlockWriter<F> {
    fn window(&mut self, window: &Window) -> Result<(), EmitError> {
        for (number, block) in window.blocks() {
            let again = || self.free.pop();
            let mut batch = self.next.take().or_else(again).unwrap_or_else(|| Batch {
                blocks: Blocks::default(),
                compressor: self.file.compressor(),
            });
            batch.blocks.push(number, block);
            if batch.blocks.numbers.len() < BATCH {
                self.next = Some(batch);
                continue;
            }
            self.queue.push(batch);
            while let Some(done) = self.queue.take() {
                self.add(done)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), EmitError> {
        if let Some(batch) = self.next.take() {
            self.queue.push(batch);
        }
        while let Some(done) = self.queue.wait() {
            self.add(done)?;
        }
        self.file.finish()
    }
}
