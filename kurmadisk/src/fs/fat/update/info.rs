//! `FSInfo`, which says how much of a FAT32 volume is free.

use std::io;

use kurmadisk_formats::read_at::ReadAt;
use zerocopy::{FromBytes, IntoBytes};

use super::steps::Steps;
use super::table::Table;
use crate::fs::fat::FatType;
use crate::fs::fat::read::boot::{BootSector, Geometry};
use crate::fs::fat::spec::{FsInfo, NEXT_FREE_UNKNOWN};

/// [`FsInfo::free_clusters`] when nobody knows.
const FREE_UNKNOWN: u32 = 0xffff_ffff;

#[derive(Clone)]
pub(super) struct Info {
    offset: u64,
    sector: FsInfo,
}

impl Info {
    /// None on FAT12 and FAT16, and where there is no sound one.
    pub(super) fn read(
        volume: &dyn ReadAt,
        boot: &BootSector,
        geometry: &Geometry,
    ) -> io::Result<Option<Self>> {
        let number = u64::from(boot.fat32.fat32.fsinfo_sector.get());
        let exists = (1..geometry.reserved).contains(&number);
        if geometry.fat_type != FatType::Fat32 || !exists {
            return Ok(None);
        }
        let offset = number * geometry.sector_size;
        let mut bytes = [0; size_of::<FsInfo>()];
        volume.read_exact_at(offset, &mut bytes)?;
        let sound = FsInfo::new(0, 0);
        let found = FsInfo::read_from_bytes(&bytes).ok().filter(|found| {
            found.lead_signature == sound.lead_signature
                && found.signature == sound.signature
                && found.trail_signature == sound.trail_signature
        });
        Ok(found.map(|sector| Self { offset, sector }))
    }

    /// Says that nobody knows, while it changes: whoever comes after a cut counts.
    pub(super) fn forget(&mut self, steps: &mut Steps<'_>) {
        self.sector.free_clusters = FREE_UNKNOWN.into();
        self.sector.next_free = NEXT_FREE_UNKNOWN.into();
        self.write(steps);
    }

    /// Says what is free at last.
    pub(super) fn tell(&mut self, table: &Table, steps: &mut Steps<'_>) {
        self.sector.free_clusters = table.free().into();
        let next = table.first_free().unwrap_or(NEXT_FREE_UNKNOWN);
        self.sector.next_free = next.into();
        self.write(steps);
    }

    fn write(&self, steps: &mut Steps<'_>) {
        steps.write(self.offset, self.sector.as_bytes());
        steps.flush();
    }
}
