//! An MBR from a disk, by the `mbrman` crate.
//!
//! That crate decodes single boot records here. Its walk along the chain of extended boot records adds
//! 32-bit numbers from the disk unchecked and takes as many records as there are, so the walk is our
//! own.

use std::collections::BTreeSet;
use std::io::{self, Cursor};

use kurmadisk_formats::read_at::ReadAt;
use mbrman::{MBRHeader, MBRPartitionEntry};
use uuid::Uuid;

use super::spec::RECORD_LEN;
use crate::layout::{
    Attributes, DiskLayout, ExtendedPartition, Lba, MBR_MAX_NUMBER, MbrScheme, PartitionType,
    PlacedPartition, Scheme, SectorSize,
};
use crate::table::{ChainFault, TableProblem};

/// The boot record in the sector at `lba`; none when it isn't one.
pub(in crate::table) fn read_record(
    disk: &dyn ReadAt,
    sector_size: SectorSize,
    lba: u64,
) -> io::Result<Option<MBRHeader>> {
    let mut bytes = [0; RECORD_LEN];
    let offset = lba
        .checked_mul(sector_size.bytes())
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    disk.read_exact_at(offset, &mut bytes)?;
    Ok(MBRHeader::read_from(&mut Cursor::new(bytes)).ok())
}

/// The layout that the boot record `mbr` of `disk` describes.
pub(in crate::table) fn read(
    disk: &dyn ReadAt,
    sector_size: SectorSize,
    mbr: &MBRHeader,
    problems: &mut Vec<TableProblem>,
) -> DiskLayout {
    let mut extended: Option<ExtendedPartition> = None;
    let mut partitions = Vec::new();
    for (number, entry) in (1..).zip(mbr.iter().map(|(_, entry)| entry)) {
        if !entry.is_extended() {
            partitions.extend(partition(number, entry, 0));
        } else if extended.is_some() {
            problems.push(TableProblem::SecondExtended { slot: number });
        } else {
            extended = Some(ExtendedPartition {
                number,
                first: Lba(entry.starting_lba.into()),
                sectors: entry.sectors.into(),
            });
        }
    }
    if let Some(extended) = &extended {
        let mut walk = ChainWalk {
            disk,
            sector_size,
            extended,
            seen: BTreeSet::new(),
        };
        if let Err(problem) = walk.run(&mut partitions) {
            problems.push(problem);
        }
    }
    DiskLayout {
        sector_size,
        sectors: disk.len() / sector_size.bytes(),
        scheme: Scheme::Mbr(MbrScheme {
            signature: u32::from_le_bytes(mbr.disk_signature),
            extended,
        }),
        partitions,
    }
}

/// The partition of `entry`, if it is used, in a record whose addresses count from sector `base`.
fn partition(number: u32, entry: &MBRPartitionEntry, base: u64) -> Option<PlacedPartition> {
    (entry.is_used() && entry.sectors > 0).then(|| PlacedPartition {
        number,
        label: String::new(),
        kind: PartitionType::from_mbr(entry.sys),
        guid: Uuid::nil(),
        first: Lba(base + u64::from(entry.starting_lba)),
        sectors: entry.sectors.into(),
        attributes: Attributes::NONE,
        active: entry.is_active(),
    })
}

/// A walk along the chain of extended boot records.
struct ChainWalk<'a> {
    disk: &'a dyn ReadAt,
    sector_size: SectorSize,
    extended: &'a ExtendedPartition,
    seen: BTreeSet<u64>,
}

impl ChainWalk<'_> {
    /// Adds the logical partitions up to the end of the chain, or up to what breaks it.
    fn run(&mut self, partitions: &mut Vec<PlacedPartition>) -> Result<(), TableProblem> {
        let base = self.extended.first.0;
        let mut number = 5;
        let mut at = base;
        loop {
            let broken = |fault| TableProblem::BrokenChain {
                lba: Lba(at),
                fault,
            };
            let record = self.record(at).map_err(broken)?;
            if let Some(logical) = partition(number, &record.partition_1, at) {
                if number > MBR_MAX_NUMBER {
                    return Err(broken(ChainFault::TooMany));
                }
                partitions.push(logical);
                number += 1;
            }
            let link = &record.partition_2;
            if !link.is_extended() || link.starting_lba == 0 {
                return Ok(());
            }
            at = base + u64::from(link.starting_lba);
        }
    }

    fn record(&mut self, at: u64) -> Result<MBRHeader, ChainFault> {
        if at < self.extended.first.0 || at >= self.extended.end().0 {
            return Err(ChainFault::Outside);
        }
        if !self.seen.insert(at) {
            return Err(ChainFault::Loop);
        }
        // Records without a partition make no number, but are no way to go on for ever either.
        if self.seen.len() > 2 * MBR_MAX_NUMBER as usize {
            return Err(ChainFault::TooMany);
        }
        match read_record(self.disk, self.sector_size, at) {
            Ok(Some(record)) => Ok(record),
            Ok(None) => Err(ChainFault::NotARecord),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(ChainFault::Outside),
            Err(error) => Err(ChainFault::Unreadable(error.kind())),
        }
    }
}
