//! Tables of 32-bit little-endian numbers, as VDI and VMDK keep them.

use byteorder::{ByteOrder, LittleEndian};
use bytes::Bytes;

use crate::error::OpenError;
use crate::read_at::ReadAt;

/// Bytes of a table that are read at a time: a table is never in memory as a whole, so that a file
/// can claim any size of it.
const CHUNK: usize = 64 << 10;

/// The bytes of a table.
pub(crate) fn to_bytes(entries: &[u32]) -> Bytes {
    let mut bytes = vec![0; entries.len() * 4];
    LittleEndian::write_u32_into(entries, &mut bytes);
    bytes.into()
}

/// Calls `entry` with the number and value of each of `count` entries of the table at `offset`.
///
/// The caller has checked that the table lies within the file.
pub(crate) fn for_each(
    file: &dyn ReadAt,
    offset: u64,
    count: u64,
    mut entry: impl FnMut(u64, u32) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let bytes = |entries: u64| {
        usize::try_from(entries.saturating_mul(4)).map_or(CHUNK, |bytes| bytes.min(CHUNK))
    };
    let mut chunk = vec![0; bytes(count)];
    let mut done = 0;
    while done < count {
        let chunk = &mut chunk[..bytes(count - done)];
        file.read_exact_at(offset + done * 4, chunk)?;
        for value in chunk.chunks_exact(4).map(LittleEndian::read_u32) {
            entry(done, value)?;
            done += 1;
        }
    }
    Ok(())
}
