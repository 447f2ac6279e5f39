//! A GPT on a disk changed in place.
//!
//! Both copies are made from the one that counts, with nothing of it changed but what has to be, and written so
//! that at any time one copy is whole: the other copy, entries then header, before the one that counts.

use kurmadisk_formats::read_at::ReadAt;
use kurmadisk_formats::write_at::DiskWrite;
use zerocopy::{FromBytes, IntoBytes};

use super::read::read_copies;
use super::spec::{
    ENTRY_SIZE, Entry, HEADER_SIZE, Header, PRIMARY_ENTRIES_LBA, PRIMARY_LBA, SIGNATURE,
};
use crate::layout::{Attributes, Lba, SectorSize};
use crate::table::{CopyFault, TableError};

/// What has to be written, in this order and each before the next, to give partitions these attributes, by their
/// numbers.
///
/// Fails when neither copy counts, or an entry or the other copy would not lie on the disk.
pub(crate) fn set_attributes(
    disk: &dyn ReadAt,
    sector_size: SectorSize,
    all: &[(u32, Attributes)],
) -> Result<[DiskWrite; 4], TableError> {
    let mut table = Rewrite::read(disk, sector_size)?;
    for (number, attributes) in all {
        table.change_entry(*number, |entry| entry.attributes = attributes.0.into())?;
    }
    table.writes(disk.len())
}

/// The copy that counts, to be changed, and where both copies shall lie.
pub(in crate::table) struct Rewrite {
    sector_size: SectorSize,
    /// Whether the primary is the copy that counts.
    pub from_primary: bool,
    /// The sector of its header.
    header: Vec<u8>,
    entries: Vec<u8>,
    /// Sectors: where the primary's entries begin, the backup's header, and the backup's entries.
    primary_entries: u64,
    pub backup: u64,
    backup_entries: u64,
}

impl Rewrite {
    /// The table as it is.
    ///
    /// Fails when neither copy counts.
    pub(in crate::table) fn read(
        disk: &dyn ReadAt,
        sector_size: SectorSize,
    ) -> Result<Self, TableError> {
        let copies = read_copies(disk, sector_size);
        let (own, other) = match (copies.primary, copies.backup) {
            (Ok(primary), backup) => (primary.header, backup.ok().map(|backup| backup.header)),
            (Err(_), Ok(backup)) => (backup.header, None),
            (Err(primary), Err(backup)) => {
                return Err(TableError::BothCopiesBad { primary, backup });
            }
        };
        // The reader has bounded both.
        let len = own.num_parts as usize * ENTRY_SIZE as usize;
        let sector = usize::try_from(sector_size.bytes()).unwrap_or(HEADER_SIZE as usize);
        let from_primary = own.current_lba == PRIMARY_LBA;
        let (primary_entries, backup, backup_entries) = if from_primary {
            let sectors = (len as u64).div_ceil(sector_size.bytes());
            let known = other.filter(|other| other.current_lba == own.backup_lba);
            let usual = own.backup_lba.saturating_sub(sectors);
            let entries = known.map_or(usual, |other| other.part_start);
            (own.part_start, own.backup_lba, entries)
        } else {
            (PRIMARY_ENTRIES_LBA, own.current_lba, own.part_start)
        };
        Ok(Self {
            sector_size,
            from_primary,
            header: read(disk, own.current_lba, sector_size, sector)?,
            entries: read(disk, own.part_start, sector_size, len)?,
            primary_entries,
            backup,
            backup_entries,
        })
    }

    /// Changes the entry of a partition.
    ///
    /// Fails when the table has no such number.
    pub(in crate::table) fn change_entry<T>(
        &mut self,
        number: u32,
        change: impl FnOnce(&mut Entry) -> T,
    ) -> Result<T, TableError> {
        let index = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        let mut entries = self.entries.chunks_exact_mut(size_of::<Entry>());
        let place = index.and_then(|index| entries.nth(index));
        let found = place.and_then(|place| Some((Entry::read_from_bytes(&*place).ok()?, place)));
        let (mut entry, place) = found.ok_or(TableError::FieldOverflow {
            field: "partition number",
            value: number.into(),
        })?;
        let result = change(&mut entry);
        place.copy_from_slice(entry.as_bytes());
        Ok(result)
    }

    /// Puts the backup's header into the sector `last`, behind its entries, which begin at `entries`; partitions end
    /// before those.
    pub(in crate::table) fn move_backup(&mut self, last: u64, entries: u64) {
        self.backup = last;
        self.backup_entries = entries;
        let usable = entries.saturating_sub(1);
        change_header(&mut self.header, |header| {
            header.last_usable_lba = usable.into();
        });
    }

    /// What has to be written to a disk of so many bytes, in this order and each before the next.
    ///
    /// Fails when a part would not lie on the disk.
    pub(in crate::table) fn writes(&self, disk_len: u64) -> Result<[DiskWrite; 4], TableError> {
        let place = |lba: u64, bytes: Vec<u8>| {
            let offset = lba.checked_mul(self.sector_size.bytes());
            let end = offset.and_then(|offset| offset.checked_add(bytes.len() as u64));
            match (offset, end) {
                (Some(offset), Some(end)) if end <= disk_len => Ok(DiskWrite { offset, bytes }),
                _ => Err(TableError::BothCopiesBad {
                    primary: CopyFault::EntriesOutOfDisk(Lba(lba)),
                    backup: CopyFault::EntriesOutOfDisk(Lba(lba)),
                }),
            }
        };
        let copy = |own: u64, other: u64, entries: u64| {
            let header = self.sealed(own, other, entries);
            Ok::<_, TableError>([place(entries, self.entries.clone())?, place(own, header)?])
        };
        let primary = copy(PRIMARY_LBA, self.backup, self.primary_entries)?;
        let backup = copy(self.backup, PRIMARY_LBA, self.backup_entries)?;
        // What counts stays whole until the other copy is.
        let [[first, second], [third, fourth]] = if self.from_primary {
            [backup, primary]
        } else {
            [primary, backup]
        };
        Ok([first, second, third, fourth])
    }

    /// The sector of a header at `own`, with its checksums.
    fn sealed(&self, own: u64, other: u64, entries: u64) -> Vec<u8> {
        let mut sector = self.header.clone();
        let mut len = HEADER_SIZE as usize;
        change_header(&mut sector, |header| {
            header.my_lba = own.into();
            header.alternate_lba = other.into();
            header.partition_entry_lba = entries.into();
            header.entries_crc32 = crc32fast::hash(&self.entries).into();
            header.header_crc32 = 0.into();
            len = usize::try_from(header.header_size.get()).unwrap_or(usize::MAX);
        });
        let len = len.clamp(HEADER_SIZE as usize, sector.len());
        let crc = crc32fast::hash(&sector[..len]);
        change_header(&mut sector, |header| header.header_crc32 = crc.into());
        sector
    }
}

/// Whether a header begins in this sector.
pub(in crate::table) fn has_signature(
    disk: &dyn ReadAt,
    lba: u64,
    sector_size: SectorSize,
) -> Result<bool, TableError> {
    let end = lba.saturating_add(1).saturating_mul(sector_size.bytes());
    if end > disk.len() {
        return Ok(false);
    }
    Ok(read(disk, lba, sector_size, SIGNATURE.len())? == SIGNATURE)
}

/// Changes fields of the header that a sector begins with.
fn change_header(sector: &mut [u8], change: impl FnOnce(&mut Header)) {
    if let Ok((mut header, _)) = Header::read_from_prefix(sector) {
        change(&mut header);
        sector[..size_of::<Header>()].copy_from_slice(header.as_bytes());
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
