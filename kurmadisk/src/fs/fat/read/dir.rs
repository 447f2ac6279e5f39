//! The entries of a directory ("FAT Directory Structure", "FAT Long Directory Entries").

use std::ops::Range;

use zerocopy::{FromBytes, IntoBytes};

use super::boot::{DELETED, END_OF_DIRECTORY};
use super::error::FatFault;
use super::name;
use crate::fs::fat::spec::{
    ATTR_LONG_NAME, ATTR_VOLUME_ID, LAST_LONG_ENTRY, LONG_UNITS, LongEntry, MAX_LONG_UNITS,
    ShortEntry,
};

/// What a file or directory is called, and its entry.
pub(in crate::fs::fat) struct Named {
    /// The entries it takes, by their numbers in the directory: the parts of the long name, then its own.
    pub slots: Range<usize>,
    /// Its long name if it has one; what is wrong with that otherwise.
    pub name: Result<String, FatFault>,
    /// Its short name, for messages.
    pub short: String,
    pub entry: ShortEntry,
}

/// The bits of attributes that tell the parts of long names from other entries.
const LONG_NAME_MASK: u8 = 0x3f;
/// Parts of the longest name.
const MOST_PARTS: usize = MAX_LONG_UNITS.div_ceil(LONG_UNITS);

/// The entries of a directory, from its bytes; without `.`, `..`, the volume's label and what was deleted.
pub(in crate::fs::fat) fn entries(bytes: &[u8]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut parts = Parts::default();
    let entries = bytes
        .chunks_exact(size_of::<ShortEntry>())
        .filter_map(|entry| ShortEntry::read_from_bytes(entry).ok())
        .take_while(|entry| entry.name[0] != END_OF_DIRECTORY);
    for (slot, entry) in entries.enumerate() {
        if entry.name[0] == DELETED {
            parts = Parts::default();
        } else if entry.attributes & LONG_NAME_MASK == ATTR_LONG_NAME {
            parts.add(&entry);
        } else {
            let before = parts.units.len();
            let long = std::mem::take(&mut parts).name_of(&entry);
            let before = if long.is_some() { before } else { 0 };
            let is_label = entry.attributes & ATTR_VOLUME_ID != 0;
            let is_dots = matches!(&entry.name, b".          " | b"..         ");
            if !is_label && !is_dots {
                let short = name::short(&entry);
                found.push(Named {
                    slots: slot - before..slot + 1,
                    name: long.unwrap_or_else(|| Ok(short.clone())),
                    short,
                    entry,
                });
            }
        }
    }
    found
}

/// The parts of a long name that came so far, the last one first.
#[derive(Default)]
struct Parts {
    /// The units, part by part in the order in which they came.
    units: Vec<[u16; LONG_UNITS]>,
    checksum: u8,
    /// The number of the part that came last.
    number: usize,
}

impl Parts {
    /// Adds a part; what does not go on where the one before ended belongs to nothing, and is forgotten.
    fn add(&mut self, entry: &ShortEntry) {
        let Ok(part) = LongEntry::read_from_bytes(entry.as_bytes()) else {
            return;
        };
        let number = usize::from(part.order & !LAST_LONG_ENTRY);
        if part.order & LAST_LONG_ENTRY != 0 {
            *self = Self {
                units: Vec::new(),
                checksum: part.checksum,
                number: number + 1,
            };
        }
        let goes_on = number + 1 == self.number && part.checksum == self.checksum;
        if !goes_on || !(1..=MOST_PARTS).contains(&number) {
            *self = Self::default();
            return;
        }
        self.number = number;
        let mut units = [0; LONG_UNITS];
        for (unit, found) in units.iter_mut().zip(name::units(&part)) {
            *unit = found;
        }
        self.units.push(units);
    }

    /// The long name of `entry`, if all parts of one came that belongs to it.
    fn name_of(self, entry: &ShortEntry) -> Option<Result<String, FatFault>> {
        if self.number != 1 || !name::belongs(self.checksum, entry) {
            return None;
        }
        let units: Vec<u16> = self.units.into_iter().rev().flatten().collect();
        Some(name::long(&units))
    }
}
