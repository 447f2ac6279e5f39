//! The cases that writers of disk images are known to fail at: each by all judges.
//!
//! | case | where |
//! |---|---|
//! | an empty disk, in every format | `an_empty_disk` |
//! | incompressible data | `incompressible_data` |
//! | a size that is no multiple of a grain, block or sector | `sizes_that_are_no_multiple_of_…` |
//! | nothing but the last grain | `only_the_last_grain_holds_something` |
//! | data across the borders of grain tables | `data_at_the_borders_of_grain_tables` |
//! | streamOptimized: the first marker exactly where the header says | `stream::the_first_marker_lies_where_the_header_says` |
//! | streamOptimized: grains ascend whatever the threads | `stream::grains_ascend_whatever_the_threads` |
//! | streamOptimized: nothing behind the end of the stream | `stream::walk`, in all tests there |
//! | qcow2: compressed clusters that cross into the next host cluster | `qcow2::streams_lie_one_behind_another_and_cross_into_the_next_cluster` |
//! | qcow2: no stream refers further back than 4 KiB | `qcow2::no_stream_refers_further_back_than_4_kib` |
//! | qcow2: more than one refcount block | `qcow2::more_clusters_than_a_refcount_block_counts` |
//! | VHD: exact sizes, of 10, 127, 128 and 2040 GiB too | `vhd::sizes_are_exact` |
//! | VHDX: more blocks than a chunk has | `vhdx::bitmaps_have_their_entries_behind_each_chunk`, `vhdx::chunks_of_large_sectors_are_longer` |
//! | VHDX: required regions, different sequence numbers, checksums | `vhdx::headers_and_regions_are_complete_and_identified` |
//! | VDI: data at multiples of 1 MiB, identifiers that are there and differ | `vdi_is_aligned_and_identified` |
//! | the same bytes again, and other identifiers for another image | `two_builds_are_the_same_bytes_and_another_identity_is_not` |
//! | a pipe gets the file's bytes | `several::images_made_together_and_through_pipes_are_those_made_alone` |

use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::DiskMap;
use uuid::Uuid;

use crate::support::{
    CONTAINERS, GIB, GROWING, KIB, MIB, SECTOR, assert_judges_agree, disk, files, image, noise,
    number, options, prose, qemu_name,
};

#[test]
fn an_empty_disk() {
    let raw = [ImageFormat::Raw, ImageFormat::RawFixed];
    let mut formats = ImageFormat::ALL.iter();
    assert!(formats.all(|format| CONTAINERS.contains(format) != raw.contains(format)));
    for len in [SECTOR, MIB, 64 * MIB + SECTOR] {
        assert_judges_agree(&DiskMap::new(len), CONTAINERS);
    }
    assert_judges_agree(&DiskMap::new(3 * GIB), GROWING);
}

#[test]
fn incompressible_data() {
    let map = disk(8 * MIB, &[(0, noise(3, 8 * MIB))]);
    assert_judges_agree(&map, CONTAINERS);
    let stream = image(ImageFormat::VmdkStream, &map, &options(1));
    assert!(stream.len() as u64 <= 8 * MIB + 128 * 512 + 64 * KIB + 6 * KIB);
}

#[test]
fn sizes_that_are_no_multiple_of_a_grain_or_block() {
    for len in [
        5 * MIB + SECTOR,
        5 * MIB + 64 * KIB - SECTOR,
        6 * MIB - SECTOR,
        5 * MIB + 64 * KIB + SECTOR,
    ] {
        let tail = 3 * SECTOR;
        let map = disk(len, &[(0, prose(1, 5000)), (len - tail, noise(2, tail))]);
        assert_judges_agree(&map, CONTAINERS);
    }
}

#[test]
fn sizes_that_are_no_multiple_of_a_sector_are_rounded_up() {
    let map = disk(MIB + 100, &[(MIB, noise(1, 100))]);
    assert_judges_agree(&map, CONTAINERS);
}

#[test]
fn only_the_last_grain_holds_something() {
    for (len, formats) in [
        (GIB, GROWING),
        (GIB + 7 * SECTOR, GROWING),
        (20 * MIB + 7 * SECTOR, CONTAINERS),
    ] {
        let map = disk(len, &[(len - SECTOR, noise(9, SECTOR))]);
        assert_judges_agree(&map, formats);
    }
}

#[test]
fn data_at_the_borders_of_grain_tables() {
    let mut map = DiskMap::new(200 * MIB);
    for border in [32 * MIB, 64 * MIB, 160 * MIB] {
        map.insert_bytes(border - 700, prose(border, 1400)).unwrap();
    }
    map.insert_bytes(96 * MIB, noise(1, 100)).unwrap();
    map.insert_bytes(128 * MIB - 1, vec![5]).unwrap();
    assert_judges_agree(&map, CONTAINERS);
}

#[test]
fn vdi_is_aligned_and_identified() {
    let map = disk(
        10 * MIB,
        &[(3 * MIB, vec![1]), (5 * MIB, vec![2]), (9 * MIB, vec![3])],
    );
    let bytes = image(ImageFormat::Vdi, &map, &options(1));
    let data = number::<4>(&bytes, 0x158);
    assert_eq!(data % MIB, 0);
    assert_eq!(bytes.len() as u64, data + 3 * MIB);
    let places = [0, 1, 2].map(|block| number::<1>(&bytes, data + block * MIB));
    assert_eq!(places, [1, 2, 3], "blocks lie in the order of the disk");
    assert_eq!(number::<8>(&bytes, 0x170), 10 * MIB);
    assert_eq!(number::<4>(&bytes, 0x184), 3);
    assert_eq!(number::<4>(&bytes, 0x168), 512);
    assert_eq!(number::<4>(&bytes, 0x1D4), 512);

    let (create, modify) = (&bytes[0x188..0x198], &bytes[0x198..0x1A8]);
    assert!(create != [0; 16] && modify != [0; 16] && create != modify);
    assert_eq!(bytes[0x1A8..0x1C8], [0; 32], "no parent");
    let mut other = options(1);
    other.identity = Uuid::from_u128(99);
    let others = image(ImageFormat::Vdi, &map, &other);
    assert_ne!(create, &others[0x188..0x198]);
    assert_ne!(modify, &others[0x198..0x1A8]);
}

#[test]
fn two_builds_are_the_same_bytes_and_another_identity_is_not() {
    let map = disk(
        70 * MIB,
        &[(5 * MIB, prose(1, 9 * MIB)), (40 * MIB, noise(2, 3 * MIB))],
    );
    for &format in CONTAINERS {
        let first = files(format, &map, &options(1));
        for threads in [1, 2, 5] {
            let again = files(format, &map, &options(threads));
            assert!(first == again, "{format}, {threads}");
        }
        let mut other = options(2);
        other.identity = Uuid::from_u128(99);
        // qcow2 has no identifier.
        let differs = qemu_name(format) != "qcow2";
        let others = files(format, &map, &other);
        assert_eq!(first != others, differs, "{format}");
    }
}
