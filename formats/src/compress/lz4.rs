//! lz4: the legacy frame ("LZ4 Frame Format Description", Legacy frame), which is what the Linux kernel reads.

use std::io;

use super::codec::{Codec, Envelope, Packed};

/// Bytes of a block: what the format says that every block but the last has.
const BLOCK: usize = 8 << 20;

pub(super) const CODEC: Codec = Codec {
    name: "lz4",
    levels: (1, 1),
    level: 1,
    block: BLOCK,
    pack,
    envelope: || Box::new(Frame),
};

const MAGIC: u32 = 0x184C_2102;

fn pack(data: &[u8], _: u32, packed: &mut Packed) -> io::Result<()> {
    let block = lz4_flex::block::compress(data);
    let len = u32::try_from(block.len()).map_err(io::Error::other)?;
    packed.bytes.clear();
    packed.bytes.extend(len.to_le_bytes());
    packed.bytes.extend(block);
    Ok(())
}

/// Nothing stands behind the blocks.
struct Frame;

impl Envelope for Frame {
    fn begin(&self) -> Vec<u8> {
        MAGIC.to_le_bytes().to_vec()
    }

    fn add(&mut self, _: u64, _: u64, _: u64) {}

    fn end(&mut self) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }
}
