//! Disks of chance: whatever layout is described, the table is the one asked for, every filesystem is
//! clean, and what is read back is what was put in.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use common::{gpt, gpt_entry, json, judged, kurmadisk};
use kurmadisk_fixtures::oracle::{self, GptPartition};
use kurmadisk_fixtures::treegen::{TreeSpec, make_tree};
use kurmadisk_fixtures::{sparse, treediff};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};
use serde_json::Value;

#[derive(Clone, Debug)]
enum Filesystem {
    None,
    Fat,
    Ext4 {
        block_size: u32,
        journal: bool,
        reserved: u16,
    },
}

/// A size as it is written; for a partition without a filesystem `auto` has no meaning.
#[derive(Clone, Debug)]
enum Size {
    Auto,
    MiB(u64),
}

#[derive(Clone, Debug)]
struct Partition {
    /// What lies between its number and the one before.
    gap: u32,
    kind: &'static str,
    size: Size,
    filesystem: Filesystem,
    attributes: &'static str,
    /// Contents of the files placed in it, `/dir N/file N` each.
    files: Vec<Vec<u8>>,
}

#[derive(Clone, Debug)]
struct Disk {
    partitions: Vec<Partition>,
    /// The last partition takes the rest of a disk of so many MiB.
    size: Option<u64>,
    alignment: &'static str,
    entries: u32,
    sector_size: u64,
    /// The seed of a tree for the first ext4, if there is one.
    root: Option<u64>,
    mbr: bool,
}

fn filesystem() -> impl Strategy<Value = Filesystem> {
    prop_oneof![
        1 => Just(Filesystem::None),
        2 => Just(Filesystem::Fat),
        4 => (prop::sample::select(vec![1024_u32, 2048, 4096]), any::<bool>(), 0_u16..200).prop_map(
            |(block_size, journal, reserved)| Filesystem::Ext4 { block_size, journal, reserved }
        ),
    ]
}

fn partition() -> impl Strategy<Value = Partition> {
    let content = prop::collection::vec(any::<u8>(), 0..9000);
    (
        0_u32..3,
        prop::sample::select(vec!["linux", "esp", "swap", "root", "kurmaos-slot"]),
        prop_oneof![Just(Size::Auto), (40_u64..200).prop_map(Size::MiB)],
        filesystem(),
        prop::sample::select(vec![
            "",
            "legacy-boot",
            "read-only",
            "priority=3,tries=2,successful",
        ]),
        prop::collection::vec(content, 0..4),
    )
        .prop_map(
            |(gap, kind, size, filesystem, attributes, files)| Partition {
                gap,
                kind,
                size,
                filesystem,
                attributes,
                files,
            },
        )
}

fn disk() -> impl Strategy<Value = Disk> {
    (
        prop::collection::vec(partition(), 1..6),
        prop::option::of(1500_u64..4000),
        prop::sample::select(vec!["1 MiB", "64 KiB", "4096s", "1s"]),
        prop::sample::select(vec![128_u32, 140, 256]),
        prop_oneof![3 => Just(512_u64), 1 => Just(4096)],
        prop::option::of(any::<u64>()),
        prop::bool::weighted(0.25),
    )
        .prop_map(
            |(partitions, size, alignment, entries, sector_size, root, mbr)| Disk {
                partitions,
                size,
                alignment,
                entries,
                sector_size: if mbr { 512 } else { sector_size },
                root,
                mbr,
            },
        )
}

impl Disk {
    /// The numbers: an MBR has four, a GPT may leave some out.
    fn numbers(&self) -> Vec<u32> {
        let mut last = 0;
        let count = if self.mbr { 4 } else { usize::MAX };
        let partitions = self.partitions.iter().take(count);
        partitions
            .map(|partition| {
                last += 1 + if self.mbr { 0 } else { partition.gap };
                last
            })
            .collect()
    }

    /// The partition that the tree goes into. Its symlinks have targets that need blocks of 4 KiB.
    fn root(&self) -> Option<usize> {
        self.root?;
        let partitions = self.partitions.iter().take(self.numbers().len());
        partitions
            .enumerate()
            .find(|(_, each)| {
                matches!(
                    each.filesystem,
                    Filesystem::Ext4 {
                        block_size: 4096,
                        ..
                    }
                )
            })
            .map(|(index, _)| index)
    }

