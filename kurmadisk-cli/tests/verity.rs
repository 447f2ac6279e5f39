//! Disks whose root filesystem is protected by dm-verity.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use common::{gpt, json, judged, kurmadisk, labelled};
use kurmadisk_fixtures::debian::debian_root;
use kurmadisk_fixtures::initramfs::Initramfs;
use kurmadisk_fixtures::oracle::{self, GptPartition};
use kurmadisk_fixtures::qemu::{Drive, Firmware, Interface, Machine};
use tempfile::TempDir;

/// The hashes in a partition of their own.
const APART: &str = r#"
name = "protected"
cmdline = "console=ttyS0"

[[partition]]
label = "EFI-SYSTEM"
type = "esp"
size = "64 MiB"
content = "esp"
filesystem = { type = "fat" }

[[partition]]
label = "ROOT"
type = "root"
size = "auto"
content = "root"
filesystem = { type = "ext4", read-only = true }

[[partition]]
label = "ROOT-VERITY"
type = "root-verity"
size = "auto"
verity = { data = "ROOT" }
"#;

/// The same with the hashes behind the filesystem.
fn behind() -> String {
    let (before, _) = APART.rsplit_once("[[partition]]").unwrap();
    format!("{before}verity = {{ data = \"ROOT\" }}\n")
}

/// A folder with a description and a tree of 3 MB.
fn folder(description: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("etc")).unwrap();
    let bytes: Vec<u8> = (0..3_000_001_u32)
        .map(|at| u8::try_from(at.wrapping_mul(at) >> 7 & 0xff).unwrap())
        .collect();
    fs::write(root.join("etc/large"), bytes).unwrap();
    fs::write(root.join("etc/os-release"), "ID=test\nNAME=Test\n").unwrap();
    fs::write(folder.path().join("kurmadisk.toml"), description).unwrap();
    folder
}

fn build(folder: &Path) -> PathBuf {
    let image = folder.join("disk.raw");
    let mut build = kurmadisk(folder);
    let build = described(build.args(["build", "-o", "disk.raw"]));
    build.assert().success();
    image
}

/// The tree, and what boots.
fn described(command: &mut Command) -> &mut Command {
    command
        .args(["--root", "root", "--kernel"])
        .arg(common::demo_kernel())
        .arg("--initrd")
        .arg(common::demo_initrd())
        .arg("--efi-stub")
        .arg(common::efi_stub())
}

/// Copies a partition into a file of its own.
fn cut(image: &Path, partition: &GptPartition, name: &str) -> PathBuf {
    let bytes = fs::read(image).unwrap();
    let begin = usize::try_from(partition.offset()).unwrap();
    let end = begin + usize::try_from(partition.length()).unwrap();
    let path = image.with_file_name(name);
    fs::write(&path, &bytes[begin..end]).unwrap();
    path
}

/// The command line in the unified kernel image.
fn command_line(image: &Path) -> String {
    let esp = labelled(&gpt(image), "EFI-SYSTEM").offset();
    let uki = judged(oracle::mcopy_read(image, esp, "::/EFI/BOOT/BOOTX64.EFI"));
    let path = image.with_file_name("uki.efi");
    fs::write(&path, uki).unwrap();
    let text = common::section(&path, ".cmdline");
    let text = String::from_utf8(text).unwrap();
    text.trim_end_matches('\0').to_owned()
}

fn hex(guid: &str) -> String {
    guid.replace('-', "").to_lowercase()
}

