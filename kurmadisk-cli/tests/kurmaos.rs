//! The built-in layouts with fixed places, held against their tables: by sgdisk, by sfdisk, and byte
//! by byte.

mod common;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use common::{
    demo_initrd, demo_kernel, gpt, gpt_entry, guid_text, judged, kurmadisk, labelled, u64_at,
};
use kurmadisk::boot::kurmaboot;
use kurmadisk_fixtures::oracle::{self, GptPartition};
use serde_json::json;

const SECTOR: u64 = 512;
const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
const BIOS_BOOT: &str = "21686148-6449-6e6f-744e-656564454649";
const SLOT: &str = "5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6";
const LINUX: &str = "0fc63daf-8483-4772-8e79-3d69d8477de4";
const RESIZE: &str = "3884dd41-8582-4404-b9a8-e9b84f2df50e";

/// A line of a layout's table.
struct Line {
    number: u32,
    label: &'static str,
    kind: &'static str,
    first: u64,
    sectors: u64,
    attributes: u64,
    /// Where the layout fixes it.
    guid: Option<&'static str>,
}

const fn line(
    number: u32,
    label: &'static str,
    kind: &'static str,
    first: u64,
    sectors: u64,
) -> Line {
    Line {
        number,
        label,
        kind,
        first,
        sectors,
        attributes: 0,
        guid: None,
    }
}

/// The KurmaOS disk; ROOT's size is the one thing in which its kinds differ.
const fn kurmaos(root_sectors: u64) -> [Line; 6] {
    [
        Line {
            attributes: 0x4,
            ..line(1, "EFI-SYSTEM", ESP, 4096, 524_288)
        },
        line(2, "BIOS-BOOT", BIOS_BOOT, 528_384, 4096),
        Line {
            attributes: 0x0101_0000_0000_0000,
            guid: Some("aa608ef3-dc7d-4bdd-b2b2-b87b3832f47f"),
            ..line(3, "KURMA-A", SLOT, 532_480, 4096)
        },
        Line {
            guid: Some("16294bcb-da53-458d-bc1c-7dbf84893896"),
            ..line(4, "KURMA-B", SLOT, 536_576, 4096)
        },
        line(5, "OEM", LINUX, 540_672, 262_144),
        line(6, "ROOT", RESIZE, 802_816, root_sectors),
    ]
}

fn build(folder: &Path, layout: &str) -> PathBuf {
    let image = folder.join("disk.raw");
    kurmadisk(folder)
        .args(["build", "--format", "raw", "--layout", layout, "--kernel"])
        .arg(demo_kernel())
        .arg("--initrd")
        .arg(demo_initrd())
        .args(["--cmdline", "quiet", "-o"])
        .arg(&image)
        .assert()
        .success();
    image
}

