//! The loader for BIOS machines, and where its second stage lies.

use std::ops::Range;

use super::error::PlanError;
use super::resolve::Disk;
use crate::boot::BootError;
use crate::boot::kurmaboot::{self, BiosLoader, MAX_GPT_ENTRIES};
use crate::layout::{DiskLayout, PartitionType, Scheme, SectorSize};
use crate::spec::TableKind;

/// kurmaboot's BIOS half, assembled for its place.
#[derive(Clone, Debug)]
pub(crate) struct BiosBoot {
    pub loader: BiosLoader,
    /// Offset of the second stage on the disk.
    pub offset: u64,
}

/// Whether a disk of this kind has a place for the loader: a partition for it, or the gap behind an MBR. BIOSes
/// start from disks with sectors of 512 bytes alone.
pub(super) fn has_place(disk: &Disk) -> bool {
    let place = match disk.table {
        TableKind::Mbr => true,
        TableKind::Gpt => {
            let mut partitions = disk.partitions.iter();
            partitions
                .any(|each| each.kind == PartitionType::BIOS_BOOT && each.filesystem.is_none())
        }
    };
    place && disk.sector_size == SectorSize::B512 && disk.entries <= MAX_GPT_ENTRIES
}

/// The loader for a disk of which [`has_place`] is true; none if it doesn't fit there.
pub(super) fn loader(layout: &DiskLayout) -> Result<Option<BiosBoot>, PlanError> {
    let Some(sectors) = place(layout) else {
        return Ok(None);
    };
    let loader = kurmaboot::bios_loader(sectors.start).map_err(BootError::from)?;
    let size = layout.sector_size.bytes();
    let fits = loader.stage2.len() as u64 <= (sectors.end.saturating_sub(sectors.start)) * size;
    let offset = sectors.start * size;
    Ok(fits.then_some(BiosBoot { loader, offset }))
}

/// The sectors that are the second stage's.
fn place(layout: &DiskLayout) -> Option<Range<u64>> {
    let partitions = layout.partitions.iter();
    match &layout.scheme {
        Scheme::Gpt(_) => partitions
            .filter(|each| each.kind == PartitionType::BIOS_BOOT)
            .map(|each| each.first.0..each.end().0)
            .next(),
        Scheme::Mbr(mbr) => {
            let extended = mbr.extended.iter().map(|extended| extended.first.0);
            let first = partitions.map(|each| each.first.0).chain(extended).min();
            Some(1..first.unwrap_or(layout.sectors))
        }
    }
}
