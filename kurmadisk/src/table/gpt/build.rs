//! A GPT from a layout.

use kurmadisk_formats::map::DiskMap;
use zerocopy::IntoBytes;
use zerocopy::little_endian::U16;

use super::spec::{
    ENTRY_SIZE, Entry, HEADER_SIZE, Header, PRIMARY_ENTRIES_LBA, PRIMARY_LBA, REVISION, SIGNATURE,
};
use crate::layout::{DiskLayout, GptScheme, PlacedPartition};
use crate::table::TableError;
use crate::table::mbr::spec::{BootRecord, PROTECTIVE_TYPE, Record};

/// Puts MBR and primary copy at the begin of `map`, and the backup at its end.
pub(in crate::table) fn build(
    layout: &DiskLayout,
    scheme: &GptScheme,
    boot_code: &[u8],
    map: &mut DiskMap,
) -> Result<(), TableError> {
    let sector = layout.sector_size.bytes();
    let entries = entry_array(layout, scheme)?;
    let backup_lba = layout.sectors - 1;
    let backup_entries_lba = layout.usable_end().0;
    let primary = header(layout, scheme, &entries, [PRIMARY_LBA, backup_lba]);
    let backup = header(layout, scheme, &entries, [backup_lba, PRIMARY_LBA]);
    let record = protective_record(layout, scheme, boot_code)?;

    // One piece for each end of the disk, in whole sectors.
    let mut head = vec![0; in_memory(layout.first_usable().0 * sector)?];
    put(&mut head, 0, record.as_bytes())?;
    put(&mut head, PRIMARY_LBA * sector, primary.as_bytes())?;
    put(&mut head, PRIMARY_ENTRIES_LBA * sector, &entries)?;
    let tail_start = backup_entries_lba * sector;
    let mut tail = vec![0; in_memory(layout.len_bytes() - tail_start)?];
    put(&mut tail, 0, &entries)?;
    put(
        &mut tail,
        backup_lba * sector - tail_start,
        backup.as_bytes(),
    )?;
    map.insert_bytes(0, head)?;
    map.insert_bytes(tail_start, tail)?;
    Ok(())
}

/// All entries, each at the place its number says.
fn entry_array(layout: &DiskLayout, scheme: &GptScheme) -> Result<Vec<u8>, TableError> {
    let entry_size = u64::from(ENTRY_SIZE);
    let mut array = vec![0; in_memory(u64::from(scheme.entries) * entry_size)?];
    for partition in &layout.partitions {
        let at = u64::from(partition.number - 1) * entry_size;
        put(&mut array, at, entry(partition).as_bytes())?;
    }
    Ok(array)
}

fn entry(partition: &PlacedPartition) -> Entry {
    let mut name = [U16::ZERO; 36];
    for (slot, unit) in name.iter_mut().zip(partition.label.encode_utf16()) {
        slot.set(unit);
    }
    Entry {
        type_guid: partition.kind.guid().unwrap_or_default().to_bytes_le(),
        unique_guid: partition.guid.to_bytes_le(),
        starting_lba: partition.first.0.into(),
        ending_lba: partition.last().0.into(),
        attributes: partition.attributes.0.into(),
        name,
    }
}

/// The header at the first of `lbas`, the other one being at the second.
fn header(
    layout: &DiskLayout,
    scheme: &GptScheme,
    entries: &[u8],
    [my_lba, alternate_lba]: [u64; 2],
) -> Header {
    let entries_lba = if my_lba == PRIMARY_LBA {
        PRIMARY_ENTRIES_LBA
    } else {
        layout.usable_end().0
    };
    let mut header = Header {
        signature: SIGNATURE,
        revision: REVISION.into(),
        header_size: HEADER_SIZE.into(),
        header_crc32: 0.into(),
        reserved: 0.into(),
        my_lba: my_lba.into(),
        alternate_lba: alternate_lba.into(),
        first_usable_lba: layout.first_usable().0.into(),
        last_usable_lba: (layout.usable_end().0 - 1).into(),
        disk_guid: scheme.disk_guid.to_bytes_le(),
        partition_entry_lba: entries_lba.into(),
        number_of_entries: scheme.entries.into(),
        size_of_entry: ENTRY_SIZE.into(),
        entries_crc32: crc32fast::hash(entries).into(),
    };
    header.header_crc32 = crc32fast::hash(header.as_bytes()).into();
    header
}

/// The MBR before a GPT (section 5.2.3): one entry over the whole disk, or hybrid.
///
/// In a hybrid MBR the listed partitions come first, and the protective entry, in the slot behind
/// them, covers LBA 1 up to the first of them: what a partitioning tool without GPT would
/// overwrite first.
fn protective_record(
    layout: &DiskLayout,
    scheme: &GptScheme,
    boot_code: &[u8],
) -> Result<BootRecord, TableError> {
    let mut record = BootRecord::new(boot_code, 0)?;
    let listed: Vec<_> = scheme
        .hybrid
        .iter()
        .filter_map(|entry| Some((entry, layout.partition(entry.number)?)))
        .collect();
    for (slot, (entry, partition)) in record.entries.iter_mut().zip(&listed) {
        *slot = Record::new(
            entry.active,
            entry.mbr_type,
            partition.first.0,
            partition.sectors,
        )?;
    }
    let first_listed = listed.iter().map(|(_, partition)| partition.first.0).min();
    let protected = first_listed.unwrap_or(layout.sectors) - PRIMARY_LBA;
    // A larger disk can't be said in 32 bits; the specification asks for the highest value then.
    let protected = protected.min(u64::from(u32::MAX));
    if let Some(slot) = record.entries.get_mut(listed.len()) {
        *slot = Record::new(false, PROTECTIVE_TYPE, PRIMARY_LBA, protected)?;
    }
    Ok(record)
}

/// Copies `bytes` to offset `at` of `buffer`, which was made to hold them.
fn put(buffer: &mut [u8], at: u64, bytes: &[u8]) -> Result<(), TableError> {
    let at = in_memory(at)?;
    buffer
        .get_mut(at..at.saturating_add(bytes.len()))
        .ok_or(TableError::FieldOverflow {
            field: "partition table offset",
            value: at as u64,
        })?
        .copy_from_slice(bytes);
    Ok(())
}

/// A length of part of a table as a length in memory.
fn in_memory(len: u64) -> Result<usize, TableError> {
    usize::try_from(len).map_err(|_| TableError::FieldOverflow {
        field: "partition table length",
        value: len,
    })
}
