//! Disks that boot: an EFI system partition of staged files, started by OVMF.

use kurmadisk::boot::{BootFiles, BootMethod, stage};
use kurmadisk::fs::FreeSpace;
use kurmadisk::fs::VolumeSize;
use kurmadisk::fs::fat::{FatOptions, FatPlan};
use kurmadisk::host_file;
use kurmadisk::tree::Tree;
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::demo;
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};
use tempfile::NamedTempFile;

use crate::support::{
    COMMAND_LINE, bytes_of, content, files, initrd, manager, meta, stub, stub_without_room,
};

/// A disk that is nothing but an EFI system partition.
fn disk(files: &BootFiles, method: BootMethod) -> NamedTempFile {
    let mut esp = Tree::new(meta());
    let summary = stage(&mut esp, files, &meta()).unwrap();
    assert_eq!(summary.method, method);
    let size = VolumeSize::Auto(FreeSpace::Bytes(1 << 20));
    let plan = FatPlan::new(esp.clone(), size, &FatOptions::default()).unwrap();
    let image = NamedTempFile::new().unwrap();
    std::fs::write(image.path(), bytes_of(&plan.build().unwrap())).unwrap();
    image
}

fn machine(disk: &NamedTempFile) -> Machine {
    Machine::new(Firmware::Uefi).drive(Drive::new(disk.path(), "raw", Interface::Virtio))
}

/// What the demonstration kernel reports, from its first line on.
fn report(files: &BootFiles, method: BootMethod) -> Vec<String> {
    let serial = machine(&disk(files, method)).run_to_end().unwrap();
    let start = serial
        .find("kurmadisk demo: entered")
        .unwrap_or_else(|| panic!("no report:\n{serial}"));
    serial[start..].lines().map(str::to_owned).collect()
}

fn expected(source: &str) -> Vec<String> {
    let initrd = initrd();
    vec![
        "kurmadisk demo: entered by UEFI".to_owned(),
        format!("command line: {COMMAND_LINE}"),
        format!("initrd source: {source}"),
        format!(
            "initrd: {} bytes, CRC-32 {:08x}",
            initrd.len(),
            crc32fast::hash(&initrd)
        ),
        demo::DONE.to_owned(),
    ]
}

#[test]
fn a_unified_image_boots() {
    let files = BootFiles {
        efi_stub: Some(content(stub())),
        ..files(false)
    };
    assert_eq!(
        report(&files, BootMethod::UnifiedImage),
        expected("LoadFile2")
    );
}

#[test]
fn a_unified_image_boots_whose_sections_had_to_move() {
    let files = BootFiles {
        efi_stub: Some(content(stub_without_room())),
        ..files(false)
    };
    assert_eq!(
        report(&files, BootMethod::UnifiedImage),
        expected("LoadFile2")
    );
}

#[test]
fn the_boot_manager_finds_the_unified_image() {
    // Without an os-release of the caller's, which systemd-boot insists on.
    let files = BootFiles {
        efi_stub: Some(content(stub())),
        systemd_boot: Some(content(manager())),
        os_release: None,
        ..files(true)
    };
    assert_eq!(
        report(&files, BootMethod::ManagedImage),
        expected("LoadFile2")
    );
}

#[test]
fn the_boot_manager_starts_its_entry() {
    for slots in [true, false] {
        let files = BootFiles {
            systemd_boot: Some(content(manager())),
            ..files(slots)
        };
        let mut report = report(&files, BootMethod::ManagedEntry);
        // The boot manager names the initrd on the command line too, for kernels before 5.7.
        let named = if slots {
            r"initrd=\kurmaos\initrd-a "
        } else {
            r"initrd=\initrd "
        };
        report[1] = report[1].replace(named, "");
        assert_eq!(report, expected("LoadFile2"));
    }
}

#[test]
fn our_own_loader_starts_the_files_of_a_slot() {
    assert_eq!(
        report(&files(true), BootMethod::Kurmaboot),
        expected("LoadFile2")
    );
}

#[test]
fn a_real_kernel_boots_with_its_initrd() {
    let root = debian_root();
    for (efi_stub, method) in [
        (Some(content(stub())), BootMethod::UnifiedImage),
        (None, BootMethod::Kurmaboot),
    ] {
        let files = BootFiles {
            kernel: Some(host_file(&root.kernel).unwrap()),
            initrd: Some(host_file(&root.initrd).unwrap()),
            // Stops at the begin of the initrd's own script.
            cmdline: "console=ttyS0 kurma.test=1 break=top".to_owned(),
            efi_stub,
            ..BootFiles::default()
        };
        let disk = disk(&files, method);
        let mut machine = machine(&disk).start().unwrap();
        for said in [
            "Command line: console=ttyS0 kurma.test=1 break=top",
            "Spawning shell within the initramfs",
        ] {
            machine.wait_for(said).unwrap();
        }
    }
}
