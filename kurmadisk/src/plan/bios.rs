//! The loader for BIOS machines, and where its second stage lies.

use std::ops::Range;

use super::error::PlanError;
use super::resolve::Disk;
use crate::boot::BootError;
use crate::boot::grub::{GrubError, PcCore};
use crate::boot::kurmaboot::{self, MAX_GPT_ENTRIES};
use crate::layout::{DiskLayout, PartitionType, Scheme, SectorSize};
use crate::spec::{ImageSpec, TableKind};

/// The loader for BIOS machines, made for its place.
#[derive(Clone, Debug)]
pub(crate) struct BiosBoot {
    /// The MBR's boot code.
    pub boot_code: Vec<u8>,
    /// What that loads: kurmaboot's second stage, or GRUB's core image.
    pub stage2: Vec<u8>,
    /// Offset of the second stage on the disk.
    pub offset: u64,
}

/// Whether a disk of this kind has a place for a loader: a partition for it, or the gap behind an MBR. BIOSes
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
    place && disk.sector_size == SectorSize::B512
}

/// Whether kurmaboot could be there: it keeps the table's entries in memory.
pub(super) fn has_place_for_kurmaboot(disk: &Disk) -> bool {
    has_place(disk) && disk.entries <= MAX_GPT_ENTRIES
}

/// The loader for a disk of which [`has_place`] is true: GRUB where its core image is given, else kurmaboot; none if
/// that doesn't fit there.
pub(super) fn loader(
    spec: &ImageSpec,
    layout: &DiskLayout,
    grub: Option<&PcCore>,
) -> Result<Option<BiosBoot>, PlanError> {
    let Some(sectors) = place(layout) else {
        return Ok(None);
    };
    let size = layout.sector_size.bytes();
    let room = sectors.end.saturating_sub(sectors.start) * size;
    let (boot_code, stage2) = if let Some(core) = grub {
        core.embedded(sectors.start)
    } else {
        let loader = kurmaboot::bios_loader(sectors.start).map_err(BootError::from)?;
        (loader.boot_code, loader.stage2)
    };
    let len = stage2.len() as u64;
    if len > room && grub.is_some() {
        let error = BootError::Grub(GrubError::TooLarge {
            len,
            most: room,
            place: "the bios-boot partition, or the gap in front of the first one",
        });
        return Err(PlanError::from(error).near(spec.grub.folder.as_ref(), "folder"));
    }
    let offset = sectors.start * size;
    Ok((len <= room).then_some(BiosBoot {
        boot_code,
        stage2,
        offset,
    }))
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
