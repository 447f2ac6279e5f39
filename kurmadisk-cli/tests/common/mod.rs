//! What the tests of the command share.
#![allow(dead_code, reason = "each test target uses a part of this")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use kurmadisk_fixtures::oracle::{self, GptDisk, GptPartition, OracleError};
use kurmadisk_fixtures::{debian, demo, workspace_root};
use serde_json::Value;

/// The formats: the command's name for each, and qemu's.
pub const FORMATS: [(&str, &str); 16] = [
    ("raw", "raw"),
    ("raw-fixed", "raw"),
    ("vdi", "vdi"),
    ("vdi-fixed", "vdi"),
    ("vmdk", "vmdk"),
    ("vmdk-flat", "vmdk"),
    ("vmdk-split", "vmdk"),
    ("vmdk-stream", "vmdk"),
    ("qcow2", "qcow2"),
    ("qcow2-v2", "qcow2"),
    ("qcow2-compressed", "qcow2"),
    ("qcow2-zstd", "qcow2"),
    ("vhd", "vpc"),
    ("vhd-fixed", "vpc"),
    ("vhdx", "vhdx"),
    ("vhdx-fixed", "vhdx"),
];

/// Whether every byte of the disk is written, its holes too.
pub fn is_filled(format: &str) -> bool {
    ["raw-fixed", "vdi-fixed"].contains(&format)
}

/// Whether the image is compressed: its size depends on the content, and what is zeros is left out.
pub fn is_compressed(format: &str) -> bool {
    ["vmdk-stream", "qcow2-compressed", "qcow2-zstd"].contains(&format)
}

/// Whether `qemu-img check` knows anything to check in such an image.
pub fn is_checked(qemu_format: &str) -> bool {
    !["raw", "vpc"].contains(&qemu_format)
}

/// A command line with which the Debian system boots to a login prompt on the serial console.
pub const DEBIAN_CMDLINE: &str = "root=LABEL=ROOT rw quiet console=ttyS0";

/// The compiled command, started in `folder` and with nothing of this environment that it reads.
pub fn kurmadisk(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kurmadisk"));
    command.current_dir(folder).env_remove("SOURCE_DATE_EPOCH");
    command
}

/// An image of the Debian system: layout `efi`, its own kernel and initrd.
pub fn debian_options(command: &mut Command) -> &mut Command {
    let debian = debian::debian_root();
    command
        .args(["--layout", "efi", "--name", "debian"])
        .args(["--cmdline", DEBIAN_CMDLINE])
        .arg("--root")
        .arg(&debian.tree)
        .arg("--kernel")
        .arg(&debian.kernel)
        .arg("--initrd")
        .arg(&debian.initrd)
}

/// systemd's UEFI stub.
pub fn efi_stub() -> &'static Path {
    judged(oracle::EFI_STUB.require())
}

/// The demonstration kernel.
pub fn demo_kernel() -> PathBuf {
    demo::folder().join(demo::BZ_IMAGE)
}

/// The demonstration initrd.
pub fn demo_initrd() -> PathBuf {
    demo::folder().join(demo::INITRD)
}

/// The checkout, with its `kurmadisk.toml`.
pub fn checkout() -> &'static Path {
    workspace_root()
}

/// What an oracle said.
///
/// # Panics
/// With all it printed, unless it approved.
#[track_caller]
pub fn judged<T>(verdict: Result<T, OracleError>) -> T {
    match verdict {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// The table of a raw image, once sgdisk finds nothing wrong with it.
#[track_caller]
pub fn gpt(image: &Path) -> GptDisk {
    judged(oracle::sgdisk_verify(image));
    judged(oracle::sgdisk_print(image))
}

/// The partition of that label.
#[track_caller]
pub fn labelled<'d>(disk: &'d GptDisk, label: &str) -> &'d GptPartition {
    let mut named = disk.partitions.iter().filter(|each| each.name == label);
    match (named.next(), named.next()) {
        (Some(partition), None) => partition,
        (found, _) => panic!("{label}: found {found:?}, and perhaps more, in {disk:?}"),
    }
}

/// Runs to success; standard output as JSON.
#[track_caller]
pub fn json(command: &mut Command) -> Value {
    let output = command.assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).expect("standard output is JSON")
}

/// The content of a section as binutils read it.
#[track_caller]
pub fn section(image: &Path, name: &str) -> Vec<u8> {
    let (out, rest) = (
        image.with_extension("section"),
        image.with_extension("rest"),
    );
    let objcopy = oracle::tool("objcopy").expect("it is in the list of tools");
    let mut dump = std::ffi::OsString::from(format!("{name}="));
    dump.push(&out);
    let status = judged(objcopy.command())
        .arg("--dump-section")
        .arg(dump)
        .args([image, &rest])
        .status()
        .unwrap();
    assert!(status.success(), "objcopy --dump-section {name}");
    fs::read(out).unwrap()
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Eight bytes of an on-disk structure.
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// A GUID's text from its bytes on disk: the first three groups are little-endian (UEFI
/// specification, appendix A).
pub fn guid_text(bytes: &[u8]) -> String {
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::new();
    for (position, index) in order.into_iter().enumerate() {
        if [4, 6, 8, 10].contains(&position) {
            text.push('-');
        }
        write!(text, "{:02x}", bytes[index]).expect("a String takes everything");
    }
    text
}

/// A GPT's entry from its 128 bytes (UEFI specification 5.3.3).
pub fn gpt_entry(number: u32, entry: &[u8]) -> GptPartition {
    let name = entry[56..].chunks_exact(2);
    let name = name.map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let name: Vec<u16> = name.take_while(|unit| *unit != 0).collect();
    GptPartition {
        number,
        type_guid: guid_text(&entry[..16]),
        guid: guid_text(&entry[16..32]),
        first: u64_at(entry, 32),
        last: u64_at(entry, 40),
        attributes: u64_at(entry, 48),
        name: String::from_utf16(&name).unwrap(),
    }
}
