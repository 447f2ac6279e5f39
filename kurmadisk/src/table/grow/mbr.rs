//! The boot record of a larger disk; its boot code and signature stay.

use kurmadisk_formats::read_at::ReadAt;
use kurmadisk_formats::write_at::DiskWrite;
use zerocopy::{FromBytes, IntoBytes};

use super::super::TableError;
use super::super::mbr::spec::{BootRecord, PROTECTIVE_TYPE, RECORD_LEN, Record};
use super::{Change, GrowError};
use crate::layout::MbrScheme;

/// The record before a GPT: the protective entry covers the larger disk, and where a hybrid one lists the partition
/// that grows, it is larger there too.
pub(super) fn protective(change: &Change<'_>) -> Result<DiskWrite, GrowError> {
    let mut record = read(change.disk)?;
    let first = change.partition.first.0;
    let is_listed = |entry: &Record| entry.os_type != 0 && entry.os_type != PROTECTIVE_TYPE;
    let hybrid = record.entries.iter().any(is_listed);
    for entry in &mut record.entries {
        let starts = u64::from(entry.starting_lba.get());
        if is_listed(entry) && starts == first {
            *entry = resized(entry, first, change.sectors)?;
        } else if entry.os_type == PROTECTIVE_TYPE && !hybrid {
            let all = (change.disk_sectors - starts).min(u32::MAX.into());
            *entry = resized(entry, starts, all)?;
        }
    }
    Ok(write(&record))
}

/// The record of a disk without a GPT.
pub(super) fn plain(change: &Change<'_>, scheme: &MbrScheme) -> Result<Vec<DiskWrite>, GrowError> {
    let number = change.partition.number;
    let refuse = |reason: &str| {
        let reason = reason.to_owned();
        Err(GrowError::Partition { number, reason })
    };
    if number > 4 {
        return refuse("it is a logical one");
    }
    if let Some(extended) = &scheme.extended
        && extended.first > change.partition.first
    {
        return refuse("an extended partition lies behind it");
    }
    let mut record = read(change.disk)?;
    let index = usize::try_from(number).unwrap_or_default() - 1;
    let entry = &mut record.entries[index];
    let first = change.partition.first.0;
    if u64::from(entry.starting_lba.get()) != first {
        return refuse("it is not in the slot of its number");
    }
    *entry = resized(entry, first, change.sectors)?;
    Ok(vec![write(&record)])
}

/// The first sector of the entry in `slot`, 1 to 4.
pub(super) fn starts(disk: &dyn ReadAt, slot: u32) -> Result<u64, GrowError> {
    let record = read(disk)?;
    let index = usize::try_from(slot).unwrap_or_default().checked_sub(1);
    let entry = index.and_then(|index| record.entries.get(index));
    Ok(entry.map_or(0, |entry| entry.starting_lba.get().into()))
}

fn read(disk: &dyn ReadAt) -> Result<BootRecord, GrowError> {
    let mut bytes = [0; RECORD_LEN];
    let read = disk.read_exact_at(0, &mut bytes);
    read.map_err(|source| TableError::Io { offset: 0, source })?;
    BootRecord::read_from_bytes(&bytes)
        .map_err(|_| GrowError::Unsupported("the boot record is cut off"))
}

fn write(record: &BootRecord) -> DiskWrite {
    DiskWrite {
        offset: 0,
        bytes: record.as_bytes().to_vec(),
    }
}

/// The entry with another length, active as before.
fn resized(entry: &Record, first: u64, sectors: u64) -> Result<Record, GrowError> {
    let made = Record::new(false, entry.os_type, first, sectors)?;
    Ok(Record {
        boot_indicator: entry.boot_indicator,
        starting_chs: entry.starting_chs,
        ..made
    })
}
