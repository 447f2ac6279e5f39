//! Opening a VHDX file.

use std::ops::Range;

use byteorder::LittleEndian;
use zerocopy::little_endian::U16;
use zerocopy::{FromZeros, IntoBytes};

use super::spec::{self, FileIdentifier, Header, MIB, state};
use super::structures::{self, Metadata, Regions, damaged};
use crate::error::OpenError;
use crate::format::ImageFormat;
use crate::opened::{Fact, Image};
use crate::placement::Run;
use crate::read_at::ReadAt;
use crate::runs::{Overlap, RunCollector, RunReader};
use crate::table;

/// Opens a dynamic or fixed VHDX; `allocated` are the ranges of the file that are no holes.
pub(crate) fn open(file: Box<dyn ReadAt>, allocated: &[Range<u64>]) -> Result<Image, OpenError> {
    if file.len() < MIB {
        return Err(damaged("it ends within its headers".to_owned()));
    }
    let header = structures::header(&*file)?;
    let log = structures::log(&*file, &header)?;
    let regions = Regions::read(&*file)?;
    let metadata = Metadata::read(&*file, &regions.metadata)?;

    let mut parts = RunCollector::new(file.len());
    for part in [0..MIB, log, regions.metadata, regions.bat.clone()] {
        parts.reserve(part).map_err(overlap)?;
    }
    let facts = facts(&*file, &header, &metadata)?;
    let runs = runs(&*file, &metadata, &regions.bat, parts)?;
    let disk = RunReader::new(file, metadata.size, runs);
    let allocated = disk.allocated_in(allocated);
    let format = if metadata.fixed {
        ImageFormat::VhdxFixed
    } else {
        ImageFormat::Vhdx
    };
    Ok(Image::new(format, Box::new(disk), allocated, facts))
}

fn runs(
    file: &dyn ReadAt,
    metadata: &Metadata,
    bat: &Range<u64>,
    mut parts: RunCollector,
) -> Result<Vec<Run>, OpenError> {
    let block = metadata.block;
    let ratio = spec::chunk_ratio(block, metadata.logical_sector.into());
    let blocks = metadata.size.div_ceil(block);
    let entries = spec::bat_entries(blocks, ratio);
    let room = (bat.end - bat.start) / 8;
    if entries > room {
        return Err(damaged(format!(
            "a block allocation table of {room} entries for {blocks} blocks"
        )));
    }
    table::for_each::<LittleEndian, u64>(file, bat.start, entries, |number, entry| {
        // Behind each chunk's blocks, where its sectors' bitmap would lie.
        if number % (ratio + 1) == ratio {
            return Ok(());
        }
        let number = number - number / (ratio + 1);
        match entry & state::MASK {
            state::NOT_PRESENT
            | state::UNDEFINED
            | state::ZERO
            | state::UNMAPPED
            | state::UNMAPPED_DRAFT => return Ok(()),
            state::FULLY_PRESENT => {}
            other => return Err(damaged(format!("block {number} is in state {other}"))),
        }
        let disk = number * block;
        let run = Run {
            disk,
            file: entry / MIB * MIB,
            len: block.min(metadata.size - disk),
        };
        let end = run.file.checked_add(run.len);
        if run.file < MIB || end.is_none_or(|end| end > file.len()) {
            return Err(damaged(format!(
                "block {number} lies at {}, outside of the file's blocks",
                run.file
            )));
        }
        parts.push(run).map_err(overlap)
    })?;
    parts.finish().map_err(overlap)
}

fn facts(file: &dyn ReadAt, header: &Header, metadata: &Metadata) -> Result<Vec<Fact>, OpenError> {
    let mut identifier = FileIdentifier::new_zeroed();
    file.read_exact_at(0, identifier.as_mut_bytes())?;
    let creator = identifier.creator.map(U16::get);
    let end = creator.iter().position(|unit| *unit == 0);
    let creator = String::from_utf16_lossy(&creator[..end.unwrap_or(creator.len())]);
    let kind = if metadata.fixed { "fixed" } else { "dynamic" };
    Ok(vec![
        Fact::new("type", kind),
        Fact::new("creator", creator),
        Fact::new("version", header.version.to_string()),
        Fact::new("block size", metadata.block.to_string()),
        Fact::new("logical sector size", metadata.logical_sector.to_string()),
        Fact::new("physical sector size", metadata.physical_sector.to_string()),
        Fact::new("uuid", metadata.id.to_string()),
        Fact::new(
            "modification uuid",
            spec::guid(header.data_write).to_string(),
        ),
    ])
}

fn overlap(Overlap(at): Overlap) -> OpenError {
    damaged(format!("two things lie at offset {at}"))
}
