//! Debian's kernel, which is large, moves itself, and asks the firmware for its memory.

use kurmadisk::layout::SectorSize;
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::qemu::{Firmware, Interface, Machine};

use crate::init::{self, ENDS, RUNS};
use crate::support::{Disk, Parts, Table};

/// Timers are checked by counting them, which fails where an emulated processor gets no time.
const CMDLINE: &str = "console=ttyS0 quiet no_timer_check panic=-1";

pub fn disk(sector_size: SectorSize, padding: usize) -> Disk {
    let kernel = std::fs::read(&debian_root().kernel).unwrap();
    let mut parts = Parts::new(Table::Slots("priority=1,successful", ""))
        .file("vmlinuz-a", Some(kernel))
        .file("initrd-a", Some(init::initrd(padding)))
        .file("cmdline", Some(CMDLINE.as_bytes().to_vec()));
    parts.sector_size = sector_size;
    parts.boot_mib = 300 + (padding >> 20) as u64;
    parts.build()
}

#[track_caller]
pub fn boots(machine: &Machine) {
    let serial = machine.run_to_end().unwrap();
    let line = format!("{RUNS}{CMDLINE} kurma.booted=PARTLABEL=KURMA-A");
    let said = serial.contains(&line) && serial.contains(ENDS);
    assert!(said, "no {line:?} in:\n{serial}");
}

#[test]
fn a_real_kernel_boots_in_little_and_in_much_memory() {
    let disk = disk(SectorSize::B512, 0);
    for (firmware, interface, mib) in [
        (Firmware::Bios, Interface::Ide, 96),
        (Firmware::Bios, Interface::Virtio, 8192),
        (Firmware::Uefi, Interface::Nvme, 256),
    ] {
        boots(
            &Machine::new(firmware)
                .drive(disk.drive(interface))
                .memory_mib(mib),
        );
    }
}
