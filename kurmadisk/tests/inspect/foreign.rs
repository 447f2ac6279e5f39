//! Images of others: what is found is what their own programs find.

use std::path::Path;

use kurmadisk::inspect;
use kurmadisk_fixtures::oracle::{self, Tool};

use super::support::{
    assert_blkid_agrees, assert_dumpe2fs_agrees, blank, patch, problems, run, run_tool, whole,
};

const MIB: u64 = 1 << 20;
const QEMU_IMG: Tool = Tool {
    program: "qemu-img",
    package: "qemu-utils",
};
const MKSWAP: Tool = Tool {
    program: "mkswap",
    package: "util-linux",
};

/// A disk by sgdisk, mkfs.fat and mke2fs, with a backup GPT, attributes and a gap in the numbers.
fn sample(path: &Path) {
    blank(path, 96 * MIB);
    let table = [
        "-n=1:2048:+40M",
        "-t=1:ef00",
        "-c=1:EFI SYSTEM",
        "-A=1:set:2",
        "-n=5:0:+32M",
        "-t=5:8304",
        "-c=5:rööt",
        "-n=7:0:0",
    ];
    run("sgdisk", &table, path);
    let offset = ["-F", "32", "-s", "1", "-n", "MY ESP", "--offset", "2048"];
    let fat = [&offset[..], &["-i", "1234abcd"]].concat();
    let blocks = "40960";
    let mut command = oracle::tool("mkfs.fat").unwrap().command().unwrap();
    let made = command.args(fat).arg(path).arg(blocks).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    mke2fs(path, &["-L", "my root", "-E", "offset=42991616"], "32M");
}

fn mke2fs(path: &Path, options: &[&str], size: &str) {
    let mut command = oracle::tool("mke2fs").unwrap().command().unwrap();
    command.args(["-q", "-F"]).args(options).arg(path).arg(size);
    let made = command.output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

#[test]
fn a_disk_by_other_tools_is_read_as_they_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    sample(&path);
    let report = inspect::image(&path).unwrap().disk;
    assert_eq!(problems(&report), [""; 0]);
    let said = oracle::sgdisk_print(&path).unwrap();
    let table = report.table.unwrap();
    assert_eq!((table.kind, &table.id), ("gpt", &said.guid));
    assert_eq!(table.sectors, said.sectors);
    assert_eq!(report.partitions.len(), said.partitions.len());
    for (found, said) in report.partitions.iter().zip(&said.partitions) {
        assert_eq!(found.entry.number, said.number);
        assert_eq!(found.entry.label, said.name);
        assert_eq!(found.entry.type_code, said.type_guid);
        assert_eq!(found.entry.guid.as_ref(), Some(&said.guid));
        assert_eq!(
            (found.entry.start, found.entry.size),
            (said.offset(), said.length())
        );
        assert_eq!(
            (found.entry.first, found.entry.sectors),
            (said.first, said.length() / 512)
        );
    }
    let [esp, root, empty] = &report.partitions[..] else {
        panic!("three partitions")
    };
    assert_eq!(
        (esp.entry.kind.as_str(), root.entry.kind.as_str()),
        ("esp", "linux-root-x86-64")
    );
    assert_eq!(esp.entry.attributes, ["legacy-boot"]);
    let fat = esp.content.filesystem.as_ref().unwrap();
    assert_blkid_agrees(&path, esp.entry.start, fat);
    assert_eq!((fat.kind, fat.id.as_str()), ("FAT32", "1234-ABCD"));
    let ext4 = root.content.filesystem.as_ref().unwrap();
    assert_blkid_agrees(&path, root.entry.start, ext4);
    assert_dumpe2fs_agrees(&path, root.entry.start, ext4);
    assert_eq!(empty.content.kind, "empty");
}

#[test]
fn containers_by_qemu_hold_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    sample(&path);
    let raw = serde_json::to_value(inspect::image(&path).unwrap().disk).unwrap();
    for (format, subformat, name) in [
        ("vdi", None, "vdi"),
        ("vmdk", Some("subformat=monolithicSparse"), "vmdk"),
        ("vmdk", Some("subformat=streamOptimized"), "vmdk-stream"),
        ("vpc", Some("force_size=on"), "vhd"),
        ("vpc", Some("force_size=on,subformat=fixed"), "vhd-fixed"),
        ("vhdx", None, "vhdx"),
        ("vhdx", Some("subformat=fixed"), "vhdx-fixed"),
    ] {
        let image = folder.path().join(name);
        let mut arguments = vec!["convert", "-f", "raw", "-O", format];
        arguments.extend(subformat.iter().flat_map(|option| ["-o", *option]));
        run_tool(QEMU_IMG, &arguments, &[&path, &image]);
        let report = inspect::image(&image).unwrap();
        assert_eq!(report.container.format, name);
        let said = oracle::qemu_img_info_json(&image, format).unwrap();
        assert_eq!(said["virtual-size"], report.disk.size);
        let facts = serde_json::to_value(&report.container).unwrap();
        if let ("vmdk", Some(subformat)) = (format, subformat) {
            let (_, create_type) = subformat.split_once('=').unwrap();
            assert_eq!(facts["facts"]["create-type"], create_type);
            let cid = said["format-specific"]["data"]["cid"].as_u64().unwrap();
            // Its descriptors leave out leading zeros.
            let own = facts["facts"]["cid"].as_str().unwrap();
            assert_eq!(u64::from_str_radix(own, 16).unwrap(), cid);
        }
        assert_eq!(serde_json::to_value(&report.disk).unwrap(), raw, "{name}");
    }
}

