//! The same disk by the tools that people use today, and `tar`.
//!
//! They are run as a careful script would run them: each filesystem made as a file from its tree, copied with
//! `dd` (holes left out) to its place in the raw disk, the disk converted at the end.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use kurmadisk_fixtures::debian::DebianRoot;
use kurmadisk_fixtures::oracle::{mcopy_read, mdir_paths, sgdisk_print};

use super::Setting;
use super::job::{Job, quietly, tool};
use crate::Outcome;

const MIB: u64 = 1 << 20;

/// Arguments of `qemu-img convert` by format; none for the raw disk itself.
const CONVERSIONS: [(&str, Option<&[&str]>); 8] = [
    ("raw", None),
    ("vdi", Some(&["-O", "vdi"])),
    ("vmdk", Some(&["-O", "vmdk"])),
    ("vhd", Some(&["-O", "vpc"])),
    ("vhdx", Some(&["-O", "vhdx"])),
    ("qcow2", Some(&["-O", "qcow2"])),
    (
        "vmdk-stream",
        Some(&["-O", "vmdk", "-o", "subformat=streamOptimized"]),
    ),
    ("qcow2-compressed", Some(&["-O", "qcow2", "-c"])),
];

/// The name of a format's job in the report.
pub(super) fn name(format: &str) -> String {
    format!("D: today's tools, {format}")
}

/// The disk that is to be made: partition lengths in bytes, whole MiB, and the folder with the ESP's files.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Disk {
    esp: u64,
    root: u64,
    boot_files: PathBuf,
}

impl Disk {
    /// As kurmadisk has made it: the same lengths and the same files in the ESP. The root is enlarged if
    /// kurmadisk's is too tight for mke2fs.
    fn like(image: &Path, root: &DebianRoot, work: &Path) -> Outcome<Self> {
        let table = sgdisk_print(image)?;
        let [esp, system, ..] = &table.partitions[..] else {
            return Err("kurmadisk's raw image has not two partitions".into());
        };
        let boot_files = work.join("boot-files");
        fs::create_dir(&boot_files)?;
        for path in mdir_paths(image, esp.offset())? {
            let place = boot_files.join(path.trim_start_matches("::/"));
            if path.ends_with('/') {
                fs::create_dir(place)?;
            } else {
                fs::write(place, mcopy_read(image, esp.offset(), &path)?)?;
            }
        }
        Ok(Self {
            esp: esp.length().next_multiple_of(MIB),
            root: system
                .length()
                .next_multiple_of(MIB)
                .max(room(&root.tree)?.bytes),
            boot_files,
        })
    }

    /// Where the partitions begin, and the length of the disk, in bytes.
    fn places(&self) -> (u64, u64, u64) {
        let system = MIB + self.esp;
        (MIB, system, system + self.root + MIB)
    }
}

/// What programs want to be told of a filesystem that is to hold a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Whole MiB: the blocks of its files and folders, a tenth more, and room for a journal and inode tables.
    pub(super) bytes: u64,
    /// Some more than there are entries.
    pub(super) inodes: u64,
}

pub(super) fn room(tree: &Path) -> Outcome<Room> {
    /// Bytes of an inode.
    const INODE: u64 = 256;
    let (mut blocks, mut inodes) = (0, 1000);
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let data = entry.metadata()?;
            inodes += 1;
            blocks += data.len().div_ceil(4096).min(data.blocks().div_ceil(8));
            if data.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    let bytes = blocks * 4096 / 10 * 11 + inodes * INODE + 140 * MIB;
    Ok(Room {
        bytes: bytes.next_multiple_of(MIB),
        inodes,
    })
}

