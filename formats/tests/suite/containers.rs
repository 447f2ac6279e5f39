//! What single formats say of their disks, and the most they hold; images of others read.

use std::ffi::OsStr;
use std::path::Path;

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::error::PlaceError;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::open::{open, open_raw};
use kurmadisk_formats::read_at::ReadAt;
use uuid::Uuid;

use crate::support::{
    CONTAINERS, KIB, MIB, SECTOR, TIB, assert_holds, assert_judges_agree, disk, image, image_file,
    noise, number, open_bytes, opened, options, prose, qemu_name,
};

#[test]
fn extents_of_zeros_are_content_like_any_other() {
    let map = disk(
        4 * MIB,
        &[(0, vec![0; 1 << 20]), (3 * MIB, vec![0; 70_000])],
    );
    assert_judges_agree(&map, CONTAINERS);
    let stream = open_bytes(&image(ImageFormat::VmdkStream, &map, &options(1)));
    assert_eq!(stream.allocated_len(), 0);
    let packed = open_bytes(&image(ImageFormat::Qcow2Compressed, &map, &options(1)));
    assert_eq!(packed.allocated_len(), 0);
    let vdi = open_bytes(&image(ImageFormat::Vdi, &map, &options(1)));
    assert_eq!(vdi.allocated(), [0..MIB, 3 * MIB..4 * MIB]);
}

#[test]
fn more_than_two_tib_of_disk_with_little_in_it() {
    let len = 3 * TIB + 5 * SECTOR;
    let map = disk(
        len,
        &[
            (0, prose(1, 100_000)),
            (2 * TIB - 300, noise(2, 600)),
            (len - 300, noise(3, 300)),
        ],
    );
    for format in [
        ImageFormat::Vdi,
        ImageFormat::VmdkFlat,
        ImageFormat::VmdkStream,
        ImageFormat::Vhdx,
        ImageFormat::Qcow2,
        ImageFormat::Qcow2V2,
        ImageFormat::Qcow2Compressed,
        ImageFormat::Qcow2Zstd,
    ] {
        assert_holds(&opened(format, &map, &options(2)), &map, format);
    }
    // qemu-img reads every hole of such a disk: its header and tables alone are judged.
    let dir = tempfile::tempdir().unwrap();
    for format in [
        ImageFormat::Vdi,
        ImageFormat::Qcow2,
        ImageFormat::Qcow2V2,
        ImageFormat::Qcow2Compressed,
        ImageFormat::Qcow2Zstd,
    ] {
        let path = image_file(dir.path(), format, &map);
        oracle::qemu_img_check(&path, qemu_name(format)).unwrap();
        let info = oracle::qemu_img_info_json(&path, qemu_name(format)).unwrap();
        assert_eq!(info["virtual-size"], len);
    }

    for (format, len) in [
        (ImageFormat::Vmdk, 2 * TIB + 1),
        (ImageFormat::VmdkSplit, 2 * TIB + 1),
        (ImageFormat::VmdkSplit, 0),
        (ImageFormat::VmdkFlat, (62 << 40) + 1),
        (ImageFormat::VmdkFlat, 0),
        (ImageFormat::VmdkStream, (62 << 40) + 1),
        (ImageFormat::Vdi, 513 * TIB),
        (ImageFormat::Qcow2, 2048 * TIB + 1),
        (ImageFormat::Qcow2V2, 2048 * TIB + 1),
        (ImageFormat::Qcow2Compressed, 2048 * TIB + 1),
        (ImageFormat::Qcow2Compressed, 0),
        (ImageFormat::Qcow2Zstd, 2048 * TIB + 1),
        (ImageFormat::Qcow2Zstd, 0),
        (ImageFormat::Qcow2, 0),
        (ImageFormat::Qcow2V2, 0),
        (ImageFormat::Vdi, 0),
        (ImageFormat::VdiFixed, 16 * TIB + 1),
        (ImageFormat::VdiFixed, 0),
        (ImageFormat::Vmdk, 0),
        (ImageFormat::VmdkStream, 0),
        (ImageFormat::Vhd, (2040 << 30) + 1),
        (ImageFormat::VhdFixed, (2040 << 30) + 1),
        (ImageFormat::Vhd, 0),
        (ImageFormat::VhdFixed, 0),
        (ImageFormat::Vhdx, (64 << 40) + 1),
        (ImageFormat::VhdxFixed, (64 << 40) + 1),
        (ImageFormat::Vhdx, 0),
        (ImageFormat::VhdxFixed, 0),
    ] {
        let error = format.predict(&DiskMap::new(len), &options(1)).unwrap_err();
        let named = matches!(&error, PlaceError::Size { size, .. } if *size == len);
        assert!(
            named && error.to_string().contains(format.name()),
            "{error}"
        );
    }
    for (format, len) in [
        (ImageFormat::Vmdk, 2 * TIB),
        (ImageFormat::VmdkSplit, 2 * TIB),
        (ImageFormat::VmdkFlat, 62 * TIB),
        (ImageFormat::VdiFixed, 16 * TIB),
        (ImageFormat::RawFixed, u64::MAX),
    ] {
        format.predict(&DiskMap::new(len), &options(1)).unwrap();
    }
}

