//! Unified kernel images by themselves, as other programs read them and OVMF starts them.

#[path = "../common/mod.rs"]
mod common;

mod profiles;
mod sections;
mod stub;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use common::{judged, kurmadisk};
use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};

/// A disk with `image.efi` of the folder where firmware looks.
fn disk(folder: &Path) -> PathBuf {
    disk_of(folder, &[("/EFI/BOOT/BOOTX64.EFI", "image.efi")])
}

/// A disk with systemd-boot, which starts `image.efi` of the folder with these options.
fn managed_disk(folder: &Path, manager: &Path, options: &str) -> PathBuf {
    let entry = format!("title Image\nefi /image.efi\noptions {options}\n");
    fs::write(folder.join("entry.conf"), entry).unwrap();
    fs::write(
        folder.join("loader.conf"),
        "timeout 0\ndefault entry.conf\n",
    )
    .unwrap();
    let manager = manager.to_str().unwrap();
    disk_of(
        folder,
        &[
            ("/EFI/BOOT/BOOTX64.EFI", manager),
            ("/image.efi", "image.efi"),
            ("/loader/loader.conf", "loader.conf"),
            ("/loader/entries/entry.conf", "entry.conf"),
        ],
    )
}

/// A disk with an EFI system partition that holds these files.
fn disk_of(folder: &Path, files: &[(&str, &str)]) -> PathBuf {
    let mut config = "[[partition]]\ntype = \"esp\"\nlabel = \"ESP\"\nsize = \"64 MiB\"\n\
                      filesystem = { type = \"fat\" }\n"
        .to_owned();
    for (path, source) in files {
        config += "[[files]]\npartition = \"ESP\"\n";
        writeln!(config, "path = \"{path}\"\nsource = \"{source}\"").unwrap();
    }
    fs::write(folder.join("disk.toml"), config).unwrap();
    let mut build = kurmadisk(folder);
    build.args(["build", "--config", "disk.toml", "-o", "disk.raw"]);
    build.assert().success();
    folder.join("disk.raw")
}

fn machine(disk: &Path, firmware: Firmware) -> Machine {
    Machine::new(firmware).drive(Drive::new(disk, "raw", Interface::Virtio))
}

/// What the machine says until it turns itself off.
#[track_caller]
fn boots(disk: &Path, firmware: Firmware) -> String {
    let said = machine(disk, firmware).run_to_end();
    said.unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn said(report: &str, line: &str) {
    let there = report.lines().any(|said| said.trim() == line);
    assert!(there, "no line {line:?} in:\n{report}");
}

/// systemd's boot manager.
fn manager() -> &'static Path {
    judged(oracle::SYSTEMD_BOOT.require())
}
