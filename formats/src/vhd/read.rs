//! Opening a VHD file.

use std::ops::Range;

use byteorder::BigEndian;
use zerocopy::FromBytes;

use super::blocks::{self, BlockReader, PartialBlock};
use super::spec::{self, Checksummed, DynamicHeader, Footer, NAME, SECTOR};
use crate::error::OpenError;
use crate::format::ImageFormat;
use crate::opened::{Fact, Image};
use crate::placement::Run;
use crate::read_at::{ReadAt, Window};
use crate::runs::{Overlap, RunCollector, merged};
use crate::table;

/// Blocks larger than Hyper-V makes them are not worth their trouble.
const MAX_BLOCK: u32 = 1 << 30;

/// Opens a fixed or dynamic VHD; `allocated` are the ranges of the file that are no holes.
pub(crate) fn open(file: Box<dyn ReadAt>, allocated: &[Range<u64>]) -> Result<Image, OpenError> {
    let (footer, is_copy) = footer(&*file)?;
    let version = footer.version.get();
    if version >> 16 != spec::VERSION_1_0 >> 16 {
        let reason = format!("version {}.{}", version >> 16, version & 0xFFFF);
        return Err(OpenError::unsupported(NAME, reason));
    }
    let mut facts = facts(&footer);
    if is_copy {
        facts.push(Fact::new("footer", "missing or damaged: its copy was read"));
    }
    match footer.kind.get() {
        spec::KIND_FIXED => open_fixed(file, &footer, allocated, facts),
        spec::KIND_DYNAMIC => open_dynamic(file, &footer, allocated, facts),
        spec::KIND_DIFFERENCING => Err(OpenError::unsupported(
            NAME,
            "it holds the differences to another image; merge both first",
        )),
        kind => Err(OpenError::unsupported(
            NAME,
            format!("type {kind}, neither fixed (2) nor dynamic (3)"),
        )),
    }
}

/// The footer in the last sector, else its copy in the first; whether it is the copy.
fn footer(file: &dyn ReadAt) -> Result<(Footer, bool), OpenError> {
    let at = |offset| -> Result<Option<Footer>, OpenError> {
        let mut bytes = [0; size_of::<Footer>()];
        file.read_exact_at(offset, &mut bytes)?;
        let footer = Footer::read_from_bytes(&bytes).ok();
        Ok(footer.filter(|footer| footer.cookie == *spec::COOKIE && footer.is_sealed()))
    };
    let last = file.len().checked_sub(SECTOR);
    let last = last.ok_or_else(|| damaged("it is shorter than a footer".to_owned()))?;
    if let Some(footer) = at(last)? {
        return Ok((footer, false));
    }
    let copy = at(0)?.ok_or_else(|| damaged("no footer with the right checksum".to_owned()))?;
    Ok((copy, true))
}

fn open_fixed(
    file: Box<dyn ReadAt>,
    footer: &Footer,
    allocated: &[Range<u64>],
    facts: Vec<Fact>,
) -> Result<Image, OpenError> {
    let (size, file_len) = (footer.current_size.get(), file.len());
    if size > file_len - SECTOR {
        let reason = format!("{size} bytes of disk in a file of {file_len}");
        return Err(damaged(reason));
    }
    let within = allocated
        .iter()
        .map(|range| range.start.min(size)..range.end.min(size));
    let allocated = merged(within.filter(|range| !range.is_empty()));
    let disk = Window::new(file, 0, size)?;
    let format = ImageFormat::VhdFixed;
    Ok(Image::new(format, Box::new(disk), allocated, facts))
}

fn open_dynamic(
    file: Box<dyn ReadAt>,
    footer: &Footer,
    allocated: &[Range<u64>],
    mut facts: Vec<Fact>,
) -> Result<Image, OpenError> {
    let header = header(&*file, footer)?;
    let size = footer.current_size.get();
    let (runs, partial) = blocks(&*file, footer, &header)?;
    facts.push(Fact::new("block size", header.block_size.to_string()));
    facts.push(Fact::new("blocks", header.max_table_entries.to_string()));
    let block = u64::from(header.block_size.get());
    let disk = BlockReader::new(file, size, block, runs, partial);
    let allocated = disk.allocated_in(allocated);
    let format = ImageFormat::Vhd;
    Ok(Image::new(format, Box::new(disk), allocated, facts))
}

