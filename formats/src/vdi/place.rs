//! Which block of a disk lies where in a VDI file.

use std::ops::Range;

use byteorder::LittleEndian;
use bytes::Bytes;
use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use super::spec::{self, Geometry, Header};
use crate::error::PlaceError;
use crate::format::ImageOptions;
use crate::map::DiskMap;
use crate::placement::{Placement, Run};
use crate::table;

const SECTOR: u64 = 512;
const BLOCK: u64 = spec::BLOCK as u64;

/// Where the block map begins: right behind the header.
const BLOCKS_OFFSET: u32 = 512;

/// QEMU accepts no more blocks; it is half a pebibyte.
const MAX_BLOCKS: u64 = (1 << 29) - 1;

/// Entries of a part of the block map that is made at once.
const PART: u64 = 64 << 10;

/// So many blocks of a fixed image have a map of 64 MiB, which is in memory at once; they are 16 TiB.
const MAX_FIXED_BLOCKS: u64 = 1 << 24;

/// Decides a dynamic VDI: header, block map, and the touched blocks in the order of the disk, all
/// of them whole.
///
/// The disk's size is rounded up to whole sectors.
pub(super) fn dynamic(disk: &DiskMap, options: &ImageOptions) -> Result<Placement, PlaceError> {
    let most = (MAX_BLOCKS, "it has at most 2^29 - 1 blocks of 1 MiB");
    let blocks = blocks(disk, spec::NAME, most)?;
    let touched = disk.block_runs(BLOCK);
    place(disk, options, spec::KIND_DYNAMIC, blocks, touched)
}

/// Decides a fixed VDI: as a dynamic one of which all blocks are touched.
pub(super) fn fixed(disk: &DiskMap, options: &ImageOptions) -> Result<Placement, PlaceError> {
    let most = (MAX_FIXED_BLOCKS, "it has at most 2^24 blocks of 1 MiB");
    let blocks = blocks(disk, spec::NAME_FIXED, most)?;
    let all = std::iter::once(0..blocks);
    place(disk, options, spec::KIND_FIXED, blocks, all)
}

/// How many blocks the disk has; an error for none, or more than the format named `format` can have.
fn blocks(
    disk: &DiskMap,
    format: &'static str,
    (most, reason): (u64, &'static str),
) -> Result<u64, PlaceError> {
    let size_error = |reason| PlaceError::Size {
        format,
        size: disk.len(),
        reason,
    };
    match disk.len().div_ceil(BLOCK) {
        0 => Err(size_error("it has no room for an empty disk")),
        blocks if blocks > most => Err(size_error(reason)),
        blocks => Ok(blocks),
    }
}

fn place(
    disk: &DiskMap,
    options: &ImageOptions,
    kind: u32,
    blocks: u64,
    touched: impl Iterator<Item = Range<u64>>,
) -> Result<Placement, PlaceError> {
    let data = (u64::from(BLOCKS_OFFSET) + blocks * 4).next_multiple_of(BLOCK);
    let mut runs = Vec::new();
    let mut allocated = 0;
    for run in touched {
        let count = run.end - run.start;
        runs.push(Run {
            disk: run.start * BLOCK,
            file: data + allocated * BLOCK,
            len: count * BLOCK,
        });
        allocated += count;
    }
    let mut metadata = vec![(0, header(disk, options, kind, data, allocated)?)];
    block_map(&runs, blocks, data, &mut metadata)?;
    Ok(Placement {
        len: data + allocated * BLOCK,
        metadata,
        runs,
    })
}

fn header(
    disk: &DiskMap,
    options: &ImageOptions,
    kind: u32,
    data: u64,
    allocated: u64,
) -> Result<Bytes, PlaceError> {
    let mut header = Header::new_zeroed();
    header.text[..spec::TEXT.len()].copy_from_slice(spec::TEXT);
    header.signature.set(spec::SIGNATURE);
    header.version.set(spec::VERSION_1_1);
    header.header_size.set(spec::HEADER_SIZE);
    header.kind.set(kind);
    header.blocks_offset.set(BLOCKS_OFFSET);
    header.data_offset.set(number(data)?);
    header.legacy_geometry.sector_size.set(512);
    header.disk_size.set(disk.len().next_multiple_of(SECTOR));
    header.block_size.set(spec::BLOCK);
    header.blocks.set(number(disk.len().div_ceil(BLOCK))?);
    header.allocated.set(number(allocated)?);
    // VirtualBox refuses null UUIDs, and a second image with the same ones.
    header.create_uuid = spec::uuid_bytes(image_uuid(options.identity));
    header.modify_uuid = spec::uuid_bytes(Uuid::new_v5(&options.identity, b"vdi modify"));
    header.geometry = geometry(disk.len().div_ceil(SECTOR))?;
    Ok(Bytes::copy_from_slice(header.as_bytes()))
}

/// The UUID by which VirtualBox knows the image of an identity.
#[must_use]
pub fn image_uuid(identity: Uuid) -> Uuid {
    Uuid::new_v5(&identity, b"vdi create")
}

/// The geometry a BIOS gives a disk of so many sectors by LBA-assisted translation: 63 sectors, the
/// fewest heads with which it has 1024 cylinders, and no more cylinders than that.
fn geometry(sectors: u64) -> Result<Geometry, PlaceError> {
    let heads = [16_u32, 32, 64, 128]
        .into_iter()
        .find(|heads| sectors <= 1024 * 63 * u64::from(*heads))
        .unwrap_or(255);
    let cylinders = (sectors / (63 * u64::from(heads))).clamp(1, 1024);
    Ok(Geometry {
        cylinders: number(cylinders)?.into(),
        heads: heads.into(),
        sectors: 63.into(),
        sector_size: 512.into(),
    })
}

/// The block map in parts, those without an allocated block sharing their bytes: a large empty disk
/// costs no memory.
fn block_map(
    runs: &[Run],
    blocks: u64,
    data: u64,
    metadata: &mut Vec<(u64, Bytes)>,
) -> Result<(), PlaceError> {
    let free = table::to_bytes::<LittleEndian, u32>(&vec![spec::FREE; usize_of(PART.min(blocks))?]);
    let mut runs = runs;
    for first in (0..blocks).step_by(usize_of(PART)?) {
        let end = (first + PART).min(blocks);
        let offset = u64::from(BLOCKS_OFFSET) + first * 4;
        let touched = runs.iter().take_while(|run| run.disk / BLOCK < end).count();
        if touched == 0 {
            metadata.push((offset, free.slice(..usize_of((end - first) * 4)?)));
            continue;
        }
        let mut part = vec![spec::FREE; usize_of(end - first)?];
        for run in &runs[..touched] {
            let run_start = run.disk / BLOCK;
            let from = run_start.max(first);
            let to = (run_start + run.len / BLOCK).min(end);
            let place = (run.file - data) / BLOCK;
            for block in from..to {
                part[usize_of(block - first)?] = number(place + (block - run_start))?;
            }
        }
        metadata.push((offset, table::to_bytes::<LittleEndian, u32>(&part)));
        let done = runs.partition_point(|run| run.disk + run.len <= end * BLOCK);
        runs = &runs[done..];
    }
    Ok(())
}

fn number(value: u64) -> Result<u32, PlaceError> {
    table::fitting(spec::NAME, value)
}

fn usize_of(value: u64) -> Result<usize, PlaceError> {
    table::fitting(spec::NAME, value)
}
