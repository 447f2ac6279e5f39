//! The table of clusters in memory, and what of it has to be written.

use std::collections::BTreeSet;
use std::io;

use kurmadisk_formats::read_at::ReadAt;

use super::FatUpdateError;
use super::steps::Steps;
use crate::fs::fat::FatType;
use crate::fs::fat::read::boot::{BootSector, Geometry};
use crate::fs::fat::read::table::{Run, copies, entry, place_of};
use crate::fs::fat::spec::FIRST_CLUSTER;

/// The most clusters of a volume: 64 MiB of table.
const MOST_CLUSTERS: u64 = 1 << 24;
/// FAT32 uses so many bits of an entry; the others stay as they are.
const FAT32_MASK: u32 = 0x0fff_ffff;

#[derive(Clone)]
pub(super) struct Table {
    fat_type: FatType,
    sector_size: usize,
    /// Where the copies lie on the volume, in bytes.
    places: Vec<u64>,
    bytes: Vec<u8>,
    /// The first number that is no cluster's.
    end: u32,
    /// Sectors of the table that are not the same on the disk, in every copy.
    changed: BTreeSet<usize>,
}

impl Table {
    /// Reads the copy that counts; where another one is not the same, it is to be written.
    pub(super) fn read(
        volume: &dyn ReadAt,
        boot: &BootSector,
        geometry: &Geometry,
    ) -> Result<Self, FatUpdateError> {
        if geometry.clusters > MOST_CLUSTERS {
            return Err(FatUpdateError::TooLarge {
                clusters: geometry.clusters,
                most: MOST_CLUSTERS,
            });
        }
        let entries = geometry.clusters + u64::from(FIRST_CLUSTER);
        let len = (entries * u64::from(geometry.fat_type.bits()))
            .div_ceil(8)
            .next_multiple_of(geometry.sector_size);
        let [len, sector_size] = [len, geometry.sector_size].map(usize::try_from);
        let (len, sector_size) = (
            len.map_err(io::Error::other).map_err(read_error)?,
            sector_size.map_err(io::Error::other).map_err(read_error)?,
        );
        let places: Vec<_> = copies(boot, geometry)
            .map(|copy| place_of(geometry, copy).start)
            .collect();
        let mut table = Self {
            fat_type: geometry.fat_type,
            sector_size,
            places,
            bytes: vec![0; len],
            end: u32::try_from(entries).unwrap_or(u32::MAX),
            changed: BTreeSet::new(),
        };
        let mut other = vec![0; len];
        for (number, place) in table.places.clone().into_iter().enumerate() {
            let into = if number == 0 {
                &mut table.bytes
            } else {
                &mut other
            };
            volume.read_exact_at(place, into).map_err(read_error)?;
            if number > 0 {
                let sectors = table.bytes.chunks(sector_size);
                let pairs = sectors.zip(other.chunks(sector_size)).enumerate();
                let differ = pairs.filter(|(_, (one, other))| one != other);
                table.changed.extend(differ.map(|(sector, _)| sector));
            }
        }
        Ok(table)
    }

    fn largest(&self) -> u32 {
        self.fat_type.end_of_chain()
    }

    fn get(&self, cluster: u32) -> u32 {
        let index = usize::try_from(cluster).unwrap_or(usize::MAX);
        // What does not exist is in use.
        entry(self.fat_type, &self.bytes, index).unwrap_or(1)
    }

    /// Lets `cluster` say that `next` follows.
    pub(super) fn link(&mut self, cluster: u32, next: u32) {
        self.set(cluster, next);
    }

