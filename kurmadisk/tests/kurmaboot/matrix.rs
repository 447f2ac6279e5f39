//! What takes minutes: `cargo xtask boot-matrix` runs it.

use std::time::Duration;

use kurmadisk::layout::{Attributes, SectorSize};
use kurmadisk_fixtures::qemu::{Firmware, Interface, Machine};

use crate::linux;
use crate::slots::{INITRD_B, two_slots};
use crate::support::{COMMAND_LINE, boots, initrd};
use crate::{bios, uefi};

const INTERFACES: [Interface; 5] = [
    Interface::Ide,
    Interface::Ahci,
    Interface::Virtio,
    Interface::Nvme,
    Interface::Usb,
];

#[test]
#[ignore = "cargo xtask boot-matrix"]
fn a_real_kernel_boots_from_every_disk_in_every_memory() {
    let disk = linux::disk(SectorSize::B512, 0);
    for interface in INTERFACES {
        for mib in [96, 512, 3584, 8192] {
            // SeaBIOS 1.16.3 reaches no NVMe disk then: "Can not map memory bar over 4Gig".
            if interface == Interface::Nvme && mib > 2048 {
                continue;
            }
            let machine = Machine::new(Firmware::Bios)
                .drive(disk.drive(interface))
                .memory_mib(mib);
            linux::boots(&machine);
        }
    }
    for sector_size in [SectorSize::B512, SectorSize::B4096] {
        let disk = linux::disk(sector_size, 0);
        for interface in INTERFACES {
            // QEMU's IDE and SATA disks have sectors of 512 bytes, and OVMF starts none from old IDE.
            let old = matches!(interface, Interface::Ide | Interface::Ahci);
            if interface == Interface::Ide || old && sector_size == SectorSize::B4096 {
                continue;
            }
            for mib in [256, 8192] {
                let machine = Machine::new(Firmware::Uefi)
                    .drive(disk.drive(interface))
                    .memory_mib(mib);
                linux::boots(&machine);
            }
        }
    }
}

/// An initrd of 700 MiB.
#[test]
#[ignore = "cargo xtask boot-matrix"]
fn a_large_initrd_arrives() {
    let disk = linux::disk(SectorSize::B512, 700 << 20);
    for firmware in [Firmware::Bios, Firmware::Uefi] {
        let machine = Machine::new(firmware)
            .drive(disk.drive(Interface::Virtio))
            .memory_mib(3072)
            .deadline(Duration::from_mins(15));
        linux::boots(&machine);
    }
}

/// The power is cut at a hundred moments, spread over a start: there is always something bootable, and a table
/// that others find sound.
#[test]
#[ignore = "cargo xtask boot-matrix"]
fn power_cuts_at_any_moment_leave_a_bootable_disk() {
    for (firmware, entered, length) in [
        (Firmware::Bios, bios::ENTERED, 1_000),
        (Firmware::Uefi, uefi::ENTERED, 4_000),
    ] {
        let disk = two_slots("priority=1,successful", "priority=2,tries=15").build();
        let mut moment = 1;
        for cut in 0..50_u64 {
            // Numbers of no order, the same at each run.
            moment = moment * 48_271 % 0x7fff_ffff;
            let running = disk.machine(firmware).start().unwrap();
            std::thread::sleep(Duration::from_millis(moment % length));
            drop(running);
            if cut % 10 == 9 {
                let serial = disk.machine(firmware).run_to_end().unwrap();
                let [_, b] = disk.slots();
                let from_b = serial.contains("KURMA-B, tries left");
                let (name, len) = if from_b {
                    ('B', INITRD_B)
                } else {
                    ('A', 300_001)
                };
                let cmdline = format!("{COMMAND_LINE} kurma.booted=PARTLABEL=KURMA-{name}");
                boots(&serial, entered, &cmdline, &initrd(len));
                assert!(from_b || Attributes(b.attributes).tries() == 0);
            }
        }
    }
}
