//! Which block of a disk lies where in a VHD file.

use byteorder::BigEndian;
use bytes::Bytes;
use zerocopy::{FromZeros, IntoBytes};

use super::footer::{disk_size, footer};
use super::spec::{self, Checksummed, DynamicHeader, SECTOR};
use crate::error::PlaceError;
use crate::format::ImageOptions;
use crate::map::DiskMap;
use crate::placement::{Placement, Run};
use crate::table;

const BLOCK: u64 = spec::BLOCK as u64;

/// Where the dynamic header lies: behind the copy of the footer.
const HEADER_OFFSET: u64 = SECTOR;
/// Where the block allocation table lies: behind the dynamic header.
const TABLE_OFFSET: u64 = HEADER_OFFSET + size_of::<DynamicHeader>() as u64;

/// Blocks' data begins at multiples of this, each bitmap right before it: else every write of a guest
/// with sectors of 4 KiB would be two halves of the host's.
const ALIGNMENT: u64 = 4096;

/// Decides a dynamic VHD: copy of the footer, header, block allocation table, the touched blocks in the
/// order of the disk, all of them whole and each behind its bitmap, footer.
///
/// The disk's size is rounded up to whole sectors.
pub(super) fn dynamic(disk: &DiskMap, options: &ImageOptions) -> Result<Placement, PlaceError> {
    let size = disk_size(disk, spec::NAME)?;
    let blocks = size.div_ceil(BLOCK);
    let footer = footer(size, spec::KIND_DYNAMIC, HEADER_OFFSET, options);
    let footer = Bytes::copy_from_slice(footer.as_bytes());
    let bitmap_len = spec::bitmap_len(BLOCK);
    let bitmap = Bytes::from(vec![0xFF; usize_of(bitmap_len)?]);

    let table_len = (blocks * 4).next_multiple_of(SECTOR);
    let mut table = vec![spec::UNUSED; usize_of(table_len / 4)?];
    let mut metadata = vec![
        (0, footer.clone()),
        (HEADER_OFFSET, header(blocks)?),
        // Filled below.
        (TABLE_OFFSET, Bytes::new()),
    ];
    let mut end = TABLE_OFFSET + table_len;
    let mut runs = Vec::new();
    for block in disk.block_runs(BLOCK).flatten() {
        let data = (end + bitmap_len).next_multiple_of(ALIGNMENT);
        let start = data - bitmap_len;
        table[usize_of(block)?] = number(start / SECTOR)?;
        metadata.push((start, bitmap.clone()));
        runs.push(Run {
            disk: block * BLOCK,
            file: data,
            len: BLOCK,
        });
        end = data + BLOCK;
    }
    metadata[2].1 = table::to_bytes::<BigEndian, u32>(&table);
    metadata.push((end, footer));
    Ok(Placement {
        len: end + SECTOR,
        metadata,
        runs,
    })
}

fn header(blocks: u64) -> Result<Bytes, PlaceError> {
    let mut header = DynamicHeader::new_zeroed();
    header.cookie = *spec::DYNAMIC_COOKIE;
    header.data_offset.set(spec::NOWHERE);
    header.table_offset.set(TABLE_OFFSET);
    header.version.set(spec::VERSION_1_0);
    header.max_table_entries.set(number(blocks)?);
    header.block_size.set(spec::BLOCK);
    header.seal();
    Ok(Bytes::copy_from_slice(header.as_bytes()))
}

/// Decides a fixed VHD: the disk, its size rounded up to whole sectors, and the footer.
pub(super) fn fixed(disk: &DiskMap, options: &ImageOptions) -> Result<Placement, PlaceError> {
    let size = disk_size(disk, spec::FIXED_NAME)?;
    let footer = footer(size, spec::KIND_FIXED, spec::NOWHERE, options);
    Ok(Placement {
        len: size + SECTOR,
        metadata: vec![(size, Bytes::copy_from_slice(footer.as_bytes()))],
        runs: vec![Run {
            disk: 0,
            file: 0,
            len: disk.len(),
        }],
    })
}

fn number(value: u64) -> Result<u32, PlaceError> {
    table::fitting(spec::NAME, value)
}

fn usize_of(value: u64) -> Result<usize, PlaceError> {
    table::fitting(spec::NAME, value)
}
