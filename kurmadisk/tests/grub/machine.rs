//! Disks that GRUB starts, in QEMU.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use kurmadisk::{Builder, ImageFormat};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::demo;
use kurmadisk_fixtures::initramfs::Initramfs;
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};

use crate::support::{Bench, PARAMETERS, description};

/// Writes the disk of this description.
fn written(bench: &Bench, toml: &str) -> PathBuf {
    let path = bench.join("disk.raw");
    let plan = Builder::from_spec(bench.spec(toml)).plan().unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    plan.write(ImageFormat::Raw, &path, go_on).unwrap();
    path
}

#[track_caller]
fn run(disk: &PathBuf, firmware: Firmware, interface: Interface) -> String {
    let machine = Machine::new(firmware).drive(Drive::new(disk, "raw", interface));
    machine
        .run_to_end()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The command line that the demonstration kernel was given, without the kernel's name in front.
fn command_line(serial: &str) -> &str {
    let line = serial.lines().find_map(|line| {
        let (_, told) = line.split_once("command line: ")?;
        told.trim_end().strip_prefix("BOOT_IMAGE=/kurmaos/vmlinuz-")
    });
    line.unwrap_or_else(|| panic!("no command line in {serial}"))
}

#[test]
fn both_firmwares_start_the_kernel_of_the_first_slot() {
    let bench = Bench::new();
    fs::write(
        bench.join("oem/grub.cfg"),
        "set linux_append=\"oem=1 two=2\"\n",
    )
    .unwrap();
    let disk = written(&bench, &description("kurmaos", "oem = \"oem\""));
    let expected = format!("a {PARAMETERS} oem=1 two=2 kurma.booted=PARTLABEL=KURMA-A");
    for (firmware, interface) in [
        (Firmware::Bios, Interface::Ide),
        (Firmware::Uefi, Interface::Virtio),
    ] {
        let serial = run(&disk, firmware, interface);
        assert!(serial.contains(demo::DONE), "{serial}");
        assert_eq!(command_line(&serial), expected, "{serial}");
        let initrd = demo::initrd();
        assert!(
            serial.contains(&format!("initrd: {} bytes", initrd.len())),
            "{serial}"
        );
    }
}

/// Another disk with the same files is not taken for the one that GRUB came from; and what an OEM's settings say of
/// the default counts.
#[test]
fn the_disk_that_started_is_the_one_that_counts() {
    let bench = Bench::new();
    fs::write(bench.join("oem/grub.cfg"), "set linux_append=first\n").unwrap();
    let first = written(&bench, &description("kurmaos", "oem = \"oem\""));
    let moved = bench.join("first.raw");
    fs::rename(first, &moved).unwrap();
    fs::write(
        bench.join("oem/grub.cfg"),
        "set default=slot-b\nset linux_append=second\n",
    )
    .unwrap();
    let more = "[[files]]\npartition = \"EFI-SYSTEM\"\npath = \"/kurmaos/vmlinuz-b\"\nsource = \"kernel\"\n";
    let toml = description("kurmaos", "oem = \"oem\"") + more;
    let second = written(&bench, &toml);
    let machine = Machine::new(Firmware::Bios)
        .drive(Drive::new(second, "raw", Interface::Virtio))
        .drive(Drive::new(moved, "raw", Interface::Virtio));
    let serial = machine
        .run_to_end()
        .unwrap_or_else(|error| panic!("{error}"));
    let expected = format!("b {PARAMETERS} second kurma.booted=PARTLABEL=KURMA-B");
    assert_eq!(command_line(&serial), expected, "{serial}");
    assert!(
        serial.contains("initrd: none"),
        "slot B has no initrd: {serial}"
    );
}

/// A whole Linux: both tables, both firmwares, down to a program that mounts the root filesystem.
#[test]
fn debians_kernel_finds_its_root() {
    const SCRIPT: &str = "
mkdir -p /mnt
mount -o ro $(findfs LABEL=ROOT) /mnt && echo \"marker: $(cat /mnt/etc/marker) $(cat /proc/cmdline)\"
poweroff -f
";
    let bench = Bench::new();
    let debian = debian_root();
    let initrd = Initramfs::new(debian, SCRIPT).modules(&["virtio_pci", "virtio_blk"]);
    fs::write(bench.join("initrd"), initrd.archive().unwrap()).unwrap();
    fs::copy(&debian.kernel, bench.join("kernel")).unwrap();
    fs::create_dir(bench.join("root/etc")).unwrap();
    fs::write(bench.join("root/etc/marker"), "of-the-root").unwrap();
    let cmdline = "console=ttyS0 quiet no_timer_check";
    for (layout, firmware) in [("bios", Firmware::Bios), ("efi", Firmware::Uefi)] {
        let toml = description(layout, "root = \"root\"");
        let toml = toml.replace(crate::support::CMDLINE, cmdline);
        let disk = written(&bench, &toml);
        let serial = run(&disk, firmware, Interface::Virtio);
        let expected = format!("marker: of-the-root BOOT_IMAGE=/kurmaos/vmlinuz-a {cmdline}");
        assert!(serial.contains(&expected), "no {expected:?} in {serial}");
    }
}

/// The user's own configuration, with a module that is on the boot partition alone.
#[test]
fn a_configuration_of_ones_own_runs_with_modules_from_the_boot_partition() {
    let bench = Bench::new();
    fs::write(
        bench.join("own.cfg"),
        "serial --unit=0 --speed=115200\nterminal_output serial\n\
         search --no-floppy --set=root --file /lib/grub/i386-pc/moddep.lst\n\
         set prefix=\"($root)/lib/grub\"\ninsmod hexdump\n\
         linux /kurmaos/vmlinuz-a of-my-own\nboot\n",
    )
    .unwrap();
    let toml = description("bios", "")
        + "config = \"own.cfg\"\nprefix = \"/lib/grub\"\nplatforms = [\"i386-pc\"]\n";
    let serial = run(&written(&bench, &toml), Firmware::Bios, Interface::Ahci);
    assert_eq!(command_line(&serial), "a of-my-own", "{serial}");
    assert!(!serial.contains("error"), "{serial}");
}
