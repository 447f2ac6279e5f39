//! Kernels and initrds installed into slots, and power cuts while that is done.

use std::fs;
use std::io::Read;

use kurmadisk::slot::{self, Change, Install, NewContent, Slot, SlotError};
use kurmadisk::tree::Timestamp;
use kurmadisk_fixtures::qemu::Firmware;
use kurmadisk_fixtures::{demo, oracle};
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::SeekReader;

use crate::recorder::{Event, Recorder, after_cut};
use crate::slots::{INITRD_B, two_slots};
use crate::support::{COMMAND_LINE, Disk, Parts, Table, boots, initrd};
use crate::{bios, uefi};

fn map(bytes: &[u8]) -> DiskMap {
    let mut map = DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes.to_vec()).unwrap();
    map
}

fn content(bytes: &DiskMap) -> NewContent<'_> {
    let time = Timestamp {
        seconds: 1_000_000_000,
        nanos: 0,
    };
    NewContent { bytes, time }
}

/// The demonstration kernel with something behind it.
fn kernel(more: usize) -> Vec<u8> {
    [demo::bz_image().unwrap(), initrd(more)].concat()
}

/// A file of `/kurmaos`, as the `fatfs` crate reads it; none without one.
fn file(disk: &Disk, bytes: &[u8], name: &str) -> Option<Vec<u8>> {
    let range = disk.layout.byte_range(&disk.layout.partitions[0]);
    let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
    let device = SeekReader::new(&bytes[start..end]);
    let volume = fatfs::FileSystem::new(device, fatfs::FsOptions::new()).unwrap();
    let folder = volume.root_dir().open_dir("kurmaos").unwrap();
    let mut found = Vec::new();
    let mut file = folder.open_file(name).ok()?;
    file.read_to_end(&mut found).unwrap();
    Some(found)
}

type Pair = (Option<Vec<u8>>, Option<Vec<u8>>);

fn pair(disk: &Disk, bytes: &[u8], letter: char) -> Pair {
    let file = |name| file(disk, bytes, &format!("{name}-{letter}"));
    (file("vmlinuz"), file("initrd"))
}

/// Installs into a slot of a disk in memory. Whenever the power is cut, a slot can be booted, and each that can has the
/// files that it had, or all of the new ones.
fn check(parts: &Parts, letter: char, all: &Install<'_>) -> Slot {
    let disk = parts.build();
    let before = fs::read(disk.path()).unwrap();
    let recorder = Recorder::new(before.clone());
    let slot = slot::install_on(&recorder, &recorder, letter, all)
        .unwrap()
        .unwrap();
    let (events, after) = (recorder.events(), recorder.bytes());
    let mut random = 1_u64;
    for cut in 0..=events.len() {
        if matches!(events.get(cut), Some(Event::Flush)) {
            continue;
        }
        random = random * 48_271 % 0x7fff_ffff;
        for kept in [u64::MAX, 0, random] {
            let torn = after_cut(&before, &events, cut, |n| kept >> (n % 31) & 1 == 1);
            let slots = slot::read(&torn.as_slice()).unwrap();
            assert!(slots[0].is_bootable(), "{cut}: {slots:?}");
            for slot in slots.iter().filter(|slot| slot.is_bootable()) {
                let found = pair(&disk, &torn, slot.letter);
                let [old, new] = [&before, &after].map(|all| pair(&disk, all, slot.letter));
                assert!(found == old || found == new, "{cut}: slot {}", slot.letter);
            }
        }
    }
    fs::write(disk.path(), &after).unwrap();
    oracle::sgdisk_verify(&disk.path()).unwrap();
    let range = disk.layout.byte_range(&disk.layout.partitions[0]);
    oracle::fsck_fat_clean(&disk.path(), range.start).unwrap();
    let read = |map: &DiskMap| {
        let mut bytes = vec![0; usize::try_from(map.len()).unwrap()];
        kurmadisk_formats::read_at::ReadAt::read_exact_at(&map.reader(), 0, &mut bytes).unwrap();
        bytes
    };
    let expected = (
        Some(read(all.kernel.bytes)),
        all.initrd.map(|initrd| read(initrd.bytes)),
    );
    assert!(pair(&disk, &after, letter) == expected);
    slot
}

fn small(a: &'static str, b: &'static str) -> Parts {
    two_slots(a, b).fat(3, &["-F", "12", "-s", "2"])
}

