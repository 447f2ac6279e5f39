//! Images started by UEFI firmware in QEMU, straight from the files the command wrote.

mod common;

use std::fs;
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use common::{
    DEBIAN_CMDLINE, FORMATS, debian_options, demo_initrd, demo_kernel, efi_stub, json, judged,
    kurmadisk,
};
use kurmadisk_fixtures::oracle::Unpacker;
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine, QemuError, Running};
use kurmadisk_fixtures::{debian, demo, oracle};

/// Emulated machines at a time: each takes a processor, whatever the number of tests.
const MACHINES: usize = 2;
/// An emulated Debian takes a minute to its prompt on an idle processor.
const DEADLINE: Duration = Duration::from_mins(7);

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// A place among the running machines, given back when dropped.
struct Turn;

impl Turn {
    fn take() -> Self {
        let running = RUNNING.lock().expect("nothing panics with the lock held");
        let mut running = ENDED
            .wait_while(running, |running| *running >= MACHINES)
            .expect("nothing panics with the lock held");
        *running += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().expect("nothing panics with the lock held") -= 1;
        ENDED.notify_one();
    }
}

fn machine(image: &Path, format: &str) -> Machine {
    Machine::new(Firmware::Uefi)
        .drive(Drive::new(image, format, Interface::Virtio))
        .deadline(DEADLINE)
}

#[track_caller]
fn went<T>(outcome: Result<T, QemuError>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// What `command` prints on the machine's console, logged in as root.
fn ask(running: &mut Running, command: &str) -> String {
    // The line that is typed, and so echoed, doesn't hold what is waited for.
    went(running.type_text(&format!("echo \"answer\"\"=<$({command})>\"\n")));
    went(running.wait_for("answer=<"));
    went(running.wait_for(">"));
    let said = running.transcript();
    let answer = said.rsplit("answer=<").next().unwrap_or_default();
    answer.split('>').next().unwrap_or_default().to_owned()
}

/// Boots the Debian system to its prompt and looks at it from inside.
#[track_caller]
fn boots_to_the_login(image: &Path, format: &str) {
    let _turn = Turn::take();
    let mut running = went(machine(image, format).start());
    went(running.wait_for(&format!("{} login: ", debian::HOSTNAME)));
    went(running.type_text("root\n"));
    went(running.wait_for("# "));
    assert_eq!(
        ask(&mut running, "findmnt -no SOURCE,FSTYPE /"),
        "/dev/vda2 ext4"
    );
    assert_eq!(ask(&mut running, "hostname"), debian::HOSTNAME);
    // A boot manager puts the initrd's name before the options.
    let cmdline = ask(&mut running, "cat /proc/cmdline");
    assert!(cmdline.ends_with(DEBIAN_CMDLINE), "{cmdline}");
    assert_eq!(
        ask(&mut running, "systemctl --failed --no-legend | wc -l"),
        "0"
    );
}

fn debian_boots(format: &str, qemu_format: &str, loader: [&std::ffi::OsStr; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("debian.image");
    let mut build = kurmadisk(folder.path());
    build.arg("build").args(["--format", format]).args(loader);
    debian_options(&mut build)
        .arg("-o")
        .arg(&image)
        .assert()
        .success();
    boots_to_the_login(&image, qemu_format);
}

#[test]
fn debian_boots_from_the_vdi() {
    debian_boots(
        "vdi",
        "vdi",
        ["--efi-stub".as_ref(), efi_stub().as_os_str()],
    );
}

#[test]
fn debian_boots_from_the_sparse_vmdk() {
    debian_boots(
        "vmdk",
        "vmdk",
        ["--efi-stub".as_ref(), efi_stub().as_os_str()],
    );
}

#[test]
fn debian_boots_from_the_stream_vmdk() {
    debian_boots(
        "vmdk-stream",
        "vmdk",
        ["--efi-stub".as_ref(), efi_stub().as_os_str()],
    );
}

#[test]
fn debian_boots_from_the_compressed_qcow2() {
    debian_boots(
        "qcow2-compressed",
        "qcow2",
        ["--efi-stub".as_ref(), efi_stub().as_os_str()],
    );
}

#[test]
fn debian_boots_by_systemd_boot() {
    let manager = judged(oracle::SYSTEMD_BOOT.require());
    debian_boots(
        "raw",
        "raw",
        ["--systemd-boot".as_ref(), manager.as_os_str()],
    );
}

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
    kurmadisk(common::checkout())
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
    kurmadisk(common::checkout())
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
    let machine = Machine::new(firmware)
        .drive(Drive::new(image, format, interface))
        .deadline(DEADLINE);
    let _turn = Turn::take();
    let report = went(machine.run_to_end());
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
