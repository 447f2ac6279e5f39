//! The demonstration kernel, from every format, from packages, and from the image of this checkout.

use std::fs;
use std::path::Path;
use std::thread;

use kurmadisk_fixtures::demo;
use kurmadisk_fixtures::oracle::Unpacker;
use kurmadisk_fixtures::qemu::{Firmware, Interface};

use crate::common::{
    FORMATS, checkout, demo_initrd, demo_kernel, efi_stub, json, judged, kurmadisk,
};
use crate::machines::{Turn, machine, went};

/// With this the demonstration kernel tells on the serial port what it was given, and powers off.
const DEMO_CMDLINE: &str = "console=ttyS0 kurmadisk.demo=1";

/// The same, as kurmaboot passes it on from a disk with slots.
const SLOT_CMDLINE: &str = "console=ttyS0 kurmadisk.demo=1 kurma.booted=PARTLABEL=KURMA-A";

#[test]
fn the_demonstration_boots_from_every_format() {
    let folder = tempfile::tempdir().unwrap();
    // A filled raw image has the bytes of the other.
    let formats = FORMATS.iter().filter(|(name, _)| *name != "raw-fixed");
    let names: Vec<_> = formats.clone().map(|(name, _)| *name).collect();
    let made = json(
        kurmadisk(folder.path())
            .args(["build", "--layout", "efi", "--name", "demo"])
            .args(["--cmdline", DEMO_CMDLINE])
            .arg("--kernel")
            .arg(demo_kernel())
            .arg("--initrd")
            .arg(demo_initrd())
            .arg("--efi-stub")
            .arg(efi_stub())
            .args(["--format", &names.join(","), "-o", "out/", "--json"]),
    );
    let outputs = made["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), names.len());
    thread::scope(|scope| {
        for (output, (_, format)) in outputs.iter().zip(formats) {
            let image = folder.path().join(output["output"].as_str().unwrap());
            scope.spawn(move || {
                let firmware = Firmware::Uefi;
                reports_and_powers_off(&image, format, Interface::Virtio, firmware, DEMO_CMDLINE);
            });
        }
    });
}

/// The disk as the machine in the packages has it: from its archive, behind SATA.
#[test]
fn the_checkouts_own_packages_report_and_power_off() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    kurmadisk(checkout())
        .args(["package", "ova,vmware,virtualbox", "-o"])
        .arg(&out)
        .assert()
        .success();
    for (archive, by, disk) in [
        ("kurmaos.ova", Unpacker::Tar, "kurmaos-disk1.vmdk"),
        (
            "kurmaos-vmware.zip",
            Unpacker::Unzip,
            "kurmaos-vmware/kurmaos.vmdk",
        ),
        (
            "kurmaos-virtualbox.zip",
            Unpacker::Unzip,
            "kurmaos-virtualbox/kurmaos-disk1.vmdk",
        ),
    ] {
        judged(by.unpack(&out.join(archive), folder.path()));
        let disk = folder.path().join(disk);
        let firmware = Firmware::Uefi;
        reports_and_powers_off(&disk, "vmdk", Interface::Ahci, firmware, SLOT_CMDLINE);
    }
}

/// The image that `kurmadisk build` makes in the checkout, by its own description.
#[test]
fn the_checkouts_own_image_reports_and_powers_off() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("kurmaos.vdi");
    kurmadisk(checkout())
        .args(["build", "--format", "vdi", "-o"])
        .arg(&image)
        .assert()
        .success();
    for firmware in [Firmware::Uefi, Firmware::Bios] {
        reports_and_powers_off(&image, "vdi", Interface::Virtio, firmware, SLOT_CMDLINE);
    }
}

/// Boots the demonstration kernel and holds what it was given against what there was to give.
#[track_caller]
fn reports_and_powers_off(
    image: &Path,
    format: &str,
    interface: Interface,
    firmware: Firmware,
    cmdline: &str,
) {
    let _turn = Turn::take();
    let report = went(machine(image, format, interface, firmware).run_to_end());
    let initrd = fs::read(demo_initrd()).unwrap();
    let (len, crc32) = (initrd.len(), crc32fast::hash(&initrd));
    let entered = match firmware {
        Firmware::Uefi | Firmware::UefiSecure => "UEFI",
        Firmware::Bios => "the boot protocol, 32-bit",
    };
    for line in [
        format!("kurmadisk demo: entered by {entered}"),
        format!("command line: {cmdline}"),
        format!("initrd: {len} bytes, CRC-32 {crc32:08x}"),
        demo::DONE.to_owned(),
    ] {
        let said = report.lines().any(|said| said.trim() == line);
        assert!(said, "{}: no line {line:?} in:\n{report}", image.display());
    }
}
