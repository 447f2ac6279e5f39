//! gzip: one member (RFC 1952) of deflate blocks (RFC 1951).
//!
//! Each block of the file ends with an empty stored block, as after a flush, which ends at a whole byte, and refers
//! to nothing before it. So their deflate blocks can follow one another.

use std::io;

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress};

use super::codec::{Codec, Envelope, Packed};
use crate::incompressible::is_incompressible;

/// Level 5, by measurement on a system's files: level 6 takes 16 % more time for a file that is 0.2 % smaller,
/// level 4 saves 9 % for 1.3 % more.
pub(super) const CODEC: Codec = Codec {
    name: "gz",
    levels: (1, 9),
    level: 5,
    block: 1 << 20,
    pack,
    envelope: || Box::new(Member::default()),
};

/// RFC 1952, 2.3: magic bytes, deflate, no optional fields, no time, nothing said of the level, and of no system.
const HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];

/// What is judged at a time whether it is worth deflating.
const PIECE: usize = 64 << 10;

/// A last block, by the codes that are fixed, with nothing in it.
const LAST_BLOCK: [u8; 2] = [3, 0];

fn pack(data: &[u8], level: u32, packed: &mut Packed) -> io::Result<()> {
    packed.bytes.clear();
    // No level makes more than nine bits of a byte.
    packed.bytes.reserve(data.len() + data.len() / 8 + 64);
    let mut pieces = data.chunks(PIECE);
    let stored = pieces.all(is_incompressible);
    let level = Compression::new(if stored { 0 } else { level });
    let mut deflate = Compress::new(level, false);
    deflate
        .compress_vec(data, &mut packed.bytes, FlushCompress::Sync)
        .map_err(io::Error::other)?;
    if deflate.total_in() != data.len() as u64 || packed.bytes.len() == packed.bytes.capacity() {
        return Err(io::Error::other("deflate had no room for a block"));
    }
    packed.note = crc32fast::hash(data).into();
    Ok(())
}

/// The CRC-32 of all blocks, and their length.
#[derive(Default)]
struct Member {
    crc: Hasher,
    len: u64,
}

impl Envelope for Member {
    fn begin(&self) -> Vec<u8> {
        HEADER.to_vec()
    }

    fn add(&mut self, note: u64, len: u64, times: u64) {
        self.len += len * times;
        // What follows twice as often has the CRC of both halves: one step for each bit of `times`.
        let crc = u32::try_from(note).unwrap_or(0);
        let mut twice = Hasher::new_with_initial_len(crc, len);
        let mut times = times;
        while times > 0 {
            if times & 1 == 1 {
                self.crc.combine(&twice);
            }
            twice.combine(&twice.clone());
            times >>= 1;
        }
    }

    fn end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = LAST_BLOCK.to_vec();
        bytes.extend(self.crc.clone().finalize().to_le_bytes());
        // Modulo 2^32, by the specification.
        bytes.extend(&self.len.to_le_bytes()[..4]);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_many_times_counts_as_often() {
        let data = b"some bytes";
        for times in [1, 2, 3, 5, 8, 100, 255] {
            let mut member = Member::default();
            member.add(crc32fast::hash(b"before").into(), 6, 1);
            member.add(crc32fast::hash(data).into(), 10, times);
            let count = usize::try_from(times).unwrap();
            let whole = [&b"before"[..], &data.repeat(count)].concat();
            assert_eq!(member.crc.clone().finalize(), crc32fast::hash(&whole));
            assert_eq!(member.len, whole.len() as u64);
        }
    }
}
