//! Which grain of a disk lies where in a sparse extent: a monolithicSparse file, or one of several.
//!
//! In the file: header, descriptor (if it has one), redundant grain directory and its grain tables, grain directory
//! and its grain tables, grains. VirtualBox demands that all grain tables exist; those of stretches
//! that nothing touches are zeros, thus holes of the file.

use std::ops::Range;

use byteorder::LittleEndian;
use bytes::Bytes;
use zerocopy::{FromZeros, IntoBytes};

use super::descriptor;
use super::spec::{self, GRAIN, GRAIN_SECTORS, GT_ENTRIES, GT_SECTORS, GT_SPAN, Header, SECTOR};
use crate::error::PlaceError;
use crate::format::ImageOptions;
use crate::map::DiskMap;
use crate::placement::{Placement, Run};
use crate::table;

/// The grain tables count sectors in 32 bits.
const MAX_SECTORS: u64 = 1 << 32;

/// Where the parts of an extent lie, in sectors.
struct Layout {
    capacity: u64,
    /// Sectors of the descriptor right behind the header.
    descriptor: u64,
    tables: u64,
    rgd: u64,
    gd: u64,
    overhead: u64,
}

impl Layout {
    fn new(capacity: u64, descriptor: u64) -> Self {
        let tables = (capacity * SECTOR).div_ceil(GT_SPAN);
        let directory = (tables * 4).div_ceil(SECTOR);
        let rgd = spec::DESCRIPTOR_OFFSET + descriptor;
        let gd = rgd + directory + tables * GT_SECTORS;
        let end = gd + directory + tables * GT_SECTORS;
        Self {
            capacity,
            descriptor,
            tables,
            rgd,
            gd,
            overhead: end.next_multiple_of(GRAIN_SECTORS),
        }
    }

    /// The first grain table of the directory at `directory`.
    fn first_table(&self, directory: u64) -> u64 {
        directory + (self.tables * 4).div_ceil(SECTOR)
    }

    fn header(&self) -> Bytes {
        let mut header = Header::new_zeroed();
        header.magic = spec::MAGIC;
        header.version.set(spec::VERSION_SPARSE);
        header.flags.set(spec::FLAG_NEWLINE | spec::FLAG_REDUNDANT);
        header.capacity.set(self.capacity);
        header.grain_size.set(GRAIN_SECTORS);
        if self.descriptor > 0 {
            header.descriptor_offset.set(spec::DESCRIPTOR_OFFSET);
            header.descriptor_size.set(self.descriptor);
        }
        header.gt_entries.set(GT_ENTRIES);
        header.rgd_offset.set(self.rgd);
        header.gd_offset.set(self.gd);
        header.overhead.set(self.overhead);
        header.newline = spec::NEWLINE;
        Bytes::copy_from_slice(header.as_bytes())
    }

    /// The directory at sector `at`: where each of its grain tables begins.
    fn directory(&self, at: u64) -> Result<Bytes, PlaceError> {
        let first = self.first_table(at);
        let entries = (0..self.tables).map(|table| sector(first + table * GT_SECTORS));
        Ok(table::to_bytes::<LittleEndian, u32>(
            &entries.collect::<Result<Vec<_>, _>>()?,
        ))
    }
}

/// Decides a monolithicSparse VMDK: the touched grains in the order of the disk, all of them whole.
///
/// The disk's size is rounded up to whole sectors, not to whole grains.
pub(super) fn place(disk: &DiskMap, options: &ImageOptions) -> Result<Placement, PlaceError> {
    let capacity = check_size(disk, spec::NAME)?;
    let descriptor = descriptor::embedded("monolithicSparse", capacity, options)?;
    extent(capacity, disk.block_runs(GRAIN), descriptor)
}

/// The disk's size in sectors, if grain tables can count so many.
pub(super) fn check_size(disk: &DiskMap, format: &'static str) -> Result<u64, PlaceError> {
    let reason = match disk.len().div_ceil(SECTOR) {
        0 => "it has no room for an empty disk",
        1..=MAX_SECTORS => return Ok(disk.len().div_ceil(SECTOR)),
        _ => "2 TiB are the most; VDI can hold more",
    };
    Err(PlaceError::Size {
        format,
        size: disk.len(),
        reason,
    })
}

/// Decides the file of an extent: `capacity` sectors with these runs of grains, and the descriptor, which has whole
/// sectors or is empty.
pub(super) fn extent(
    capacity: u64,
    grains: impl Iterator<Item = Range<u64>>,
    descriptor: Vec<u8>,
) -> Result<Placement, PlaceError> {
    let sectors = descriptor.len() as u64 / SECTOR;
    let layout = Layout::new(capacity, sectors);
    let mut next = layout.overhead * SECTOR;
    let mut runs = Vec::new();
    for run in grains {
        let len = (run.end - run.start) * GRAIN;
        runs.push(Run {
            disk: run.start * GRAIN,
            file: next,
            len,
        });
        next += len;
    }
    let mut metadata = vec![
        (0, layout.header()),
        (spec::DESCRIPTOR_OFFSET * SECTOR, descriptor.into()),
        (layout.rgd * SECTOR, layout.directory(layout.rgd)?),
        (layout.gd * SECTOR, layout.directory(layout.gd)?),
    ];
    for (number, entries) in grain_tables(&runs)? {
        for directory in [layout.rgd, layout.gd] {
            let at = layout.first_table(directory) + number * GT_SECTORS;
            metadata.push((at * SECTOR, entries.clone()));
        }
    }
    Ok(Placement {
        len: next,
        metadata,
        runs,
    })
}

/// The grain tables that are not empty, by number.
fn grain_tables(runs: &[Run]) -> Result<Vec<(u64, Bytes)>, PlaceError> {
    const ENTRIES: usize = GT_ENTRIES as usize;
    let mut tables: Vec<(u64, [u32; ENTRIES])> = Vec::new();
    for run in runs {
        for n in 0..run.len / GRAIN {
            let grain = run.disk / GRAIN + n;
            let number = grain / u64::from(GT_ENTRIES);
            if tables.last().is_none_or(|(last, _)| *last != number) {
                tables.push((number, [0; ENTRIES]));
            }
            if let Some((_, table)) = tables.last_mut() {
                // A remainder of 512.
                let slot = usize::try_from(grain % u64::from(GT_ENTRIES)).unwrap_or(0);
                table[slot] = sector(run.file / SECTOR + n * GRAIN_SECTORS)?;
            }
        }
    }
    let bytes = |(number, table): (u64, [u32; ENTRIES])| {
        (number, table::to_bytes::<LittleEndian, u32>(&table))
    };
    Ok(tables.into_iter().map(bytes).collect())
}

fn sector(number: u64) -> Result<u32, PlaceError> {
    u32::try_from(number).map_err(|_| PlaceError::Field {
        format: spec::NAME,
        reason: "its file would be larger than 2 TiB; make the disk smaller".to_owned(),
    })
}
