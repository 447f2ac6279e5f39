//! The structures of VHD files, by the bytes; sizes; bitmaps; images of qemu.

use std::ffi::OsStr;
use std::path::Path;

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::open::{Image, open};
use kurmadisk_formats::read_at::ReadAt;
use uuid::Uuid;

use crate::support::{
    GIB, KIB, MIB, SECTOR, assert_holds, disk, image, image_file, noise, open_bytes, options, prose,
};

/// A number of the file: `N` big-endian bytes at `at`.
fn number<const N: usize>(bytes: &[u8], at: u64) -> u64 {
    let at = usize::try_from(at).unwrap();
    let number = &bytes[at..at + N];
    number
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The checksum that a structure with its own at `field` should have.
fn checksum(structure: &[u8], field: usize) -> u64 {
    let field = field..field + 4;
    let others = structure.iter().enumerate();
    let others = others.filter(|(at, _)| !field.contains(at));
    let sum: u32 = others.map(|(_, byte)| u32::from(*byte)).sum();
    u64::from(!sum)
}

fn fact(image: &Image, name: &str) -> String {
    let mut facts = image.facts().iter();
    let fact = facts.find(|fact| fact.name == name);
    fact.map(|fact| fact.value.clone()).unwrap_or_default()
}

#[test]
fn footers_are_complete_and_identified() {
    let map = disk(10 * MIB + SECTOR, &[(3 * MIB, vec![1])]);
    for format in [ImageFormat::Vhd, ImageFormat::VhdFixed] {
        let bytes = image(format, &map, &options(1));
        let footer = &bytes[bytes.len() - 512..];
        assert_eq!(&footer[..8], b"conectix");
        assert_eq!(number::<4>(footer, 8), 2);
        assert_eq!(number::<4>(footer, 12), 0x1_0000);
        assert_eq!(&footer[28..32], b"win ", "qemu reads its exact size");
        assert_eq!(&footer[36..40], b"Wi2k");
        assert_eq!(number::<8>(footer, 40), map.len());
        assert_eq!(number::<8>(footer, 48), map.len());
        assert_eq!(number::<4>(footer, 64), checksum(footer, 64));
        assert_eq!(footer[84..], [0; 428]);
        let fixed = format == ImageFormat::VhdFixed;
        assert_eq!(
            number::<8>(footer, 16),
            if fixed { u64::MAX } else { SECTOR }
        );
        assert_eq!(number::<4>(footer, 60), if fixed { 2 } else { 3 });

        let uuid = &footer[68..84];
        assert_ne!(uuid, [0; 16]);
        assert_eq!(
            fact(&open_bytes(&bytes), "uuid"),
            Uuid::from_slice(uuid).unwrap().to_string()
        );
        let mut other = options(1);
        other.identity = Uuid::from_u128(99);
        let others = image(format, &map, &other);
        assert_ne!(uuid, &others[others.len() - 512..][68..84]);
    }
}

#[test]
fn a_dynamic_file_has_header_table_and_aligned_blocks_in_order() {
    let len = 300 * MIB + SECTOR;
    let map = disk(
        len,
        &[(3 * MIB, vec![1]), (9 * MIB, vec![2]), (len - 1, vec![3])],
    );
    let bytes = image(ImageFormat::Vhd, &map, &options(1));
    assert_eq!(bytes[..512], bytes[bytes.len() - 512..], "the footer twice");
    let header = &bytes[512..1536];
    assert_eq!(&header[..8], b"cxsparse");
    assert_eq!(number::<8>(header, 8), u64::MAX);
    assert_eq!(number::<8>(header, 16), 1536);
    assert_eq!(number::<4>(header, 24), 0x1_0000);
    assert_eq!(number::<4>(header, 28), 151);
    assert_eq!(number::<4>(header, 32), 2 * MIB);
    assert_eq!(number::<4>(header, 36), checksum(header, 36));
    assert_eq!(header[40..], [0; 984], "no parent");

    // Two sectors of table, the second one's rest unused.
    let mut end = 1536 + 2 * SECTOR;
    for entry in 0..256 {
        let place = number::<4>(&bytes, 1536 + entry * 4);
        let (value, at) = match entry {
            1 => (1, MIB),
            4 => (2, MIB),
            150 => (3, SECTOR - 1),
            _ => {
                assert_eq!(place, 0xFFFF_FFFF);
                continue;
            }
        };
        let bitmap = usize::try_from(place * SECTOR).unwrap();
        assert!(bitmap as u64 >= end);
        assert_eq!(bytes[bitmap..bitmap + 512], [0xFF; 512]);
        let data = bitmap as u64 + SECTOR;
        assert_eq!(data % (4 * KIB), 0);
        assert_eq!(number::<1>(&bytes, data + at), value);
        end = data + 2 * MIB;
    }
    assert_eq!(bytes.len() as u64, end + SECTOR);
}

#[test]
fn sizes_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    for len in [
        10 * GIB,
        10 * GIB + SECTOR,
        127 * GIB,
        128 * GIB - SECTOR,
        128 * GIB,
        2040 * GIB,
    ] {
        let map = disk(
            len,
            &[
                (0, prose(1, 1000)),
                (len / 2 - 300, noise(2, 600)),
                (len - 300, noise(3, 300)),
            ],
        );
        for format in [ImageFormat::Vhd, ImageFormat::VhdFixed] {
            let path = image_file(dir.path(), format, &map);
            let info = oracle::qemu_img_info_json(&path, "vpc").unwrap();
            assert_eq!(info["virtual-size"], len);
            let opened = open(&path).unwrap();
            assert_holds(&opened, &map, format);
            assert!(opened.allocated_len() <= 8 * MIB, "holes stay holes");
        }
    }
}

