//! Both copies of a GPT, for a larger disk.

use kurmadisk_formats::write_at::DiskWrite;

use super::super::gpt::spec::{PRIMARY_LBA, SIGNATURE};
use super::super::gpt::{Rewrite, has_signature};
use super::{Change, GrowError, mbr};
use crate::layout::GptScheme;

pub(super) fn writes(change: &Change<'_>, scheme: &GptScheme) -> Result<Vec<DiskWrite>, GrowError> {
    let sector_size = change.layout.sector_size;
    // Without a sound primary it was being written when it was cut off: the new backup is complete then.
    let mut table = Rewrite::read(change.disk, sector_size)?;
    let old_backup = table.from_primary.then_some(table.backup);
    let first = change.partition.first.0;
    let is_same = table.change_entry(change.partition.number, |entry| {
        entry.ending_lba = (first + change.sectors - 1).into();
        entry.starting_lba.get() == first
    })?;
    if !is_same {
        return Err(GrowError::Unsupported("its copies differ"));
    }
    let last = change.disk_sectors - 1;
    let backup_entries = last - scheme.table_sectors(sector_size);
    table.move_backup(last, backup_entries);
    let disk_len = change.disk_sectors * sector_size.bytes();
    let mut writes: Vec<_> = table.writes(disk_len)?.into();
    writes.push(mbr::protective(change)?);
    let stale = old_backup.filter(|lba| *lba > PRIMARY_LBA && *lba < backup_entries);
    if let Some(lba) = stale
        && has_signature(change.disk, lba, sector_size)?
    {
        writes.push(DiskWrite {
            offset: lba * sector_size.bytes(),
            bytes: vec![0; SIGNATURE.len()],
        });
    }
    Ok(writes)
}
