//! Slots changed on a disk, from outside.

use std::fs;

use kurmadisk::layout::SectorSize;
use kurmadisk::slot::{self, Change, Slot, SlotError};
use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::qemu::Firmware;
use kurmadisk_formats::read_at::FileReader;

use crate::slots::{boots_slot, two_slots};
use crate::support::{Disk, Parts, Table};

const TRY_B: Change = Change {
    priority: Some(2),
    tries: Some(3),
    successful: Some(false),
};

fn reader(disk: &Disk) -> FileReader {
    FileReader::new(fs::File::open(disk.path()).unwrap()).unwrap()
}

fn read(disk: &Disk) -> Vec<Slot> {
    slot::read(&reader(disk)).unwrap()
}

fn slot(number: u32, letter: char, priority: u8, tries: u8, successful: bool) -> Slot {
    Slot {
        number,
        label: format!("KURMA-{}", letter.to_ascii_uppercase()),
        letter,
        priority,
        tries,
        successful,
    }
}

#[test]
fn an_update_is_tried_and_stays_once_it_was_successful() {
    let disk = two_slots("priority=1,successful", "priority=9,successful,read-only").build();
    let b = slot::change(&disk.path(), 'B', TRY_B).unwrap();
    assert_eq!(b, slot(4, 'b', 2, 3, false));
    boots_slot(&disk, Firmware::Bios, 'b');
    assert_eq!(
        read(&disk),
        [slot(4, 'b', 2, 2, false), slot(3, 'a', 1, 0, true)]
    );
    let worked = Change {
        successful: Some(true),
        ..Change::default()
    };
    slot::change(&disk.path(), 'b', worked).unwrap();
    for _ in 0..2 {
        boots_slot(&disk, Firmware::Bios, 'b');
    }
    // The other attributes are as they were.
    let attributes = disk.slots().map(|slot| slot.attributes);
    let bits = |text: &str| text.parse::<kurmadisk::layout::Attributes>().unwrap().0;
    assert_eq!(
        attributes,
        [
            bits("priority=1,successful"),
            bits("priority=2,tries=2,successful,read-only")
        ]
    );
}

#[test]
fn from_either_copy_both_are_made() {
    for sector_size in [SectorSize::B512, SectorSize::B4096] {
        for primary in [true, false] {
            let mut parts = Parts::new(Table::Slots("priority=1,successful", ""))
                .fat(24, &["-F", "16", "-s", "1"]);
            parts.sector_size = sector_size;
            let disk = parts.build();
            let header = if primary { 1 } else { disk.layout.sectors - 1 };
            disk.patch(header * sector_size.bytes() + 60, &[0xff; 8]);
            slot::change(&disk.path(), 'b', TRY_B).unwrap();
            assert_eq!(
                read(&disk),
                [slot(4, 'b', 2, 3, false), slot(3, 'a', 1, 0, true)]
            );
            let table = kurmadisk::table::read(&reader(&disk)).unwrap();
            assert_eq!(table.problems, []);
            if sector_size == SectorSize::B512 {
                oracle::sgdisk_verify(&disk.path()).unwrap();
            }
        }
    }
}

/// After any part of the writes the slot is what it was, or what it shall be, and a second change mends all; also when
/// an earlier cut has left but one copy.
#[test]
fn a_cut_between_any_two_bytes_of_the_writes_loses_nothing() {
    for torn in [None, Some("primary"), Some("backup")] {
        let parts = two_slots("priority=1,successful", "priority=1,tries=1");
        let disk = parts.build();
        if let Some(copy) = torn {
            let header = if copy == "primary" {
                1
            } else {
                disk.layout.sectors - 1
            };
            disk.patch(header * 512 + 60, &[0xff; 8]);
        }
        cut_everywhere(&disk);
    }
}

fn cut_everywhere(disk: &Disk) {
    let (_, writes) = slot::plan_change(&reader(disk), 'b', TRY_B).unwrap();
    let whole = fs::read(disk.path()).unwrap();
    for n in 0..writes.len() {
        let len = writes[n].bytes.len();
        for piece in [1, len / 3, 512, len - 1, len] {
            fs::write(disk.path(), &whole).unwrap();
            for write in &writes[..n] {
                disk.patch(write.offset, &write.bytes);
            }
            disk.patch(writes[n].offset, &writes[n].bytes[..piece.min(len)]);
            let b = read(disk)
                .into_iter()
                .find(|slot| slot.letter == 'b')
                .unwrap();
            let old = slot(4, 'b', 1, 1, false);
            assert!(
                b == old || b == slot(4, 'b', 2, 3, false),
                "write {n} up to {piece}: {b:?}"
            );
            slot::change(&disk.path(), 'b', TRY_B).unwrap();
            oracle::sgdisk_verify(&disk.path()).unwrap();
        }
    }
}

#[test]
fn what_cannot_be_changed_is_told() {
    let disk = two_slots("", "").build();
    let before = fs::read(disk.path()).unwrap();
    let told = |letter, change: Change| slot::change(&disk.path(), letter, change).unwrap_err();
    let error = told('c', TRY_B).to_string();
    assert!(
        error.contains("no slot 'c'; there are a (KURMA-A), b (KURMA-B)"),
        "{error}"
    );
    let high = Change {
        tries: Some(16),
        ..TRY_B
    };
    assert!(told('a', high).to_string().contains("tries=16"));
    assert!(before == fs::read(disk.path()).unwrap());

    let mbr = Parts::new(Table::Mbr).build();
    let error = slot::change(&mbr.path(), 'a', TRY_B).unwrap_err();
    assert!(matches!(error, SlotError::NoGpt));
    let none = Parts::new(Table::Gpt).build();
    assert_eq!(read(&none), []);
    let error = slot::change(&none.path(), 'a', TRY_B).unwrap_err();
    assert!(error.to_string().contains("there are none"), "{error}");
}
