//! The BIOS loader: from every kind of disk and of FAT.

use std::fs::File;
use std::io::Write;

use kurmadisk_fixtures::qemu::{Firmware, Interface, Machine};

use crate::support::{
    COMMAND_LINE, Disk, Parts, Table, boots, initrd, put, run, said, shows, with_screen,
};

pub const ENTERED: &str = "the boot protocol, 32-bit";
const BOOTED_A: &str = "root=LABEL=ROOT kurma.test=1 ro kurma.booted=PARTLABEL=KURMA-A";
const SLOT_A: Table = Table::Slots("priority=1,successful", "");

#[test]
fn every_kind_of_disk_boots() {
    let disk = Parts::new(SLOT_A).build();
    for interface in [
        Interface::Ide,
        Interface::Ahci,
        Interface::Virtio,
        Interface::Nvme,
        Interface::Usb,
    ] {
        let machine = Machine::new(Firmware::Bios).drive(disk.drive(interface));
        let serial = machine.memory_mib(96).run_to_end().unwrap();
        boots(&serial, ENTERED, BOOTED_A, &initrd(300_001));
    }
}

#[test]
fn disks_without_slots_boot_the_files_of_a() {
    for table in [Table::Gpt, Table::Mbr] {
        let disk = Parts::new(table).build();
        let serial = disk.machine(Firmware::Bios).run_to_end().unwrap();
        boots(&serial, ENTERED, COMMAND_LINE, &initrd(300_001));
    }
}

/// Each type, with small and with large clusters, one table or two, and other numbers of reserved sectors.
#[test]
fn every_kind_of_fat_is_read() {
    for (mib, options) in [
        (4, &["-F", "12", "-s", "4"][..]),
        (2, &["-F", "12", "-s", "1", "-r", "32"]),
        (100, &["-F", "12", "-s", "128"]),
        (16, &["-F", "16", "-s", "2"]),
        (40, &["-F", "16", "-s", "4", "-f", "1", "-R", "33"]),
        (300, &["-F", "16", "-s", "64"]),
        (40, &["-F", "32", "-s", "1"]),
        (270, &["-F", "32", "-s", "8", "-R", "64"]),
        (600, &["-F", "32", "-s", "16"]),
    ] {
        let disk = Parts::new(SLOT_A).fat(mib, options).build();
        let serial = disk.machine(Firmware::Bios).run_to_end().unwrap();
        boots(&serial, ENTERED, BOOTED_A, &initrd(300_001));
    }
}

/// Files whose clusters lie in pieces, backwards too, as an updater leaves them.
#[test]
fn files_in_pieces_are_read() {
    for options in [
        &["-F", "12", "-s", "2"][..],
        &["-F", "16", "-s", "2"],
        &["-F", "32", "-s", "1"],
    ] {
        let mib = if options[1] == "12" { 3 } else { 40 };
        let parts = Parts::new(SLOT_A)
            .fat(mib, options)
            .file("vmlinuz-a", None)
            .file("initrd-a", None);
        let disk = parts.build_with(in_pieces);
        let serial = disk.machine(Firmware::Bios).run_to_end().unwrap();
        boots(&serial, ENTERED, BOOTED_A, &initrd(700_001));
    }
}

/// Fills the volume with small files and takes every other away, in no order, before the real ones come.
fn in_pieces(folder: &std::path::Path, volume: &std::path::Path) {
    let arg = volume.to_str().unwrap();
    let fillers: Vec<_> = (0..200).map(|n| format!("fill{n}")).collect();
    for (n, name) in fillers.iter().enumerate() {
        put(folder, volume, name, &vec![0xaa; 1 + n % 5 * 2000]);
    }
    for name in fillers
        .iter()
        .step_by(2)
        .rev()
        .chain(fillers.iter().skip(1).step_by(4))
    {
        run("mdel", &["-i", arg, &format!("::/kurmaos/{name}")]);
    }
    put(folder, volume, "initrd-a", &initrd(700_001));
    let kernel = kurmadisk_fixtures::demo::bz_image().unwrap();
    put(folder, volume, "vmlinuz-a", &kernel);
}

/// Another writer, which gives every name a long one too, and rewrites files in place.
#[test]
fn a_volume_with_only_long_names_is_read() {
    let parts = Parts::new(SLOT_A)
        .file("vmlinuz-a", None)
        .file("initrd-a", None)
        .file("cmdline", None);
    let disk = parts.build_with(|_, volume| {
        let file = File::options().read(true).write(true).open(volume).unwrap();
        let volume = fatfs::FileSystem::new(file, fatfs::FsOptions::new()).unwrap();
        let folder = volume.root_dir().open_dir("kurmaos").unwrap();
        for (name, content) in Parts::new(SLOT_A).files {
            for content in [&b"an older one"[..], &content] {
                let mut file = folder.create_file(name).unwrap();
                file.truncate().unwrap();
                file.write_all(content).unwrap();
            }
        }
    });
    let serial = disk.machine(Firmware::Bios).run_to_end().unwrap();
    boots(&serial, ENTERED, BOOTED_A, &initrd(300_001));
}

