//! A real kernel, compiled from a distribution's source by our script, of our fragment; and booted from a disk that we
//! built, in QEMU. Takes half an hour and 3 GB of disk.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};
use kurmadisk_fixtures::{inputs_dir, oracle, workspace_root};

use crate::common::{judged, kurmadisk};

/// What the machine runs: it tries what containers need, and then ends.
const INIT: &str = include_str!("init.c");
/// What it says when all of that went well.
const MARKER: &str = "kernel-proof: all is well";

#[test]
#[ignore = "cargo xtask kernel-proof"]
fn a_kernel_of_the_fragment_boots_to_userspace() {
    let folder = tempfile::tempdir_in(inputs_dir()).unwrap();
    let out = compile(folder.path());
    for (firmware, interface) in [
        (Firmware::Bios, Interface::Virtio),
        (Firmware::Uefi, Interface::Virtio),
        (Firmware::Bios, Interface::Ide),
        (Firmware::Uefi, Interface::Ahci),
        (Firmware::Uefi, Interface::Nvme),
    ] {
        boots(&out, folder.path(), firmware, interface);
    }
}

/// The folder with bzImage and the others.
fn compile(folder: &Path) -> std::path::PathBuf {
    let archive = judged(oracle::kernel_source());
    let source = folder.join("source");
    fs::create_dir(&source).unwrap();
    let mut unpack = judged(oracle::tool("tar").unwrap().command());
    unpack.arg("-xf").arg(archive).arg("-C").arg(&source);
    let status = unpack.arg("--strip-components=1").status().unwrap();
    assert!(status.success());
    let kernel = workspace_root().join("base/kernel");
    let out = folder.join("out");
    let begin = Instant::now();
    let mut script = Command::new(kernel.join("build.sh"));
    script.arg(&source).arg(kernel.join("kernel.config"));
    let status = script
        .arg(kernel.join("patches"))
        .arg(&out)
        .status()
        .unwrap();
    assert!(status.success());
    println!("compiled in {} s", begin.elapsed().as_secs());
    out
}

fn boots(kernel: &Path, folder: &Path, firmware: Firmware, interface: Interface) {
    let root = folder.join("root");
    if !root.exists() {
        fs::create_dir_all(root.join("sbin")).unwrap();
        for name in ["proc", "sys", "dev", "mnt"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        let source = folder.join("init.c");
        fs::write(&source, INIT).unwrap();
        let mut cc = judged(oracle::tool("cc").unwrap().command());
        cc.args(["-static", "-O1", "-Wall", "-Werror", "-o"]);
        let status = cc
            .arg(root.join("sbin/init"))
            .arg(&source)
            .status()
            .unwrap();
        assert!(status.success());
    }
    let image = folder.join("proof.raw");
    let mut build = kurmadisk(folder);
    build
        .args(["build", "--layout", "kurmaos", "--owner", "0:0", "-o"])
        .arg(&image);
    build.arg("--kernel").arg(kernel.join("bzImage"));
    build.arg("--root").arg(&root);
    build.args(["--cmdline", "root=PARTLABEL=ROOT rw console=ttyS0 panic=-1"]);
    build.assert().success();
    let machine = Machine::new(firmware)
        .drive(Drive::new(&image, "raw", interface))
        .deadline(Duration::from_mins(7));
    let said = machine.run_until(MARKER);
    let said = said.unwrap_or_else(|error| panic!("{firmware:?}, {interface:?}: {error}"));
    println!("{firmware:?}, {interface:?}: booted");
    assert!(said.contains("kernel-proof: overlay: yes"), "{said}");
}
