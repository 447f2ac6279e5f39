//! The structures of a VHDX file that is read, checked: headers, log, regions, metadata.

use std::cmp::Ordering;
use std::ops::Range;

use uuid::Uuid;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::spec::{
    self, Header, LogEntryHeader, MIB, MetadataEntry, MetadataTableHeader, NAME, RegionEntry,
    RegionTableHeader, TABLE_LEN,
};
use crate::error::OpenError;
use crate::read_at::ReadAt;

/// Entries of a region or metadata table at most, sections 2.2.3.1 and 2.6.1.1.
pub(super) const MAX_ENTRIES: u32 = 2047;

/// The structure at `offset`, which lies within the file.
fn read<T: FromBytes + IntoBytes + Immutable + KnownLayout>(
    file: &dyn ReadAt,
    offset: u64,
) -> Result<T, OpenError> {
    let mut structure = T::new_zeroed();
    file.read_exact_at(offset, structure.as_mut_bytes())?;
    Ok(structure)
}

/// The header that counts: of those with the right checksum the one with the larger sequence number.
pub(super) fn header(file: &dyn ReadAt) -> Result<Header, OpenError> {
    let mut found: Option<Header> = None;
    for offset in spec::HEADERS {
        let header: Header = read(file, offset)?;
        if header.signature != spec::HEADER_SIGNATURE || !spec::is_sealed(header.as_bytes()) {
            continue;
        }
        let newer = found.as_ref().map(|other| {
            let sequence = header.sequence.get();
            sequence.cmp(&other.sequence.get())
        });
        match newer {
            None | Some(Ordering::Greater) => found = Some(header),
            Some(Ordering::Less) => {}
            // Disk2vhd writes the same header twice.
            Some(Ordering::Equal)
                if found.as_ref().map(Header::as_bytes) == Some(header.as_bytes()) => {}
            Some(Ordering::Equal) => {
                let reason = "two headers with one sequence number".to_owned();
                return Err(damaged(reason));
            }
        }
    }
    let header = found.ok_or_else(|| damaged("no header with the right checksum".to_owned()))?;
    if header.version.get() != spec::VERSION {
        let reason = format!("version {}", header.version);
        return Err(OpenError::unsupported(NAME, reason));
    }
    Ok(header)
}

/// The range of the log in the file, which holds nothing that would have to be written first.
pub(super) fn log(file: &dyn ReadAt, header: &Header) -> Result<Range<u64>, OpenError> {
    let length = u64::from(header.log_length.get());
    let log = range(file, "the log", header.log_offset.get(), length)?;
    if header.log == [0; 16] {
        return Ok(log);
    }
    let step = usize::try_from(spec::LOG_SECTOR).unwrap_or(usize::MAX);
    for offset in log.clone().step_by(step) {
        let entry: LogEntryHeader = read(file, offset)?;
        if entry.signature == spec::LOG_SIGNATURE && entry.log == header.log {
            return Err(OpenError::unsupported(
                NAME,
                "it was not closed, and its log must be replayed first: attach it to Hyper-V once, \
                 or run `qemu-img check -r all` on it",
            ));
        }
    }
    Ok(log)
}

/// Where the two regions lie that every file has.
pub(super) struct Regions {
    pub bat: Range<u64>,
    pub metadata: Range<u64>,
}

impl Regions {
    pub(super) fn read(file: &dyn ReadAt) -> Result<Self, OpenError> {
        let table = region_table(file)?;
        let (mut bat, mut metadata) = (None, None);
        for entry in &table {
            let (offset, length) = (entry.offset.get(), u64::from(entry.length.get()));
            let (place, what) = match spec::guid(entry.id) {
                spec::BAT_REGION => (&mut bat, "the block allocation table"),
                spec::METADATA_REGION => (&mut metadata, "the metadata"),
                _ if entry.required.get() & 1 == 0 => continue,
                id => return Err(OpenError::unsupported(NAME, format!("a region {id}"))),
            };
            if place.replace(range(file, what, offset, length)?).is_some() {
                return Err(damaged(format!("{what} is there twice")));
            }
        }
        let absent = |what| damaged(format!("no region has {what}"));
        Ok(Self {
            bat: bat.ok_or_else(|| absent("the block allocation table"))?,
            metadata: metadata.ok_or_else(|| absent("the metadata"))?,
        })
    }
}

/// The entries of the first region table with the right checksum.
fn region_table(file: &dyn ReadAt) -> Result<Vec<RegionEntry>, OpenError> {
    let mut table = vec![0; spec::TABLE_BYTES];
    for offset in spec::REGION_TABLES {
        file.read_exact_at(offset, &mut table)?;
        let Ok((header, entries)) = RegionTableHeader::read_from_prefix(&table) else {
            continue;
        };
        if header.signature != spec::REGION_SIGNATURE || !spec::is_sealed(&table) {
            continue;
        }
        return entries_of(entries, header.entries.get(), "region table");
    }
    Err(damaged(
        "no region table with the right checksum".to_owned(),
    ))
}

/// The first `count` entries of a table.
fn entries_of<T: FromBytes>(bytes: &[u8], count: u32, what: &str) -> Result<Vec<T>, OpenError> {
    if count > MAX_ENTRIES {
        return Err(damaged(format!("{count} entries of the {what}")));
    }
    let entries = bytes.chunks_exact(size_of::<T>());
    Ok((0..count)
        .zip(entries)
        .filter_map(|(_, entry)| T::read_from_bytes(entry).ok())
        .collect())
}

