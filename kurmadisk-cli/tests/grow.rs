//! Disks that grow: the image, its table, and the filesystem from outside and from inside.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{gpt, json, judged, kurmadisk, labelled};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::initramfs::Initramfs;
use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};
use tempfile::TempDir;

const DISK: &str = r#"
[[partition]]
label = "EFI-SYSTEM"
type = "esp"
size = "64 MiB"
content = "esp"
filesystem = { type = "fat" }

[[partition]]
label = "ROOT"
type = "kurmaos-root"
size = "auto"
grow = true
content = "root"
filesystem = { type = "ext4" }
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("root/etc")).unwrap();
    fs::write(folder.path().join("root/etc/file"), vec![3; 1 << 20]).unwrap();
    fs::write(folder.path().join("kurmadisk.toml"), DISK).unwrap();
    folder
}

fn build(folder: &Path) -> PathBuf {
    let mut build = kurmadisk(folder);
    build.args(["build", "--root", "root", "-o", "disk.raw"]);
    build.assert().success();
    folder.join("disk.raw")
}

/// Copies the partition out, as `resize2fs` wants it.
fn root_of(image: &Path) -> PathBuf {
    let root = labelled(&gpt(image), "ROOT").clone();
    let bytes = fs::read(image).unwrap();
    let begin = usize::try_from(root.offset()).unwrap();
    let end = begin + usize::try_from(root.length()).unwrap();
    let out = image.with_file_name("root.ext4");
    fs::write(&out, &bytes[begin..end]).unwrap();
    out
}

#[test]
fn an_image_grows_and_its_filesystem_after_it() {
    let folder = folder();
    let image = build(folder.path());
    let before = labelled(&gpt(&image), "ROOT").clone();
    let mut grow = kurmadisk(folder.path());
    let said = json(grow.args(["grow", "disk.raw", "400 MiB", "--json"]));
    assert_eq!(said["partition"], 2);
    assert_eq!(said["size"], 400 << 20);
    let after = labelled(&gpt(&image), "ROOT").clone();
    assert_eq!((after.first, &after.guid), (before.first, &before.guid));
    assert_eq!(said["partition-size"], after.length());
    assert_eq!(said["partition-size-before"], before.length());
    // All but the table, to a whole MiB.
    assert_eq!(after.offset() + after.length(), 399 << 20);
    judged(oracle::sfdisk_verify(&image));

    judged(oracle::e2fsck_clean(&image, after.offset()));
    let filesystem = root_of(&image);
    let blocks = after.length() / 4096;
    judged(oracle::resize2fs(&filesystem, &[]));
    judged(oracle::e2fsck_clean(&filesystem, 0));
    let fields = judged(oracle::dumpe2fs(&filesystem, 0));
    let count = fields
        .lines()
        .find_map(|line| line.strip_prefix("Block count:"));
    assert_eq!(count.unwrap().trim(), blocks.to_string());

    // Once more there is nothing to do.
    let bytes = fs::read(&image).unwrap();
    let mut grow = kurmadisk(folder.path());
    grow.args(["grow", "disk.raw"]).assert().success();
    assert!(fs::read(&image).unwrap() == bytes);
}

#[test]
fn a_file_that_was_enlarged_by_others_is_filled() {
    let folder = folder();
    let image = build(folder.path());
    let file = fs::File::options().write(true).open(&image).unwrap();
    file.set_len(300 << 20).unwrap();
    let mut grow = kurmadisk(folder.path());
    grow.args(["grow", "disk.raw", "--partition", "ROOT"]);
    let output = grow.assert().success();
    let said = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(
        said.contains("disk.raw: 300 MiB instead of 300 MiB, partition 2 has"),
        "{said}"
    );
    let root = labelled(&gpt(&image), "ROOT").clone();
    assert_eq!(root.offset() + root.length(), 299 << 20);
}

#[test]
fn a_converted_disk_may_be_larger_in_any_format() {
    let folder = folder();
    let image = build(folder.path());
    let mut convert = kurmadisk(folder.path());
    convert.args(["convert", "disk.raw", "out", "--size", "1 GiB"]);
    convert.args(["--format", "raw,qcow2,vmdk-stream,vhdx"]);
    convert.assert().success();
    let raw = folder.path().join("out/disk.raw");
    let root = labelled(&gpt(&raw), "ROOT").clone();
    assert_eq!(root.offset() + root.length(), 1023 << 20);
    judged(oracle::e2fsck_clean(&raw, root.offset()));
    for (name, format) in [("qcow2", "qcow2"), ("vmdk", "vmdk"), ("vhdx", "vhdx")] {
        let other = folder.path().join(format!("out/disk.{name}"));
        judged(oracle::qemu_img_compare(&raw, "raw", &other, format));
    }
    // The image it was made of is as it was.
    assert!(fs::metadata(&image).unwrap().len() < 200 << 20);
    gpt(&image);
}

#[test]
fn what_cannot_grow_is_told() {
    let folder = folder();
    build(folder.path());
    let mut convert = kurmadisk(folder.path());
    convert
        .args(["convert", "disk.raw", "disk.qcow2"])
        .assert()
        .success();
    fs::write(folder.path().join("blank"), vec![0; 1 << 20]).unwrap();
    for (arguments, told) in [
        (&["disk.qcow2", "1 GiB"][..], "is no raw image"),
        (&["disk.qcow2", "1 GiB"], "kurmadisk convert --size"),
        (&["disk.raw", "1 MiB"], "nothing is made smaller here"),
        (
            &["disk.raw", "1 GiB", "--partition", "1"],
            "partition 2 lies behind it",
        ),
        (
            &["disk.raw", "1000000001"],
            "no whole number of the disk's sectors",
        ),
        (&["blank", "2 MiB"], "no partition table"),
        (&["none", "2 MiB"], "none"),
    ] {
        let mut grow = kurmadisk(folder.path());
        let output = grow.arg("grow").args(arguments).assert().failure();
        let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(said.contains(told), "{said}");
    }
}

