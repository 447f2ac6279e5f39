//! What platforms refuse of VHDX files.

use std::io;

use byteorder::LittleEndian;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, IntoBytes};

use super::spec::{
    self, Header, LogEntryHeader, MetadataEntry, MetadataTableHeader, RegionEntry,
    RegionTableHeader, state,
};
use super::structures::MAX_ENTRIES;
use crate::lint::read::{inside, read};
use crate::lint::{Observations, Place};
use crate::read_at::ReadAt;
use crate::table;

crate::lint_rules! {
    CHECKSUM = "vhdx-checksum",
        refused [VirtualBox], warned [HyperV Aws OpenStack Proxmox Gce],
        "of the two copies of each structure one is damaged; VirtualBox reads the first region table alone",
        "convert it with kurmadisk, which writes both";
    SEQUENCE = "vhdx-sequence",
        refused [HyperV], warned [VirtualBox Aws OpenStack Proxmox Gce],
        "the header with the larger sequence number counts, so the two may not have the same",
        "convert it with kurmadisk";
    REQUIRED = "vhdx-required",
        refused [VirtualBox], warned [],
        "VirtualBox opens only files whose regions are marked as required; QEMU doesn't mark them",
        "convert it with kurmadisk";
    LOG = "vhdx-log",
        refused [OpenStack Proxmox Aws], warned [VirtualBox HyperV Gce],
        "the image was not closed; what is in its log must be written first, which who opens it to read does not do",
        "attach it to Hyper-V once, or `qemu-img check -r all FILE`";
    PARENT = "vhdx-parent",
        refused [HyperV VirtualBox Aws OpenStack Proxmox], warned [Gce],
        "the image holds only what differs from another one",
        "merge both: `Merge-VHD`";
    SECTOR_SIZE = "vhdx-sector-size",
        refused [OpenStack Proxmox], warned [],
        "QEMU opens VHDX images with logical sectors of 512 bytes only",
        "use qcow2 or raw for disks with larger sectors";
    LAST_BLOCK = "vhdx-last-block",
        refused [], warned [HyperV VirtualBox],
        "blocks are whole in the file, the last one too",
        "convert it with kurmadisk";
    NULL_UUID = "vhdx-null-uuid",
        refused [], warned [HyperV VirtualBox],
        "two disks without identifier can't be told apart",
        "convert it with kurmadisk";
}

/// Observes what headers, regions and metadata have.
///
/// Fails when the file can't be read, or ends within its headers.
pub(crate) fn lint(file: &dyn ReadAt, seen: &mut Observations) -> io::Result<()> {
    let mut headers = Vec::new();
    for (name, at) in ["first header", "second header"]
        .into_iter()
        .zip(spec::HEADERS)
    {
        let header: Header = read(file, at)?;
        if header.signature == spec::HEADER_SIGNATURE && spec::is_sealed(header.as_bytes()) {
            headers.push(header);
        } else {
            wrong_checksum(name, at, seen);
        }
    }
    if let [first, second] = &headers[..]
        && first.sequence == second.sequence
    {
        seen.add(
            SEQUENCE,
            Place::at("sequence number", spec::HEADERS[1] + 8),
            || format!("both headers have {}", first.sequence),
        );
    }
    headers.sort_by_key(|header| header.sequence.get());
    if let Some(header) = headers.last() {
        log(file, header, seen)?;
    }
    let mut metadata = None;
    let mut bat = None;
    for entry in regions(file, seen)? {
        let id = spec::guid(entry.id);
        if id == spec::METADATA_REGION {
            metadata = Some(entry.offset.get());
        } else if id == spec::BAT_REGION {
            bat = Some((entry.offset.get(), u64::from(entry.length.get())));
        }
    }
    if let Some(metadata) = metadata {
        let block = items(file, metadata, seen)?;
        if let (Some(block), Some(bat)) = (block, bat) {
            last_block(file, block.into(), bat, seen)?;
        }
    }
    Ok(())
}

fn wrong_checksum(name: &str, at: u64, seen: &mut Observations) {
    seen.add(CHECKSUM, Place::at(name, at), || {
        "its signature or checksum is wrong".to_owned()
    });
}

