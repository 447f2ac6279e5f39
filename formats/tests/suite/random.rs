//! Random disks through every writer, to every reader.

use std::path::Path;

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::open::open;
use kurmadisk_formats::read_at::ReadAt;
use proptest::prelude::*;

use crate::support::{
    CONTAINERS, KIB, MIB, SECTOR, TIB, assert_holds, assert_judges_agree, image_file, noise,
    opened, options, prose, qemu_name,
};

/// Disks whose size and extents lie at and around the edges of blocks.
fn disks() -> impl Strategy<Value = DiskMap> {
    let block = prop::sample::select(vec![64 * KIB, MIB, 32 * MIB]);
    let near = (block, 0_u64..4, -1_i64..=1)
        .prop_map(|(block, count, off)| (block * count).saturating_add_signed(off * 512));
    let bytes = (
        0_u64..,
        prop::sample::select(vec![1, 511, 512, 4096, 65_537, 200_000]),
        0..3,
    );
    let extent = (near.clone(), bytes).prop_map(|(start, (seed, len, kind))| {
        let bytes = match kind {
            0 => vec![0; usize::try_from(len).unwrap()],
            1 => noise(seed, len),
            _ => prose(seed, len),
        };
        (start, bytes)
    });
    (near, prop::collection::vec(extent, 0..6)).prop_map(|(len, extents)| {
        let mut map = DiskMap::new(len.max(SECTOR));
        for (start, bytes) in extents {
            // What overlaps or has no room is left out.
            let _ = map.insert_bytes(start, bytes);
        }
        map
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_disk_is_read_back(map in disks(), threads in 1_usize..4) {
        for &format in ImageFormat::ALL {
            assert_holds(&opened(format, &map, &options(threads)), &map, format);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_disk_satisfies_the_judges(map in disks()) {
        assert_judges_agree(&map, CONTAINERS);
    }
}

/// Disks of more than 2 TiB with little on them, some of it at the ends.
fn large_disks() -> impl Strategy<Value = DiskMap> {
    let extents = prop::collection::vec((0_u64..5 * TIB / SECTOR, 1_u64..200_000), 1..5);
    (2 * TIB + SECTOR..5 * TIB, extents, any::<bool>()).prop_map(|(len, extents, ends)| {
        let len = len.next_multiple_of(SECTOR);
        let mut map = DiskMap::new(len);
        let ends = [(0, 700), (len / SECTOR - 1, SECTOR)]
            .into_iter()
            .filter(|_| ends);
        for (sector, len) in ends.chain(extents) {
            // What overlaps or has no room is left out.
            let _ = map.insert_bytes(sector * SECTOR, noise(sector, len));
        }
        map
    })
}

/// Asserts that libvmdk or libvhdi finds what lies on the disk.
fn assert_pieces(map: &DiskMap, format: ImageFormat, path: &Path) {
    let read = match qemu_name(format) {
        "vmdk" => oracle::libvmdk_read,
        _ => oracle::libvhdi_read,
    };
    for extent in map.extents() {
        let from = extent.start.saturating_sub(100);
        let found = read(path, from..extent.end()).unwrap();
        let mut expected = vec![1; found.len()];
        map.reader().read_exact_at(from, &mut expected).unwrap();
        assert!(found == expected, "{format}: another disk from {from} on");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]
    #[test]
    fn any_large_disk_satisfies_the_judges(map in large_disks()) {
        let dir = tempfile::tempdir().unwrap();
        let raw = image_file(dir.path(), ImageFormat::Raw, &map);
        for format in [
            ImageFormat::Vdi,
            ImageFormat::VmdkFlat,
            ImageFormat::VmdkStream,
            ImageFormat::Qcow2,
            ImageFormat::Qcow2V2,
            ImageFormat::Qcow2Compressed,
            ImageFormat::Qcow2Zstd,
            ImageFormat::Vhdx,
        ] {
            let path = image_file(dir.path(), format, &map);
            oracle::qemu_img_check(&path, qemu_name(format)).unwrap();
            assert_holds(&open(&path).unwrap(), &map, format);
            match format {
                // Of these qemu would read every hole.
                ImageFormat::VmdkStream | ImageFormat::Vhdx => assert_pieces(&map, format, &path),
                _ => oracle::qemu_img_compare(&raw, "raw", &path, qemu_name(format)).unwrap(),
            }
        }
    }
}
