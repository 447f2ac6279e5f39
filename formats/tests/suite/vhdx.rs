//! The structures of VHDX files, by the bytes; sizes; images of qemu.

use std::ffi::OsStr;

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::open::{Image, open};
use kurmadisk_formats::read_at::{FileReader, ReadAt};
use uuid::Uuid;

use crate::support::{
    GIB, KIB, MIB, SECTOR, TIB, assert_holds, assert_judges_agree, assert_readers_agree, crc32c,
    disk, image, image_file, image_file_with, noise, number, open_bytes, options, prose,
};

fn fact(image: &Image, name: &str) -> String {
    let mut facts = image.facts().iter();
    let fact = facts.find(|fact| fact.name == name);
    fact.map(|fact| fact.value.clone()).unwrap_or_default()
}

/// The bytes of a structure, whose checksum at 4 is right.
fn sealed(bytes: &[u8], at: u64, len: u64) -> Vec<u8> {
    let (at, len) = [at, len].map(|n| usize::try_from(n).unwrap()).into();
    let mut structure = bytes[at..at + len].to_vec();
    let checksum = number::<4>(&structure, 4);
    structure[4..8].fill(0);
    assert_eq!(u64::from(crc32c(&structure)), checksum);
    structure
}

#[test]
fn headers_and_regions_are_complete_and_identified() {
    let map = disk(10 * MIB + SECTOR, &[(3 * MIB, vec![1])]);
    for format in [ImageFormat::Vhdx, ImageFormat::VhdxFixed] {
        let bytes = image(format, &map, &options(1));
        assert_eq!(&bytes[..8], b"vhdxfile");
        assert_eq!(bytes.len() as u64 % MIB, 0);
        let headers = [64, 128].map(|at| sealed(&bytes, at * KIB, 4 * KIB));
        let sequences = headers.each_ref().map(|header| {
            assert_eq!(&header[..4], b"head");
            assert_ne!(header[16..32], [0; 16]);
            assert_ne!(header[16..32], header[32..48]);
            assert_eq!(header[48..64], [0; 16], "no log to replay");
            assert_eq!(
                number::<4>(header, 64),
                0x1_0000,
                "log version 0, version 1"
            );
            assert_eq!(number::<4>(header, 68), MIB);
            assert_eq!(number::<8>(header, 72), MIB);
            number::<8>(header, 8)
        });
        assert_ne!(sequences[0], sequences[1]);

        let tables = [192, 256].map(|at| sealed(&bytes, at * KIB, 64 * KIB));
        assert_eq!(tables[0], tables[1]);
        let table = &tables[0];
        assert_eq!(number::<4>(table, 8), 2);
        for entry in [16, 48] {
            assert_eq!(number::<8>(table, entry + 16) % MIB, 0);
            assert_eq!(number::<4>(table, entry + 24), MIB);
            assert_eq!(number::<4>(table, entry + 28), 1, "VirtualBox refuses 0");
        }

        let opened = open_bytes(&bytes);
        let fixed = format == ImageFormat::VhdxFixed;
        assert_eq!(
            fact(&opened, "type"),
            if fixed { "fixed" } else { "dynamic" }
        );
        assert_eq!(fact(&opened, "creator"), "kurmadisk");
        assert_eq!(fact(&opened, "block size"), "1048576");
        assert_eq!(fact(&opened, "logical sector size"), "512");
        let uuid = Uuid::new_v5(&options(1).identity, b"vhdx disk").to_string();
        assert_eq!(fact(&opened, "uuid"), uuid);
        let mut other = options(1);
        other.identity = Uuid::from_u128(99);
        let others = image(format, &map, &other);
        assert_ne!(fact(&open_bytes(&others), "uuid"), uuid);
        let at = 64 << 10;
        assert_ne!(bytes[at + 16..at + 48], others[at + 16..at + 48]);
    }
}

#[test]
fn bitmaps_have_their_entries_behind_each_chunk() {
    // A chunk is 4096 blocks.
    let len = 8 * GIB + 5 * MIB;
    let at = [4095, 4096, 8191, 8192, 8196];
    let extents = at.map(|block| (block * MIB + 7, noise(block, 1000)));
    let map = disk(len, &extents);
    let bytes = image(ImageFormat::Vhdx, &map, &options(1));
    assert_eq!(bytes.len() as u64, 3 * MIB + MIB + 5 * MIB);
    for (place, entry) in (4..).zip([4095, 4097, 8192, 8194, 8198]) {
        assert_eq!(number::<8>(&bytes, 3 * MIB + entry * 8), place << 20 | 6);
    }
    let others = (0..8300).filter(|entry| number::<8>(&bytes, 3 * MIB + entry * 8) != 0);
    assert_eq!(others.count(), 5);
    assert_holds(&open_bytes(&bytes), &map, ImageFormat::Vhdx);

    let small = disk(4 * GIB + 5 * MIB, &extents[..2]);
    assert_judges_agree(&small, &[ImageFormat::Vhdx]);
    // All of a fixed one's entries but that of the bitmap.
    let dir = tempfile::tempdir().unwrap();
    let path = image_file(dir.path(), ImageFormat::VhdxFixed, &small);
    oracle::qemu_img_check(&path, "vhdx").unwrap();
    let opened = open(&path).unwrap();
    assert_holds(&opened, &small, ImageFormat::VhdxFixed);
    assert!(opened.allocated_len() <= 2 * MIB, "holes stay holes");
    let mut table = vec![0; 4103 * 8];
    let file = std::fs::File::open(&path).unwrap();
    let file = FileReader::new(file).unwrap();
    file.read_exact_at(3 * MIB, &mut table).unwrap();
    for entry in 0..4103 {
        let expected = match entry {
            // The bitmap's, and the one behind the last.
            4096 | 4102 => 0,
            _ => (4 + entry - u64::from(entry > 4096)) << 20 | 6,
        };
        assert_eq!(number::<8>(&table, entry * 8), expected, "{entry}");
    }
}

