//! Structures at offsets of a file.

use std::io;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::read_at::ReadAt;

/// The structure at `offset`.
///
/// Fails with [`io::ErrorKind::UnexpectedEof`] when the file ends before it does.
pub(crate) fn read<T: FromBytes + IntoBytes + Immutable + KnownLayout>(
    file: &dyn ReadAt,
    offset: u64,
) -> io::Result<T> {
    let mut structure = T::new_zeroed();
    if !inside(file, offset, size_of::<T>() as u64) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    file.read_exact_at(offset, structure.as_mut_bytes())?;
    Ok(structure)
}

/// Whether `len` bytes from `start` on are in the file.
pub(crate) fn inside(file: &dyn ReadAt, start: u64, len: u64) -> bool {
    start.checked_add(len).is_some_and(|end| end <= file.len())
}
