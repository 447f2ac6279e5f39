//! Disks in several files: a descriptor, and beside it the disk itself or chunks of it.

use std::ops::Range;

use super::descriptor;
use super::extent::{ExtentLine, Place};
use super::sparse;
use super::spec::{self, SECTOR};
use crate::error::PlaceError;
use crate::format::{ImageOptions, Part};
use crate::map::DiskMap;
use crate::placement::Placement;

/// Bytes of the disk in each sparse file: what file systems without larger files can hold, and VirtualBox's choice.
const CHUNK: u64 = 2047 << 20;

const _: () = assert!(CHUNK.is_multiple_of(spec::GRAIN));

/// VMware's largest disk: 62 TiB.
const MAX_FLAT: u64 = 62 << 40;

/// Decides a monolithicFlat VMDK: the descriptor, and the disk itself in a file `NAME-flat.vmdk`.
///
/// The disk's size is rounded up to whole sectors.
pub(super) fn flat(disk: &DiskMap, options: &ImageOptions) -> Result<Vec<Part>, PlaceError> {
    let reason = match disk.len() {
        0 => "it has no room for an empty disk",
        len if len > MAX_FLAT => "62 TiB are the most",
        _ => "",
    };
    if !reason.is_empty() {
        return Err(PlaceError::Size {
            format: spec::FLAT_NAME,
            size: disk.len(),
            reason,
        });
    }
    let sectors = disk.len().div_ceil(SECTOR);
    let file = format!("{}-flat.vmdk", stem(options, spec::FLAT_NAME)?);
    let extent = ExtentLine {
        sectors,
        place: Place::Flat {
            file: file.clone(),
            offset: 0,
        },
    };
    let content = Part {
        name: file,
        disk: 0..disk.len(),
        placement: Placement {
            len: sectors * SECTOR,
            ..Placement::whole(disk)
        },
    };
    let descriptor = descriptor("monolithicFlat", &[extent], options);
    Ok(vec![descriptor, content])
}

/// Decides a twoGbMaxExtentSparse VMDK: the descriptor, and files `NAME-s001.vmdk` and so on, each with the touched
/// grains of 2047 MiB of the disk.
pub(super) fn split(disk: &DiskMap, options: &ImageOptions) -> Result<Vec<Part>, PlaceError> {
    // VirtualBox reads 1,100 lines of a descriptor, thus no more either.
    sparse::check_size(disk, spec::SPLIT_NAME)?;
    let stem = stem(options, spec::SPLIT_NAME)?;
    let grains: Vec<_> = disk.block_runs(spec::GRAIN).collect();
    let (mut extents, mut files) = (Vec::new(), Vec::new());
    for number in 0..disk.len().div_ceil(CHUNK) {
        let start = number * CHUNK;
        let end = disk.len().min(start + CHUNK);
        let sectors = (end - start).div_ceil(SECTOR);
        let mut placement = sparse::extent(sectors, chunk(&grains, number), Vec::new())?;
        for run in &mut placement.runs {
            run.disk += start;
        }
        let file = format!("{stem}-s{:03}.vmdk", number + 1);
        extents.push(ExtentLine {
            sectors,
            place: Place::Sparse { file: file.clone() },
        });
        files.push(Part {
            name: file,
            disk: start..end,
            placement,
        });
    }
    files.insert(0, descriptor("twoGbMaxExtentSparse", &extents, options));
    Ok(files)
}

/// What of the runs of grains, ascending, lies in chunk `number`, as grains of the chunk.
fn chunk(grains: &[Range<u64>], number: u64) -> impl Iterator<Item = Range<u64>> {
    const GRAINS: u64 = CHUNK / spec::GRAIN;
    let (start, end) = (number * GRAINS, (number + 1) * GRAINS);
    let first = grains.partition_point(|run| run.end <= start);
    let within = grains[first..]
        .iter()
        .take_while(move |run| run.start < end);
    within.map(move |run| run.start.max(start) - start..run.end.min(end) - start)
}

/// The descriptor's own file.
fn descriptor(create_type: &str, extents: &[ExtentLine], options: &ImageOptions) -> Part {
    let text = descriptor::text(create_type, extents, options);
    Part {
        name: options.file_name.clone(),
        disk: 0..0,
        placement: Placement {
            len: text.len() as u64,
            metadata: vec![(0, text.into())],
            runs: Vec::new(),
        },
    }
}

/// What the names of the other files begin with: the descriptor's name without its ending.
///
/// Readers find them by what the descriptor says, so they have names that it can say to all of them.
fn stem<'a>(options: &'a ImageOptions, format: &'static str) -> Result<&'a str, PlaceError> {
    /// What is added, at most.
    const ENDING: usize = "-s0000.vmdk".len();
    let name = &*options.file_name;
    let stem = match name.rsplit_once('.') {
        Some((stem, ending)) if ending.eq_ignore_ascii_case("vmdk") => stem,
        _ => name,
    };
    let most = descriptor::MAX_NAME - ENDING;
    if !stem.is_empty() && stem.len() <= most && stem.chars().all(descriptor::is_plain) {
        return Ok(stem);
    }
    Err(PlaceError::Field {
        format,
        reason: format!(
            "the names of its files begin with {stem:?}; that must be 1 to {most} characters of ASCII without \
             quotes, colons and slashes, so name the image otherwise"
        ),
    })
}