#[test]
fn fixed_vdi_has_all_blocks_in_order() {
    let map = disk(10 * MIB - SECTOR, &[(3 * MIB, vec![1])]);
    let bytes = image(ImageFormat::VdiFixed, &map, &options(1));
    let data = number::<4>(&bytes, 0x158);
    assert_eq!(data % MIB, 0);
    assert_eq!(bytes.len() as u64, data + 10 * MIB);
    assert_eq!(number::<4>(&bytes, 0x4C), 2);
    assert_eq!(number::<8>(&bytes, 0x170), 10 * MIB - SECTOR);
    assert_eq!(
        (number::<4>(&bytes, 0x180), number::<4>(&bytes, 0x184)),
        (10, 10)
    );
    for block in 0..10 {
        assert_eq!(number::<4>(&bytes, 0x200 + block * 4), block);
    }
    assert_eq!(number::<1>(&bytes, data + 3 * MIB), 1);
    let dynamic = image(ImageFormat::Vdi, &map, &options(1));
    assert_eq!(
        bytes[0x188..0x1A8],
        dynamic[0x188..0x1A8],
        "the UUIDs are the disk's"
    );
}

/// What the file occupies; its holes are none of it.
#[cfg(unix)]
fn occupied(path: &Path) -> u64 {
    kurmadisk_formats::host::stat(path).unwrap().allocated
}

#[cfg(unix)]
#[test]
fn fixed_images_have_no_holes() {
    let dir = tempfile::tempdir().unwrap();
    let map = disk(24 * MIB + 100, &[(4 * MIB, vec![1; 4096])]);
    for (fixed, sparse) in [
        (ImageFormat::RawFixed, ImageFormat::Raw),
        (ImageFormat::VdiFixed, ImageFormat::Vdi),
    ] {
        let path = image_file(dir.path(), fixed, &map);
        let len = path.metadata().unwrap().len();
        assert!(occupied(&path) >= len, "{fixed}: {}", occupied(&path));
        let whole = open_raw(&path).unwrap();
        assert_eq!(whole.allocated_len(), len, "{fixed}");
        // Else this would say nothing of the fixed one.
        assert!(occupied(&image_file(dir.path(), sparse, &map)) < 8 * MIB);
    }
    assert_judges_agree(&map, &[ImageFormat::RawFixed]);
    let (fixed, sparse) = (ImageFormat::RawFixed, ImageFormat::Raw);
    assert!(image(fixed, &map, &options(1)) == image(sparse, &map, &options(1)));
}

