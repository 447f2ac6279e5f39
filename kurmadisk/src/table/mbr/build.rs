//! A plain MBR from a layout.

use kurmadisk_formats::map::DiskMap;
use zerocopy::IntoBytes;

use super::spec::{BootRecord, EXTENDED_LBA_TYPE, EXTENDED_LINK_TYPE, Record};
use crate::layout::{DiskLayout, ExtendedPartition, MbrScheme, PlacedPartition};
use crate::table::TableError;

/// Puts the MBR and the chain of extended boot records into `map`.
pub(in crate::table) fn build(
    layout: &DiskLayout,
    scheme: &MbrScheme,
    boot_code: &[u8],
    map: &mut DiskMap,
) -> Result<(), TableError> {
    let mut record = BootRecord::new(boot_code, scheme.signature)?;
    for (slot, number) in record.entries.iter_mut().zip(1..) {
        if let Some(partition) = layout.partition(number) {
            *slot = entry(partition, 0)?;
        } else if let Some(extended) = scheme.extended.filter(|e| e.number == number) {
            let ExtendedPartition { first, sectors, .. } = extended;
            *slot = Record::new(false, EXTENDED_LBA_TYPE, first.0, sectors)?;
        }
    }
    insert(layout, 0, &record, map)?;
    match &scheme.extended {
        Some(extended) => build_chain(layout, extended, map),
        None => Ok(()),
    }
}

/// One boot record for each logical partition: the first where the extended partition begins, every
/// other one right behind the partition before it.
fn build_chain(
    layout: &DiskLayout,
    extended: &ExtendedPartition,
    map: &mut DiskMap,
) -> Result<(), TableError> {
    let base = extended.first.0;
    let mut at = base;
    let logical = layout.logical();
    if logical.is_empty() {
        return insert(layout, at, &BootRecord::new(&[], 0)?, map);
    }
    for (index, partition) in logical.iter().enumerate() {
        let mut record = BootRecord::new(&[], 0)?;
        record.entries[0] = entry(partition, at)?;
        let next_at = partition.end().0;
        if let Some(next) = logical.get(index + 1) {
            let sectors = next.end().0 - next_at;
            record.entries[1] =
                Record::relative(false, EXTENDED_LINK_TYPE, next_at, sectors, base)?;
        }
        insert(layout, at, &record, map)?;
        at = next_at;
    }
    Ok(())
}

/// The entry of `partition`, in a record at sector `base`.
fn entry(partition: &PlacedPartition, base: u64) -> Result<Record, TableError> {
    let os_type = partition.kind.mbr().unwrap_or_default();
    let PlacedPartition {
        active,
        first,
        sectors,
        ..
    } = *partition;
    Record::relative(active, os_type, first.0, sectors, base)
}

/// Puts a record into the sector at `lba`, the rest of which is zero.
fn insert(
    layout: &DiskLayout,
    lba: u64,
    record: &BootRecord,
    map: &mut DiskMap,
) -> Result<(), TableError> {
    let mut sector = record.as_bytes().to_vec();
    sector.resize(
        usize::try_from(layout.sector_size.bytes()).unwrap_or(sector.len()),
        0,
    );
    map.insert_bytes(lba * layout.sector_size.bytes(), sector)?;
    Ok(())
}
