//! zstd: a frame (RFC 8878) for each block, which says its content's size and has a checksum.

use std::io;

use super::codec::{Codec, Envelope, Packed};
use crate::zstd::{LEVEL, LEVELS, frame};

/// With blocks of 4 MiB a system's files take no more than in one frame; with 1 MiB 4 % more.
pub(super) const CODEC: Codec = Codec {
    name: "zst",
    levels: LEVELS,
    level: LEVEL,
    block: 4 << 20,
    pack,
    envelope: || Box::new(Frames { any: false }),
};

#[expect(
    clippy::unnecessary_wraps,
    reason = "other codecs can fail; this one panics on a fault of its own"
)]
fn pack(data: &[u8], level: u32, packed: &mut Packed) -> io::Result<()> {
    frame(data, level, true, &mut packed.bytes);
    Ok(())
}

struct Frames {
    any: bool,
}

impl Envelope for Frames {
    fn add(&mut self, _: u64, _: u64, _: u64) {
        self.any = true;
    }

    /// A file without any frame is none.
    fn end(&mut self) -> io::Result<Vec<u8>> {
        let mut empty = Vec::new();
        if !self.any {
            frame(&[], LEVEL, true, &mut empty);
        }
        Ok(empty)
    }
}
