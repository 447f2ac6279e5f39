//! The UEFI loader: from every kind of disk.

use kurmadisk::layout::SectorSize;
use kurmadisk_fixtures::qemu::{Firmware, Interface, Machine};

use crate::support::{COMMAND_LINE, Parts, Table, boots, initrd, said};

pub const ENTERED: &str = "UEFI";
const BOOTED_A: &str = "root=LABEL=ROOT kurma.test=1 ro kurma.booted=PARTLABEL=KURMA-A";
const SLOT_A: Table = Table::Slots("priority=1,successful", "");

#[test]
fn a_slot_boots() {
    let disk = Parts::new(SLOT_A).build();
    let serial = disk.machine(Firmware::Uefi).run_to_end().unwrap();
    println!("{serial}");
    said(
        &serial,
        &["slot KURMA-A", "starting Linux", "initrd source: LoadFile2"],
    );
    boots(&serial, ENTERED, BOOTED_A, &initrd(300_001));
}

/// Sectors of both sizes; the firmware's drivers differ by the kind of disk.
#[test]
fn every_kind_of_disk_boots() {
    for sector_size in [SectorSize::B512, SectorSize::B4096] {
        let mut parts = Parts::new(SLOT_A);
        parts.sector_size = sector_size;
        // FAT32 has 65525 clusters at least.
        parts.boot_mib = if sector_size == SectorSize::B512 {
            40
        } else {
            264
        };
        let disk = parts.build();
        for interface in [
            Interface::Ahci,
            Interface::Virtio,
            Interface::Nvme,
            Interface::Usb,
        ] {
            if sector_size == SectorSize::B4096 && interface == Interface::Ahci {
                // QEMU's disk for SATA has sectors of 512 bytes only.
                continue;
            }
            let serial = Machine::new(Firmware::Uefi)
                .drive(disk.drive(interface))
                .run_to_end()
                .unwrap();
            boots(&serial, ENTERED, BOOTED_A, &initrd(300_001));
        }
    }
}

#[test]
fn tries_are_spent_on_disks_with_large_sectors_too() {
    let mut parts = Parts::new(Table::Slots("priority=1,tries=2", ""));
    parts.sector_size = SectorSize::B4096;
    parts.boot_mib = 264;
    let disk = parts.build();
    for left in [2, 1] {
        let serial = disk.machine(Firmware::Uefi).run_to_end().unwrap();
        said(
            &serial,
            &[
                &format!("slot KURMA-A, tries left: {left}"),
                kurmadisk_fixtures::demo::DONE,
            ],
        );
    }
    let serial = disk
        .machine(Firmware::Uefi)
        .run_until("back to the firmware")
        .unwrap();
    said(
        &serial,
        &["no bootable slot: none has a priority and was successful or has tries left"],
    );
}

#[test]
fn disks_without_slots_boot_the_files_of_a() {
    for table in [Table::Gpt, Table::Mbr] {
        let disk = Parts::new(table).build();
        let serial = disk.machine(Firmware::Uefi).run_to_end().unwrap();
        boots(&serial, ENTERED, COMMAND_LINE, &initrd(300_001));
    }
}

/// The demonstration kernel shows a question mark for each unit of UTF-16 beyond ASCII.
#[test]
fn a_command_line_in_utf_8_becomes_utf_16() {
    let text = "one=\u{e9} two=\u{20ac} three=\u{1f40e} broken=".as_bytes();
    let text = [text, &[0xc3, b'.', 0xff, b'.', 0xe2, 0x82]].concat();
    let disk = Parts::new(Table::Gpt).file("cmdline", Some(text)).build();
    let serial = disk.machine(Firmware::Uefi).run_to_end().unwrap();
    said(
        &serial,
        &["command line: one=? two=? three=?? broken=?.?.?"],
    );
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    for (file, content, line) in [
        ("vmlinuz-a", None, "/kurmaos/vmlinuz-a is missing"),
        (
            "vmlinuz-a",
            Some(vec![0; 70_000]),
            "/kurmaos/vmlinuz-a is no kernel that the firmware can start",
        ),
        (
            "cmdline",
            Some(vec![b'x'; 5000]),
            "/kurmaos/cmdline is too long for the kernel",
        ),
    ] {
        let disk = Parts::new(SLOT_A).file(file, content).build();
        let serial = disk
            .machine(Firmware::Uefi)
            .run_until("back to the firmware")
            .unwrap();
        said(
            &serial,
            &[
                "slot KURMA-A",
                line,
                "no other slot is bootable",
                "back to the firmware",
            ],
        );
    }
}

#[test]
fn without_a_command_line_and_an_initrd_it_boots_too() {
    let disk = Parts::new(SLOT_A)
        .file("cmdline", None)
        .file("initrd-a", Some(Vec::new()))
        .build();
    let serial = disk.machine(Firmware::Uefi).run_to_end().unwrap();
    said(
        &serial,
        &[
            "command line: kurma.booted=PARTLABEL=KURMA-A",
            "initrd: none",
        ],
    );
}
