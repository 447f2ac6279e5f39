//! A directory in memory: entries found, changed, added and removed, each so that one sector decides.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use zerocopy::IntoBytes;

use super::steps::Steps;
use crate::fs::fat::directory::{at_cluster, push_long};
use crate::fs::fat::name::{self, ShortName};
use crate::fs::fat::read::boot::{DELETED, END_OF_DIRECTORY};
use crate::fs::fat::read::dir;
use crate::fs::fat::spec::{ATTR_ARCHIVE, ATTR_DIRECTORY, ENTRY_LEN, ShortEntry};
use crate::tree::Timestamp;

const ENTRY: usize = ENTRY_LEN as usize;

#[derive(Clone)]
pub(super) struct Directory {
    /// Its name; empty for the root.
    pub name: String,
    /// The last of its clusters; none for the root directory of FAT12 and FAT16.
    pub last_cluster: Option<u32>,
    bytes: Vec<u8>,
    sector_size: usize,
    /// Where its sectors lie on the volume, in bytes.
    sectors: Vec<u64>,
    changed: BTreeSet<usize>,
}

/// An entry of a directory.
pub(super) struct Found {
    /// The parts of its long name, then its own, by their numbers.
    slots: Range<usize>,
    pub entry: ShortEntry,
}

/// What an entry says of a file's content.
#[derive(Clone, Copy)]
pub(super) struct At {
    /// The first cluster; 0 for no content.
    pub cluster: u32,
    /// Bytes.
    pub len: u32,
    pub time: Timestamp,
}

impl Directory {
    /// `places` are those of `bytes`, on the volume, in whole sectors.
    pub(super) fn new(
        name: &str,
        last_cluster: Option<u32>,
        bytes: Vec<u8>,
        sector_size: usize,
        places: &[Range<u64>],
    ) -> Self {
        let mut directory = Self {
            name: name.to_owned(),
            last_cluster,
            bytes,
            sector_size,
            sectors: Vec::new(),
            changed: BTreeSet::new(),
        };
        directory.add_sectors(places);
        directory
    }

    fn add_sectors(&mut self, places: &[Range<u64>]) {
        for place in places {
            let sectors = place.clone().step_by(self.sector_size);
            self.sectors.extend(sectors);
        }
    }

    /// Entries it has room for.
    pub(super) fn slots(&self) -> usize {
        self.bytes.len() / ENTRY
    }

    /// Makes it longer by a cluster, which holds zeros.
    pub(super) fn extend(&mut self, cluster: u32, place: &Range<u64>) {
        self.last_cluster = Some(cluster);
        self.add_sectors(std::slice::from_ref(place));
        self.bytes.resize(self.sectors.len() * self.sector_size, 0);
    }

    /// The entry of that long or short name, whatever its case.
    pub(super) fn find(&self, name: &str) -> Option<Found> {
        let key = name::key(name);
        let is_it = |named: &dir::Named| {
            let long = named.name.as_ref().is_ok_and(|long| name::key(long) == key);
            long || name::key(&named.short) == key
        };
        dir::entries(&self.bytes)
            .into_iter()
            .find(is_it)
            .map(|named| Found {
                slots: named.slots,
                entry: named.entry,
            })
    }

    /// Lets an entry say where the content of its file lies now.
    pub(super) fn switch(&mut self, found: &Found, at: At) {
        let new = at_cluster(at.cluster, at.time);
        let mut entry = ShortEntry {
            attributes: found.entry.attributes | ATTR_ARCHIVE,
            accessed_date: new.accessed_date,
            written_time: new.written_time,
            written_date: new.written_date,
            cluster_low: new.cluster_low,
            size: at.len.into(),
            ..found.entry
        };
        // What FAT12 and FAT16 have there is not theirs, and theirs is zero.
        if new.cluster_high.get() != 0 || found.entry.cluster_high.get() != 0 {
            entry.cluster_high = new.cluster_high;
        }
        self.put(found.slots.end - 1, entry.as_bytes());
    }

    /// Marks an entry as deleted.
    pub(super) fn remove(&mut self, found: &Found) {
        for slot in found.slots.clone() {
            self.mark_deleted(slot);
        }
    }

