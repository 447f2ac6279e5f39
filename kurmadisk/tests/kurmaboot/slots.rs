//! Which slot is booted, what is written to the partition table, and what becomes of a power cut.

use std::fs::File;
use std::os::unix::fs::FileExt;

use kurmadisk::slot::{self, Change};
use kurmadisk_fixtures::demo;
use kurmadisk_fixtures::oracle::GptPartition;
use kurmadisk_fixtures::qemu::{Firmware, Machine};
use kurmadisk_formats::read_at::FileReader;

use crate::support::{COMMAND_LINE, Disk, Parts, Table, boots, initrd, run, said};
use crate::{bios, uefi};

const BOTH: [Firmware; 2] = [Firmware::Bios, Firmware::Uefi];
const SECTOR: u64 = 512;
const ENTRY: u64 = 128;
/// Sectors of a table's entries.
const ENTRY_SECTORS: u64 = 32;
pub const INITRD_B: usize = 123_457;

/// Both slots have files, and initrds that tell them apart.
pub fn two_slots(a: &'static str, b: &'static str) -> Parts {
    Parts::new(Table::Slots(a, b))
        .file("vmlinuz-b", Some(demo::bz_image().unwrap()))
        .file("initrd-b", Some(initrd(INITRD_B)))
}

fn entered(firmware: Firmware) -> &'static str {
    match firmware {
        Firmware::Bios => bios::ENTERED,
        Firmware::Uefi | Firmware::UefiSecure => uefi::ENTERED,
    }
}

/// Starts the machine: it boots this slot.
#[track_caller]
pub fn boots_slot(disk: &Disk, firmware: Firmware, letter: char) -> String {
    let serial = disk.machine(firmware).run_to_end().unwrap();
    let initrd = initrd(if letter == 'a' { 300_001 } else { INITRD_B });
    let name = letter.to_ascii_uppercase();
    let cmdline = format!("{COMMAND_LINE} kurma.booted=PARTLABEL=KURMA-{name}");
    boots(&serial, entered(firmware), &cmdline, &initrd);
    serial
}

/// Starts the machine: it stops, having said these lines.
#[track_caller]
fn stops(disk: &Disk, firmware: Firmware, lines: &[&str]) {
    let last = match firmware {
        Firmware::Bios => "the machine stops",
        Firmware::Uefi | Firmware::UefiSecure => "back to the firmware",
    };
    let serial = disk.machine(firmware).run_until(last).unwrap();
    let all: Vec<_> = lines.iter().copied().chain([last]).collect();
    said(&serial, &all);
}

fn attributes(disk: &Disk) -> [String; 2] {
    disk.slots().map(|slot| words(&slot))
}

fn words(slot: &GptPartition) -> String {
    kurmadisk::layout::Attributes(slot.attributes).to_string()
}

#[test]
fn the_highest_priority_boots_and_its_try_is_spent_in_both_tables() {
    for firmware in BOTH {
        let disk = two_slots("priority=1,successful", "priority=2,tries=3,read-only").build();
        let serial = boots_slot(&disk, firmware, 'b');
        said(&serial, &["slot KURMA-B, tries left: 3"]);
        assert_eq!(
            attributes(&disk),
            ["priority=1,successful", "priority=2,tries=2,read-only"]
        );
        assert_eq!(entries(&disk, false), entries(&disk, true));
    }
}

/// Three boots that nobody calls successful, and the machine is back on what was.
#[test]
fn a_slot_without_tries_left_is_given_up() {
    for firmware in BOTH {
        let disk = two_slots("priority=1,successful", "successful").build();
        // What docs/boot.md tells an updater to do.
        let change = [
            "-A",
            "4:clear:56",
            "-A",
            "4:set:49",
            "-A",
            "4:set:52",
            "-A",
            "4:set:53",
        ];
        run(
            "sgdisk",
            &[&change[..], &[disk.path().to_str().unwrap()]].concat(),
        );
        for left in ["priority=2,tries=2", "priority=2,tries=1", "priority=2"] {
            boots_slot(&disk, firmware, 'b');
            assert_eq!(attributes(&disk)[1], left);
        }
        boots_slot(&disk, firmware, 'a');
        assert_eq!(attributes(&disk), ["priority=1,successful", "priority=2"]);
    }
}

#[test]
fn a_successful_slot_boots_without_a_write() {
    for firmware in BOTH {
        let disk = two_slots("priority=3,tries=2,successful", "priority=2,successful").build();
        let before = (sectors(&disk, 0, 34), entries(&disk, true));
        let serial = boots_slot(&disk, firmware, 'a');
        said(&serial, &["slot KURMA-A"]);
        assert_eq!(before, (sectors(&disk, 0, 34), entries(&disk, true)));
    }
}