#[test]
fn vmdk_has_all_grain_tables_twice() {
    let map = disk(100 * MIB, &[(40 * MIB, prose(1, 200_000))]);
    let bytes = image(ImageFormat::Vmdk, &map, &options(1));
    let (rgd, gd) = (
        number::<8>(&bytes, 48) * SECTOR,
        number::<8>(&bytes, 56) * SECTOR,
    );
    let overhead = number::<8>(&bytes, 64) * SECTOR;
    assert_eq!(number::<4>(&bytes, 4), 1);
    assert_eq!(number::<4>(&bytes, 8), 3);
    let mut nonzero = 0;
    for table in 0..4 {
        let first = number::<4>(&bytes, rgd + table * 4) * SECTOR;
        let second = number::<4>(&bytes, gd + table * 4) * SECTOR;
        assert!(first > 0 && second > first && second + 2048 <= overhead);
        for slot in 0..512 {
            let entry = number::<4>(&bytes, first + slot * 4);
            assert_eq!(entry, number::<4>(&bytes, second + slot * 4));
            assert!(entry == 0 || entry * SECTOR >= overhead);
            nonzero += u64::from(entry != 0);
        }
    }
    assert_eq!(nonzero, 4);
    assert_eq!(bytes.len() as u64, overhead + 4 * 64 * KIB);
}

