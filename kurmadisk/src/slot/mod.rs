//! The slots of a disk: partitions that [`kurmaboot`](crate::boot::kurmaboot) chooses from by their attributes.
//!
//! [`read`] lists them, [`change`] changes the attributes of one on a disk, at rest or in use, in an order of
//! writes that leaves one copy of the table whole at any time. [`install`](install()) puts a kernel and an initrd into
//! one.
//!
//! | file | holds |
//! |---|---|
//! | `install` | files put into a slot |
//! | `error` | [`SlotError`] |

mod error;
mod install;

use std::fs::File;
use std::io;
use std::path::Path;

use kurmadisk_formats::read_at::{FileReader, ReadAt};
use kurmadisk_formats::write_at::{DiskWrite, write_in_order};
use serde::Serialize;

pub use error::SlotError;
pub use install::{Install, install, install_on};

pub use crate::fs::fat::update::NewContent;
use crate::layout::{AttributeFlag, Attributes, PartitionType, Scheme};
use crate::table::{self, PartitionTable};

/// A partition that can be booted from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Slot {
    /// Number in the table.
    pub number: u32,
    /// Name in the table.
    pub label: String,
    /// The lower-case letter by which its files are called: the last one of the label.
    pub letter: char,
    /// The highest one is tried first, 0 never.
    pub priority: u8,
    /// How often it may still be tried.
    pub tries: u8,
    /// Whether it has worked; its tries don't count any more.
    pub successful: bool,
}

impl Slot {
    /// Whether the loader may choose it.
    #[must_use]
    pub fn is_bootable(&self) -> bool {
        self.priority > 0 && (self.successful || self.tries > 0)
    }
}

/// What shall become of a slot; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// 0 to 15.
    pub priority: Option<u8>,
    /// 0 to 15.
    pub tries: Option<u8>,
    /// Whether it counts as one that has worked.
    pub successful: Option<bool>,
}

/// The slots of a disk, in the order in which the loader tries those it may choose, then the others.
///
/// Fails when there is no GPT, or none that counts.
pub fn read(disk: &dyn ReadAt) -> Result<Vec<Slot>, SlotError> {
    let table = table::read(disk)?;
    let mut slots: Vec<_> = slots(&table)?.into_iter().map(|(slot, _)| slot).collect();
    slots.sort_by_key(|slot| (!slot.is_bootable(), 15 - slot.priority, slot.number));
    Ok(slots)
}

/// Changes the slot whose files have this letter, on the raw disk `path`: an image's file or a block device. What it
/// is then.
///
/// Each of the four writes is flushed to the disk before the next. Fails before the first of them when
/// there is no such slot, a value is out of its range, or no copy of the table counts.
pub fn change(path: &Path, letter: char, change: Change) -> Result<Slot, SlotError> {
    let (file, disk) = open(path)?;
    let (slot, writes) = plan_change(&disk, letter, change)?;
    write_in_order(&file, &writes).map_err(io_error("write to"))?;
    Ok(slot)
}

/// A raw disk, to be written to and to be read.
fn open(path: &Path) -> Result<(File, FileReader), SlotError> {
    let opened = File::options().read(true).write(true).open(path);
    let file = opened.map_err(io_error("open"))?;
    let disk = file.try_clone().and_then(FileReader::new);
    Ok((file, disk.map_err(io_error("open"))?))
}

fn io_error(what: &'static str) -> impl Fn(io::Error) -> SlotError + Copy {
    move |source| SlotError::Io { what, source }
}

/// What the slot will be, and what has to be written for it: in this order, each before the next.
///
/// Fails as [`change`] does, but for writing.
pub fn plan_change(
    disk: &dyn ReadAt,
    letter: char,
    change: Change,
) -> Result<(Slot, [DiskWrite; 4]), SlotError> {
    let table = table::read(disk)?;
    let slots = slots(&table)?;
    let (slot, attributes) = find(&slots, letter)?;
    let attributes = changed(*attributes, change)?;
    let size = table.layout.sector_size;
    let writes = table::set_attributes(disk, size, &[(slot.number, attributes)])?;
    Ok((
        described(slot.number, &slot.label, slot.letter, attributes),
        writes,
    ))
}

