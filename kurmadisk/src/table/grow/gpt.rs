//! Both copies of a GPT, for a larger disk.

use zerocopy::{FromBytes, IntoBytes};

use super::super::gpt::spec::{
    ENTRY_SIZE, Entry, HEADER_SIZE, Header, PRIMARY_ENTRIES_LBA, PRIMARY_LBA, SIGNATURE,
};
use super::{Change, GrowError, Write, mbr};
use crate::layout::GptScheme;

/// One copy of the table, as it lies on the disk.
struct Copy {
    header: Header,
    entries: Vec<u8>,
}

pub(super) fn writes(change: &Change<'_>, scheme: &GptScheme) -> Result<Vec<Write>, GrowError> {
    let sector = change.sector_size();
    let old_last = change.disk.len() / sector - 1;
    let old = match read(change, PRIMARY_LBA)? {
        Some(copy) => copy,
        // The primary was being written when it was cut off: the new backup is complete then.
        None => read(change, old_last)?.ok_or(GrowError::Unsupported(
            "neither copy of it is where it belongs",
        ))?,
    };
    let of_primary = old.header.my_lba.get() == PRIMARY_LBA;
    let primary_entries = if of_primary {
        old.header.partition_entry_lba.get()
    } else {
        PRIMARY_ENTRIES_LBA
    };
    let entries = entries(change, &old)?;
    let last = change.disk_sectors - 1;
    let table = scheme.table_sectors(change.layout.sector_size);
    let backup_entries = last - table;
    let header = |my: u64, alternate: u64, entries_lba: u64| {
        let mut header = Header {
            my_lba: my.into(),
            alternate_lba: alternate.into(),
            last_usable_lba: (backup_entries - 1).into(),
            partition_entry_lba: entries_lba.into(),
            entries_crc32: crc32fast::hash(&entries).into(),
            header_crc32: 0.into(),
            ..old.header
        };
        header.header_crc32 = crc32fast::hash(header.as_bytes()).into();
        header.as_bytes().to_vec()
    };
    let write = |lba: u64, bytes: Vec<u8>| {
        let offset = lba * sector;
        Write { offset, bytes }
    };
    let mut writes = vec![
        write(backup_entries, entries.clone()),
        write(last, header(last, PRIMARY_LBA, backup_entries)),
        write(primary_entries, entries.clone()),
        write(PRIMARY_LBA, header(PRIMARY_LBA, last, primary_entries)),
        mbr::protective(change)?,
    ];
    let old_backup = old.header.alternate_lba.get();
    let is_stale = of_primary && old_backup > PRIMARY_LBA && old_backup < backup_entries;
    if is_stale && has_signature(change, old_backup)? {
        writes.push(write(old_backup, vec![0; SIGNATURE.len()]));
    }
    Ok(writes)
}

/// The copy whose header is at `lba`; none without a sound one.
fn read(change: &Change<'_>, lba: u64) -> Result<Option<Copy>, GrowError> {
    let sector = change.sector_size();
    let bytes = change.read(lba * sector, HEADER_SIZE.into())?;
    let Ok(header) = Header::read_from_bytes(&bytes) else {
        return Ok(None);
    };
    if header.signature != SIGNATURE || header.my_lba.get() != lba {
        return Ok(None);
    }
    if header.header_size.get() != HEADER_SIZE || header.size_of_entry.get() != ENTRY_SIZE {
        return Err(GrowError::Unsupported(
            "its header or entries have a size that nobody else writes",
        ));
    }
    let unsigned = Header {
        header_crc32: 0.into(),
        ..header
    };
    if crc32fast::hash(unsigned.as_bytes()) != header.header_crc32.get() {
        return Ok(None);
    }
    // Whoever read the layout has bounded the entries of the copy that counts; another one may say anything.
    let count = header.number_of_entries.get();
    if count > crate::layout::GPT_MAX_ENTRIES {
        return Ok(None);
    }
    let len = u64::from(count) * u64::from(ENTRY_SIZE);
    let offset = header.partition_entry_lba.get().saturating_mul(sector);
    if offset.saturating_add(len) > change.disk.len() {
        return Ok(None);
    }
    let entries = change.read(offset, len)?;
    let is_sound = crc32fast::hash(&entries) == header.entries_crc32.get();
    Ok(is_sound.then_some(Copy { header, entries }))
}

/// The entries with the partition's new end.
fn entries(change: &Change<'_>, old: &Copy) -> Result<Vec<u8>, GrowError> {
    let mut entries = old.entries.clone();
    let size = size_of::<Entry>();
    let number = usize::try_from(change.partition.number).unwrap_or_default();
    let at = number.saturating_sub(1) * size;
    let slot = entries.get_mut(at..at + size);
    let slot = slot.ok_or(GrowError::Unsupported("its copies differ"))?;
    let found = Entry::read_from_bytes(&*slot);
    let mut entry = found.map_err(|_| GrowError::Unsupported("an entry is cut off"))?;
    if entry.starting_lba.get() != change.partition.first.0 {
        return Err(GrowError::Unsupported("its copies differ"));
    }
    entry.ending_lba = (change.partition.first.0 + change.sectors - 1).into();
    slot.copy_from_slice(entry.as_bytes());
    Ok(entries)
}

fn has_signature(change: &Change<'_>, lba: u64) -> Result<bool, GrowError> {
    let offset = lba.saturating_mul(change.sector_size());
    let len = SIGNATURE.len() as u64;
    if offset.saturating_add(len) > change.disk.len() {
        return Ok(false);
    }
    Ok(change.read(offset, len)? == SIGNATURE)
}