#[test]
fn among_equals_the_first_boots() {
    let disk = two_slots("priority=7,tries=15", "priority=7,successful").build();
    boots_slot(&disk, Firmware::Bios, 'a');
    assert_eq!(attributes(&disk)[0], "priority=7,tries=14");
}

#[test]
fn a_slot_that_cannot_be_loaded_gives_way_to_the_next() {
    for firmware in BOTH {
        let broken = demo::bz_image().unwrap()[..3000].to_vec();
        for kernel in [None, Some(broken)] {
            let disk = two_slots("priority=1,tries=1", "priority=2,tries=3")
                .file("vmlinuz-b", kernel)
                .build();
            let serial = boots_slot(&disk, firmware, 'a');
            said(
                &serial,
                &["slot KURMA-B, tries left: 3", "slot KURMA-A, tries left: 1"],
            );
            assert_eq!(attributes(&disk), ["priority=1", "priority=2,tries=2"]);
        }
    }
}

#[test]
fn without_a_bootable_slot_it_says_so() {
    for firmware in BOTH {
        for (a, b) in [("", ""), ("priority=1", "tries=3,successful")] {
            let disk = two_slots(a, b).build();
            let line = "no bootable slot: none has a priority and was successful or has tries left";
            stops(&disk, firmware, &[line]);
        }
        let disk = Parts::new(Table::Slots("priority=2,tries=1", "priority=1,successful"))
            .file("vmlinuz-a", None)
            .build();
        stops(
            &disk,
            firmware,
            &[
                "slot KURMA-A, tries left: 1",
                "/kurmaos/vmlinuz-a is missing",
                "slot KURMA-B",
                "/kurmaos/vmlinuz-b is missing",
                "no other slot is bootable",
            ],
        );
        assert_eq!(attributes(&disk), ["priority=2", "priority=1,successful"]);
    }
}

/// A disk that cannot be written to boots what was successful, and nothing else.
#[test]
fn without_a_written_table_no_try_is_made() {
    for firmware in BOTH {
        let disk = two_slots("priority=1,successful", "priority=2,tries=3").build();
        let drive = format!(
            "if=none,id=fixed,format=raw,readonly=on,file={}",
            disk.path().display()
        );
        let machine = Machine::new(firmware).arguments([
            "-drive",
            &drive,
            "-device",
            "virtio-blk-pci,drive=fixed",
        ]);
        let serial = machine.run_to_end().unwrap();
        said(
            &serial,
            &[
                "slot KURMA-B, tries left: 3",
                "the partition table cannot be written, so this try is not made",
                "slot KURMA-A",
                demo::DONE,
            ],
        );
    }
}

fn sectors(disk: &Disk, first: u64, count: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(count * SECTOR).unwrap()];
    let file = File::open(disk.path()).unwrap();
    file.read_exact_at(&mut bytes, first * SECTOR).unwrap();
    bytes
}

/// A copy's entries.
fn entries(disk: &Disk, backup: bool) -> Vec<u8> {
    let first = if backup {
        disk.layout.sectors - 1 - ENTRY_SECTORS
    } else {
        2
    };
    sectors(disk, first, ENTRY_SECTORS)
}

#[test]
fn either_copy_of_the_table_is_enough_and_makes_the_other() {
    for firmware in BOTH {
        let damages: [fn(&Disk) -> u64; 4] = [
            |_| SECTOR,
            |_| 2 * SECTOR + 3 * ENTRY + 40,
            |disk| (disk.layout.sectors - 1) * SECTOR + 17,
            |disk| (disk.layout.sectors - 33) * SECTOR + 1,
        ];
        for damage in damages {
            let disk = two_slots("priority=1,successful", "priority=2,tries=3").build();
            disk.patch(damage(&disk), &[0xff]);
            boots_slot(&disk, firmware, 'b');
            assert_eq!(
                attributes(&disk),
                ["priority=1,successful", "priority=2,tries=2"]
            );
            assert_eq!(entries(&disk, false), entries(&disk, true));
        }
    }
    // UEFI firmware does not even find the partition then.
    let disk = two_slots("priority=1,successful", "").build();
    for header in [1, disk.layout.sectors - 1] {
        disk.patch(header * SECTOR, &[0]);
    }
    let line = "both copies of the partition table are damaged, or cannot be read";
    stops(&disk, Firmware::Bios, &[line]);
}

