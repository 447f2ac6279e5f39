//! Boot counting: systemd-boot renames what it tries, and goes on to another entry when no try is left.

use std::fs;
use std::path::{Path, PathBuf};

use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};
use kurmadisk_fixtures::{demo, oracle};

use crate::common::{demo_initrd, demo_kernel, gpt, judged, kurmadisk, labelled};
use crate::machines::{Turn, went};

/// A disk with systemd-boot, whose kernel has so many tries.
fn disk(folder: &Path, tries: &str, more: &[&str]) -> PathBuf {
    let mut build = kurmadisk(folder);
    build.args([
        "build", "--layout", "efi", "--size", "128M", "-o", "disk.raw",
    ]);
    build.args([
        "--cmdline",
        "kurma=counted",
        "--boot-tries",
        tries,
        "--systemd-boot",
    ]);
    build.arg(judged(oracle::SYSTEMD_BOOT.require()));
    build
        .arg("--kernel")
        .arg(demo_kernel())
        .arg("--initrd")
        .arg(demo_initrd());
    build.args(more).assert().success();
    folder.join("disk.raw")
}

/// Starts it, and what that changes stays.
#[track_caller]
fn started(disk: &Path) -> String {
    let drive = Drive::new(disk, "raw", Interface::Virtio).keep_writes();
    let _turn = Turn::take();
    let report = went(Machine::new(Firmware::Uefi).drive(drive).run_to_end());
    assert!(report.contains(demo::DONE), "{report}");
    report
}

/// The names in a folder of the boot partition.
fn names(disk: &Path, folder: &str) -> Vec<String> {
    let esp = labelled(&gpt(disk), "EFI-SYSTEM").offset();
    let paths = judged(oracle::mdir_paths(disk, esp)).into_iter();
    let names = paths.filter_map(|path| Some(path.split_once(folder)?.1.to_owned()));
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn each_start_takes_a_try_in_the_name() {
    let folder = tempfile::tempdir().unwrap();
    for (more, place, end) in [
        (&[][..], "/loader/entries/", ".conf"),
        (&["--efi-stub", "kurmaboot"], "/EFI/Linux/", ".efi"),
    ] {
        let disk = disk(folder.path(), "3", more);
        assert_eq!(names(&disk, place), [format!("kurma-a+3{end}")]);
        let report = started(&disk);
        assert!(report.contains("kurma=counted"), "{report}");
        assert_eq!(names(&disk, place), [format!("kurma-a+2-1{end}")]);
        started(&disk);
        assert_eq!(names(&disk, place), [format!("kurma-a+1-2{end}")]);
    }
}

/// The newer one is tried first, and the older one is known to be good.
#[test]
fn another_entry_is_started_when_no_try_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(
        folder.join("old.conf"),
        "title Old\nsort-key linux\nversion 0.9\nlinux /vmlinuz\noptions kurma=old\n",
    )
    .unwrap();
    fs::write(
        folder.join("kurmadisk.toml"),
        "[[files]]\npartition = \"EFI-SYSTEM\"\npath = \"/loader/entries/old.conf\"\nsource = \"old.conf\"\n",
    )
    .unwrap();
    let disk = disk(folder, "1", &["--config", "kurmadisk.toml"]);
    for expected in ["kurma=counted", "kurma=old"] {
        let report = started(&disk);
        assert!(report.contains(expected), "no {expected} in {report}");
    }
    let mut found = names(&disk, "/loader/entries/");
    found.sort();
    assert_eq!(found, ["kurma-a+0-1.conf", "old.conf"]);
}

#[test]
fn tries_without_a_boot_manager_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, told) in [
        (
            &["--layout", "efi", "--boot-tries", "3"][..],
            "--systemd-boot",
        ),
        (&["--layout", "efi", "--boot-tries", "0"], "--boot-tries"),
        (&["--layout", "bios", "--boot-tries", "3"], "--systemd-boot"),
    ] {
        let mut plan = kurmadisk(folder.path());
        plan.args(["plan", "--size", "128M", "--kernel"])
            .arg(demo_kernel());
        let output = plan.args(arguments).assert().failure();
        let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(said.contains(told), "{said}");
    }
}