#[test]
fn facts_tell_what_the_image_says_of_itself() {
    let map = disk(2 * MIB, &[(0, vec![1; 10])]);
    let facts = |format| {
        let image = open_bytes(&image(format, &map, &options(1)));
        assert_eq!(image.format(), format);
        image.facts().to_vec()
    };
    let value = |format, name: &str| {
        let facts = facts(format);
        let found = facts.iter().find(|fact| fact.name == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {facts:?}"))
            .value
            .clone()
    };
    assert_eq!(value(ImageFormat::Vdi, "type"), "dynamic");
    assert_eq!(value(ImageFormat::VdiFixed, "type"), "fixed");
    assert_eq!(value(ImageFormat::VdiFixed, "blocks allocated"), "2");
    let uuid = Uuid::new_v5(&options(1).identity, b"vdi create").to_string();
    assert_eq!(value(ImageFormat::Vdi, "uuid"), uuid);
    assert_eq!(value(ImageFormat::Vmdk, "create type"), "monolithicSparse");
    assert_eq!(value(ImageFormat::Vmdk, "version"), "1");
    assert_eq!(
        value(ImageFormat::VmdkStream, "create type"),
        "streamOptimized"
    );
    assert_eq!(value(ImageFormat::VmdkStream, "version"), "3");
    assert_eq!(value(ImageFormat::VmdkStream, "grain size"), "65536");
    assert_eq!(value(ImageFormat::Qcow2, "version"), "3");
    assert_eq!(value(ImageFormat::Qcow2, "cluster size"), "65536");
    assert_eq!(value(ImageFormat::Qcow2V2, "version"), "2");
    assert_eq!(value(ImageFormat::Qcow2V2, "refcount bits"), "16");
    assert!(facts(ImageFormat::Raw).is_empty());
}

#[test]
fn a_raw_image_is_what_has_no_signature_or_is_said_to_be_raw() {
    let dir = tempfile::tempdir().unwrap();
    let map = disk(9 * MIB, &[(4 * MIB, vec![1; 4096])]);
    let raw = open(&image_file(dir.path(), ImageFormat::Raw, &map)).unwrap();
    assert_holds(&raw, &map, ImageFormat::Raw);
    assert!(raw.allocated_len() < 9 * MIB, "the holes are known");
    assert!(
        raw.allocated()
            .iter()
            .any(|range| range.contains(&(4 * MIB)))
    );

    let vdi = open_raw(&image_file(dir.path(), ImageFormat::Vdi, &map)).unwrap();
    assert_eq!(vdi.format(), ImageFormat::Raw);
    assert_eq!(vdi.len(), MIB + MIB);
    assert_eq!(open_bytes(b"short").len(), 5);
    assert_eq!(open_bytes(b"").allocated(), []);
    let absent = open(&dir.path().join("absent")).unwrap_err();
    assert!(absent.to_string().contains("absent"));
}

fn qemu_img_convert(from: &Path, to: &Path, arguments: &[&str]) {
    let mut command = oracle::tool("qemu-img").unwrap().command().unwrap();
    command.args(["convert", "-f", "raw"]).args(arguments);
    let done = command
        .args([from, to].map(AsRef::<OsStr>::as_ref))
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn images_of_qemu_are_read() {
    let len = 70 * MIB + 3 * SECTOR;
    let map = disk(
        len,
        &[
            (0, prose(1, 3 * MIB)),
            (32 * MIB - 5000, noise(2, 10_000)),
            (len - 512, noise(3, 512)),
        ],
    );
    let dir = tempfile::tempdir().unwrap();
    let raw = image_file(dir.path(), ImageFormat::Raw, &map);
    let other = dir.path().join("by-qemu");
    for (arguments, format) in [
        (&["-O", "vdi"][..], ImageFormat::Vdi),
        (&["-O", "vdi", "-o", "static=on"], ImageFormat::VdiFixed),
        (&["-O", "vmdk"], ImageFormat::Vmdk),
        (
            &[
                "-O",
                "vmdk",
                "-o",
                "adapter_type=buslogic,hwversion=undefined",
            ],
            ImageFormat::Vmdk,
        ),
        (
            &["-O", "vmdk", "-o", "adapter_type=legacyESX,compat6"],
            ImageFormat::Vmdk,
        ),
        (&["-O", "vmdk", "-o", "zeroed_grain=on"], ImageFormat::Vmdk),
        (
            &["-O", "vmdk", "-o", "subformat=streamOptimized"],
            ImageFormat::VmdkStream,
        ),
        // Grains in any order.
        (
            &["-W", "-O", "vmdk", "-o", "subformat=streamOptimized"],
            ImageFormat::VmdkStream,
        ),
    ] {
        qemu_img_convert(&raw, &other, arguments);
        assert_holds(&open(&other).unwrap(), &map, format);
    }
}

#[test]
fn a_fixed_vdi_that_qemu_created_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("by-qemu");
    let mut command = oracle::tool("qemu-img").unwrap().command().unwrap();
    command.args(["create", "-f", "vdi", "-o", "static=on"]);
    let done = command.arg(&path).arg("9437696").output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let map = DiskMap::new(9 * MIB + SECTOR);
    let image = open(&path).unwrap();
    assert_holds(&image, &map, ImageFormat::VdiFixed);
    assert_eq!(image.allocated_len(), map.len());
}

#[test]
fn what_a_level_makes_larger_is_stored_at_every_level() {
    // Level 1 of deflate gives nine bits to a byte from 144 on; half of them only, so that no count calls them noise.
    let high = |seed| -> Vec<u8> {
        let bytes = noise(seed, 64 * KIB);
        bytes.iter().map(|byte| 0x90 | (byte & 0x6F)).collect()
    };
    let content = [
        high(1),
        prose(2, 64 * KIB),
        high(3),
        high(4),
        prose(5, 64 * KIB),
    ]
    .concat();
    let map = disk(MIB, &[(0, content)]);
    let dir = tempfile::tempdir().unwrap();
    let raw = image_file(dir.path(), ImageFormat::Raw, &map);
    for (format, levels) in [
        (ImageFormat::VmdkStream, 1..=9),
        (ImageFormat::Qcow2Compressed, 1..=9),
        (ImageFormat::Qcow2Zstd, 1..=22),
    ] {
        for level in levels {
            let mut options = options(1);
            options.tuning.level = Some(level);
            let bytes = image(format, &map, &options);
            assert_holds(&open_bytes(&bytes), &map, format);
            let path = dir.path().join("disk");
            std::fs::write(&path, &bytes).unwrap();
            oracle::qemu_img_compare(&raw, "raw", &path, qemu_name(format)).unwrap();
        }
    }
}
