//! `disk_layout.json`, in both of its forms.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Bench;
use crate::common::{gpt, json, judged, labelled};
use kurmadisk::Builder;
use kurmadisk::spec::{ImageSpec, Located};
use kurmadisk_fixtures::oracle;
use proptest::prelude::*;

/// As CoreOS and Flatcar write them.
const BY_NUMBER: &str = r#"{
  "_comment": "sizes in blocks",
  "metadata": { "part_alignment": 4096, "disk_alignment": "258048", "block_size": 512, "fs_block_size": 4096 },
  "layouts": {
    "base": {
      "1": { "label": "EFI-SYSTEM", "fs_label": "EFI-SYSTEM", "type": "efi", "blocks": "81920", "fs_type": "vfat",
             "mount": "/boot", "features": ["hybrid"] },
      "2": { "label": "BIOS-BOOT", "type": "bios", "blocks": "4096" },
      "3": { "label": "USR-A", "uuid": "0f7b6f5e-1111-4a5a-9c1e-3a3f2d6f0001", "type": "flatcar-rootfs",
             "blocks": "40960", "fs_blocks": "4096", "fs_type": "ext2", "mount": "/usr",
             "features": ["prioritize", "verity"] },
      "4": { "label": "USR-B", "type": "coreos-usr", "blocks": "40960", "extract_blocks": "20480" },
      "5": { "label": "gone", "type": "blank", "blocks": "0" },
      "6": { "label": "OEM", "fs_label": "OEM", "type": "data", "blocks": "32768", "fs_blocks": "2048",
             "fs_type": "ext4", "fs_bytes_per_inode": "8192", "fs_inode_size": 128, "mount": "/usr/share/oem" },
      "7": { "label": "OEM-CONFIG", "type": "coreos-reserved", "blocks": "2048" },
      "9": { "label": "ROOT", "fs_label": "ROOT", "type": "coreos-resize", "blocks": "65536", "fs_type": "ext4",
             "mount": "/", "binds": { "state": "/var" } }
    },
    "vm": {
      "6": { "type": "blank" },
      "9": { "label": "ROOT", "blocks": "131072" }
    }
  }
}
"#;

/// As ChromiumOS writes them: comments, a parent, an order of its own.
const LISTED: &str = r#"{
  # What all boards have is in another file.
  "parent": "common.json",
  "hybrid_mbr": true,
  "metadata": { "block_size": 512, "fs_block_size": 4096, "fs_align": "2 MiB" },
  "layouts": {
    "common": [
      { "num": 3, "fs_size": "12 MiB" } # smaller than "size"
    ],
    "base": [],
    "usb": [
      { "num": 5, "size": "1 MiB" }
    ]
  }
}
"#;
const COMMON: &str = r#"{
  "metadata": { "rootdev_base": "/sys/block/sda" },
  "layouts": {
    "common": [
      { "num": "metadata", "erase_block_size": "4 KiB" },
      { "num": 6, "label": "KERN-C", "type": "kernel" },
      { "num": 8, "label": "OEM", "type": "data", "size": "4 MiB", "fs_format": "ext4", "uuid": "random" },
      { "type": "blank", "size": "1 MiB" },
      { "num": 12, "label": "EFI-SYSTEM", "type": "efi", "fs_format": "vfat", "size": "40 MiB", "uuid": "clear" },
      { "num": 2, "label": "KERN-A", "type": "kernel", "size": "16 MiB" },
      { "num": 3, "label": "ROOT-A", "type": "rootfs", "fs_format": "ext2", "size": "16 MiB",
        "fs_options": { "squashfs": "-comp lzo" } },
      { "num": 4, "label": "KERN-B", "type": "kernel", "size": "16 MiB" },
      { "num": 5, "label": "ROOT-B", "type": "rootfs", "size": "16 MiB" },
      { "num": 1, "label": "STATE", "type": "data", "fs_format": "ext4", "size": "20 MiB", "features": ["expand"] },
      { "num": 10, "label": "MINIOS-B", "type": "minios", "size": "2 MiB", "features": ["last_partition"] }
    ]
  }
}
"#;

