//! What a compressed format offers.

use std::io;

/// A compressed format: how its blocks are compressed, and what stands around them.
pub(super) struct Codec {
    /// The ending of a file's name, without the dot.
    pub name: &'static str,
    /// The least level, and the most.
    pub levels: (u32, u32),
    /// The level that is taken where none is chosen.
    pub level: u32,
    /// Bytes of a block before it is compressed.
    pub block: usize,
    /// Compresses a block, with a compressor of its own: what comes of it depends on the block alone.
    pub pack: fn(data: &[u8], level: u32, packed: &mut Packed) -> io::Result<()>,
    /// What stands around the blocks.
    pub envelope: fn() -> Box<dyn Envelope>,
}

/// A block's compressed form.
#[derive(Default)]
pub(super) struct Packed {
    /// As it lies in the file.
    pub bytes: Vec<u8>,
    /// What the file's end says of it: gzip counts a CRC-32 over all blocks, xz lists the sizes of all.
    pub note: u64,
}

/// What stands before and behind the blocks of a file.
pub(super) trait Envelope: Send {
    /// The bytes before the first block.
    fn begin(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes note of a block of `len` bytes that follows `times` times.
    fn add(&mut self, note: u64, len: u64, times: u64);

    /// The bytes behind the last block.
    fn end(&mut self) -> io::Result<Vec<u8>>;
}
