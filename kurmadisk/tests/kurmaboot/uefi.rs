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