/// What is on the disk after a power cut at any point of the writes: their sequence is applied up to there, with
/// a torn sector run, and the next start must still boot, and leave a table that others find sound.
#[test]
fn a_power_cut_at_any_write_leaves_a_bootable_disk() {
    let parts = two_slots("priority=1,successful", "priority=2,tries=3");
    let disk = parts.build();
    let end = disk.layout.sectors - 1;
    // In the order of the loader's writes: sectors from here on.
    let writes = [
        (end - ENTRY_SECTORS, ENTRY_SECTORS),
        (end, 1),
        (2, ENTRY_SECTORS),
        (1, 1),
    ];
    let before = writes.map(|(first, count)| sectors(&disk, first, count));
    boots_slot(&disk, Firmware::Bios, 'b');
    let after = writes.map(|(first, count)| sectors(&disk, first, count));
    for (n, (first, _)) in writes.iter().enumerate() {
        let pieces: &[usize] = if before[n].len() > 512 {
            &[512, 4096]
        } else {
            &[0, 512]
        };
        for piece in pieces {
            for (m, (first, _)) in writes.iter().enumerate() {
                let content = if m < n { &after[m] } else { &before[m] };
                disk.patch(first * SECTOR, content);
            }
            disk.patch(first * SECTOR, &after[n][..*piece]);
            boots_slot(&disk, Firmware::Bios, 'b');
            let left = attributes(&disk)[1].clone();
            // The primary copy counts while it is whole.
            let expected = if n >= 2 {
                "priority=2,tries=1"
            } else {
                "priority=2,tries=2"
            };
            assert_eq!(left, expected, "write {n} up to byte {piece}");
            assert_eq!(entries(&disk, false), entries(&disk, true));
        }
    }
}

/// Of two copies the one that counts is written last: a try fails there, and the other one is complete.
#[test]
fn the_copy_that_counts_stays_whole_until_the_other_is() {
    let disk = two_slots("priority=1,successful", "priority=2,tries=3").build();
    let whole = std::fs::read(disk.path()).unwrap();
    let headers = [1, disk.layout.sectors - 1];
    for (torn, counts) in [(headers[0], headers[1]), (headers[1], headers[0])] {
        std::fs::write(disk.path(), &whole).unwrap();
        disk.patch(torn * SECTOR, &[0xff]);
        let drive = format!(
            "if=none,id=faulty,format=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename={},\
             file.inject-error.0.event=write_aio,file.inject-error.0.sector={counts}",
            disk.path().display()
        );
        let machine = Machine::new(Firmware::Bios).arguments([
            "-drive",
            &drive,
            "-device",
            "virtio-blk-pci,drive=faulty",
        ]);
        said(
            &machine.run_to_end().unwrap(),
            &[
                "the partition table cannot be written, so this try is not made",
                "slot KURMA-A",
                demo::DONE,
            ],
        );
        let file = File::open(disk.path()).unwrap();
        let slots = slot::read(&FileReader::new(file).unwrap()).unwrap();
        let tries = slots.iter().map(|slot| (slot.letter, slot.tries));
        assert_eq!(tries.collect::<Vec<_>>(), [('b', 2), ('a', 0)]);
    }
}

/// Attributes of no order: the loader takes the slot that `slot::read` puts first, and spends a try if it must.
#[test]
fn the_loader_chooses_as_the_library_says() {
    let disk = two_slots("", "").build();
    let read = || {
        let file = File::open(disk.path()).unwrap();
        slot::read(&FileReader::new(file).unwrap()).unwrap()
    };
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state * 48_271 % 0x7fff_ffff;
        u8::try_from(state % below).unwrap()
    };
    for _ in 0..16 {
        for letter in ['a', 'b'] {
            let change = Change {
                priority: Some(random(4)),
                tries: Some(random(3)),
                successful: Some(random(3) == 0),
            };
            slot::change(&disk.path(), letter, change).unwrap();
        }
        let before = read();
        let first = before[0].clone();
        if !first.is_bootable() {
            stops(
                &disk,
                Firmware::Bios,
                &["no bootable slot: none has a priority and was successful or has tries left"],
            );
            assert_eq!(read(), before);
            continue;
        }
        boots_slot(&disk, Firmware::Bios, first.letter);
        let after = read()
            .into_iter()
            .find(|slot| slot.letter == first.letter)
            .unwrap();
        let spent = u8::from(!first.successful);
        assert_eq!(
            (after.tries, after.priority),
            (first.tries - spent, first.priority)
        );
    }
}