    fn toml(&self) -> String {
        let mut text = String::new();
        if self.root().is_some() {
            text.push_str("root = \"tree\"\n");
        }
        if let Some(size) = self.size {
            writeln!(text, "size = \"{size} MiB\"").unwrap();
        }
        let table = if self.mbr { "mbr" } else { "gpt" };
        writeln!(
            text,
            "[disk]\ntable = \"{table}\"\npartition-alignment = \"{}\"",
            self.alignment
        )
        .unwrap();
        if !self.mbr {
            writeln!(text, "entries = {}", self.entries).unwrap();
            writeln!(text, "sector-size = {}", self.sector_size).unwrap();
        }
        let numbers = self.numbers();
        for (index, (number, partition)) in numbers.iter().zip(&self.partitions).enumerate() {
            self.partition_toml(&mut text, index, *number, partition);
        }
        for (number, partition) in numbers.iter().zip(&self.partitions) {
            for (index, content) in partition.placed().iter().enumerate() {
                writeln!(
                    text,
                    "[[files]]\npartition = \"{number}\"\npath = \"/dir {index}/file {index}\"\nsource = \"{}\"",
                    source(*number, index)
                )
                .unwrap();
                assert!(content.len() < 9000);
            }
        }
        text
    }

    fn partition_toml(&self, text: &mut String, index: usize, number: u32, partition: &Partition) {
        writeln!(
            text,
            "[[partition]]\nnumber = {number}\nlabel = \"P{number}\""
        )
        .unwrap();
        // Not every type has a code in an MBR.
        let kind = if self.mbr { "linux" } else { partition.kind };
        writeln!(text, "type = \"{kind}\"").unwrap();
        let last = index + 1 == self.numbers().len();
        let none = matches!(partition.filesystem, Filesystem::None);
        let size = match partition.size {
            _ if last && self.size.is_some() => "rest".to_owned(),
            Size::Auto if none => "3 MiB".to_owned(),
            Size::Auto => "auto".to_owned(),
            Size::MiB(size) => format!("{size} MiB"),
        };
        writeln!(text, "size = \"{size}\"").unwrap();
        if !self.mbr && !partition.attributes.is_empty() {
            writeln!(text, "attributes = \"{}\"", partition.attributes).unwrap();
        }
        match partition.filesystem {
            Filesystem::None => {}
            Filesystem::Fat => text.push_str("filesystem = { type = \"fat\" }\n"),
            Filesystem::Ext4 {
                block_size,
                journal,
                reserved,
            } => {
                let journal = if journal { "\"auto\"" } else { "0" };
                let reserved = format!("{}.{}%", reserved / 10, reserved % 10);
                writeln!(
                    text,
                    "filesystem = {{ type = \"ext4\", block-size = {block_size}, journal = {journal}, reserved = \"{reserved}\" }}"
                )
                .unwrap();
            }
        }
        if self.root() == Some(index) {
            text.push_str("content = \"root\"\n");
        }
    }
}

impl Partition {
    /// The files that really go into it.
    fn placed(&self) -> &[Vec<u8>] {
        match self.filesystem {
            Filesystem::None => &[],
            _ => &self.files,
        }
    }
}

fn source(number: u32, index: usize) -> String {
    format!("files/{number}-{index}")
}

/// Writes tree and files, builds; the image and what `plan` says of it.
fn build(folder: &Path, disk: &Disk) -> (PathBuf, Value) {
    fs::create_dir(folder.join("files")).unwrap();
    for (number, partition) in disk.numbers().iter().zip(&disk.partitions) {
        for (index, content) in partition.placed().iter().enumerate() {
            fs::write(folder.join(source(*number, index)), content).unwrap();
        }
    }
    if disk.root().is_some() {
        let spec = TreeSpec {
            folders: 3,
            files: 6,
            longest: 20_000,
            crowd: 30,
            ..TreeSpec::default()
        };
        fs::create_dir(folder.join("tree")).unwrap();
        make_tree(&folder.join("tree"), disk.root.unwrap_or(0), &spec).unwrap();
    }
    fs::write(folder.join("disk.toml"), disk.toml()).unwrap();
    let arguments = [
        "--config",
        "disk.toml",
        "--format",
        "raw",
        "--json",
        "-o",
        "disk.raw",
    ];
    let plan = json(kurmadisk(folder).arg("plan").args(arguments));
    let made = json(kurmadisk(folder).arg("build").args(arguments));
    assert_eq!(plan["outputs"][0]["size"], made["size"]);
    (folder.join("disk.raw"), plan)
}

