//! zlib's header and checksum around a stream (RFC 1950).

use super::bits::Bits;
use super::{Deflater, block};

/// Deflate with a window of 32 KiB, and of compressors the usual.
const HEADER: [u8; 2] = [0x78, 0x9C];

/// Bytes of the checksum.
const CHECKSUM: usize = 4;

impl Deflater {
    /// Writes the zlib stream of `data` into `place`, as [`stream`](Self::stream) does.
    pub(crate) fn zlib_stream(&mut self, data: &[u8], place: &mut [u8]) -> Option<usize> {
        wrapped(data, place, |room| self.stream(data, room))
    }
}

/// Writes a zlib stream of `data` that isn't compressed into `place`; its length, if it fits.
pub(crate) fn stored_zlib_stream(data: &[u8], place: &mut [u8]) -> Option<usize> {
    wrapped(data, place, |room| {
        let mut out = Bits::new(room);
        block::store(data, true, &mut out)?;
        Some(out.finish())
    })
}

/// Has `deflate` write between header and checksum; the length of all that.
fn wrapped(
    data: &[u8],
    place: &mut [u8],
    deflate: impl FnOnce(&mut [u8]) -> Option<usize>,
) -> Option<usize> {
    let (header, rest) = place.split_at_mut_checked(HEADER.len())?;
    header.copy_from_slice(&HEADER);
    let room = rest.len().checked_sub(CHECKSUM)?;
    let len = deflate(&mut rest[..room])?;
    let checksum = zlib_rs::adler32::adler32(1, data).to_be_bytes();
    rest[len..][..CHECKSUM].copy_from_slice(&checksum);
    Some(HEADER.len() + len + CHECKSUM)
}
