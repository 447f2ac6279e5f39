//! A GPT from a disk, by the `gpt` crate.
//!
//! That crate asserts that entries have 128 bytes, reads as many as a header claims, and takes no
//! second copy when the first one's entries are bad. So it gets one header sector and one bounded array of
//! entries at a time, from memory, and the choice between the copies is made here.

use std::collections::BTreeMap;
use std::io::Cursor;

use ::gpt::disk::LogicalBlockSize;
use ::gpt::header::{self, Header, HeaderError};
use ::gpt::partition::{Partition, file_read_partitions};
use kurmadisk_formats::read_at::ReadAt;

use super::spec::{ENTRY_SIZE, PRIMARY_LBA};
use crate::layout::{Attributes, GPT_MAX_ENTRIES, Lba, PartitionType, PlacedPartition, SectorSize};
use crate::table::{CopyFault, GptCopyName, TableProblem};

/// Both copies of a GPT, each as far as it could be read.
pub(in crate::table) struct GptCopies {
    pub primary: Result<Gpt, CopyFault>,
    pub backup: Result<Gpt, CopyFault>,
}

/// One valid copy.
pub(in crate::table) struct Gpt {
    pub header: Header,
    entries: BTreeMap<u32, Partition>,
}

/// Reads both copies of a disk with sectors of this size.
///
/// The backup is looked for where the primary header says, else in the last sector.
pub(in crate::table) fn read_copies(disk: &dyn ReadAt, sector_size: SectorSize) -> GptCopies {
    let last = (disk.len() / sector_size.bytes()).saturating_sub(1);
    let primary = read_copy(disk, sector_size, PRIMARY_LBA);
    let said = primary.as_ref().ok().map(|gpt| gpt.header.backup_lba);
    let backup_lba = said
        .filter(|lba| (PRIMARY_LBA + 1..=last).contains(lba))
        .unwrap_or(last);
    GptCopies {
        primary,
        backup: read_copy(disk, sector_size, backup_lba),
    }
}

fn read_copy(disk: &dyn ReadAt, sector_size: SectorSize, lba: u64) -> Result<Gpt, CopyFault> {
    let sector = sector_size.bytes();
    // The crate looks for a header in the second sector of what it is given.
    let two_sectors = usize::try_from(2 * sector).map_err(|_| CopyFault::Missing)?;
    let mut bytes = vec![0; two_sectors];
    let sectors = disk.len() / sector;
    if lba >= sectors {
        return Err(CopyFault::Missing);
    }
    disk.read_exact_at(lba * sector, &mut bytes[two_sectors / 2..])
        .map_err(|error| CopyFault::Unreadable(error.kind()))?;
    let block_size = match sector_size {
        SectorSize::B512 => LogicalBlockSize::Lb512,
        SectorSize::B4096 => LogicalBlockSize::Lb4096,
    };
    let header = header::read_header_from_arbitrary_device(&mut Cursor::new(bytes), block_size)
        .map_err(|error| match error {
            HeaderError::InvalidCRC32Checksum => CopyFault::HeaderChecksum,
            _ => CopyFault::Missing,
        })?;
    if header.current_lba != lba {
        return Err(CopyFault::WrongLba(Lba(header.current_lba)));
    }
    let array = read_array(disk, sector_size, &header)?;
    // Where the entries lie is settled: the crate finds them at the begin of the array.
    let in_array = Header {
        part_start: 0,
        ..header.clone()
    };
    let entries = file_read_partitions(&mut Cursor::new(array), &in_array, block_size)
        .map_err(|_| CopyFault::EntriesChecksum)?;
    Ok(Gpt { header, entries })
}

/// The bytes of a copy's entries, once their size and place are known to be sane.
fn read_array(
    disk: &dyn ReadAt,
    sector_size: SectorSize,
    header: &Header,
) -> Result<Vec<u8>, CopyFault> {
    let (entries, entry_size) = (header.num_parts, header.part_size);
    if entry_size != ENTRY_SIZE || entries > GPT_MAX_ENTRIES {
        return Err(CopyFault::Unsupported {
            entries,
            entry_size,
        });
    }
    let start = header.part_start;
    let len = u64::from(entries) * u64::from(entry_size);
    let offset = start
        .checked_mul(sector_size.bytes())
        .filter(|offset| matches!(offset.checked_add(len), Some(end) if end <= disk.len()))
        .ok_or(CopyFault::EntriesOutOfDisk(Lba(start)))?;
    let len = usize::try_from(len).map_err(|_| CopyFault::EntriesOutOfDisk(Lba(start)))?;
    let mut array = vec![0; len];
    disk.read_exact_at(offset, &mut array)
        .map_err(|error| CopyFault::Unreadable(error.kind()))?;
    Ok(array)
}

impl GptCopies {
    /// Whether either copy is valid.
    pub(in crate::table) fn any_valid(&self) -> bool {
        self.primary.is_ok() || self.backup.is_ok()
    }

    /// Whether either copy has the signature of one, valid or not.
    pub(in crate::table) fn any_present(&self) -> bool {
        let present = |copy: &Result<Gpt, CopyFault>| !matches!(copy, Err(CopyFault::Missing));
        present(&self.primary) || present(&self.backup)
    }

    /// The primary copy if it is valid, else the backup; says what is wrong with the other one.
    ///
    /// Fails with both faults when neither is valid.
    pub(in crate::table) fn choose(
        self,
        last: Lba,
        problems: &mut Vec<TableProblem>,
    ) -> Result<Gpt, (CopyFault, CopyFault)> {
        let mut bad = |copy, fault| problems.push(TableProblem::Copy { copy, fault });
        match (self.primary, self.backup) {
            (Ok(primary), Ok(backup)) => {
                if !primary.same_as(&backup) {
                    problems.push(TableProblem::CopiesDiffer);
                }
                let lba = Lba(backup.header.current_lba);
                if lba != last {
                    problems.push(TableProblem::BackupMisplaced { lba, last });
                }
                Ok(primary)
            }
            (Ok(primary), Err(fault)) => {
                bad(GptCopyName::Backup, fault);
                Ok(primary)
            }
            (Err(fault), Ok(backup)) => {
                bad(GptCopyName::Primary, fault);
                Ok(backup)
            }
            (Err(primary), Err(backup)) => Err((primary, backup)),
        }
    }
}

impl Gpt {
    /// Whether both say the same of disk and partitions.
    fn same_as(&self, other: &Self) -> bool {
        self.header.disk_guid == other.header.disk_guid
            && self.header.first_usable == other.header.first_usable
            && self.header.last_usable == other.header.last_usable
            && self.entries == other.entries
    }

    /// The used entries, by number.
    pub(in crate::table) fn partitions(
        &self,
        problems: &mut Vec<TableProblem>,
    ) -> Vec<PlacedPartition> {
        let used = self.entries.iter().filter(|(_, entry)| entry.is_used());
        used.filter_map(|(&number, entry)| {
            let Ok(sectors) = entry.sectors_len() else {
                problems.push(TableProblem::Reversed { number });
                return None;
            };
            Some(PlacedPartition {
                number,
                label: entry.name.clone(),
                kind: PartitionType::from_guid(entry.part_type_guid.guid),
                guid: entry.part_guid,
                first: Lba(entry.first_lba),
                sectors,
                attributes: Attributes(entry.flags),
                active: false,
            })
        })
        .collect()
    }
}