/// The metadata's item of this number.
fn item<const N: usize>(bytes: &[u8], item: u64) -> u64 {
    let entry = 2 * MIB + 32 + item * 32;
    let at = 2 * MIB + number::<4>(bytes, entry + 16);
    assert_eq!(number::<4>(bytes, entry + 20), N as u64);
    number::<N>(bytes, at)
}

/// qemu opens no such disks.
#[test]
fn sectors_are_those_of_the_disk() {
    let mut options = options(1);
    options.sector_size = 4096;
    // An even number of sectors, for 7-Zip.
    let len = 9 * MIB + 8 * KIB;
    let map = disk(len, &[(0, prose(1, 3 * MIB)), (len - 5000, noise(2, 5000))]);
    let dir = tempfile::tempdir().unwrap();
    for format in [ImageFormat::Vhdx, ImageFormat::VhdxFixed] {
        let path = image_file_with(dir.path(), format, &map, &options);
        assert_readers_agree(&map, format, &path);
        let opened = open(&path).unwrap();
        assert_holds(&opened, &map, format);
        assert_eq!(fact(&opened, "logical sector size"), "4096");
        assert_eq!(fact(&opened, "physical sector size"), "4096");
        // A whole number of sectors.
        let bytes = image(format, &DiskMap::new(MIB + SECTOR), &options);
        assert_eq!(item::<8>(&bytes, 1), MIB + 4 * KIB);
        assert_eq!(item::<4>(&bytes, 3), 4096);
    }
    options.sector_size = 2048;
    let refused = ImageFormat::Vhdx.predict(&map, &options).unwrap_err();
    assert!(refused.to_string().contains("not 2048"), "{refused}");
}

#[test]
fn chunks_of_large_sectors_are_longer() {
    let mut options = options(1);
    options.sector_size = 4096;
    // A chunk is 32768 blocks.
    let at = [4096, 32_767, 32_768, 65_536].map(|block| block * MIB + 4000);
    let map = disk(64 * GIB + 5 * MIB, &at.map(|at| (at, noise(at, 9000))));
    let dir = tempfile::tempdir().unwrap();
    let path = image_file_with(dir.path(), ImageFormat::Vhdx, &map, &options);
    assert_holds(&open(&path).unwrap(), &map, ImageFormat::Vhdx);
    let bytes = std::fs::read(&path).unwrap();
    for (place, entry) in (4..).zip([4096, 32_767, 32_769, 65_538]) {
        assert_eq!(number::<8>(&bytes, 3 * MIB + entry * 8), place << 20 | 6);
    }
    for at in at {
        let found = oracle::libvhdi_read(&path, at..at + 9000).unwrap();
        assert!(found == noise(at, 9000), "at {at}");
    }
}

#[test]
fn sizes_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    for len in [10 * GIB + SECTOR, 128 * GIB - SECTOR, 3 * TIB] {
        let map = disk(
            len,
            &[
                (0, prose(1, 1000)),
                (len / 2 - 300, noise(2, 600)),
                (len - 300, noise(3, 300)),
            ],
        );
        let path = image_file(dir.path(), ImageFormat::Vhdx, &map);
        oracle::qemu_img_check(&path, "vhdx").unwrap();
        let info = oracle::qemu_img_info_json(&path, "vhdx").unwrap();
        assert_eq!(info["virtual-size"], len);
        let opened = open(&path).unwrap();
        assert_holds(&opened, &map, ImageFormat::Vhdx);
        assert!(opened.allocated_len() <= 4 * MIB);
    }
}

#[test]
fn images_of_qemu_are_read() {
    for len in [70 * MIB + 3 * SECTOR, 5 * GIB] {
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
        for (options, format, block) in [
            ("subformat=dynamic", ImageFormat::Vhdx, ""),
            ("block_size=1M", ImageFormat::Vhdx, "1048576"),
            ("block_size=2M", ImageFormat::Vhdx, "2097152"),
            ("block_size=32M,log_size=16M", ImageFormat::Vhdx, "33554432"),
            (
                "block_size=256M,log_size=3M",
                ImageFormat::Vhdx,
                "268435456",
            ),
            ("block_state_zero=off", ImageFormat::Vhdx, ""),
            ("subformat=fixed", ImageFormat::VhdxFixed, ""),
        ] {
            if format == ImageFormat::VhdxFixed && len > GIB {
                continue;
            }
            let mut command = oracle::tool("qemu-img").unwrap().command().unwrap();
            command.args(["convert", "-f", "raw", "-O", "vhdx", "-o", options]);
            let made = command
                .args([&raw, &other].map(AsRef::<OsStr>::as_ref))
                .status();
            assert!(made.unwrap().success());
            let image = open(&other).unwrap();
            assert_eq!(image.len(), len);
            assert_holds(&image, &map, format);
            assert!(fact(&image, "creator").starts_with("QEMU"));
            assert!(fact(&image, "block size").contains(block));
        }
    }
}
