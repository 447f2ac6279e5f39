//! Damaged and hostile images: told as far as they make sense, and never a panic.

use std::sync::LazyLock;

use kurmadisk::inspect;
use kurmadisk::{ImageFormat, Plan};
use kurmadisk_formats::error::OpenError;
use kurmadisk_formats::open::Image;
use kurmadisk_formats::read_at::ReadAt;
use proptest::prelude::*;

use super::support::{bytes, on, problems, small};

fn disk(plan: &Plan) -> Vec<u8> {
    bytes(&plan.disk_map().unwrap())
}

/// The same disk in a container's file.
fn contained(format: ImageFormat) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let go_on = &mut |_| std::ops::ControlFlow::Continue(());
    small().write(format, &path, go_on).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn a_broken_copy_of_the_table_is_told_and_the_other_one_read() {
    let sound = disk(&small());
    let mut primary = sound.clone();
    primary[512 + 40] ^= 1;
    let report = on(&primary);
    assert_eq!(report.partitions.len(), 3);
    assert_eq!(
        problems(&report),
        ["the primary GPT has a wrong header checksum"]
    );
    let mut backup = sound;
    let last = backup.len() - 512;
    backup[last..].fill(0);
    let report = on(&backup);
    assert_eq!(report.partitions.len(), 3);
    assert_eq!(problems(&report), ["the backup GPT is missing"]);
}

#[test]
fn without_any_copy_the_table_is_a_problem_of_the_disk() {
    let mut bytes = disk(&small());
    let last = bytes.len() - 512;
    bytes[512..1024].fill(0);
    bytes[last..].fill(0);
    let report = on(&bytes);
    assert!(report.table.is_none() && report.partitions.is_empty());
    let expected =
        "the MBR announces a GPT, but its primary copy is missing and its backup is missing";
    assert_eq!(problems(&report), [expected]);
    assert_eq!(report.content.unwrap().kind, "unknown");
}

#[test]
fn a_cut_disk_tells_what_is_left() {
    let bytes = disk(&small());
    let report = on(&bytes[..600 << 10]);
    assert_eq!(report.partitions.len(), 3);
    let kinds: Vec<_> = report.partitions.iter().map(|p| p.content.kind).collect();
    assert_eq!(kinds, ["FAT12", "ext4", "unreadable"]);
    let text = problems(&report).join("\n");
    assert!(
        text.contains("3: the filesystem is larger than its place"),
        "{text}"
    );
    assert!(
        text.contains("4: the partition lies outside of the disk"),
        "{text}"
    );
}

#[test]
fn garbage_and_nothing_are_told_apart() {
    let kind = |bytes: &[u8]| {
        let report = on(bytes);
        assert!(
            report.table.is_none() && report.problems.is_empty(),
            "{report:?}"
        );
        report.content.unwrap().kind
    };
    assert_eq!(kind(&[]), "empty");
    assert_eq!(kind(&[0; 100]), "empty");
    assert_eq!(kind(&vec![0; 1 << 20]), "empty");
    assert_eq!(kind(&[7; 100]), "unknown");
    assert_eq!(kind(&vec![0xff; 1 << 20]), "unknown");
}

/// Where each of them has its signature, by its own documentation.
#[test]
fn other_contents_are_told_by_name() {
    let known: [(&str, usize, &[u8]); 14] = [
        ("squashfs", 0, b"hsqs"),
        ("xfs", 0, b"XFSB"),
        ("LUKS", 0, b"LUKS\xba\xbe\0\x02"),
        ("dm-verity", 0, b"verity\0\0\x01\0\0\0"),
        ("NTFS", 3, b"NTFS    "),
        ("exFAT", 3, b"EXFAT   "),
        ("BitLocker", 3, b"-FVE-FS-"),
        ("erofs", 1024, b"\xe2\xe1\xf5\xe0"),
        ("f2fs", 1024, b"\x10\x20\xf5\xf2"),
        (
            "LVM",
            512,
            b"LABELONE\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0LVM2 001",
        ),
        ("swap", 4086, b"SWAPSPACE2"),
        ("Linux RAID", 4096, b"\xfc\x4e\x2b\xa9"),
        ("ISO 9660", 32_769, b"CD001"),
        ("btrfs", 65_600, b"_BHRfS_M"),
    ];
    for (name, offset, signature) in known {
        let mut bytes = vec![0; 256 << 10];
        bytes[offset..offset + signature.len()].copy_from_slice(signature);
        let report = on(&bytes);
        assert_eq!(report.content.unwrap().kind, name);
    }
}

