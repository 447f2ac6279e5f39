//! The same disk by the tools that people use today, and `tar`.
//!
//! They are run as a careful script would run them: each filesystem made as a file from its tree, copied with
//! `dd` (holes left out) to its place in the raw disk, the disk converted at the end.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use kurmadisk_fixtures::debian::DebianRoot;
use kurmadisk_fixtures::oracle::{EFI_STUB, mcopy_read, mdir_paths, sgdisk_print};

use super::job::{Job, quietly, tool};
use crate::Outcome;

const MIB: u64 = 1 << 20;

/// (arguments of `qemu-img convert`, name in the report); none for the raw disk itself.
type Conversion = (Option<&'static [&'static str]>, &'static str, &'static str);

const CONVERSIONS: [Conversion; 4] = [
    (None, "raw", "today's tools, raw"),
    (Some(&["-O", "vdi"]), "vdi", "today's tools, vdi"),
    (Some(&["-O", "vmdk"]), "vmdk", "today's tools, vmdk"),
    (
        Some(&["-O", "vmdk", "-o", "subformat=streamOptimized"]),
        "vmdk-stream",
        "today's tools, vmdk-stream",
    ),
];

/// The disk that is to be made: partition lengths in bytes, whole MiB, and the folder with the ESP's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disk {
    esp: u64,
    root: u64,
    boot_files: PathBuf,
}

impl Disk {
    /// As kurmadisk has made it: the same lengths and the same files in the ESP. The root is enlarged if
    /// kurmadisk's is too tight for mke2fs.
    pub(super) fn like(image: &Path, root: &DebianRoot, work: &Path) -> Outcome<Self> {
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
        let estimate = root_estimate(&root.tree)?;
        Ok(Self {
            esp: esp.length().next_multiple_of(MIB),
            root: system.length().next_multiple_of(MIB).max(estimate),
            boot_files,
        })
    }

    /// Without kurmadisk's: an ESP with one file of stub, kernel and initrd.
    pub(super) fn estimated(root: &DebianRoot, work: &Path) -> Outcome<Self> {
        let boot_files = work.join("boot-files");
        fs::create_dir_all(boot_files.join("EFI/BOOT"))?;
        let mut whole = fs::read(EFI_STUB.require()?)?;
        whole.extend(fs::read(&root.kernel)?);
        whole.extend(fs::read(&root.initrd)?);
        fs::write(boot_files.join("EFI/BOOT/BOOTX64.EFI"), whole)?;
        Ok(Self {
            esp: 256 * MIB,
            root: root_estimate(&root.tree)?,
            boot_files,
        })
    }

    /// Where the partitions begin, and the length of the disk, in bytes.
    fn places(&self) -> (u64, u64, u64) {
        let system = MIB + self.esp;
        (MIB, system, system + self.root + MIB)
    }
}

/// What mke2fs needs for the tree: the blocks of its files and folders, a tenth more, and room for a journal
/// and inode tables.
fn root_estimate(tree: &Path) -> Outcome<u64> {
    let mut blocks = 0;
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let data = entry.metadata()?;
            blocks += data.len().div_ceil(4096).min(data.blocks().div_ceil(8));
            if data.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok((blocks * 4096 / 10 * 11 + 48 * MIB).next_multiple_of(MIB))
}

/// One job a format.
pub(super) fn jobs(root: &DebianRoot, disk: &Disk, work: &Path) -> Outcome<Vec<Job>> {
    // Found now, so that a missing one is named before anything is timed.
    for name in ["sgdisk", "mkfs.fat", "mcopy", "mke2fs", "dd", "qemu-img"] {
        tool(name)?;
    }
    let job = |(conversion, format, name): Conversion| {
        let output = work.join(format!("tools.{format}"));
        let parts = Parts {
            tree: root.tree.clone(),
            disk: disk.clone(),
            esp: work.join("tools-esp"),
            system: work.join("tools-root"),
            raw: if conversion.is_some() {
                work.join("tools-disk")
            } else {
                output.clone()
            },
        };
        let mut leavings = vec![parts.esp.clone(), parts.system.clone()];
        if conversion.is_some() {
            leavings.push(parts.raw.clone());
        }
        let target = output.clone();
        Job::new(name, [output], leavings, move || {
            parts.make()?;
            let Some(options) = conversion else {
                return Ok(());
            };
            let mut command = tool("qemu-img")?;
            quietly(
                command
                    .args(["convert", "-f", "raw"])
                    .args(options)
                    .args([&parts.raw, &target]),
            )
        })
    };
    Ok(CONVERSIONS.into_iter().map(job).collect())
}

/// `tar cf` of the tree.
pub(super) fn tar(root: &DebianRoot, work: &Path) -> Outcome<Job> {
    tool("tar")?;
    let (tree, output) = (root.tree.clone(), work.join("tree.tar"));
    let file = output.clone();
    Ok(Job::new("tar cf", [output], Vec::new(), move || {
        quietly(
            tool("tar")?
                .arg("--create")
                .arg("--file")
                .arg(&file)
                .arg("--directory")
                .arg(&tree)
                .arg("."),
        )
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