#[test]
fn the_hashes_vouch_for_the_root_and_name_both_partitions() {
    let folder = folder(APART);
    let image = build(folder.path());
    let disk = gpt(&image);
    let (root, hashes) = (labelled(&disk, "ROOT"), labelled(&disk, "ROOT-VERITY"));
    let root_hash = [hex(&root.guid), hex(&hashes.guid)].concat();
    assert_eq!(
        command_line(&image),
        format!("console=ttyS0 roothash={root_hash}")
    );

    judged(oracle::e2fsck_clean(&image, root.offset()));
    let data = cut(&image, root, "data");
    let area = cut(&image, hashes, "hashes");
    let none: [&str; 0] = [];
    judged(oracle::veritysetup_verify(&data, &area, &root_hash, &none));

    // What veritysetup makes of the same data, with the same salt, is the same to the last byte.
    let plan = json(described(kurmadisk(folder.path()).args(["plan", "--json"])));
    let planned = &plan["partitions"][2]["verity"];
    assert_eq!(planned["data-partition"], 2);
    let inspected = json(kurmadisk(folder.path()).args(["inspect", "--json", "disk.raw"]));
    let found = &inspected["partitions"][2]["verity"];
    assert_eq!(found["root-hash"], root_hash.as_str());
    let (size, block) = (found["data-size"].as_u64().unwrap(), 4096);
    let options = [
        format!("--salt={}", found["salt"].as_str().unwrap()),
        format!("--uuid={}", found["uuid"].as_str().unwrap()),
        format!("--data-blocks={}", size / block),
    ];
    let again = folder.path().join("again");
    let theirs = judged(oracle::veritysetup_format(&data, &again, &options));
    assert_eq!(theirs, root_hash);
    let (ours, theirs) = (fs::read(&area).unwrap(), fs::read(&again).unwrap());
    assert!(ours.starts_with(&theirs), "the areas differ");
    assert!(ours[theirs.len()..].iter().all(|byte| *byte == 0));

    // One bit of the last block that is protected.
    let mut bytes = fs::read(&data).unwrap();
    bytes[usize::try_from(size).unwrap() - 1] ^= 1;
    fs::write(&data, bytes).unwrap();
    assert!(oracle::veritysetup_verify(&data, &area, &root_hash, &none).is_err());
}

#[test]
fn the_hashes_may_lie_behind_the_filesystem() {
    let folder = folder(&behind());
    let image = build(folder.path());
    let root = labelled(&gpt(&image), "ROOT").clone();
    judged(oracle::e2fsck_clean(&image, root.offset()));
    let inspected = json(kurmadisk(folder.path()).args(["inspect", "--json", "disk.raw"]));
    let found = &inspected["partitions"][1]["verity"];
    let root_hash = found["root-hash"].as_str().unwrap();
    let offset = found["offset"].as_u64().unwrap();
    let guid = root.guid.to_lowercase();
    assert_eq!(
        command_line(&image),
        format!(
            "console=ttyS0 roothash={root_hash} systemd.verity_root_data=PARTUUID={guid} \
             systemd.verity_root_hash=PARTUUID={guid} systemd.verity_root_options=hash-offset={offset}"
        )
    );
    let data = cut(&image, &root, "data");
    let at = [format!("--hash-offset={offset}")];
    judged(oracle::veritysetup_verify(&data, &data, root_hash, &at));
    let mut bytes = fs::read(&data).unwrap();
    bytes[2_000_000] ^= 4;
    fs::write(&data, bytes).unwrap();
    assert!(oracle::veritysetup_verify(&data, &data, root_hash, &at).is_err());
}

#[test]
fn the_plan_tells_the_root_hash_and_content_changes_it() {
    let folder = folder(APART);
    let plan = || {
        let mut plan = kurmadisk(folder.path());
        json(described(plan.args(["plan", "--json"])))
    };
    let (one, again) = (plan(), plan());
    assert_eq!(one, again);
    let large = folder.path().join("root/etc/large");
    let modified = fs::metadata(&large).unwrap().modified().unwrap();
    let mut bytes = fs::read(&large).unwrap();
    bytes[1_000_000] ^= 1;
    fs::write(&large, bytes).unwrap();
    let file = fs::File::options().write(true).open(&large).unwrap();
    file.set_modified(modified).unwrap();
    let other = plan();
    // The identity is that of names and metadata; the hash is that of the content.
    assert_eq!(one["identity"], other["identity"]);
    let root = |plan: &serde_json::Value| plan["partitions"][2]["verity"]["root-hash"].clone();
    assert_ne!(root(&one), root(&other));
    assert_ne!(one["partitions"][1]["guid"], other["partitions"][1]["guid"]);
    let mut plan = kurmadisk(folder.path());
    let output = described(plan.arg("plan")).assert().success();
    let said = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let told = format!(
        "verity 3 of 2: root hash {}",
        other["partitions"][2]["verity"]["root-hash"]
            .as_str()
            .unwrap()
    );
    assert!(said.contains(&told), "{said}");
}

#[test]
fn guids_that_are_given_stay_and_are_named_on_the_command_line() {
    let guid = "6f0c2d8e-0000-4000-8000-000000000001";
    let own = APART.replace(
        "label = \"ROOT\"",
        &format!("label = \"ROOT\"\nguid = \"{guid}\""),
    );
    let folder = folder(&own);
    let image = build(folder.path());
    let disk = gpt(&image);
    assert_eq!(labelled(&disk, "ROOT").guid.to_lowercase(), guid);
    let line = command_line(&image);
    let hashes = labelled(&disk, "ROOT-VERITY").guid.to_lowercase();
    let told = format!(
        " systemd.verity_root_data=PARTUUID={guid} systemd.verity_root_hash=PARTUUID={hashes}"
    );
    assert!(line.ends_with(&told), "{line}");
}

