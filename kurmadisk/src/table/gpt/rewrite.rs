//! A GPT on a disk changed in place.
//!
//! Both copies are made from the one that counts, with nothing of it changed but one entry, and written so
//! that at any time one copy is whole: the backup, entries then header, before the primary.

use kurmadisk_formats::read_at::ReadAt;

use super::read::{Gpt, read_copies};
use super::spec::{ENTRY_SIZE, HEADER_SIZE, PRIMARY_ENTRIES_LBA, PRIMARY_LBA};
use crate::layout::{Attributes, Lba, SectorSize};
use crate::table::{CopyFault, TableError};

/// Offsets in a header (UEFI specification, table 5.5) and in an entry (table 5.6).
const SIZE_FIELD: usize = 12;
const CRC_FIELD: usize = 16;
const MY_LBA: usize = 24;
const ALTERNATE_LBA: usize = 32;
const ENTRIES_LBA: usize = 72;
const ENTRIES_CRC: usize = 88;
const ATTRIBUTES: usize = 48;

/// Bytes that go to a place on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskWrite {
    /// Offset on the disk.
    pub offset: u64,
    /// What goes there.
    pub bytes: Vec<u8>,
}

/// What has to be written, in this order and each before the next, to give partition `number` these attributes.
///
/// Fails when neither copy counts, or the entry or the other copy would not lie on the disk.
pub(crate) fn set_attributes(
    disk: &dyn ReadAt,
    sector_size: SectorSize,
    number: u32,
    attributes: Attributes,
) -> Result<[DiskWrite; 4], TableError> {
    let copies = read_copies(disk, sector_size);
    let (own, other) = match (copies.primary, copies.backup) {
        (Ok(primary), backup) => (primary, backup.ok()),
        (Err(_), Ok(backup)) => (backup, None),
        (Err(primary), Err(backup)) => return Err(TableError::BothCopiesBad { primary, backup }),
    };
    let entries = changed_entries(disk, sector_size, &own, number, attributes)?;
    let header = read(
        disk,
        own.header.current_lba,
        sector_size,
        sector_len(sector_size),
    )?;
    let (primary, backup) = headers(&header, &own, other.as_ref(), &entries, sector_size);
    let of = |header: &[u8]| {
        [
            (u64_at(header, ENTRIES_LBA), entries.clone()),
            (u64_at(header, MY_LBA), header.to_vec()),
        ]
    };
    let [a, b] = of(&backup);
    let [c, d] = of(&primary);
    let place = |(lba, bytes): (u64, Vec<u8>)| {
        let offset = lba.checked_mul(sector_size.bytes());
        let end = offset.and_then(|offset| offset.checked_add(bytes.len() as u64));
        match (offset, end) {
            (Some(offset), Some(end)) if end <= disk.len() => Ok(DiskWrite { offset, bytes }),
            _ => Err(TableError::BothCopiesBad {
                primary: CopyFault::EntriesOutOfDisk(Lba(lba)),
                backup: CopyFault::EntriesOutOfDisk(Lba(lba)),
            }),
        }
    };
    Ok([place(a)?, place(b)?, place(c)?, place(d)?])
}

/// The entries, with one of them changed.
fn changed_entries(
    disk: &dyn ReadAt,
    sector_size: SectorSize,
    own: &Gpt,
    number: u32,
    attributes: Attributes,
) -> Result<Vec<u8>, TableError> {
    // The reader has bounded both.
    let len = own.header.num_parts as usize * ENTRY_SIZE as usize;
    let mut entries = read(disk, own.header.part_start, sector_size, len)?;
    let index = (number as usize).checked_sub(1);
    let entry = index.and_then(|index| entries.chunks_exact_mut(ENTRY_SIZE as usize).nth(index));
    let entry = entry.ok_or(TableError::FieldOverflow {
        field: "partition number",
        value: number.into(),
    })?;
    put(entry, ATTRIBUTES, &attributes.0.to_le_bytes());
    Ok(entries)
}

/// Both headers, the primary first, from the sector of the one that counts.
fn headers(
    sector: &[u8],
    own: &Gpt,
    other: Option<&Gpt>,
    entries: &[u8],
    sector_size: SectorSize,
) -> (Vec<u8>, Vec<u8>) {
    let own_lba = own.header.current_lba;
    let other_lba = own.header.backup_lba;
    let usual = if other_lba == PRIMARY_LBA {
        PRIMARY_ENTRIES_LBA
    } else {
        let sectors = (entries.len() as u64).div_ceil(sector_size.bytes());
        other_lba.saturating_sub(sectors)
    };
    let other_entries = other
        .filter(|other| other.header.current_lba == other_lba)
        .map_or(usual, |other| other.header.part_start);
    let mut own_header = sector.to_vec();
    put(
        &mut own_header,
        ENTRIES_CRC,
        &crc32fast::hash(entries).to_le_bytes(),
    );
    let mut other_header = own_header.clone();
    put(&mut other_header, MY_LBA, &other_lba.to_le_bytes());
    put(&mut other_header, ALTERNATE_LBA, &own_lba.to_le_bytes());
    put(&mut other_header, ENTRIES_LBA, &other_entries.to_le_bytes());
    seal(&mut own_header);
    seal(&mut other_header);
    if own_lba == PRIMARY_LBA {
        (own_header, other_header)
    } else {
        (other_header, own_header)
    }
}

/// Makes a header's checksum.
fn seal(header: &mut [u8]) {
    put(header, CRC_FIELD, &[0; 4]);
    let said = u64_at(header, SIZE_FIELD) & u64::from(u32::MAX);
    let len = usize::try_from(said).unwrap_or(usize::MAX);
    let len = len.clamp(HEADER_SIZE as usize, header.len());
    let crc = crc32fast::hash(&header[..len]);
    put(header, CRC_FIELD, &crc.to_le_bytes());
}

fn put(header: &mut [u8], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

fn u64_at(header: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&header[at..at + 8]);
    u64::from_le_bytes(word)
}

fn sector_len(sector_size: SectorSize) -> usize {
    match sector_size {
        SectorSize::B512 => 512,
        SectorSize::B4096 => 4096,
    }
}

fn read(
    disk: &dyn ReadAt,
    lba: u64,
    sector_size: SectorSize,
    len: usize,
) -> Result<Vec<u8>, TableError> {
    let offset = lba.saturating_mul(sector_size.bytes());
    let mut bytes = vec![0; len];
    disk.read_exact_at(offset, &mut bytes)
        .map_err(|source| TableError::Io { offset, source })?;
    Ok(bytes)
}