#[test]
fn an_mbr_with_logical_partitions_is_read_as_sfdisk_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    blank(&path, 64 * MIB);
    let script = "label: dos\nlabel-id: 0x1234abcd\n\
        start=2048, size=20480, type=83, bootable\nstart=22528, type=f\n\
        start=24576, size=4096, type=82\nstart=30720, size=8192, type=83\n";
    let commands = folder.path().join("script");
    std::fs::write(&commands, script).unwrap();
    let mut sfdisk = oracle::tool("sfdisk").unwrap().command().unwrap();
    sfdisk.stdin(std::fs::File::open(commands).unwrap());
    let made = sfdisk.arg("-q").arg(&path).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    mke2fs(&path, &["-t", "ext2", "-E", "offset=1048576"], "10M");
    let report = inspect::image(&path).unwrap().disk;
    assert_eq!(problems(&report), [""; 0]);
    let said = oracle::sfdisk_json(&path).unwrap();
    let table = report.table.as_ref().unwrap();
    assert_eq!(said["id"], table.id);
    let extended = table.extended.as_ref().unwrap();
    assert_eq!((extended.number, extended.first), (2, 22528));
    let found: Vec<_> = report
        .partitions
        .iter()
        .map(|p| {
            (
                p.entry.number,
                p.entry.first,
                p.entry.sectors,
                p.entry.type_code.as_str(),
                p.content.kind,
            )
        })
        .collect();
    let expected = [
        (1, 2048, 20480, "0x83", "ext2"),
        (5, 24576, 4096, "0x82", "empty"),
        (6, 30720, 8192, "0x83", "empty"),
    ];
    assert_eq!(found, expected);
    assert_eq!(report.partitions[0].entry.attributes, ["active"]);
}

#[test]
fn every_kind_of_ext_is_read_as_e2fsprogs_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let kinds: [(&str, &[&str]); 6] = [
        ("ext2", &["-t", "ext2", "-L", "sixteen bytes !!"]),
        ("ext3", &["-t", "ext3", "-b", "1024", "-e", "panic"]),
        ("ext4", &["-t", "ext4", "-e", "remount-ro", "-m", "7"]),
        (
            "ext4",
            &["-t", "ext4", "-O", "bigalloc,^resize_inode,orphan_file"],
        ),
        (
            "ext4",
            &[
                "-t",
                "ext4",
                "-O",
                "^has_journal,inline_data,casefold",
                "-I",
                "512",
            ],
        ),
        ("ext2", &["-r", "0", "-t", "ext2", "-O", "none"]),
    ];
    for (kind, options) in kinds {
        let path = folder.path().join("volume");
        blank(&path, 32 * MIB);
        mke2fs(&path, options, "32M");
        let report = inspect::image(&path).unwrap().disk;
        let found = whole(&report);
        assert_eq!(found.kind, kind, "{options:?}");
        assert_eq!(found.size, 32 * MIB);
        assert_blkid_agrees(&path, 0, found);
        assert_dumpe2fs_agrees(&path, 0, found);
        assert!(found.clean);
    }
}

#[test]
fn every_kind_of_fat_is_read_as_blkid_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let kinds: [(&str, u64, &[&str]); 5] = [
        ("FAT12", 4, &["-n", "TWELVE"]),
        ("FAT16", 32, &["-F", "16", "-s", "4"]),
        ("FAT32", 64, &["-F", "32", "-s", "1", "-n", "thirty-two"]),
        ("FAT32", 300, &["-F", "32", "-S", "4096", "-s", "1"]),
        // mkfs.fat makes it, and firmware refuses it.
        ("FAT32", 16, &["-F", "32"]),
    ];
    for (kind, mib, options) in kinds {
        let path = folder.path().join("volume");
        blank(&path, mib * MIB);
        run("mkfs.fat", options, &path);
        let report = inspect::image(&path).unwrap().disk;
        assert!(report.table.is_none());
        let found = report
            .content
            .as_ref()
            .unwrap()
            .filesystem
            .as_ref()
            .unwrap();
        assert_eq!(found.kind, kind);
        assert_blkid_agrees(&path, 0, found);
        let free = found.free.unwrap() / found.block_size;
        // FAT32's root directory takes a cluster.
        assert_eq!(free, found.blocks - u64::from(kind == "FAT32"));
        let wrong = problems(&report);
        assert_eq!(wrong.len(), usize::from(mib == 16), "{wrong:?}");
    }
}

#[test]
fn the_label_in_the_root_directory_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume");
    blank(&path, 4 * MIB);
    run("mkfs.fat", &["-n", "NEW", "-i", "00000001"], &path);
    // The boot sector's label, which systems that rename a volume may leave as it was.
    patch(&path, 43, b"OLD        ");
    let report = inspect::image(&path).unwrap().disk;
    assert_eq!(whole(&report).label, "NEW");
    assert_blkid_agrees(&path, 0, whole(&report));
}

#[test]
fn swap_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume");
    blank(&path, MIB);
    run_tool(MKSWAP, &[], &[&path]);
    let report = inspect::image(&path).unwrap().disk;
    assert_eq!(report.content.unwrap().kind, "swap");
    assert!(report.table.is_none());
}