    fn set(&mut self, cluster: u32, value: u32) {
        let index = cluster as usize;
        let (at, len, mask, value) = match self.fat_type {
            // Two entries share three bytes.
            FatType::Fat12 if index.is_multiple_of(2) => (index / 2 * 3, 2, 0x0fff, value),
            FatType::Fat12 => (index / 2 * 3 + 1, 2, 0xfff0, value << 4),
            FatType::Fat16 => (index * 2, 2, 0xffff, value),
            FatType::Fat32 => (index * 4, 4, FAT32_MASK, value),
        };
        let Some(bytes) = self.bytes.get_mut(at..at + len) else {
            return;
        };
        let mut word = [0; 4];
        word[..len].copy_from_slice(bytes);
        let word = u32::from_le_bytes(word) & !mask | value & mask;
        bytes.copy_from_slice(&word.to_le_bytes()[..len]);
        self.changed.insert(at / self.sector_size);
        self.changed.insert((at + len - 1) / self.sector_size);
    }

    /// How many clusters are free.
    pub(super) fn free(&self) -> u32 {
        let free = (FIRST_CLUSTER..self.end).filter(|cluster| self.get(*cluster) == 0);
        u32::try_from(free.count()).unwrap_or(u32::MAX)
    }

    /// The first free cluster.
    pub(super) fn first_free(&self) -> Option<u32> {
        (FIRST_CLUSTER..self.end).find(|cluster| self.get(*cluster) == 0)
    }

    /// Makes a chain of so many free clusters, in ascending order: in one piece if there is one. None if fewer are
    /// free.
    pub(super) fn allocate(&mut self, count: u32) -> Option<Vec<Run>> {
        let runs = self.find(count)?;
        let clusters: Vec<u32> = runs.iter().cloned().flatten().collect();
        let last = self.largest();
        for (number, cluster) in clusters.iter().enumerate() {
            self.set(*cluster, clusters.get(number + 1).copied().unwrap_or(last));
        }
        Some(runs)
    }

    fn find(&self, count: u32) -> Option<Vec<Run>> {
        let mut pieces = Vec::new();
        let mut found = 0;
        let mut at = FIRST_CLUSTER;
        while at < self.end {
            let start = at;
            while at < self.end && at - start < count && self.get(at) == 0 {
                at += 1;
            }
            let len = at - start;
            if len == count {
                return Some(std::iter::once(start..at).collect());
            }
            let wanted = len.min(count - found);
            if wanted > 0 {
                pieces.push(start..start + wanted);
                found += wanted;
            }
            at = at.max(start + 1);
        }
        (found == count).then_some(pieces)
    }

    /// The clusters of a chain, which was gone through before.
    pub(super) fn chain(&self, first: u32) -> Vec<u32> {
        let exists = |cluster: &u32| (FIRST_CLUSTER..self.end).contains(cluster);
        std::iter::successors(Some(first).filter(exists), |cluster| {
            Some(self.get(*cluster)).filter(exists)
        })
        .collect()
    }

    /// Frees clusters.
    pub(super) fn release(&mut self, clusters: &[u32]) {
        for cluster in clusters {
            self.set(*cluster, 0);
        }
    }

    /// Frees what is in no chain of `used`, by number, and neither bad nor reserved.
    pub(super) fn release_lost(&mut self, used: &[bool]) {
        // Of the largest sixteen values eight are reserved or mean a bad cluster ("FAT Data Structure").
        let special = self.largest() - 15..=self.largest() - 8;
        let lost: Vec<u32> = (FIRST_CLUSTER..self.end)
            .filter(|cluster| {
                let value = self.get(*cluster);
                let is_used = used.get(*cluster as usize).copied().unwrap_or(true);
                value != 0 && !is_used && !special.contains(&value)
            })
            .collect();
        self.release(&lost);
    }

    /// Writes what was changed: from the end on, so that a chain is complete as far as it is there.
    ///
    /// Only entries that no file needs are changed before the step behind this, so no part of it can do harm.
    pub(super) fn write(&mut self, steps: &mut Steps<'_>) {
        let changed = std::mem::take(&mut self.changed);
        if changed.is_empty() {
            return;
        }
        for place in &self.places {
            for sector in changed.iter().rev() {
                let at = sector * self.sector_size;
                let bytes = &self.bytes[at..at + self.sector_size];
                steps.write(place + at as u64, bytes);
            }
        }
        steps.flush();
    }
}

fn read_error(error: io::Error) -> FatUpdateError {
    FatUpdateError::Volume(error.into())
}
