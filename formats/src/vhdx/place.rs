//! Which block of a disk lies where in a VHDX file.
//!
//! In the file, each at a multiple of 1 MiB: header section, an empty log, metadata, block allocation
//! table, blocks.

use byteorder::LittleEndian;
use bytes::Bytes;
use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use super::spec::{
    self, BLOCK, FileIdentifier, Header, MIB, MetadataEntry, MetadataTableHeader, RegionEntry,
    RegionTableHeader, TABLE_LEN,
};
use crate::error::PlaceError;
use crate::format::ImageOptions;
use crate::map::DiskMap;
use crate::placement::{Placement, Run};
use crate::table;

/// Bytes that the guest had better write together; Hyper-V's own choice.
const PHYSICAL_SECTOR: u32 = 4096;

const LOG_OFFSET: u64 = MIB;
/// The shortest log that there can be.
const LOG_LEN: u32 = 1 << 20;
const METADATA_OFFSET: u64 = 2 * MIB;
const METADATA_LEN: u32 = 1 << 20;
const BAT_OFFSET: u64 = 3 * MIB;

/// Entries of a part of the block allocation table that is made at once. Parts without an allocated
/// block are zeros, thus holes.
const PART: u64 = 8 << 10;

/// Decides a dynamic VHDX: the touched blocks in the order of the disk, all of them whole.
///
/// The disk's size is rounded up to whole sectors.
pub(super) fn dynamic(disk: &DiskMap, options: &ImageOptions) -> Result<Placement, PlaceError> {
    let geometry = Geometry::new(disk, spec::NAME, options)?;
    let blocks = disk.block_runs(BLOCK);
    place(geometry, blocks, 0, options)
}

/// Decides a fixed VHDX: all blocks.
pub(super) fn fixed(disk: &DiskMap, options: &ImageOptions) -> Result<Placement, PlaceError> {
    let geometry = Geometry::new(disk, spec::FIXED_NAME, options)?;
    let blocks = std::iter::once(0..geometry.size.div_ceil(BLOCK));
    place(geometry, blocks, spec::LEAVE_ALLOCATED, options)
}

/// What the guest sees of the disk, in bytes.
#[derive(Clone, Copy)]
struct Geometry {
    size: u64,
    /// A sector as the guest addresses it.
    sector: u32,
}

impl Geometry {
    fn new(
        disk: &DiskMap,
        format: &'static str,
        options: &ImageOptions,
    ) -> Result<Self, PlaceError> {
        let size_error = |reason| PlaceError::Size {
            format,
            size: disk.len(),
            reason,
        };
        let sector = spec::SECTORS
            .into_iter()
            .find(|sector| options.sector_size == u64::from(*sector));
        let sector = sector.ok_or_else(|| PlaceError::Field {
            format,
            reason: format!(
                "it has sectors of 512 or 4096 bytes, not {}",
                options.sector_size
            ),
        })?;
        match disk.len() {
            0 => Err(size_error("it has no room for an empty disk")),
            len if len > spec::MAX_DISK => Err(size_error("64 TiB are the most")),
            len => Ok(Self {
                size: len.next_multiple_of(sector.into()),
                sector,
            }),
        }
    }
}

fn place(
    Geometry { size, sector }: Geometry,
    allocated: impl Iterator<Item = std::ops::Range<u64>>,
    flags: u32,
    options: &ImageOptions,
) -> Result<Placement, PlaceError> {
    let blocks = size.div_ceil(BLOCK);
    let ratio = spec::chunk_ratio(BLOCK, sector.into());
    let bat_len = (spec::bat_entries(blocks, ratio) * 8).next_multiple_of(MIB);
    let mut end = BAT_OFFSET + bat_len;
    let mut runs = Vec::new();
    for run in allocated {
        let len = (run.end - run.start) * BLOCK;
        runs.push(Run {
            disk: run.start * BLOCK,
            file: end,
            len,
        });
        end += len;
    }
    let mut metadata = vec![(0, file_identifier())];
    for (sequence, offset) in (1..).zip(spec::HEADERS) {
        metadata.push((offset, header(sequence, options)));
    }
    let regions = region_table(number(bat_len)?);
    metadata.extend(spec::REGION_TABLES.map(|offset| (offset, regions.clone())));
    metadata.extend(items(Geometry { size, sector }, flags, options)?);
    block_table(&runs, ratio, &mut metadata)?;
    Ok(Placement {
        len: end,
        metadata,
        runs,
    })
}

fn file_identifier() -> Bytes {
    let mut identifier = FileIdentifier::new_zeroed();
    identifier.signature = spec::FILE_SIGNATURE;
    for (place, unit) in identifier
        .creator
        .iter_mut()
        .zip("kurmadisk".encode_utf16())
    {
        place.set(unit);
    }
    Bytes::copy_from_slice(identifier.as_bytes())
}