fn read(image: &Path, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let file = File::open(image).unwrap();
    file.read_exact_at(&mut bytes, offset).unwrap();
    bytes
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[track_caller]
fn has_line(found: &GptPartition, line: &Line) {
    let label = line.label;
    assert_eq!(found.number, line.number, "{label}");
    assert_eq!(found.name, label);
    assert_eq!(found.type_guid, line.kind, "{label}");
    assert_eq!(found.first, line.first, "{label}");
    assert_eq!(found.last, line.first + line.sectors - 1, "{label}");
    assert_eq!(found.attributes, line.attributes, "{label}");
    match line.guid {
        Some(guid) => assert_eq!(found.guid, guid, "{label}"),
        None => assert_ne!(found.guid, "00000000-0000-0000-0000-000000000000"),
    }
}

/// The entry array at byte `offset` (UEFI specification 5.3.3) has these lines and nothing else.
#[track_caller]
fn has_entries(image: &Path, offset: u64, lines: &[Line]) {
    let entries = read(image, offset, 128 * 128);
    for (index, entry) in entries.chunks_exact(128).enumerate() {
        let Some(line) = lines.get(index) else {
            assert_eq!(entry, [0; 128], "entry {}", index + 1);
            continue;
        };
        let number = u32::try_from(index + 1).unwrap();
        has_line(&gpt_entry(number, entry), line);
    }
}

#[track_caller]
fn is_the_kurmaos_disk(layout: &str, root_sectors: u64, sectors: u64) {
    let folder = tempfile::tempdir().unwrap();
    let image = build(folder.path(), layout);
    let lines = kurmaos(root_sectors);
    let len = fs::metadata(&image).unwrap().len();
    assert_eq!(len, sectors * SECTOR);

    let disk = gpt(&image);
    assert_eq!((disk.sectors, disk.entries), (sectors, 128));
    assert_eq!(disk.partitions.len(), lines.len());
    for (found, line) in disk.partitions.iter().zip(&lines) {
        has_line(found, line);
    }
    has_entries(&image, 2 * SECTOR, &lines);
    has_entries(&image, len - 33 * SECTOR, &lines);
    let (primary, backup) = (read(&image, SECTOR, 512), read(&image, len - SECTOR, 512));
    for (header, own, other) in [(&primary, 1, sectors - 1), (&backup, sectors - 1, 1)] {
        assert_eq!(&header[..8], b"EFI PART");
        assert_eq!((u64_at(header, 24), u64_at(header, 32)), (own, other));
        assert_eq!(guid_text(&header[56..72]), disk.guid);
    }
    has_hybrid_mbr(&image);
    has_loader(&image, lines[1].first);
    contents_are_sound(&image);
}

/// The ESP as an active partition of type 0x0c, then what protects the table before it.
#[track_caller]
fn has_hybrid_mbr(image: &Path) {
    let mbr = read(image, 0, 512);
    let entry = |number: usize| &mbr[446 + 16 * number..][..16];
    let summary = |number| {
        let entry = entry(number);
        (entry[0], entry[4], u32_at(entry, 8), u32_at(entry, 12))
    };
    assert_eq!(summary(0), (0x80, 0x0c, 4096, 524_288));
    assert_eq!(summary(1), (0x00, 0xee, 1, 4095));
    assert_eq!(entry(2), [0; 16]);
    assert_eq!(entry(3), [0; 16]);
    assert_eq!(mbr[510..], [0x55, 0xaa]);
}

/// The loader for BIOS machines, assembled for this place.
#[track_caller]
fn has_loader(image: &Path, first: u64) {
    let loader = kurmaboot::bios_loader(first).unwrap();
    let code = &loader.boot_code;
    assert!(read(image, 0, code.len()) == *code);
    assert!(read(image, first * SECTOR, loader.stage2.len()) == loader.stage2);
}

#[track_caller]
fn contents_are_sound(image: &Path) {
    let disk = gpt(image);
    let esp = labelled(&disk, "EFI-SYSTEM").offset();
    judged(oracle::fsck_fat_clean(image, esp));
    for (path, content) in [
        ("::/EFI/BOOT/BOOTX64.EFI", kurmaboot::uefi_loader().unwrap()),
        ("::/kurmaos/vmlinuz-a", fs::read(demo_kernel()).unwrap()),
        ("::/kurmaos/initrd-a", fs::read(demo_initrd()).unwrap()),
        ("::/kurmaos/cmdline", b"quiet\n".to_vec()),
    ] {
        assert!(
            judged(oracle::mcopy_read(image, esp, path)) == content,
            "{path}"
        );
    }
    for label in ["OEM", "ROOT"] {
        let offset = labelled(&disk, label).offset();
        judged(oracle::e2fsck_clean(image, offset));
        let superblock = judged(oracle::dumpe2fs(image, offset));
        let says = |field: &str| {
            let line = superblock.lines().find_map(|line| line.strip_prefix(field));
            line.map(str::trim).unwrap_or_default()
        };
        assert_eq!(says("Filesystem volume name:"), label);
        assert_eq!(says("Block size:"), "4096");
        assert_eq!(says("Errors behavior:"), "Remount read-only");
        let blocks: u64 = says("Block count:").parse().unwrap();
        assert_eq!(blocks * 4096, labelled(&disk, label).length());
        // An inode for each 4096 bytes, as far as whole groups allow.
        let inodes: u64 = says("Inode count:").parse().unwrap();
        assert!(
            inodes >= blocks && inodes < blocks + blocks / 64,
            "{inodes} of {blocks}"
        );
    }
}

#[test]
fn kurmaos_is_its_table() {
    is_the_kurmaos_disk("kurmaos", 2_097_152, 3_096_576);
}

#[test]
fn kurmaos_vm_is_the_same_with_a_larger_root() {
    // The last partition's end and the backup table, up to the next multiple of 258048 sectors.
    let end: u64 = 802_816 + 12_943_360 + 33;
    is_the_kurmaos_disk("kurmaos-vm", 12_943_360, end.next_multiple_of(258_048));
}

#[test]
fn bios_has_an_active_boot_partition() {
    let folder = tempfile::tempdir().unwrap();
    let image = build(folder.path(), "bios");
    judged(oracle::sfdisk_verify(&image));
    let table = judged(oracle::sfdisk_json(&image));
    assert_eq!(table["label"], "dos");
    let partitions = table["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 2);
    let (boot, root) = (&partitions[0], &partitions[1]);
    assert_eq!(boot["bootable"], json!(true));
    assert_eq!(root.get("bootable"), None);
    assert_eq!(
        (&boot["type"], &boot["start"]),
        (&json!("ef"), &json!(2048))
    );
    assert_eq!(root["type"], json!("83"));

    has_loader(&image, 1);
    let mbr = read(&image, 0, 512);
    let place = |partition: &serde_json::Value| {
        let number = |field: &str| u32::try_from(partition[field].as_u64().unwrap()).unwrap();
        (number("start"), number("size"))
    };
    assert_eq!((mbr[446], mbr[450]), (0x80, 0xef));
    assert_eq!((u32_at(&mbr, 454), u32_at(&mbr, 458)), place(boot));
    assert_eq!((mbr[462], mbr[466]), (0, 0x83));
    assert_eq!((u32_at(&mbr, 470), u32_at(&mbr, 474)), place(root));
    assert_eq!(mbr[478..510], [0; 32]);
    assert_eq!(mbr[510..], [0x55, 0xaa]);
    assert_ne!(u32_at(&mbr, 440), 0, "the disk's signature");

    let offset = 2048 * SECTOR;
    judged(oracle::fsck_fat_clean(&image, offset));
    for (name, source) in [("vmlinuz-a", demo_kernel()), ("initrd-a", demo_initrd())] {
        let placed = judged(oracle::mcopy_read(
            &image,
            offset,
            &format!("::/kurmaos/{name}"),
        ));
        assert!(placed == fs::read(source).unwrap(), "{name}");
    }
    judged(oracle::e2fsck_clean(
        &image,
        u64::from(place(root).0) * SECTOR,
    ));
}