#[test]
fn the_longest_command_line_arrives_and_a_longer_one_is_refused() {
    let tail = " kurma.booted=PARTLABEL=KURMA-A";
    let longest = "x".repeat(2047 - tail.len());
    let disk = with_cmdline(&format!("{longest}  \t\r\nanother line"));
    let serial = disk.machine(Firmware::Bios).run_to_end().unwrap();
    boots(
        &serial,
        ENTERED,
        &format!("{longest}{tail}"),
        &initrd(300_001),
    );

    let disk = with_cmdline(&format!("{longest}x"));
    stops(
        &disk,
        &[
            "/kurmaos/cmdline is too long for the kernel",
            "the machine stops",
        ],
    );
}

fn with_cmdline(text: &str) -> Disk {
    Parts::new(SLOT_A)
        .file("cmdline", Some(text.as_bytes().to_vec()))
        .build()
}

#[test]
fn without_a_command_line_and_an_initrd_it_boots_too() {
    for table in [SLOT_A, Table::Mbr] {
        let disk = Parts::new(table)
            .file("cmdline", None)
            .file("initrd-a", None)
            .build();
        let serial = disk.machine(Firmware::Bios).run_to_end().unwrap();
        let cmdline = if table == Table::Mbr {
            ""
        } else {
            "kurma.booted=PARTLABEL=KURMA-A"
        };
        said(
            &serial,
            &[
                format!("command line: {cmdline}").trim_end(),
                "initrd: none",
            ],
        );
    }
}

/// Waits for the last of the lines, and looks for the others.
#[track_caller]
pub fn stops(disk: &Disk, lines: &[&str]) {
    let last = lines.last().unwrap();
    let serial = disk.machine(Firmware::Bios).run_until(last).unwrap();
    said(&serial, lines);
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let demo = kurmadisk_fixtures::demo::bz_image().unwrap();
    let patched = |offset: usize, bytes: &[u8]| {
        let mut kernel = demo.clone();
        kernel[offset..offset + bytes.len()].copy_from_slice(bytes);
        kernel
    };
    let slot = "slot KURMA-A";
    for (file, content, line) in [
        ("vmlinuz-a", None, "/kurmaos/vmlinuz-a is missing"),
        (
            "vmlinuz-a",
            Some(vec![]),
            "/kurmaos/vmlinuz-a is no Linux kernel (bzImage)",
        ),
        (
            "vmlinuz-a",
            Some(vec![0; 70_000]),
            "/kurmaos/vmlinuz-a is no Linux kernel (bzImage)",
        ),
        (
            "vmlinuz-a",
            Some(demo[..4000].to_vec()),
            "/kurmaos/vmlinuz-a is no Linux kernel (bzImage)",
        ),
        (
            "vmlinuz-a",
            Some(patched(0x206, &[0x0b, 2])),
            "/kurmaos/vmlinuz-a is a kernel older than Linux 3.8",
        ),
        // It says it needs 2 GiB.
        (
            "vmlinuz-a",
            Some(patched(0x260, &[0, 0, 0, 0x80])),
            "too little memory for the kernel, which needs all up to MiB 2050",
        ),
        (
            "initrd-a",
            Some(vec![1; 40 << 20]),
            "too little memory for the initrd of 41 MiB",
        ),
    ] {
        let disk = Parts::new(SLOT_A)
            .fat(64, &["-F", "32"])
            .file(file, content)
            .build();
        let machine = Machine::new(Firmware::Bios)
            .drive(disk.drive(Interface::Virtio))
            .memory_mib(32);
        let serial = machine.run_until("the machine stops").unwrap();
        said(
            &serial,
            &[slot, line, "no other slot is bootable", "the machine stops"],
        );
    }
}

#[test]
fn messages_are_on_the_screen_too() {
    let disk = Parts::new(SLOT_A).file("vmlinuz-a", None).build();
    let machine = Machine::new(Firmware::Bios).drive(disk.drive(Interface::Virtio));
    let (machine, screen) = with_screen(machine, disk.folder.path());
    let _running = machine.start().unwrap();
    shows(&screen, "kurmaboot: the machine stops");
    shows(&screen, "kurmaboot: slot KURMA-A");
    shows(&screen, "kurmaboot: /kurmaos/vmlinuz-a is missing");
}
