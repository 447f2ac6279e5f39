//! Tables of numbers: of 32 bits as VDI, VMDK and VHD keep them, of 64 bits as VHDX and
//! qcow2 do, and of 16 bits as qcow2 counts references.

use byteorder::ByteOrder;
use bytes::Bytes;

use crate::error::OpenError;
#[cfg(any(feature = "qcow2", feature = "vdi", feature = "vhd", feature = "vhdx"))]
use crate::error::PlaceError;
use crate::read_at::ReadAt;

/// Bytes of a table that are read at a time: a table is never in memory as a whole, so that a file
/// can claim any size of it.
const CHUNK: usize = 64 << 10;

/// The value as a field of the format holds it.
///
/// Fails when it is too large for that.
#[cfg(any(feature = "qcow2", feature = "vdi", feature = "vhd", feature = "vhdx"))]
pub(crate) fn fitting<T: TryFrom<u64>>(format: &'static str, value: u64) -> Result<T, PlaceError> {
    T::try_from(value).map_err(|_| PlaceError::Field {
        format,
        reason: format!("{value} does not fit its field; make the disk smaller"),
    })
}

/// A number of a table.
pub(crate) trait Number: Copy {
    /// Its bytes.
    const SIZE: usize;

    fn read<E: ByteOrder>(bytes: &[u8]) -> Self;

    fn write_all<E: ByteOrder>(numbers: &[Self], bytes: &mut [u8]);
}

impl Number for u32 {
    const SIZE: usize = 4;

    fn read<E: ByteOrder>(bytes: &[u8]) -> Self {
        E::read_u32(bytes)
    }

    fn write_all<E: ByteOrder>(numbers: &[Self], bytes: &mut [u8]) {
        E::write_u32_into(numbers, bytes);
    }
}

#[cfg(any(feature = "qcow2", feature = "vhdx"))]
impl Number for u64 {
    const SIZE: usize = 8;

    fn read<E: ByteOrder>(bytes: &[u8]) -> Self {
        E::read_u64(bytes)
    }

    fn write_all<E: ByteOrder>(numbers: &[Self], bytes: &mut [u8]) {
        E::write_u64_into(numbers, bytes);
    }
}

#[cfg(feature = "qcow2-compressed")]
impl Number for u16 {
    const SIZE: usize = 2;

    fn read<E: ByteOrder>(bytes: &[u8]) -> Self {
        E::read_u16(bytes)
    }

    fn write_all<E: ByteOrder>(numbers: &[Self], bytes: &mut [u8]) {
        E::write_u16_into(numbers, bytes);
    }
}

/// The bytes of a table.
pub(crate) fn to_bytes<E: ByteOrder, N: Number>(entries: &[N]) -> Bytes {
    let mut bytes = vec![0; entries.len() * N::SIZE];
    N::write_all::<E>(entries, &mut bytes);
    bytes.into()
}

/// Calls `entry` with the number and value of each of `count` entries of the table at `offset`.
///
/// The caller has checked that the table lies within the file.
pub(crate) fn for_each<E: ByteOrder, N: Number>(
    file: &dyn ReadAt,
    offset: u64,
    count: u64,
    mut entry: impl FnMut(u64, N) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let size = N::SIZE as u64;
    let bytes = |entries: u64| {
        usize::try_from(entries.saturating_mul(size)).map_or(CHUNK, |bytes| bytes.min(CHUNK))
    };
    let mut chunk = vec![0; bytes(count)];
    let mut done = 0;
    while done < count {
        let chunk = &mut chunk[..bytes(count - done)];
        file.read_exact_at(offset + done * size, chunk)?;
        for value in chunk.chunks_exact(N::SIZE).map(N::read::<E>) {
            entry(done, value)?;
            done += 1;
        }
    }
    Ok(())
}
