//! Bytes of boot files as content.

use kurmadisk_formats::map::DiskMap;

use super::BootError;

/// Bytes as content.
pub(super) fn in_memory(bytes: impl Into<Vec<u8>>) -> Result<DiskMap, BootError> {
    let bytes = bytes.into();
    let mut map = DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes)?;
    Ok(map)
}
