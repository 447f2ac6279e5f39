//! Opening a VDI file.

use byteorder::LittleEndian;
use zerocopy::FromBytes;

use super::spec::{self, Header};
use crate::error::OpenError;
use crate::format::ImageFormat;
use crate::opened::{Fact, Image};
use crate::placement::Run;
use crate::read_at::ReadAt;
use crate::runs::{Overlap, RunCollector, RunReader};
use crate::table;

/// Blocks larger than VirtualBox makes them are not worth their trouble.
const MAX_BLOCK: u32 = 1 << 30;

/// Opens a dynamic or fixed VDI.
pub(crate) fn open(file: Box<dyn ReadAt>) -> Result<Image, OpenError> {
    let mut head = [0; size_of::<Header>()];
    file.read_exact_at(0, &mut head)?;
    let header = Header::read_from_bytes(&head)
        .map_err(|_| damaged("the header is too short".to_owned()))?;
    check(&header, file.len())?;
    let runs = runs(&header, &*file)?;
    let facts = facts(&header);
    let format = match header.kind.get() {
        spec::KIND_FIXED => ImageFormat::VdiFixed,
        _ => ImageFormat::Vdi,
    };
    let disk = RunReader::new(file, header.disk_size.get(), runs);
    let allocated = disk.allocated();
    Ok(Image::new(format, Box::new(disk), allocated, facts))
}

fn check(header: &Header, file_len: u64) -> Result<(), OpenError> {
    let unsupported = |reason: String| Err(OpenError::unsupported(spec::NAME, reason));
    let version = header.version.get();
    if version != spec::VERSION_1_1 {
        return unsupported(format!("version {}.{}", version >> 16, version & 0xFFFF));
    }
    let kind = header.kind.get();
    if kind != spec::KIND_DYNAMIC && kind != spec::KIND_FIXED {
        return unsupported(format!("type {kind}, neither dynamic (1) nor fixed (2)"));
    }
    if header.link_uuid != [0; 16] {
        return unsupported("it holds the differences to another image".to_owned());
    }
    if header.block_extra.get() != 0 {
        return unsupported(format!("{} bytes before each block", header.block_extra));
    }
    let block = header.block_size.get();
    if !block.is_power_of_two() || !(512..=MAX_BLOCK).contains(&block) {
        return Err(damaged(format!("a block size of {block}")));
    }
    let (size, blocks) = (header.disk_size.get(), u64::from(header.blocks.get()));
    if size > blocks * u64::from(block) {
        return Err(damaged(format!("{blocks} blocks for {size} bytes")));
    }
    let map = u64::from(header.blocks_offset.get());
    let data = u64::from(header.data_offset.get());
    let map_end = map + blocks * 4;
    if map < size_of::<Header>() as u64 || map_end > data || map_end > file_len {
        let reason = format!("a block map at {map}..{map_end} and data from {data} on");
        return Err(damaged(reason));
    }
    Ok(())
}

fn runs(header: &Header, file: &dyn ReadAt) -> Result<Vec<Run>, OpenError> {
    let block = u64::from(header.block_size.get());
    let data = u64::from(header.data_offset.get());
    let size = header.disk_size.get();
    // Entries beyond the disk's end mean nothing.
    let count = size.div_ceil(block);
    let mut runs = RunCollector::new(file.len());
    runs.reserve(0..data.min(file.len())).map_err(overlap)?;
    let map = u64::from(header.blocks_offset.get());
    table::for_each::<LittleEndian, u32>(file, map, count, |number, entry| {
        if entry == spec::FREE || entry == spec::ZERO {
            return Ok(());
        }
        let disk = number * block;
        let run = Run {
            disk,
            file: data + u64::from(entry) * block,
            len: block.min(size - disk),
        };
        if run.file + run.len > file.len() {
            return Err(damaged(format!(
                "block {number} lies at {}, past the end of the file",
                run.file
            )));
        }
        runs.push(run).map_err(overlap)
    })?;
    runs.finish().map_err(overlap)
}

fn facts(header: &Header) -> Vec<Fact> {
    let kind = match header.kind.get() {
        spec::KIND_FIXED => "fixed",
        _ => "dynamic",
    };
    let version = header.version.get();
    vec![
        Fact::new("type", kind),
        Fact::new("version", format!("{}.{}", version >> 16, version & 0xFFFF)),
        Fact::new("block size", header.block_size.to_string()),
        Fact::new("blocks", header.blocks.to_string()),
        Fact::new("blocks allocated", header.allocated.to_string()),
        Fact::new("data offset", header.data_offset.to_string()),
        Fact::new("uuid", spec::uuid(header.create_uuid).to_string()),
        Fact::new(
            "modification uuid",
            spec::uuid(header.modify_uuid).to_string(),
        ),
    ]
}

fn overlap(Overlap(at): Overlap) -> OpenError {
    damaged(format!("two blocks lie at offset {at}"))
}

fn damaged(reason: String) -> OpenError {
    OpenError::damaged(spec::NAME, reason)
}