/// The dynamic header, checked.
fn header(file: &dyn ReadAt, footer: &Footer) -> Result<DynamicHeader, OpenError> {
    let at = footer.data_offset.get();
    let mut bytes = [0; size_of::<DynamicHeader>()];
    if !inside(file, at, bytes.len() as u64) {
        return Err(damaged(format!("a dynamic header at {at}")));
    }
    file.read_exact_at(at, &mut bytes)?;
    let header = DynamicHeader::read_from_bytes(&bytes)
        .ok()
        .filter(|header| header.cookie == *spec::DYNAMIC_COOKIE && header.is_sealed());
    let header = header
        .ok_or_else(|| damaged(format!("no dynamic header with the right checksum at {at}")))?;
    let version = header.version.get();
    if version >> 16 != spec::VERSION_1_0 >> 16 {
        let reason = format!(
            "version {}.{} of the dynamic header",
            version >> 16,
            version & 0xFFFF
        );
        return Err(OpenError::unsupported(NAME, reason));
    }
    let block = header.block_size.get();
    if !block.is_power_of_two() || !(512..=MAX_BLOCK).contains(&block) {
        return Err(damaged(format!("a block size of {block}")));
    }
    let entries = u64::from(header.max_table_entries.get());
    let size = footer.current_size.get();
    if size > entries * u64::from(block) {
        return Err(damaged(format!("{entries} blocks for {size} bytes")));
    }
    let table = header.table_offset.get();
    if !inside(file, table, entries * 4) {
        return Err(damaged(format!(
            "a block allocation table of {entries} entries at {table}"
        )));
    }
    Ok(header)
}

/// Where the blocks lie, and those of them that hold only a part of their sectors.
fn blocks(
    file: &dyn ReadAt,
    footer: &Footer,
    header: &DynamicHeader,
) -> Result<(Vec<Run>, Vec<PartialBlock>), OpenError> {
    let block = u64::from(header.block_size.get());
    let bitmap = spec::bitmap_len(block);
    let size = footer.current_size.get();
    // Entries beyond the disk's end mean nothing.
    let count = size.div_ceil(block);
    let table = header.table_offset.get();
    let headers = footer.data_offset.get();
    let header_end = headers + size_of::<DynamicHeader>() as u64;

    let mut parts = RunCollector::new(file.len());
    parts.reserve(headers..header_end).map_err(overlap)?;
    parts.reserve(table..table + count * 4).map_err(overlap)?;
    let mut partial = Vec::new();
    table::for_each::<BigEndian, u32>(file, table, count, |number, entry| {
        if entry == spec::UNUSED {
            return Ok(());
        }
        let disk = number * block;
        let start = u64::from(entry) * SECTOR;
        let run = Run {
            disk,
            file: start + bitmap,
            len: block.min(size - disk),
        };
        // The first sector is the copy of the footer.
        if start == 0 || run.file + run.len > file.len() {
            return Err(damaged(format!(
                "block {number} lies at {start}, outside of the file's blocks"
            )));
        }
        parts.reserve(start..run.file).map_err(overlap)?;
        parts.push(run).map_err(overlap)?;
        if !blocks::is_whole(file, start, run.len)? {
            partial.push(PartialBlock {
                disk,
                bitmap: start,
            });
        }
        Ok(())
    })?;
    Ok((parts.finish().map_err(overlap)?, partial))
}

fn facts(footer: &Footer) -> Vec<Fact> {
    let kind = match footer.kind.get() {
        spec::KIND_FIXED => "fixed",
        _ => "dynamic",
    };
    let text = |bytes: [u8; 4]| {
        String::from_utf8_lossy(&bytes)
            .trim_end_matches(['\0', ' '])
            .to_owned()
    };
    let version = footer.creator_version.get();
    let geometry = footer.geometry;
    let mut facts = vec![
        Fact::new("type", kind),
        Fact::new("creator", text(footer.creator)),
        Fact::new(
            "creator version",
            format!("{}.{}", version >> 16, version & 0xFFFF),
        ),
        Fact::new("creator system", text(footer.creator_os)),
        Fact::new(
            "geometry",
            format!(
                "{}/{}/{}",
                geometry.cylinders, geometry.heads, geometry.sectors
            ),
        ),
        Fact::new("uuid", spec::uuid(footer.uuid).to_string()),
    ];
    if footer.saved_state != 0 {
        facts.push(Fact::new(
            "saved state",
            "yes: a machine is suspended on it",
        ));
    }
    facts
}

fn inside(file: &dyn ReadAt, start: u64, len: u64) -> bool {
    start.checked_add(len).is_some_and(|end| end <= file.len())
}

fn overlap(Overlap(at): Overlap) -> OpenError {
    damaged(format!("two things lie at offset {at}"))
}

fn damaged(reason: String) -> OpenError {
    OpenError::damaged(NAME, reason)
}