/// What the metadata says of the disk.
pub(super) struct Metadata {
    pub block: u64,
    pub fixed: bool,
    pub size: u64,
    pub logical_sector: u32,
    pub physical_sector: u32,
    pub id: Uuid,
}

impl Metadata {
    pub(super) fn read(file: &dyn ReadAt, region: &Range<u64>) -> Result<Self, OpenError> {
        let items = Items::read(file, region)?;
        let parameters: [u8; 8] = items.value(spec::FILE_PARAMETERS, "file parameters")?;
        let [block, flags] = [0, 4].map(|at| {
            let mut number = [0; 4];
            number.copy_from_slice(&parameters[at..at + 4]);
            u32::from_le_bytes(number)
        });
        if flags & spec::HAS_PARENT != 0 {
            return Err(OpenError::unsupported(
                NAME,
                "it holds the differences to another image; merge both first",
            ));
        }
        let metadata = Self {
            block: block.into(),
            fixed: flags & spec::LEAVE_ALLOCATED != 0,
            size: u64::from_le_bytes(items.value(spec::DISK_SIZE, "disk size")?),
            logical_sector: u32::from_le_bytes(
                items.value(spec::LOGICAL_SECTOR, "logical sector size")?,
            ),
            physical_sector: u32::from_le_bytes(
                items.value(spec::PHYSICAL_SECTOR, "physical sector size")?,
            ),
            id: spec::guid(items.value(spec::DISK_ID, "disk id")?),
        };
        if !block.is_power_of_two() || u64::from(block) < MIB || block > spec::MAX_BLOCK {
            return Err(damaged(format!("a block size of {block}")));
        }
        let sector = metadata.logical_sector;
        if !spec::SECTORS.contains(&sector) {
            return Err(damaged(format!("logical sectors of {sector} bytes")));
        }
        let size = metadata.size;
        if size > spec::MAX_DISK || !size.is_multiple_of(sector.into()) {
            let reason = format!("a disk of {size} bytes in sectors of {sector}");
            return Err(damaged(reason));
        }
        Ok(metadata)
    }
}

/// The items of the metadata region.
struct Items<'a> {
    file: &'a dyn ReadAt,
    region: Range<u64>,
    entries: Vec<MetadataEntry>,
}

impl<'a> Items<'a> {
    /// Reads the table; `region` is a range of the file.
    fn read(file: &'a dyn ReadAt, region: &Range<u64>) -> Result<Self, OpenError> {
        let mut table = vec![0; spec::TABLE_BYTES];
        file.read_exact_at(region.start, &mut table)?;
        let (header, entries) = MetadataTableHeader::read_from_prefix(&table)
            .ok()
            .filter(|(header, _)| header.signature == spec::METADATA_SIGNATURE)
            .ok_or_else(|| damaged("no metadata table".to_owned()))?;
        let count = u32::from(header.entries.get());
        let entries: Vec<MetadataEntry> = entries_of(entries, count, "metadata table")?;
        let known = [
            spec::FILE_PARAMETERS,
            spec::DISK_SIZE,
            spec::LOGICAL_SECTOR,
            spec::PHYSICAL_SECTOR,
            spec::DISK_ID,
            spec::PARENT_LOCATOR,
        ];
        let unknown = entries.iter().find(|entry| {
            entry.flags.get() & spec::ITEM_REQUIRED != 0 && !known.contains(&spec::guid(entry.id))
        });
        if let Some(entry) = unknown {
            let reason = format!("metadata {}", spec::guid(entry.id));
            return Err(OpenError::unsupported(NAME, reason));
        }
        Ok(Self {
            file,
            region: region.clone(),
            entries,
        })
    }

    /// The value of the item `id`, which `what` names.
    fn value<const N: usize>(&self, id: Uuid, what: &str) -> Result<[u8; N], OpenError> {
        let entry = self.entries.iter().find(|entry| spec::guid(entry.id) == id);
        let entry = entry.ok_or_else(|| damaged(format!("no {what} in the metadata")))?;
        let (offset, length) = (u64::from(entry.offset.get()), entry.length.get());
        let room = self.region.end - self.region.start;
        if offset < TABLE_LEN || offset + N as u64 > room || u64::from(length) != N as u64 {
            let reason = format!("a {what} of {length} bytes at {offset} of the metadata");
            return Err(damaged(reason));
        }
        let mut value = [0; N];
        let place = self.region.start + offset;
        self.file.read_exact_at(place, &mut value)?;
        Ok(value)
    }
}

/// The range of the file in which `what` lies: whole MiB behind the header section.
fn range(file: &dyn ReadAt, what: &str, offset: u64, length: u64) -> Result<Range<u64>, OpenError> {
    let end = offset.checked_add(length).filter(|end| *end <= file.len());
    match end {
        Some(end) if offset >= MIB && length > 0 && (offset | length).is_multiple_of(MIB) => {
            Ok(offset..end)
        }
        _ => Err(damaged(format!("{length} bytes of {what} at {offset}"))),
    }
}

pub(super) fn damaged(reason: String) -> OpenError {
    OpenError::damaged(NAME, reason)
}