const SLOT: &str = "5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6";
const CROS_KERNEL: &str = "fe3a2a5d-4f32-41a7-b725-accc3285a309";
const CROS_ROOTFS: &str = "3cb8e202-3b7e-47dd-8a3c-7ff2a13cfcec";

fn built(bench: &Bench, arguments: &[&str]) -> PathBuf {
    let common = [
        "build", "--format", "raw", "-o", "disk.raw", "--owner", "0:0", "--root", "tree",
    ];
    bench
        .run(common.into_iter().chain(arguments.iter().copied()))
        .assert()
        .success();
    bench.join("disk.raw")
}

/// All paths of a filesystem, as debugfs tells them.
fn paths(image: &Path, offset: u64) -> Vec<String> {
    let (mut found, mut pending) = (Vec::new(), vec![String::new()]);
    while let Some(folder) = pending.pop() {
        let said = judged(oracle::debugfs(
            image,
            offset,
            &format!("ls -p \"{folder}/\""),
        ));
        for line in said.lines() {
            // Inode, mode, owner, group, name and size, with slashes between them.
            let fields: Vec<_> = line.split('/').collect();
            let [_, _, mode, _, _, name, ..] = fields[..] else {
                continue;
            };
            if [".", "..", "lost+found"].contains(&name) {
                continue;
            }
            let path = format!("{folder}/{name}");
            found.push(path.clone());
            if mode.starts_with("04") {
                pending.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn partitions_by_number_are_placed_as_the_scripts_of_coreos_place_them() {
    let bench = Bench::new();
    bench.write("disk_layout.json", BY_NUMBER);
    bench.write("tree/usr/bin/tool", "tool");
    bench.write("tree/usr/share/oem/oem.txt", "oem");
    bench.write("tree/var/lib/state.txt", "state");
    let image = built(&bench, &["--layout", "disk_layout.json"]);
    let disk = gpt(&image);
    let found: Vec<_> = disk
        .partitions
        .iter()
        .map(|each| {
            (
                each.number,
                each.name.as_str(),
                each.first,
                each.last + 1 - each.first,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (1, "EFI-SYSTEM", 4096, 81920),
            (2, "BIOS-BOOT", 86016, 4096),
            (3, "USR-A", 90112, 40960),
            (4, "USR-B", 131_072, 40960),
            (6, "OEM", 172_032, 32768),
            (7, "OEM-CONFIG", 204_800, 2048),
            (9, "ROOT", 208_896, 65536),
        ]
    );
    assert_eq!(disk.sectors, 2 * 258_048);
    let usr = labelled(&disk, "USR-A");
    assert_eq!(
        (usr.type_guid.as_str(), usr.attributes),
        (SLOT, 0x0101 << 48)
    );
    assert_eq!(usr.guid, "0f7b6f5e-1111-4a5a-9c1e-3a3f2d6f0001");
    assert_eq!(labelled(&disk, "USR-B").type_guid, SLOT);
    assert_eq!(labelled(&disk, "EFI-SYSTEM").attributes, 4);

    let (oem, root) = (labelled(&disk, "OEM"), labelled(&disk, "ROOT"));
    for partition in [usr, oem, root] {
        judged(oracle::e2fsck_clean(&image, partition.offset()));
    }
    let superblock = judged(oracle::dumpe2fs(&image, oem.offset()));
    for line in [
        "Filesystem volume name:   OEM\n",
        "Block count:              2048\n",
        "Inode count:              1024\n",
        "Inode size:\t          128\n",
        "Remount read-only",
    ] {
        assert!(superblock.contains(line), "no {line:?} in {superblock}");
    }
    // The directories of the root tree are where they are mounted from.
    let files = |offset| paths(&image, offset);
    assert_eq!(
        files(usr.offset()),
        ["/bin", "/bin/tool", "/share", "/share/oem"]
    );
    assert_eq!(files(oem.offset()), ["/oem.txt"]);
    assert_eq!(
        files(root.offset()),
        [
            "/etc",
            "/etc/hostname",
            "/state",
            "/state/lib",
            "/state/lib/state.txt",
            "/usr",
            "/var"
        ]
    );
}

#[test]
fn what_is_mounted_within_another_mount_goes_to_its_own_partition() {
    let bench = Bench::new();
    // As many slashes as in the other one's path, which lies below.
    let layout = BY_NUMBER.replace("\"/usr\"", "\"/usr/share/\"");
    bench.write("disk_layout.json", &layout);
    bench.write("tree/usr/share/oem/oem.txt", "oem");
    let image = built(&bench, &["--layout", "disk_layout.json"]);
    let disk = gpt(&image);
    let files = |label| paths(&image, labelled(&disk, label).offset());
    assert_eq!(files("USR-A"), ["/oem"]);
    assert_eq!(files("OEM"), ["/oem.txt"]);
}

#[test]
fn another_layout_inherits_from_base() {
    let bench = Bench::new();
    bench.write("disk_layout.json", BY_NUMBER);
    let plan = json(&mut bench.run([
        "plan",
        "--json",
        "--layout",
        "disk_layout.json",
        "--disk-layout",
        "vm",
    ]));
    let partitions = plan["partitions"].as_array().unwrap();
    let numbers: Vec<_> = partitions
        .iter()
        .map(|each| each["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 7, 9]);
    let root = partitions.last().unwrap();
    assert_eq!(root["size"], 131_072 * 512);
    assert_eq!(root["filesystem"]["type"], "ext4");
}

#[test]
fn a_configuration_may_stand_on_it_and_change_it() {
    let bench = Bench::new();
    bench.write(
        "layouts/disk_layout.json",
        &BY_NUMBER.replace("\"ext2\"", "\"btrfs\", \"fs_compression\": \"zstd\""),
    );
    let over = "[[partition]]\nnumber = 3\nfilesystem = { type = \"ext4\" }\n";
    bench.write(
        "layouts/own.toml",
        &format!("layout = \"disk_layout.json\"\ndisk-layout = \"vm\"\n{over}"),
    );
    let image = built(&bench, &["--layout", "layouts/own.toml"]);
    let disk = gpt(&image);
    assert_eq!(labelled(&disk, "ROOT").length(), 131_072 * 512);
    judged(oracle::e2fsck_clean(
        &image,
        labelled(&disk, "USR-A").offset(),
    ));
}

#[test]
fn a_list_is_placed_as_the_scripts_of_chromiumos_place_it() {
    let bench = Bench::new();
    bench.write("board.json", LISTED);
    bench.write("common.json", COMMON);
    let image = built(&bench, &["--layout", "board.json", "--size", "256 MiB"]);
    let disk = gpt(&image);
    let mib = 2048;
    let places: Vec<_> = [
        (6, "KERN-C", 64, 1),
        (8, "OEM", 2 * mib, 4 * mib),
        (12, "EFI-SYSTEM", 7 * mib, 40 * mib),
        (2, "KERN-A", 47 * mib, 16 * mib),
        (3, "ROOT-A", 64 * mib, 16 * mib),
        (4, "KERN-B", 80 * mib, 16 * mib),
        (5, "ROOT-B", 96 * mib, 16 * mib),
    ]
    .into();
    for (number, label, first, length) in places {
        let found = labelled(&disk, label);
        assert_eq!(
            (found.number, found.first, found.last + 1 - found.first),
            (number, first, length),
            "{label}"
        );
    }
    // What follows the partition that grows lies at the end.
    let (state, last) = (labelled(&disk, "STATE"), labelled(&disk, "MINIOS-B"));
    assert_eq!(state.first, 112 * mib);
    assert_eq!((state.last + 1, last.last), (last.first, disk.sectors - 34));
    let types = |label| labelled(&disk, label).type_guid.as_str();
    assert_eq!(
        (types("KERN-A"), types("ROOT-A")),
        (CROS_KERNEL, CROS_ROOTFS)
    );
    let attributes = |label| labelled(&disk, label).attributes >> 48;
    assert_eq!(
        (
            attributes("KERN-A"),
            attributes("KERN-B"),
            attributes("KERN-C")
        ),
        (0xff, 0xf0, 0xf0)
    );
    let root = labelled(&disk, "ROOT-A").offset();
    judged(oracle::e2fsck_clean(&image, root));
    let superblock = judged(oracle::dumpe2fs(&image, root));
    assert!(
        superblock.contains("Block count:              3072\n"),
        "{superblock}"
    );
    assert!(!superblock.contains("has_journal"), "{superblock}");
    assert_eq!(paths(&image, root), ["/etc", "/etc/hostname"]);

    let usb = built(&bench, &["--layout", "board.json", "--disk-layout", "usb"]);
    let disk = gpt(&usb);
    assert_eq!(labelled(&disk, "ROOT-B").length(), 1 << 20);
    assert_eq!(labelled(&disk, "KERN-B").attributes, 0);
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let changed = |from: &str, to: &str| {
        assert!(BY_NUMBER.contains(from), "{from}");
        BY_NUMBER.replacen(from, to, 1)
    };
    let cases = [
        (
            changed("\"ext2\"", "\"btrfs\""),
            "disk_layout.json:10:65: fs_type: btrfs is not written here; give partition 3",
        ),
        (
            changed("\"prioritize\"", "\"priority\""),
            "disk_layout.json:11:26: features: \"priority\" is not known",
        ),
        (
            changed("\"bios\"", "\"boot\""),
            "disk_layout.json:8:44: type: partition type \"boot\" is unknown",
        ),
        (
            changed("\"fs_inode_size\"", "\"inode_size\""),
            "inode_size: partitions have no such key",
        ),
        (
            changed("\"block_size\": 512", "\"block_size\": 0"),
            "block_size: it can't be 0",
        ),
        (
            changed("\"4096\", \"fs_type\"", "\"99999\", \"fs_type\""),
            "fs_blocks: the filesystem would be larger",
        ),
        (changed("\"layouts\"", "\"layout\""), "layout: no such key"),
        (
            changed("\"/usr\"", "\"/usr/share/oem\""),
            "mount: what is in /usr/share/oem goes to partition 3 (USR-A) already",
        ),
        (
            changed("{ \"state\": \"/var\" }", "[\"/var\"]"),
            "binds: it is an object of paths",
        ),
        (changed("\"_comment\": ", ""), "disk_layout.json:2:"),
        (
            changed("\"blocks\": \"4096\"", "\"fs_size\": 1"),
            "the partition has no blocks",
        ),
        (
            BY_NUMBER.replace("\"2\": {", "\"two\": {"),
            "\"two\" is no number of a partition",
        ),
    ];
    for (text, said) in cases {
        let bench = Bench::new();
        bench.write("disk_layout.json", &text);
        let parts = ["", said];
        bench.refuses(
            [
                "--layout",
                "disk_layout.json",
                "--root",
                "tree",
                "--format",
                "raw",
            ],
            &parts,
        );
    }
    let bench = Bench::new();
    bench.write("disk_layout.json", BY_NUMBER);
    let refused = |arguments: &[&str], said: &str| {
        let usual = ["--format", "raw"];
        bench.refuses(usual.into_iter().chain(arguments.iter().copied()), &[said]);
    };
    refused(
        &["--layout", "disk_layout.json", "--disk-layout", "cloud"],
        "--disk-layout: disk-layout: disk_layout.json has no layout \"cloud\"; it has base, vm",
    );
    refused(
        &["--layout", "efi", "--disk-layout", "vm"],
        "--disk-layout: disk-layout: only a disk_layout.json",
    );
    refused(
        &["--layout", "none.json"],
        "--layout: layout: \"none.json\" is none of the built-in ones",
    );
    for (parent, said) in [
        ("board.json", "inherits from itself"),
        ("none.json", "there is no file none.json"),
    ] {
        bench.write("board.json", &LISTED.replace("common.json", parent));
        bench.refuses(
            ["--layout", "board.json", "--format", "raw"],
            &["board.json:3:13: parent: ", said],
        );
    }
}

#[test]
fn a_file_on_both_sides_of_a_mount_is_refused() {
    let bench = Bench::new();
    bench.write("disk_layout.json", BY_NUMBER);
    bench.write("tree/usr/one", "content");
    std::fs::hard_link(bench.join("tree/usr/one"), bench.join("tree/etc/two")).unwrap();
    let arguments = [
        "--layout",
        "disk_layout.json",
        "--root",
        "tree",
        "--format",
        "raw",
    ];
    bench.refuses(
        arguments,
        &[
            "disk_layout.json:10:82: mount",
            "/usr/one is a hard link of a file that also has a name outside",
        ],
    );
}

/// Where the partitions of a layout begin, and how long they are, by number.
fn places(text: &str, layout: &str) -> Vec<(u32, u64, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk_layout.json");
    std::fs::write(&path, text).unwrap();
    let wanted = Located::by_caller(layout.to_owned());
    let spec = ImageSpec::from_disk_layout(&path, Some(&wanted), &BTreeSet::new()).unwrap();
    let plan = Builder::from_spec(spec).plan().unwrap();
    let partitions = plan.layout().partitions.iter();
    partitions
        .map(|each| (each.number, each.first.0, each.sectors))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_layout_is_placed_as_its_scripts_would(
        entries in prop::collection::vec((1..5000_u64, prop::bool::weighted(0.2), prop::option::of(1..5000_u64)), 1..12),
        alignment in prop::sample::select(vec![1_u64, 8, 2048, 4096]),
    ) {
        let numbered = || (1_u32..).zip(&entries);
        let kind = |blank: bool| if blank { "blank" } else { "data" };
        let base: Vec<_> = numbered()
            .map(|(n, (blocks, blank, _))| {
                format!(r#""{n}": {{ "label": "P{n}", "type": "{}", "blocks": "{blocks}" }}"#, kind(*blank))
            })
            .collect();
        // What another layout makes larger or smaller.
        let other: Vec<_> = numbered()
            .filter_map(|(n, (_, _, other))| Some(format!(r#""{n}": {{ "blocks": {} }}"#, other.as_ref()?)))
            .collect();
        let text = format!(
            r#"{{ "metadata": {{ "part_alignment": {alignment} }}, "layouts": {{ "base": {{ {} }}, "vm": {{ {} }} }} }}"#,
            base.join(", "),
            other.join(", ")
        );
        let mut at = 34_u64;
        let mut expected = Vec::new();
        for (number, (blocks, blank, other)) in numbered() {
            if !blank {
                at = at.next_multiple_of(alignment);
                let blocks = other.unwrap_or(*blocks);
                expected.push((number, at, blocks));
                at += blocks;
            }
        }
        if expected.is_empty() {
            return Ok(());
        }
        prop_assert_eq!(places(&text, "vm"), expected);

        // As a list, from the last number to the first, where a blank takes room.
        let mut list: Vec<_> = numbered()
            .map(|(n, (blocks, blank, _))| {
                if *blank {
                    format!(r#"{{ "type": "blank", "size": {} }}"#, blocks * 512)
                } else {
                    format!(r#"{{ "num": {n}, "label": "P{n}", "type": "kernel", "blocks": {blocks} }} # {n}
"#)
                }
            })
            .collect();
        list.reverse();
        let text = format!(r#"{{ "layouts": {{ "common": [{}], "base": [] }} }}"#, list.join(", "));
        let mut at = 64;
        let mut expected = Vec::new();
        for (number, (blocks, blank, _)) in numbered().collect::<Vec<_>>().into_iter().rev() {
            if !blank {
                expected.push((number, at, *blocks));
            }
            at += blocks;
        }
        prop_assert_eq!(places(&text, "base"), expected);
    }
}
