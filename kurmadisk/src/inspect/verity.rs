//! Hash areas of dm-verity, alone in a partition or behind a filesystem.

use kurmadisk_formats::error::chain;
use kurmadisk_formats::read_at::{ReadAt, Window};

use crate::verity::{self, HashAreaFault, HashAreaReport};

/// Areas begin at a multiple of the largest block there is.
const ALIGNMENT: u64 = 4096;

/// Reads the hash area that begins `offset` bytes into `volume`.
pub(super) fn read(
    volume: &dyn ReadAt,
    offset: u64,
    problems: &mut Vec<String>,
) -> Option<HashAreaReport> {
    let len = volume.len().checked_sub(offset)?;
    let area = Window::new(volume, offset, len).ok()?;
    match verity::read(&area) {
        Ok(header) => {
            let options = &header.options;
            let data = header.data_blocks * u64::from(options.data_block_size);
            let root = header.root_hash;
            Some(HashAreaReport::new(options, root, data, offset, header.len))
        }
        Err(HashAreaFault::None) => None,
        Err(fault) => {
            problems.push(format!("hash area of dm-verity: {}", chain(&fault)));
            None
        }
    }
}

/// Reads the hash area behind a filesystem of `size` bytes, if there is one.
pub(super) fn read_behind(
    volume: &dyn ReadAt,
    size: u64,
    problems: &mut Vec<String>,
) -> Option<HashAreaReport> {
    let offset = size.checked_next_multiple_of(ALIGNMENT)?;
    let area = read(volume, offset, problems)?;
    (area.data_size == offset || area.data_size == size).then_some(area)
}