#[test]
fn what_cannot_be_protected_is_refused() {
    for (from, to, told) in [
        (
            "data = \"ROOT\"",
            "data = \"NONE\"",
            "no partition \"NONE\"",
        ),
        (
            ", read-only = true",
            "",
            "partition 2 (ROOT) has no filesystem that is never written to",
        ),
        (
            "{ data = \"ROOT\" }",
            "{ salt = \"00\" }",
            "salt: this counts for a hash tree",
        ),
        (
            "{ data = \"ROOT\" }",
            "{ data = \"ROOT\", salt = \"0g\" }",
            "no even number of hexadecimal digits",
        ),
        (
            "{ data = \"ROOT\" }",
            "{ data = \"ROOT\", data-block-size = \"8 KiB\" }",
            "data-block-size is 8192 bytes",
        ),
        (
            "size = \"auto\"\nverity",
            "size = \"8 KiB\"\nverity",
            "are needed with the hash tree",
        ),
        (
            "verity =",
            "filesystem = { type = \"fat\" }\nverity =",
            "one without a filesystem",
        ),
        (
            "name = \"protected\"",
            "disk = { table = \"mbr\" }",
            "only a GPT has",
        ),
    ] {
        assert!(APART.contains(from), "{from}");
        let folder = folder(&APART.replace(from, to));
        let mut plan = kurmadisk(folder.path());
        let output = described(plan.arg("plan")).assert().failure();
        let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(said.contains(told), "{said}");
        assert!(said.contains("kurmadisk.toml"), "{said}");
    }
}

/// Opens the protected root as systemd would, and reads it.
const SCRIPT: &str = r#"
until [ -e /dev/vda3 ]; do usleep 100000; done
root_hash=$(sed 's/.*roothash=\([0-9a-f]*\).*/\1/' /proc/cmdline)
export DM_DISABLE_UDEV=1
veritysetup open /dev/vda2 root /dev/vda3 $root_hash
mount -t ext4 -o ro /dev/mapper/root /root && echo "root: mounted"
md5sum /root/etc/large && echo "large: read"
echo "script: done"
poweroff -f
"#;

/// What Debian's kernel says on the serial port while the script runs.
fn booted(image: &Path) -> String {
    let machine = Machine::new(Firmware::Uefi).drive(Drive::new(image, "raw", Interface::Virtio));
    let said = machine.run_to_end();
    let said = said.unwrap_or_else(|error| panic!("{error}"));
    assert!(said.contains("script: done"), "{said}");
    said
}

#[test]
fn the_kernel_reads_what_is_sound_and_refuses_one_flipped_bit() {
    let folder = folder(APART);
    let veritysetup = oracle::tool("veritysetup").unwrap();
    let initrd =
        Initramfs::new(debian_root(), SCRIPT).modules(&["virtio_pci", "virtio_blk", "dm-verity"]);
    let initrd = judged(judged(initrd.program(&veritysetup)).archive());
    fs::write(folder.path().join("initrd"), initrd).unwrap();
    let mut build = kurmadisk(folder.path());
    build.args([
        "build", "-o", "disk.raw", "--root", "root", "--initrd", "initrd",
    ]);
    build.arg("--kernel").arg(&debian_root().kernel);
    build.arg("--efi-stub").arg(common::efi_stub());
    build.assert().success();
    let image = folder.path().join("disk.raw");

    let said = booted(&image);
    assert!(said.contains("root: mounted"), "{said}");
    assert!(said.contains("large: read"), "{said}");

    let offset = labelled(&gpt(&image), "ROOT").offset();
    let content = fs::read(folder.path().join("root/etc/large")).unwrap();
    let mut bytes = fs::read(&image).unwrap();
    let block = &content[1 << 20..][..4096];
    let found = (0..bytes.len())
        .step_by(4096)
        .find(|at| bytes[*at..].starts_with(block));
    let at = found.expect("the file's content is somewhere");
    bytes[at + 7] ^= 0x20;
    fs::write(&image, bytes).unwrap();
    let said = booted(&image);
    assert!(said.contains("root: mounted"), "{said}");
    assert!(!said.contains("large: read"), "{said}");
    let block = (at as u64 - offset) / 4096;
    let told = format!("data block {block} is corrupted");
    assert!(said.contains(&told), "no {told:?} in {said}");
}