/// The geometry in the last sector of the file.
fn geometry(path: &Path) -> [u8; 4] {
    let bytes = std::fs::read(path).unwrap();
    bytes[bytes.len() - 512..][56..60].try_into().unwrap()
}

#[test]
fn geometries_are_those_of_qemu() {
    let dir = tempfile::tempdir().unwrap();
    let by_qemu = dir.path().join("by-qemu");
    // All cases of the specification's calculation, and the largest geometry.
    for mib in [
        1,
        20,
        100,
        127,
        200,
        504,
        1 << 10,
        30 << 10,
        33 << 10,
        127 << 10,
        130 << 10,
    ] {
        let size = format!("{mib}M");
        let mut command = oracle::tool("qemu-img").unwrap().command().unwrap();
        command.args(["create", "-q", "-f", "vpc"]);
        let made = command.arg(&by_qemu).arg(size).status().unwrap();
        assert!(made.success());
        // By the geometry, thus a little more than asked for.
        let info = oracle::qemu_img_info_json(&by_qemu, "vpc").unwrap();
        let len = info["virtual-size"].as_u64().unwrap();
        let own = image_file(dir.path(), ImageFormat::Vhd, &DiskMap::new(len));
        assert_eq!(geometry(&own), geometry(&by_qemu), "{mib} MiB");
    }
}

#[test]
fn sectors_that_a_bitmap_leaves_out_are_zeros() {
    let map = disk(5 * MIB, &[(0, noise(1, 5 * MIB))]);
    let mut bytes = image(ImageFormat::Vhd, &map, &options(1));
    // Of block 1 the sectors 3 and 4095, of block 2 the second; and one beyond the disk's end.
    let bitmap =
        |block: u64| usize::try_from(number::<4>(&bytes, 1536 + block * 4) * SECTOR).unwrap();
    let (first, second) = (bitmap(1), bitmap(2));
    bytes[first] = 0b1110_1111;
    bytes[first + 511] = 0b1111_1110;
    bytes[second] = 0b1011_1111;
    bytes[second + 300] = 0;
    let left_out = [2 * MIB + 3 * SECTOR, 4 * MIB - SECTOR, 4 * MIB + SECTOR];

    let mut expected = vec![0; usize::try_from(map.len()).unwrap()];
    map.reader().read_exact_at(0, &mut expected).unwrap();
    for at in left_out.map(|at| usize::try_from(at).unwrap()) {
        expected[at..at + 512].fill(0);
    }
    let image = open_bytes(&bytes);
    let mut found = vec![1; expected.len()];
    image.read_exact_at(0, &mut found).unwrap();
    assert!(found == expected);
    for (at, len) in left_out.into_iter().flat_map(|at| {
        [
            (at - 100, 700),
            (at + 1, 2),
            (at - 1, 1),
            (at + 512, 3),
            (at, 512),
        ]
    }) {
        let mut found = vec![1; len];
        image.read_exact_at(at, &mut found).unwrap();
        let at = usize::try_from(at).unwrap();
        assert!(found == expected[at..at + len], "{len} bytes at {at}");
    }
}

#[test]
fn a_lost_footer_is_made_up_for_by_its_copy() {
    let map = disk(5 * MIB, &[(MIB, noise(1, MIB))]);
    let mut bytes = image(ImageFormat::Vhd, &map, &options(1));
    assert_eq!(fact(&open_bytes(&bytes), "footer"), "");
    bytes.truncate(bytes.len() - 512);
    let image = open_bytes(&bytes);
    assert_holds(&image, &map, ImageFormat::Vhd);
    assert!(fact(&image, "footer").contains("copy"));
}

#[test]
fn a_dynamic_image_on_a_fixed_disk_is_the_disks_content() {
    let inner = image(ImageFormat::Vhd, &disk(MIB, &[(0, vec![7])]), &options(1));
    let map = disk(8 * MIB, &[(0, inner)]);
    let outer = open_bytes(&image(ImageFormat::VhdFixed, &map, &options(1)));
    assert_holds(&outer, &map, ImageFormat::VhdFixed);
    assert_eq!(fact(&outer, "type"), "fixed");
    assert_eq!(fact(&outer, "creator"), "win");
}

#[test]
fn images_of_qemu_are_read() {
    // The second is a size that has a geometry.
    for len in [70 * MIB + 3 * SECTOR, 68 * 17 * 1000 * SECTOR] {
        let map = disk(
            len,
            &[(0, prose(1, 3 * MIB)), (32 * MIB - 5000, noise(2, 10_000))],
        );
        let dir = tempfile::tempdir().unwrap();
        let raw = image_file(dir.path(), ImageFormat::Raw, &map);
        let other = dir.path().join("by-qemu");
        for (kind, format) in [
            ("dynamic", ImageFormat::Vhd),
            ("fixed", ImageFormat::VhdFixed),
        ] {
            for force_size in ["on", "off"] {
                let options = format!("subformat={kind},force_size={force_size}");
                let mut command = oracle::tool("qemu-img").unwrap().command().unwrap();
                command.args(["convert", "-f", "raw", "-O", "vpc", "-o", &options]);
                let made = command
                    .args([&raw, &other].map(AsRef::<OsStr>::as_ref))
                    .status();
                assert!(made.unwrap().success());
                let image = open(&other).unwrap();
                let info = oracle::qemu_img_info_json(&other, "vpc").unwrap();
                assert_eq!(info["virtual-size"], image.len());
                let creator = if force_size == "on" { "qem2" } else { "qemu" };
                assert_eq!(fact(&image, "creator"), creator);
                // Without `force_size` the disk is a little longer.
                let mut same = map.clone();
                same.grow(image.len());
                assert_holds(&image, &same, format);
            }
        }
    }
}
