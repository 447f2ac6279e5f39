//! lz4's legacy frame: blocks of 8 MiB each, each behind the length of its compressed form in four bytes.
//!
//! Nothing says where a frame ends but the end of the file or something that can't be a length: another frame, or
//! zeros, as a boot loader puts behind an initrd.

use std::io::{self, BufRead, Read};

use super::input::Input;

/// The begin of a frame.
pub(super) const MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// Bytes of a block before it is compressed; only the last may have fewer.
const BLOCK: usize = 8 << 20;

/// Reads one frame.
pub(super) struct Frame<'i, 'a> {
    input: &'i mut Input<'a>,
    block: Vec<u8>,
    /// What of it was read.
    used: usize,
    ended: bool,
}

impl<'i, 'a> Frame<'i, 'a> {
    /// Takes the frame's magic number, which was seen already.
    pub(super) fn new(input: &'i mut Input<'a>) -> Self {
        input.consume(MAGIC.len());
        Self {
            input,
            block: Vec::new(),
            used: 0,
            ended: false,
        }
    }

    /// Reads the next block; none behind the last.
    fn next_block(&mut self) -> io::Result<()> {
        let len = self.input.peek(4)?;
        let len = <[u8; 4]>::try_from(len).map_or(0, u32::from_le_bytes);
        if len == 0 || len.to_le_bytes() == MAGIC {
            self.ended = true;
            return Ok(());
        }
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if len > lz4_flex::block::get_maximum_output_size(BLOCK) {
            return Err(io::Error::other(
                "a block says that it is longer than one can be",
            ));
        }
        self.input.consume(4);
        let mut packed = vec![0; len];
        self.input.read_exact(&mut packed)?;
        self.block.resize(BLOCK, 0);
        let len = lz4_flex::block::decompress_into(&packed, &mut self.block);
        self.block.truncate(len.map_err(io::Error::other)?);
        self.used = 0;
        Ok(())
    }
}

impl Read for Frame<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.used == self.block.len() && !self.ended {
            self.next_block()?;
        }
        if self.ended {
            return Ok(0);
        }
        let there = &self.block[self.used..];
        let len = there.len().min(buf.len());
        buf[..len].copy_from_slice(&there[..len]);
        self.used += len;
        Ok(len)
    }
}
