//! The output that cuts a file into blocks, has them compressed, and writes them in their order.

use std::io;
use std::num::NonZero;
use std::path::Path;

use super::codec::{Codec, Envelope, Packed};
use super::{Compression, CompressionError};
use crate::output::{Output, backwards};
use crate::pool::{Job, Ordered};
use crate::window::is_zero;

/// Compressed bytes that are gathered before they are written: blocks of zeros have a few dozen.
const GATHERED: usize = 256 << 10;

/// Compresses what is written to it, in several threads, into a file that begins at the begin of the output
/// behind it.
///
/// It must be written from begin to end; what is skipped reads as zeros and costs next to nothing. The file is
/// whole when [`set_len`](Output::set_len) has returned. Its bytes depend on the content and the level alone.
///
/// Memory: `2 · threads + 4` blocks with their compressed forms, and a compressor for each thread. For gzip that
/// is 2 MiB a block and 0.3 MiB a thread, for zstd 8 MiB and about 10 (75 at the highest levels), for xz 16 MiB and
/// about 95; and for xz 24 bytes for each block of the disk that is not zeros.
pub struct Compressed<O> {
    out: O,
    codec: &'static Codec,
    level: u32,
    envelope: Box<dyn Envelope>,
    queue: Ordered<Block>,
    /// The block that is being filled.
    open: Block,
    /// Those that are to be filled again.
    free: Vec<Block>,
    /// A block of zeros, once there was one.
    zeros: Option<Packed>,
    /// Bytes of the file that were written or skipped.
    at: u64,
    /// Compressed bytes that are not written yet, and where they go.
    gathered: Vec<u8>,
    written: u64,
}

impl<O: Output> Compressed<O> {
    /// Begins a compressed file in `out`, at the usual level if none is chosen.
    ///
    /// Fails when the compression has no such level.
    pub fn new(
        out: O,
        compression: Compression,
        level: Option<u32>,
        threads: NonZero<usize>,
    ) -> Result<Self, CompressionError> {
        let codec = compression.codec();
        let level = level.unwrap_or(codec.level);
        compression.check_level(level)?;
        Ok(Self::by_codec(out, codec, level, threads))
    }

    /// Begins a compressed file in `out`, at a level that the codec has.
    pub(super) fn by_codec(
        out: O,
        codec: &'static Codec,
        level: u32,
        threads: NonZero<usize>,
    ) -> Self {
        let envelope = (codec.envelope)();
        Self {
            out,
            codec,
            level,
            gathered: envelope.begin(),
            envelope,
            queue: Ordered::new(threads),
            open: Block::new(codec, level),
            free: Vec::new(),
            zeros: None,
            at: 0,
            written: 0,
        }
    }

    /// The output behind it.
    pub fn into_inner(self) -> O {
        self.out
    }

    /// Takes `data` as what follows.
    fn append(&mut self, mut data: &[u8]) -> io::Result<()> {
        self.at += data.len() as u64;
        while !data.is_empty() {
            let room = self.codec.block - self.open.data.len();
            let (piece, rest) = data.split_at(room.min(data.len()));
            self.open.data.extend_from_slice(piece);
            data = rest;
            self.close_full()?;
        }
        Ok(())
    }

    /// Takes zeros as what follows, up to `end`.
    fn skip(&mut self, end: u64) -> io::Result<()> {
        if end < self.at {
            return Err(backwards(self.out.path(), end));
        }
        let block = self.codec.block as u64;
        let to_block = (self.at.next_multiple_of(block) - self.at).min(end - self.at);
        self.append_zeros(to_block)?;
        self.open.zeros += (end - self.at) / block;
        self.at += (end - self.at) / block * block;
        self.append_zeros(end - self.at)
    }

    /// Takes so many zeros as what follows, no more than fill the open block.
    fn append_zeros(&mut self, count: u64) -> io::Result<()> {
        let len = self.open.data.len() + usize::try_from(count).map_err(io::Error::other)?;
        self.open.data.resize(len, 0);
        self.at += count;
        self.close_full()
    }

    /// Has the open block compressed when it is full.
    fn close_full(&mut self) -> io::Result<()> {
        if self.open.data.len() < self.codec.block {
            return Ok(());
        }
        if is_zero(&self.open.data) {
            self.open.data.clear();
            self.open.zeros += 1;
            return Ok(());
        }
        self.close()
    }

    fn close(&mut self) -> io::Result<()> {
        let new = || Block::new(self.codec, self.level);
        let next = self.free.pop().unwrap_or_else(new);
        self.queue.push(std::mem::replace(&mut self.open, next));
        while let Some(done) = self.queue.take() {
            self.add(done)?;
        }
        Ok(())
    }

    /// Writes a block and the zeros before it.
    fn add(&mut self, mut block: Block) -> io::Result<()> {
        std::mem::replace(&mut block.done, Ok(()))?;
        if block.zeros > 0 {
            self.add_zeros(block.zeros)?;
            block.zeros = 0;
        }
        if !block.data.is_empty() {
            let len = block.data.len() as u64;
            self.envelope.add(block.packed.note, len, 1);
            self.gather(&block.packed.bytes, 1)?;
            block.data.clear();
        }
        self.free.push(block);
        Ok(())
    }

    fn add_zeros(&mut self, blocks: u64) -> io::Result<()> {
        let zeros = self.zeros.take();
        let zeros = zeros.map_or_else(|| self.pack_zeros(), Ok)?;
        self.envelope
            .add(zeros.note, self.codec.block as u64, blocks);
        self.gather(&zeros.bytes, blocks)?;
        self.zeros = Some(zeros);
        Ok(())
    }

    fn pack_zeros(&self) -> io::Result<Packed> {
        let mut packed = Packed::default();
        (self.codec.pack)(&vec![0; self.codec.block], self.level, &mut packed)?;
        Ok(packed)
    }

    fn gather(&mut self, bytes: &[u8], times: u64) -> io::Result<()> {
        for _ in 0..times {
            self.gathered.extend_from_slice(bytes);
            if self.gathered.len() >= GATHERED {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.gathered.is_empty() {
            self.out.write_at(self.written, &self.gathered)?;
            self.written += self.gathered.len() as u64;
            self.gathered.clear();
        }
        Ok(())
    }
}

impl<O: Output> Output for Compressed<O> {
    /// Fails when it lies before what is written.
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.skip(offset)?;
        self.append(data)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.skip(len)?;
        self.close()?;
        while let Some(done) = self.queue.wait() {
            self.add(done)?;
        }
        let end = self.envelope.end()?;
        self.gather(&end, 1)?;
        self.flush()?;
        self.out.set_len(self.written)
    }

    fn path(&self) -> &Path {
        self.out.path()
    }
}

/// A block of the file, and what became of it.
struct Block {
    codec: &'static Codec,
    level: u32,
    /// Blocks of zeros before it.
    zeros: u64,
    /// Nothing if only those are left.
    data: Vec<u8>,
    packed: Packed,
    done: io::Result<()>,
}

impl Block {
    fn new(codec: &'static Codec, level: u32) -> Self {
        Self {
            codec,
            level,
            zeros: 0,
            data: Vec::new(),
            packed: Packed::default(),
            done: Ok(()),
        }
    }
}

impl Job for Block {
    fn work(&mut self) {
        if !self.data.is_empty() {
            self.done = (self.codec.pack)(&self.data, self.level, &mut self.packed);
        }
    }
}