/// The partitions in the table, (number, offset, length) in bytes each.
fn read_table(image: &Path, disk: &Disk) -> Vec<(u32, u64, u64)> {
    if disk.mbr {
        judged(oracle::sfdisk_verify(image));
        let table = judged(oracle::sfdisk_json(image));
        let partitions = table["partitions"].as_array().unwrap().iter().zip(1..);
        let bytes = |value: &Value| value.as_u64().unwrap() * 512;
        return partitions
            .map(|(each, number)| (number, bytes(&each["start"]), bytes(&each["size"])))
            .collect();
    }
    let found = read_gpt(image, disk.sector_size);
    if disk.sector_size == 512 {
        let table = gpt(image);
        assert_eq!(table.entries, disk.entries);
        assert_eq!(table.partitions, found);
    }
    for (found, wanted) in found.iter().zip(&disk.partitions) {
        let attributes = match wanted.attributes {
            "legacy-boot" => 0x4,
            "read-only" => 1 << 60,
            "" => 0,
            _ => 0x0123_0000_0000_0000,
        };
        assert_eq!(found.attributes, attributes);
        assert_eq!(found.name, format!("P{}", found.number));
    }
    let bytes = |each: &GptPartition| {
        let (offset, sectors) = (each.first * disk.sector_size, each.last + 1 - each.first);
        (each.number, offset, sectors * disk.sector_size)
    };
    found.iter().map(bytes).collect()
}

/// The primary entries, read from the bytes: sgdisk knows only 512-byte sectors in a file.
fn read_gpt(image: &Path, sector_size: u64) -> Vec<GptPartition> {
    let file = File::open(image).unwrap();
    let mut header = [0; 92];
    file.read_exact_at(&mut header, sector_size).unwrap();
    assert_eq!(&header[..8], b"EFI PART");
    let count = u32::from_le_bytes(header[80..84].try_into().unwrap());
    let mut entries = vec![0; count as usize * 128];
    file.read_exact_at(&mut entries, 2 * sector_size).unwrap();
    let used = entries.chunks_exact(128).zip(1..);
    let used = used.filter(|(entry, _)| entry[..16] != [0; 16]);
    used.map(|(entry, number)| gpt_entry(number, entry))
        .collect()
}

fn check(disk: &Disk) {
    let folder = tempfile::tempdir().unwrap();
    let (image, plan) = build(folder.path(), disk);
    let table = read_table(&image, disk);
    let numbers: Vec<_> = table.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, disk.numbers());
    if let Some(size) = disk.size {
        assert_eq!(fs::metadata(&image).unwrap().len(), size << 20);
    }
    let planned = plan["partitions"].as_array().unwrap();
    for (index, (number, offset, length)) in table.into_iter().enumerate() {
        assert_eq!(planned[index]["start"], offset);
        assert_eq!(planned[index]["size"], length);
        let partition = &disk.partitions[index];
        let files = partition.placed().iter().enumerate();
        let wanted: BTreeMap<_, _> = files
            .map(|(index, content)| (format!("dir {index}/file {index}"), content.clone()))
            .collect();
        match partition.filesystem {
            Filesystem::None => {}
            Filesystem::Fat => {
                judged(oracle::fsck_fat_clean(&image, offset));
                assert_eq!(
                    read_fat(&image, offset, length),
                    wanted,
                    "partition {number}"
                );
            }
            Filesystem::Ext4 { .. } => {
                judged(oracle::e2fsck_clean(&image, offset));
                let mount = judged(oracle::mount_loop(&image, offset, length));
                let root = disk.root() == Some(index);
                for (path, content) in &wanted {
                    assert!(
                        &fs::read(mount.path().join(path)).unwrap() == content,
                        "{number}: {path}"
                    );
                }
                if root {
                    has_tree(&folder.path().join("tree"), mount.path(), wanted.len());
                }
            }
        }
    }
}

/// The mounted filesystem is the tree, apart from what was placed in it.
fn has_tree(tree: &Path, mounted: &Path, placed: usize) {
    let leave_out = (0..placed).fold(treediff::Options::default(), |options, index| {
        options.leave_out(format!("dir {index}"))
    });
    let compared = treediff::compare(tree, mounted, &leave_out.leave_out("lost+found")).unwrap();
    assert!(compared.expect_equal() > 100);
}

/// Every file of a FAT volume, as the `fatfs` crate reads it.
fn read_fat(image: &Path, offset: u64, length: u64) -> BTreeMap<String, Vec<u8>> {
    let copy = sparse::extract(image, offset, length).unwrap();
    let volume = fatfs::FileSystem::new(copy.reopen().unwrap(), fatfs::FsOptions::new()).unwrap();
    let mut found = BTreeMap::new();
    let mut folders = vec![(String::new(), volume.root_dir())];
    while let Some((path, folder)) = folders.pop() {
        for entry in folder.iter() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let below = format!("{path}{name}");
            if name == "." || name == ".." {
                continue;
            }
            if entry.is_dir() {
                folders.push((format!("{below}/"), entry.to_dir()));
            } else {
                let mut content = Vec::new();
                entry.to_file().read_to_end(&mut content).unwrap();
                found.insert(below, content);
            }
        }
    }
    found
}

#[test]
fn any_disk_is_clean_and_reads_back() {
    let config = Config {
        cases: 60,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        max_shrink_iters: 60,
        ..Config::default()
    };
    proptest!(config, |(disk in disk())| check(&disk));
}