/// A job for each of these formats. The disk is the one that kurmadisk makes.
pub(super) fn jobs(setting: &Setting, root: &DebianRoot, formats: &[&str]) -> Outcome<Vec<Job>> {
    // Found now, so that a missing one is named before anything is timed.
    for name in ["sgdisk", "mkfs.fat", "mcopy", "mke2fs", "dd", "qemu-img"] {
        tool(name)?;
    }
    let work = &setting.work;
    let sample = work.join("sample.raw");
    quietly(&mut setting.kurmadisk()?.build(root, "raw", &sample))?;
    let disk = Disk::like(&sample, root, work)?;
    fs::remove_file(&sample)?;
    let conversions = CONVERSIONS.iter();
    let conversions = conversions.filter(|(format, _)| formats.contains(format));
    let job = |&(format, conversion): &(&str, Option<&'static [&'static str]>)| {
        let output = work.join(format!("tools.{format}"));
        let parts = Parts {
            tree: root.tree.clone(),
            disk: disk.clone(),
            esp: work.join("tools-esp"),
            system: work.join("tools-root"),
            raw: match conversion {
                Some(_) => work.join("tools-disk"),
                None => output.clone(),
            },
        };
        let mut leavings = vec![parts.esp.clone(), parts.system.clone()];
        if conversion.is_some() {
            leavings.push(parts.raw.clone());
        }
        let target = output.clone();
        Job::steps(name(format), [output], leavings, move || {
            parts.make()?;
            let Some(options) = conversion else {
                return Ok(());
            };
            let mut convert = tool("qemu-img")?;
            convert.args(["convert", "-f", "raw"]).args(options);
            quietly(convert.arg(&parts.raw).arg(&target))
        })
    };
    Ok(conversions.map(job).collect())
}

/// `tar cf` of a tree.
pub(super) fn tar(name: &str, tree: &Path, work: &Path) -> Outcome<Job> {
    tool("tar")?;
    let (tree, output) = (tree.to_owned(), work.join("tree.tar"));
    let file = output.clone();
    Ok(Job::process(name, [output], move || {
        let mut tar = tool("tar")?;
        tar.arg("--create").arg("--file").arg(&file);
        tar.arg("--directory").arg(&tree).arg(".");
        Ok(tar)
    }))
}

/// The files on the way to a raw disk.
struct Parts {
    tree: PathBuf,
    disk: Disk,
    esp: PathBuf,
    system: PathBuf,
    raw: PathBuf,
}

impl Parts {
    fn make(&self) -> Outcome {
        let (esp_at, system_at, length) = self.disk.places();
        File::create(&self.raw)?.set_len(length)?;
        let range = |number: u32, at: u64, length: u64| {
            format!("--new={number}:{}:{}", at / 512, (at + length) / 512 - 1)
        };
        let mut table = tool("sgdisk")?;
        table
            .arg(range(1, esp_at, self.disk.esp))
            .arg("--typecode=1:ef00");
        table
            .arg(range(2, system_at, self.disk.root))
            .arg("--typecode=2:8304");
        quietly(table.arg(&self.raw))?;
        self.make_esp()?;
        let mut system = tool("mke2fs")?;
        system
            .args(["-q", "-t", "ext4", "-b", "4096", "-L", "ROOT", "-d"])
            .arg(&self.tree);
        quietly(
            system
                .arg(&self.system)
                .arg(format!("{}k", self.disk.root / 1024)),
        )?;
        self.place(&self.esp, esp_at)?;
        self.place(&self.system, system_at)
    }

    fn make_esp(&self) -> Outcome {
        let mut format = tool("mkfs.fat")?;
        format.args(["-C", "-n", "EFI-SYSTEM"]).arg(&self.esp);
        quietly(format.arg((self.disk.esp / 1024).to_string()))?;
        let entries = fs::read_dir(&self.disk.boot_files)?;
        let files = entries.map(|entry| Ok(entry?.path().into_os_string()));
        let files = files.collect::<Outcome<Vec<OsString>>>()?;
        quietly(
            tool("mcopy")?
                .arg("-s")
                .arg("-i")
                .arg(&self.esp)
                .args(files)
                .arg("::"),
        )
    }

    /// Copies a filesystem to its place in the raw disk.
    fn place(&self, part: &Path, at: u64) -> Outcome {
        let operand = |name: &str, path: &Path| {
            let mut operand = OsString::from(name);
            operand.push(path);
            operand
        };
        let mut copy = tool("dd")?;
        copy.arg(operand("if=", part))
            .arg(operand("of=", &self.raw))
            .args(["bs=1M", "conv=notrunc,sparse"]);
        quietly(copy.arg(format!("seek={}", at / MIB)))
    }
}