/// Grows the mounted filesystem and says how many blocks it has.
const SCRIPT: &str = r#"
until [ -e /dev/vda2 ]; do usleep 100000; done
mount -t ext4 /dev/vda2 /root
echo "before: $(df -k /root | tail -n 1 | awk '{print $2}') KiB"
resize2fs /dev/vda2
echo "after: $(df -k /root | tail -n 1 | awk '{print $2}') KiB"
dd if=/dev/zero of=/root/large bs=1M count=200 && echo "large: written"
umount /root
echo "script: done"
poweroff -f
"#;

#[test]
fn the_guest_grows_the_filesystem_while_it_is_mounted() {
    let folder = folder();
    let resize2fs = oracle::tool("resize2fs").unwrap();
    let initrd = Initramfs::new(debian_root(), SCRIPT).modules(&["virtio_pci", "virtio_blk"]);
    let initrd = judged(judged(initrd.program(&resize2fs)).archive());
    fs::write(folder.path().join("initrd"), initrd).unwrap();
    let mut build = kurmadisk(folder.path());
    build.args([
        "build", "--root", "root", "-o", "disk.raw", "--initrd", "initrd",
    ]);
    build.args(["--cmdline", "console=ttyS0"]);
    build.arg("--kernel").arg(&debian_root().kernel);
    build.arg("--efi-stub").arg(common::efi_stub());
    build.assert().success();
    let mut grow = kurmadisk(folder.path());
    grow.args(["grow", "disk.raw", "400 MiB"])
        .assert()
        .success();
    let image = folder.path().join("disk.raw");
    let drive = Drive::new(&image, "raw", Interface::Virtio).keep_writes();
    let said = Machine::new(Firmware::Uefi).drive(drive).run_to_end();
    let said = said.unwrap_or_else(|error| panic!("{error}"));
    assert!(kib(&said, "before:") < 20_000, "{said}");
    assert!(kib(&said, "after:") > 250_000, "{said}");
    assert!(said.contains("large: written"), "{said}");
    let root = labelled(&gpt(&image), "ROOT").clone();
    judged(oracle::e2fsck_clean(&image, root.offset()));
}

/// The number of KiB that the script said behind `what`.
fn kib(said: &str, what: &str) -> u64 {
    let line = said.lines().find_map(|line| line.trim().strip_prefix(what));
    let number = line.and_then(|rest| rest.trim().split(' ').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {what:?} in {said}"))
}

/// Grows the table of the disk it runs from before anything of it is mounted.
const TABLE: &str = r"
until [ -e /dev/vda2 ]; do usleep 100000; done
kurmadisk grow /dev/vda
blockdev --rereadpt /dev/vda
";

#[test]
fn the_guest_grows_a_disk_of_a_dynamic_format() {
    let folder = folder();
    // The program is in the initrd, and a build without optimisation is large.
    let disk = DISK.replacen("64 MiB", "192 MiB", 1);
    fs::write(folder.path().join("kurmadisk.toml"), disk).unwrap();
    let resize2fs = oracle::tool("resize2fs").unwrap();
    let script = format!("{TABLE}{SCRIPT}");
    let initrd = Initramfs::new(debian_root(), &script)
        .modules(&["virtio_pci", "virtio_blk"])
        .program_at(env!("CARGO_BIN_EXE_kurmadisk"));
    let initrd = judged(judged(initrd.program(&resize2fs)).archive());
    fs::write(folder.path().join("initrd"), initrd).unwrap();
    let mut build = kurmadisk(folder.path());
    build.args([
        "build",
        "--root",
        "root",
        "-o",
        "disk.qcow2",
        "--initrd",
        "initrd",
    ]);
    build.args(["--cmdline", "console=ttyS0", "--kernel"]);
    build.arg(&debian_root().kernel);
    build.arg("--efi-stub").arg(common::efi_stub());
    build.assert().success();
    let image = folder.path().join("disk.qcow2");
    let mut resize = judged(oracle::tool("qemu-img").unwrap().command());
    resize
        .args(["resize", "-q", "-f", "qcow2"])
        .arg(&image)
        .arg("500M");
    assert!(resize.status().unwrap().success());

    let drive = Drive::new(&image, "qcow2", Interface::Virtio).keep_writes();
    let said = Machine::new(Firmware::Uefi).drive(drive).run_to_end();
    let said = said.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        said.contains("/dev/vda: 500 MiB instead of 500 MiB"),
        "{said}"
    );
    assert!(kib(&said, "after:") > 250_000, "{said}");
    assert!(said.contains("large: written"), "{said}");
    let mut convert = kurmadisk(folder.path());
    convert
        .args(["convert", "disk.qcow2", "disk.raw"])
        .assert()
        .success();
    let raw = folder.path().join("disk.raw");
    let root = labelled(&gpt(&raw), "ROOT").clone();
    assert_eq!(root.offset() + root.length(), 499 << 20);
    judged(oracle::e2fsck_clean(&raw, root.offset()));
}
