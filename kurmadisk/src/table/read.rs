//! Which table a disk has.

use std::io;

use kurmadisk_formats::read_at::ReadAt;
use mbrman::MBRHeader;

use super::gpt::{self, Gpt, GptCopies};
use super::mbr::{self, spec::PROTECTIVE_TYPE};
use super::{TableError, TableProblem};
use crate::layout::{DiskLayout, GptScheme, HybridEntry, Lba, PlacedPartition, Scheme, SectorSize};

/// A partition table as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionTable {
    /// What the table says, whether or not it makes sense.
    pub layout: DiskLayout,
    /// Everything that is wrong with it; empty for a clean table.
    pub problems: Vec<TableProblem>,
}

/// Reads the partition table of `disk`, and finds the sector size by where a GPT lies: 512 bytes is
/// tried first, then 4096. An MBR alone says nothing of it and is read with 512.
///
/// A filesystem without a partition table has a boot record too, and reads as an MBR without
/// partitions, or as [`TableError::NoTable`].
///
/// Fails when there is no table, when no copy of a GPT is valid, or when the disk can't be read.
pub fn read(disk: &dyn ReadAt) -> Result<PartitionTable, TableError> {
    let mut candidates = SectorSize::ALL.map(|size| (size, gpt::read_copies(disk, size)));
    let best = candidates
        .iter()
        .position(|(_, copies)| copies.any_valid())
        .or_else(|| {
            candidates
                .iter()
                .position(|(_, copies)| copies.any_present())
        })
        .unwrap_or(0);
    candidates.swap(0, best);
    let [(sector_size, copies), _] = candidates;
    read_found(disk, sector_size, copies)
}

/// Reads the partition table of `disk`, whose sectors have this size.
///
/// Fails as [`read`] does.
pub fn read_with_sector_size(
    disk: &dyn ReadAt,
    sector_size: SectorSize,
) -> Result<PartitionTable, TableError> {
    read_found(disk, sector_size, gpt::read_copies(disk, sector_size))
}

fn read_found(
    disk: &dyn ReadAt,
    sector_size: SectorSize,
    copies: GptCopies,
) -> Result<PartitionTable, TableError> {
    let record = match mbr::read_record(disk, sector_size, 0) {
        Ok(record) => record,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
        Err(source) => return Err(TableError::Io { offset: 0, source }),
    };
    let protected = record.as_ref().is_some_and(is_protective);
    let mut problems = Vec::new();
    let layout = match record {
        Some(record) if !protected && has_partitions(&record) => {
            if copies.any_valid() {
                problems.push(TableProblem::StaleGpt);
            }
            mbr::read(disk, sector_size, &record, &mut problems)
        }
        record if protected || copies.any_valid() => {
            if !protected {
                problems.push(TableProblem::NotProtected);
            }
            let last = Lba((disk.len() / sector_size.bytes()).saturating_sub(1));
            let gpt = copies
                .choose(last, &mut problems)
                .map_err(|(primary, backup)| TableError::BothCopiesBad { primary, backup })?;
            gpt_layout(disk, sector_size, &gpt, record.as_ref(), &mut problems)
        }
        Some(record) => mbr::read(disk, sector_size, &record, &mut problems),
        None => return Err(TableError::NoTable),
    };
    problems.extend(layout.faults().into_iter().map(TableProblem::Layout));
    Ok(PartitionTable { layout, problems })
}

fn is_protective(record: &MBRHeader) -> bool {
    record.iter().any(|(_, entry)| entry.sys == PROTECTIVE_TYPE)
}

fn has_partitions(record: &MBRHeader) -> bool {
    record.iter().any(|(_, entry)| entry.is_used())
}

fn gpt_layout(
    disk: &dyn ReadAt,
    sector_size: SectorSize,
    gpt: &Gpt,
    record: Option<&MBRHeader>,
    problems: &mut Vec<TableProblem>,
) -> DiskLayout {
    let partitions = gpt.partitions(problems);
    let hybrid = record.map_or_else(Vec::new, |record| {
        hybrid_entries(record, &partitions, problems)
    });
    DiskLayout {
        sector_size,
        sectors: disk.len() / sector_size.bytes(),
        scheme: Scheme::Gpt(GptScheme {
            disk_guid: gpt.header.disk_guid,
            entries: gpt.header.num_parts,
            hybrid,
        }),
        partitions,
    }
}

/// The entries of the MBR that are not protective, each with the GPT partition in the same place.
fn hybrid_entries(
    record: &MBRHeader,
    partitions: &[PlacedPartition],
    problems: &mut Vec<TableProblem>,
) -> Vec<HybridEntry> {
    let slots = (1..).zip(record.iter().map(|(_, entry)| entry));
    let listed = slots.filter(|(_, entry)| entry.is_used() && entry.sys != PROTECTIVE_TYPE);
    listed
        .filter_map(|(slot, entry)| {
            let same_place = partitions.iter().find(|partition| {
                partition.first.0 == u64::from(entry.starting_lba)
                    && partition.sectors == u64::from(entry.sectors)
            });
            if same_place.is_none() {
                problems.push(TableProblem::HybridUnmatched { slot });
            }
            same_place.map(|partition| HybridEntry {
                number: partition.number,
                mbr_type: entry.sys,
                active: entry.is_active(),
            })
        })
        .collect()
}