fn log(file: &dyn ReadAt, header: &Header, seen: &mut Observations) -> io::Result<()> {
    if header.log == [0; 16] {
        return Ok(());
    }
    let (start, len) = (header.log_offset.get(), u64::from(header.log_length.get()));
    let mut at = start;
    while inside(file, at, spec::LOG_SECTOR) && at - start < len {
        let entry: LogEntryHeader = read(file, at)?;
        if entry.signature == spec::LOG_SIGNATURE && entry.log == header.log {
            seen.add(LOG, Place::at("log entry", at), || {
                format!("number {} waits to be written", entry.sequence)
            });
            return Ok(());
        }
        at += spec::LOG_SECTOR;
    }
    Ok(())
}

/// The entries of the first region table that is right.
fn regions(file: &dyn ReadAt, seen: &mut Observations) -> io::Result<Vec<RegionEntry>> {
    let mut found = None;
    let names = ["first region table", "second region table"];
    for (name, at) in names.into_iter().zip(spec::REGION_TABLES) {
        let mut table = vec![0; spec::TABLE_BYTES];
        file.read_exact_at(at, &mut table)?;
        let Ok((header, entries)) = RegionTableHeader::read_from_prefix(&table) else {
            continue;
        };
        if header.signature != spec::REGION_SIGNATURE || !spec::is_sealed(&table) {
            wrong_checksum(name, at, seen);
            continue;
        }
        let count = header.entries.get().min(MAX_ENTRIES);
        let entries = entries.chunks_exact(size_of::<RegionEntry>()).zip(0..count);
        let entries = entries.filter_map(|(bytes, number)| {
            let entry = RegionEntry::read_from_bytes(bytes).ok()?;
            if entry.required.get() & 1 == 0 {
                let at = at + 16 + u64::from(number) * 32 + 28;
                seen.add(
                    REQUIRED,
                    Place::at(format!("flags of region {number}"), at),
                    || format!("region {} is not required", spec::guid(entry.id)),
                );
            }
            Some(entry)
        });
        found.get_or_insert(entries.collect());
    }
    Ok(found.unwrap_or_default())
}

/// Looks at the metadata; the size of a block, if it can be had.
fn items(file: &dyn ReadAt, region: u64, seen: &mut Observations) -> io::Result<Option<u32>> {
    let header: MetadataTableHeader = read(file, region)?;
    let mut block = None;
    let count = u32::from(header.entries.get()).min(MAX_ENTRIES);
    for number in 0..u64::from(count) {
        let entry: MetadataEntry = read(file, region.saturating_add(32 + number * 32))?;
        let at = region.saturating_add(entry.offset.get().into());
        let id = spec::guid(entry.id);
        if id == spec::FILE_PARAMETERS {
            let [size, flags]: [U32; 2] = read(file, at)?;
            block = Some(size.get());
            if flags.get() & spec::HAS_PARENT != 0 {
                seen.add(PARENT, Place::at("file parameters", at + 4), || {
                    "it has a parent".to_owned()
                });
            }
        } else if id == spec::LOGICAL_SECTOR {
            let size: U32 = read(file, at)?;
            if size.get() != 512 {
                seen.add(SECTOR_SIZE, Place::at("logical sector size", at), || {
                    format!("{size} bytes")
                });
            }
        } else if id == spec::DISK_ID {
            let uuid: [u8; 16] = read(file, at)?;
            if uuid == [0; 16] {
                seen.add(NULL_UUID, Place::at("disk's identifier", at), || {
                    "it is null".to_owned()
                });
            }
        }
    }
    Ok(block)
}

/// Looks for a block that reaches past the file's end.
fn last_block(
    file: &dyn ReadAt,
    block: u64,
    (bat, len): (u64, u64),
    seen: &mut Observations,
) -> io::Result<()> {
    if !inside(file, bat, len) {
        return Ok(());
    }
    let looked = table::for_each::<LittleEndian, u64>(file, bat, len / 8, |number, entry| {
        let start = entry / spec::MIB * spec::MIB;
        let present = entry & state::MASK == state::FULLY_PRESENT;
        if present && !inside(file, start, block) {
            let place = Place::at(format!("block {number}"), start);
            seen.add(LAST_BLOCK, place, || {
                format!(
                    "its {block} bytes reach past the file's end at {}",
                    file.len()
                )
            });
        }
        Ok(())
    });
    looked.map_err(io::Error::other)
}