#[test]
fn whenever_the_power_is_cut_a_slot_can_be_booted() {
    let new = [map(&kernel(100_000)), map(&initrd(90_000))];
    let all = Install {
        kernel: content(&new[0]),
        initrd: Some(content(&new[1])),
        change: Change::default(),
    };
    // The other one can be booted: it has the time of this one.
    let slot = check(
        &small("priority=1,successful", "priority=2,successful"),
        'b',
        &all,
    );
    assert_eq!((slot.priority, slot.tries, slot.successful), (2, 3, false));
    // It is the only one: it stays as it is until the new files are there.
    let slot = check(&small("priority=3,successful", ""), 'a', &all);
    assert_eq!((slot.priority, slot.tries, slot.successful), (1, 3, false));
    // Nothing is above 15: others make way. The initrd goes.
    let change = Change {
        tries: Some(1),
        successful: Some(true),
        ..Change::default()
    };
    let all = Install {
        initrd: None,
        change,
        ..all
    };
    let slot = check(
        &small("priority=15,tries=2", "priority=1,tries=1"),
        'B',
        &all,
    );
    assert_eq!((slot.priority, slot.tries, slot.successful), (2, 1, true));
    // Larger than what is free beside the old files.
    let large = map(&initrd(1_900_000));
    let all = Install {
        initrd: Some(content(&large)),
        change: Change {
            priority: Some(9),
            ..Change::default()
        },
        ..all
    };
    let parts = small("priority=1,successful", "priority=2,tries=1")
        .file("initrd-b", Some(initrd(1_500_000)));
    let slot = check(&parts, 'b', &all);
    assert_eq!((slot.priority, slot.tries, slot.successful), (9, 3, false));
}

#[test]
fn what_is_installed_is_booted() {
    for (firmware, entered) in [
        (Firmware::Bios, bios::ENTERED),
        (Firmware::Uefi, uefi::ENTERED),
    ] {
        let new = [map(&kernel(5_000)), map(&initrd(INITRD_B + 1))];
        let all = Install {
            kernel: content(&new[0]),
            initrd: Some(content(&new[1])),
            change: Change::default(),
        };
        let booted = |disk: &Disk, slot: &str| {
            let serial = disk.machine(firmware).run_to_end().unwrap();
            let cmdline = format!("{COMMAND_LINE}{slot}");
            boots(&serial, entered, &cmdline, &initrd(INITRD_B + 1));
        };
        let disk = Parts::new(Table::Slots("priority=1,successful", "")).build();
        slot::install(&disk.path(), 'b', &all).unwrap();
        booted(&disk, " kurma.booted=PARTLABEL=KURMA-B");
        // Without slots it is the files of A.
        let disk = Parts::new(Table::Mbr).build();
        assert_eq!(slot::install(&disk.path(), 'a', &all).unwrap(), None);
        booted(&disk, "");
    }
}

#[test]
fn what_cannot_be_installed_is_told_and_nothing_is_written() {
    let good = map(&kernel(0));
    let told = |parts: &Parts, letter, kernel: &DiskMap, change| {
        let disk = parts.build();
        let before = fs::read(disk.path()).unwrap();
        let all = Install {
            kernel: content(kernel),
            initrd: None,
            change,
        };
        let error = slot::install(&disk.path(), letter, &all).unwrap_err();
        assert!(before == fs::read(disk.path()).unwrap(), "{error}");
        error
    };
    let none = Change::default();
    let slots = small("priority=1,successful", "");
    let error = told(&slots, 'b', &map(&initrd(5_000)), none);
    assert!(matches!(error, SlotError::Kernel(_)), "{error}");
    let mut old = kernel(0);
    old[0x206] = 0x0b;
    let error = told(&slots, 'b', &map(&old), none);
    assert!(matches!(error, SlotError::OldKernel), "{error}");
    let error = told(&slots, 'b', &map(&kernel(4_000_000)), none);
    assert!(
        matches!(error, SlotError::Files { number: 1, .. }),
        "{error}"
    );
    let error = told(&slots, 'x', &good, none);
    assert!(error.to_string().contains("no slot 'x'"), "{error}");
    let high = Change {
        tries: Some(16),
        ..none
    };
    let error = told(&slots, 'b', &good, high);
    assert!(matches!(error, SlotError::Attribute(_)), "{error}");
    let error = told(
        &Parts::new(Table::Mbr),
        'a',
        &good,
        Change {
            tries: Some(1),
            ..none
        },
    );
    assert!(matches!(error, SlotError::NoAttributes), "{error}");
    let error = told(&Parts::new(Table::Mbr), 'b', &good, none);
    assert!(error.to_string().contains("there are none"), "{error}");
}