fn header(sequence: u64, options: &ImageOptions) -> Bytes {
    let mut header = Header::new_zeroed();
    header.signature = spec::HEADER_SIGNATURE;
    header.sequence.set(sequence);
    header.file_write = derived(options, b"vhdx file");
    header.data_write = derived(options, b"vhdx data");
    header.version.set(spec::VERSION);
    header.log_length.set(LOG_LEN);
    header.log_offset.set(LOG_OFFSET);
    spec::seal(header.as_mut_bytes());
    Bytes::copy_from_slice(header.as_bytes())
}

/// VirtualBox opens only files whose regions are required.
fn region_table(bat_len: u32) -> Bytes {
    let regions = [
        (spec::BAT_REGION, BAT_OFFSET, bat_len),
        (spec::METADATA_REGION, METADATA_OFFSET, METADATA_LEN),
    ];
    let header = RegionTableHeader {
        signature: spec::REGION_SIGNATURE,
        checksum: 0.into(),
        entries: 2.into(),
        reserved: 0.into(),
    };
    let mut table = header.as_bytes().to_vec();
    for (id, offset, length) in regions {
        let entry = RegionEntry {
            id: spec::guid_bytes(id),
            offset: offset.into(),
            length: length.into(),
            required: 1.into(),
        };
        table.extend_from_slice(entry.as_bytes());
    }
    table.resize(spec::TABLE_BYTES, 0);
    spec::seal(&mut table);
    table.into()
}

/// The metadata: its table, and the items behind it.
fn items(
    Geometry { size, sector }: Geometry,
    flags: u32,
    options: &ImageOptions,
) -> Result<[(u64, Bytes); 2], PlaceError> {
    let parameters = [number(BLOCK)?, flags].map(u32::to_le_bytes).concat();
    let id = derived(options, b"vhdx disk");
    let of_disk = spec::ITEM_OF_DISK | spec::ITEM_REQUIRED;
    let items: [(Uuid, &[u8], u32); 5] = [
        (spec::FILE_PARAMETERS, &parameters, spec::ITEM_REQUIRED),
        (spec::DISK_SIZE, &size.to_le_bytes(), of_disk),
        (spec::DISK_ID, &id, of_disk),
        (spec::LOGICAL_SECTOR, &sector.to_le_bytes(), of_disk),
        (
            spec::PHYSICAL_SECTOR,
            &PHYSICAL_SECTOR.to_le_bytes(),
            of_disk,
        ),
    ];
    let mut header = MetadataTableHeader::new_zeroed();
    header.signature = spec::METADATA_SIGNATURE;
    header.entries.set(5);
    let (mut table, mut values) = (header.as_bytes().to_vec(), Vec::new());
    for (id, value, flags) in items {
        let entry = MetadataEntry {
            id: spec::guid_bytes(id),
            offset: number(TABLE_LEN + values.len() as u64)?.into(),
            length: number(value.len() as u64)?.into(),
            flags: flags.into(),
            reserved: 0.into(),
        };
        table.extend_from_slice(entry.as_bytes());
        values.extend_from_slice(value);
    }
    Ok([
        (METADATA_OFFSET, table.into()),
        (METADATA_OFFSET + TABLE_LEN, values.into()),
    ])
}

/// The parts of the block allocation table that have an allocated block. The entries of sector bitmaps,
/// one behind each `ratio` blocks, stay zeros: there are none without a parent.
fn block_table(
    runs: &[Run],
    ratio: u64,
    metadata: &mut Vec<(u64, Bytes)>,
) -> Result<(), PlaceError> {
    let mut part: Option<(u64, Vec<u64>)> = None;
    let mut push = |(number, entries): (u64, Vec<u64>)| {
        let at = BAT_OFFSET + number * PART * 8;
        metadata.push((at, table::to_bytes::<LittleEndian, u64>(&entries)));
    };
    for run in runs {
        for n in 0..run.len / BLOCK {
            let block = run.disk / BLOCK + n;
            let entry = block + block / ratio;
            if part
                .as_ref()
                .is_none_or(|(number, _)| *number != entry / PART)
            {
                let next = (entry / PART, vec![0; usize_of(PART)?]);
                part.replace(next).into_iter().for_each(&mut push);
            }
            if let Some((_, entries)) = &mut part {
                // A multiple of 1 MiB: the state's bits are free.
                entries[usize_of(entry % PART)?] =
                    (run.file + n * BLOCK) | spec::state::FULLY_PRESENT;
            }
        }
    }
    part.into_iter().for_each(push);
    Ok(())
}

fn derived(options: &ImageOptions, name: &[u8]) -> [u8; 16] {
    spec::guid_bytes(Uuid::new_v5(&options.identity, name))
}

fn number(value: u64) -> Result<u32, PlaceError> {
    table::fitting(spec::NAME, value)
}

fn usize_of(value: u64) -> Result<usize, PlaceError> {
    table::fitting(spec::NAME, value)
}