#[test]
fn a_damaged_superblock_is_told() {
    let sound = disk(&small());
    let start = usize::try_from(on(&sound).partitions[1].entry.start).unwrap() + 1024;
    let damage = |offset: usize, with: &[u8]| {
        let mut bytes = sound.clone();
        bytes[start + offset..start + offset + with.len()].copy_from_slice(with);
        on(&bytes)
    };
    let wrong_sum = "3: the superblock has a wrong checksum";
    // The label.
    let report = damage(0x78, b"\x1b[31mred\xff");
    assert_eq!(problems(&report), [wrong_sum]);
    let filesystem = report.partitions[1].content.filesystem.clone().unwrap();
    assert_eq!(filesystem.label, "\u{1b}[31mred\u{fffd}");
    // The state, and the feature that asks for a replay.
    let report = damage(0x3a, &[2]);
    let unclean = "3: the filesystem was not unmounted cleanly";
    let errors = "3: the filesystem has errors on record: run e2fsck";
    assert_eq!(problems(&report), [wrong_sum, unclean, errors]);
    assert!(
        !report.partitions[1]
            .content
            .filesystem
            .as_ref()
            .unwrap()
            .clean
    );
    // The logarithm of the block size, and the number of blocks.
    for (offset, with) in [(0x18, [0xff; 4]), (4, [0; 4])] {
        let report = damage(offset, &with);
        let wrong = problems(&report);
        assert!(
            wrong[0].starts_with("3: it has the signature of ext4"),
            "{wrong:?}"
        );
        assert_eq!(report.partitions[1].content.kind, "unknown");
    }
}

#[test]
fn a_damaged_boot_sector_is_told() {
    let sound = disk(&small());
    let start = usize::try_from(on(&sound).partitions[0].entry.start).unwrap();
    let damage = |offset: usize, with: &[u8]| {
        let mut bytes = sound.clone();
        bytes[start + offset..start + offset + with.len()].copy_from_slice(with);
        on(&bytes)
    };
    let impossible = "1: its boot sector has impossible sizes for a FAT volume";
    // Sectors per FAT; sectors of the volume.
    for (offset, with) in [(22, [0xff, 0xff]), (19, [1, 0])] {
        let report = damage(offset, &with);
        assert_eq!(problems(&report), [impossible]);
        assert_eq!(report.partitions[0].content.kind, "unknown");
    }
    let report = damage(19, &[0xff, 0x01]);
    assert_eq!(problems(&report), [""; 0], "smaller than its place is fine");
    // Bytes per sector, and the signature: then it is no FAT volume.
    for (offset, with) in [(11, [1, 2]), (510, [0, 0])] {
        let report = damage(offset, &with);
        assert_eq!(report.partitions[0].content.kind, "unknown");
        assert_eq!(problems(&report), [""; 0]);
    }
    let report = damage(37, &[1]);
    assert_eq!(
        problems(&report),
        ["1: the filesystem was not unmounted cleanly"]
    );
}