    fn mark_deleted(&mut self, slot: usize) {
        let mut entry = self.bytes[slot * ENTRY..(slot + 1) * ENTRY].to_vec();
        entry[0] = DELETED;
        self.put(slot, &entry);
    }

    /// Adds the entry of a file; `false` when it has to be longer for that.
    #[must_use]
    pub(super) fn add_file(&mut self, name: &str, at: At) -> bool {
        let short = self.short_name(name);
        let entry = ShortEntry {
            attributes: ATTR_ARCHIVE,
            size: at.len.into(),
            ..at_cluster(at.cluster, at.time)
        };
        self.add(name, short, entry)
    }

    /// Adds the entry of a directory; `false` when it has to be longer for that.
    #[must_use]
    pub(super) fn add_directory(&mut self, name: &str, cluster: u32, time: Timestamp) -> bool {
        let short = self.short_name(name);
        let entry = ShortEntry {
            attributes: ATTR_DIRECTORY,
            ..at_cluster(cluster, time)
        };
        self.add(name, short, entry)
    }

    fn short_name(&self, name: &str) -> ShortName {
        let taken: HashSet<_> = dir::entries(&self.bytes)
            .iter()
            .map(|named| named.entry.name)
            .collect();
        name::short_name(name, taken)
    }

    fn add(&mut self, name: &str, short: ShortName, entry: ShortEntry) -> bool {
        let entry = ShortEntry {
            name: short.bytes,
            case: short.case,
            ..entry
        };
        let mut bytes = Vec::new();
        push_long(name, &short, &mut bytes);
        bytes.extend_from_slice(entry.as_bytes());
        let Some(start) = self.room(bytes.len() / ENTRY) else {
            return false;
        };
        self.put(start, &bytes);
        true
    }

    /// So many free slots that become valid at once: deleted ones in one sector, or those at the directory's end, where
    /// the first of them, which is written last, hides the others until then.
    fn room(&mut self, count: usize) -> Option<usize> {
        let first = |slot: usize| self.bytes[slot * ENTRY];
        let all = self.slots();
        let end = (0..all).find(|slot| first(*slot) == END_OF_DIRECTORY);
        let end = end.unwrap_or(all);
        let in_sector = self.sector_size / ENTRY;
        let is_free = |start: &usize| {
            let same = start / in_sector == (start + count - 1) / in_sector;
            same && (*start..start + count).all(|slot| first(slot) == DELETED)
        };
        let middle =
            (0..=end.saturating_sub(count)).find(|start| start + count <= end && is_free(start));
        if middle.is_some() {
            return middle;
        }
        let behind = end + count;
        if behind > all {
            return None;
        }
        // Behind the end may lie anything; what is there must not come to life.
        if behind < all && first(behind) != END_OF_DIRECTORY {
            self.put(behind, &[0; ENTRY]);
        }
        Some(end)
    }

    fn put(&mut self, slot: usize, bytes: &[u8]) {
        let at = slot * ENTRY;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        let last = at + bytes.len() - 1;
        self.changed
            .extend(at / self.sector_size..=last / self.sector_size);
    }

    /// Writes what was changed: sector by sector from the end on, so that what is added or removed is so at once.
    pub(super) fn write(&mut self, steps: &mut Steps<'_>) {
        for sector in std::mem::take(&mut self.changed).into_iter().rev() {
            let at = sector * self.sector_size;
            steps.write(self.sectors[sector], &self.bytes[at..at + self.sector_size]);
            steps.flush();
        }
    }
}

/// The first cluster of a directory in the root: its entries for itself and its parent, and zeros.
pub(super) fn empty(cluster: u32, len: usize, time: Timestamp) -> Vec<u8> {
    let mut bytes = vec![0; len];
    // The root as a parent is cluster 0.
    for (count, cluster) in [(1, cluster), (2, 0)] {
        let entry = ShortEntry {
            name: ShortName::dots(count).bytes,
            attributes: ATTR_DIRECTORY,
            ..at_cluster(cluster, time)
        };
        bytes[(count - 1) * ENTRY..count * ENTRY].copy_from_slice(entry.as_bytes());
    }
    bytes
}