/// The slot whose files have this letter; of two with the same files neither could be changed alone.
fn find(slots: &[(Slot, Attributes)], letter: char) -> Result<&(Slot, Attributes), SlotError> {
    let wanted = letter.to_ascii_lowercase();
    let mut found = slots.iter().filter(|(slot, _)| slot.letter == wanted);
    let (first, second) = (found.next(), found.next());
    if let (Some((first, _)), Some((second, _))) = (first, second) {
        return Err(SlotError::SharedFiles {
            letter: wanted,
            labels: [first, second].map(|slot| slot.label.clone()),
        });
    }
    first.ok_or_else(|| {
        let names = slots
            .iter()
            .map(|(slot, _)| format!("{} ({})", slot.letter, slot.label));
        let there = names.collect::<Vec<_>>().join(", ");
        let there = if there.is_empty() {
            "none".to_owned()
        } else {
            there
        };
        SlotError::NoSlot {
            wanted: letter,
            there,
        }
    })
}

fn changed(mut attributes: Attributes, change: Change) -> Result<Attributes, SlotError> {
    if let Some(priority) = change.priority {
        attributes = attributes.with_priority(priority)?;
    }
    if let Some(tries) = change.tries {
        attributes = attributes.with_tries(tries)?;
    }
    attributes = match change.successful {
        Some(true) => attributes.with(AttributeFlag::Successful),
        Some(false) => attributes.without(AttributeFlag::Successful),
        None => attributes,
    };
    Ok(attributes)
}

/// The slots of a table, in the order of their numbers.
fn slots(table: &PartitionTable) -> Result<Vec<(Slot, Attributes)>, SlotError> {
    if !matches!(table.layout.scheme, Scheme::Gpt(_)) {
        return Err(SlotError::NoGpt);
    }
    let mut slots: Vec<_> = table
        .layout
        .partitions
        .iter()
        .filter(|partition| partition.kind == PartitionType::KURMAOS_SLOT)
        .filter_map(|partition| {
            let letter = letter(&partition.label)?;
            let attributes = partition.attributes;
            let slot = described(partition.number, &partition.label, letter, attributes);
            Some((slot, attributes))
        })
        .collect();
    slots.sort_by_key(|(slot, _)| slot.number);
    Ok(slots)
}

fn described(number: u32, label: &str, letter: char, attributes: Attributes) -> Slot {
    Slot {
        number,
        label: label.to_owned(),
        letter,
        priority: attributes.priority(),
        tries: attributes.tries(),
        successful: attributes.has(AttributeFlag::Successful),
    }
}

/// The letter that a label ends in, if the loader can name it on the command line.
fn letter(label: &str) -> Option<char> {
    let plain = label.chars().all(|char| char.is_ascii_graphic());
    let last = label
        .chars()
        .next_back()
        .filter(char::is_ascii_alphabetic)?;
    plain.then(|| last.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_those_that_the_loader_takes() {
        for (label, expected) in [
            ("KURMA-A", Some('a')),
            ("b", Some('b')),
            ("KURMA-1", None),
            ("KURMA A", None),
            ("K\u{dc}RMA-A", None),
            ("", None),
        ] {
            assert_eq!(letter(label), expected, "{label:?}");
        }
    }

    #[test]
    fn of_two_slots_with_the_same_files_none_is_changed() {
        let slots = [
            (2, "KURMA-A", 'a'),
            (3, "OTHER-A", 'a'),
            (4, "KURMA-B", 'b'),
        ];
        let slots = slots.map(|(number, label, letter)| {
            let attributes = Attributes::default();
            (described(number, label, letter, attributes), attributes)
        });
        let error = find(&slots, 'A').unwrap_err().to_string();
        assert!(error.contains("KURMA-A and OTHER-A"), "{error}");
        assert_eq!(find(&slots, 'b').unwrap().0.number, 4);
    }
}