/// A filesystem made over a partitioned disk leaves the backup GPT, and one with text in the place
/// of an MBR's entries leaves nonsense: neither is a table.
#[test]
fn a_boot_sector_is_no_table() {
    let sound = disk(&small());
    let report = on(&sound);
    let esp = &report.partitions[0];
    let start = usize::try_from(esp.entry.start).unwrap();
    let len = usize::try_from(esp.entry.size).unwrap();
    let mut over = sound.clone();
    over.copy_within(start..start + len, 0);
    let report = on(&over);
    assert_eq!(report.content.as_ref().unwrap().kind, "FAT12");
    assert!(report.table.is_none() && report.partitions.is_empty());
    let mut text = sound[start..start + len].to_vec();
    text[446..510].fill(b'!');
    let report = on(&text);
    assert_eq!(report.content.unwrap().kind, "FAT12");
    assert!(report.table.is_none());
}

#[test]
fn a_container_cut_short_cannot_be_opened() {
    for format in [ImageFormat::Vdi, ImageFormat::Vmdk, ImageFormat::VmdkStream] {
        let mut file = contained(format);
        file.truncate(file.len() / 2);
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), file).unwrap();
        let error = inspect::image(path.path()).unwrap_err();
        assert!(
            matches!(error, OpenError::Damaged { .. }),
            "{format}: {error:?}"
        );
    }
}

#[test]
fn a_grain_that_does_not_inflate_is_told() {
    let mut file = contained(ImageFormat::VmdkStream);
    let sound = report_of(file.clone()).unwrap();
    assert_eq!(problems(&sound), [""; 0]);
    // The first grain's data begins behind its marker of 12 bytes, the first thing after the
    // overhead, whose length in sectors stands in the header.
    let overhead = u64::from_le_bytes(file[64..72].try_into().unwrap());
    let data = usize::try_from(overhead * 512).unwrap() + 12;
    file[data..data + 64].fill(0xa5);
    let report = report_of(file).unwrap();
    let text = problems(&report).join("\n");
    assert!(text.contains("grain"), "{text}");
    assert!(report.table.is_none());
}

fn report_of(file: Vec<u8>) -> Result<inspect::DiskReport, OpenError> {
    let image = Image::from_reader(Box::new(file.into_boxed_slice()) as Box<dyn ReadAt>)?;
    Ok(inspect::disk(&image))
}

/// Places in the first MiB that something is read from.
fn read_places() -> impl Strategy<Value = usize> {
    let all = on(&SMALL_DISK);
    let starts: Vec<usize> = all
        .partitions
        .iter()
        .map(|partition| usize::try_from(partition.entry.start).unwrap())
        .collect();
    let (fat, ext) = (starts[0], starts[1]);
    prop_oneof![
        0..34 * 512_usize,
        446..512_usize,
        512..604_usize,
        fat..fat + 512,
        fat..fat + (64 << 10),
        ext + 1024..ext + 2048,
        0..1_usize << 20,
    ]
}

static SMALL_DISK: LazyLock<Vec<u8>> = LazyLock::new(|| disk(&small()));
static SMALL_FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let formats = [ImageFormat::Vdi, ImageFormat::Vmdk, ImageFormat::VmdkStream];
    formats.map(contained).to_vec()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_bytes_on_a_disk_panic(
        changes in prop::collection::vec((read_places(), any::<u8>()), 1..12),
        end in prop_oneof![3 => Just(usize::MAX), 1 => 0..3_usize << 20],
    ) {
        let mut bytes = SMALL_DISK.clone();
        for (place, value) in changes {
            bytes[place] = value;
        }
        bytes.truncate(end);
        let report = on(&bytes);
        prop_assert!(serde_json::to_string(&report).is_ok());
        prop_assert!(report.table.is_some() != report.content.is_some());
    }

    #[test]
    fn no_bytes_in_a_container_panic(
        which in 0..3_usize,
        changes in prop::collection::vec((0..1_usize << 20, any::<u8>()), 1..8),
        near in prop::collection::vec((0..1024_usize, any::<u8>()), 0..3),
    ) {
        let mut bytes = SMALL_FILES[which].clone();
        for (place, value) in changes.into_iter().chain(near) {
            let len = bytes.len();
            bytes[place % len] = value;
        }
        if let Ok(report) = report_of(bytes) {
            prop_assert!(report.table.is_some() != report.content.is_some());
        }
    }
}
