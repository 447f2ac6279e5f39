//! Damaged images: an error or wrong bytes, never a panic, endless work or a read outside.

use std::sync::LazyLock;

use kurmadisk_formats::error::OpenError;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::open::Image;
use kurmadisk_formats::read_at::ReadAt;
use proptest::prelude::*;

use crate::support::{MIB, SECTOR, crc32c, disk, image, noise, number, number_be, options, prose};

/// Valid images of small disks.
static IMAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let map = disk(
        70 * MIB + SECTOR,
        &[
            (0, prose(1, 100_000)),
            (32 * MIB - 100, noise(2, 200)),
            (70 * MIB, noise(3, 512)),
        ],
    );
    // As long as its disk, so that is a smaller one.
    let small = disk(3 * MIB + SECTOR, &[(MIB - 100, noise(2, 200))]);
    [
        (ImageFormat::Vdi, &map),
        (ImageFormat::Vmdk, &map),
        (ImageFormat::VmdkStream, &map),
        (ImageFormat::VdiFixed, &small),
        (ImageFormat::Vhd, &map),
        (ImageFormat::VhdFixed, &small),
        (ImageFormat::Vhdx, &map),
        (ImageFormat::VhdxFixed, &small),
        (ImageFormat::Qcow2, &map),
        (ImageFormat::Qcow2V2, &map),
        (ImageFormat::Qcow2Compressed, &map),
        (ImageFormat::Qcow2Zstd, &map),
    ]
    .map(|(format, map)| image(format, map, &options(1)))
    .to_vec()
});

fn open(bytes: Vec<u8>) -> Result<Image, OpenError> {
    Image::from_reader(Box::new(bytes.into_boxed_slice()))
}

/// Opens and reads what it can; whether all went well.
fn exercise(bytes: Vec<u8>) -> bool {
    let Ok(image) = open(bytes) else { return false };
    let mut buf = vec![0; 100_000];
    let mut good = true;
    for range in image.allocated().iter().take(50) {
        assert!(range.start < range.end && range.end <= image.len());
        let len = (range.end - range.start).min(buf.len() as u64);
        let place = &mut buf[..usize::try_from(len).unwrap()];
        good &= image.read_exact_at(range.start, place).is_ok();
    }
    let mut tail = [0; 16];
    assert!(image.read_exact_at(image.len(), &mut tail).is_err());
    assert!(image.read_exact_at(u64::MAX - 3, &mut tail).is_err());
    good
}

/// The message with which the image is refused once `bytes` lie at `at`.
fn refusal(format: usize, at: u64, bytes: &[u8]) -> String {
    let mut damaged = IMAGES[format].clone();
    let at = usize::try_from(at).unwrap();
    damaged[at..at + bytes.len()].copy_from_slice(bytes);
    reseal(format, &mut damaged);
    match open(damaged) {
        Ok(image) => panic!("{image:?} was accepted"),
        Err(error) => error.to_string(),
    }
}

const VDI: usize = 0;
const VMDK: usize = 1;
const STREAM: usize = 2;
const VDI_FIXED: usize = 3;
const VHD: usize = 4;
const VHD_FIXED: usize = 5;
const VHDX: usize = 6;
const QCOW2: usize = 8;
const QCOW2_V2: usize = 9;
const QCOW2_COMPRESSED: usize = 10;

/// The largest offset that a table of qcow2 can hold.
const OFFSETS: u64 = 0x00FF_FFFF_FFFF_FE00;

#[test]
fn undamaged_images_are_fine() {
    assert!(IMAGES.iter().all(|image| exercise(image.clone())));
}

#[test]
fn vdi_fields_are_checked() {
    for (at, bytes, word) in [
        (0x44, &[0, 0, 2, 0][..], "version"),
        (0x4C, &[4, 0, 0, 0], "type 4"),
        (0x1A8, &[1], "differences"),
        (0x17C, &[0, 2, 0, 0], "before each block"),
        (0x178, &[0, 0, 0, 0], "block size"),
        (0x178, &[1, 0, 16, 0], "block size"),
        (0x170, &[0xFF; 8], "blocks for"),
        (0x180, &[0xFF; 4], "block map"),
        (0x154, &[0, 0, 0, 0], "block map"),
        (0x154, &[0xFF; 4], "block map"),
        (0x158, &[0, 0, 0, 0], "block map"),
        // Blocks 0 and 1 in one place; block 1 far away.
        (0x200, &[0, 0, 0, 0, 0, 0, 0, 0], "two blocks"),
        (0x204, &[0xFD, 0xFF, 0xFF, 0xFF], "past the end"),
    ] {
        let message = refusal(VDI, at, bytes);
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
}

#[test]
fn the_block_map_of_a_fixed_vdi_is_checked_like_any() {
    for (at, bytes, word) in [
        (0x204, &[0, 0, 0, 0][..], "two blocks"),
        (0x204, &[4, 0, 0, 0], "past the end"),
        (0x180, &[3, 0, 0, 0], "blocks for"),
    ] {
        let message = refusal(VDI_FIXED, at, bytes);
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
}

#[test]
fn vmdk_fields_are_checked() {
    let bytes = &IMAGES[VMDK];
    let directory = number::<8>(bytes, 56) * SECTOR;
    let table = number::<4>(bytes, directory) * SECTOR;
    let overlapping = number::<4>(bytes, directory).to_le_bytes();
    let grain = number::<4>(bytes, table).to_le_bytes();
    let key = b"parentCID=";
    let parent = bytes
        .windows(key.len())
        .position(|text| text == key)
        .unwrap()
        + key.len();
    let parent = parent as u64;
    for (at, bytes, word) in [
        (4, &[4, 0, 0, 0][..], "version 4"),
        (73, b"\n\n\n\n", "line ends"),
        (20, &[0; 8], "grain size"),
        (20, &[0xFF; 8], "grain size"),
        (20, &[4, 0, 0, 0, 0, 0, 0, 0], "grain size"),
        (44, &[0; 4], "grain tables of 0"),
        (12, &[0xFF; 8], "capacity"),
        (12, &[0, 0, 0, 0, 0, 0, 1, 0], "grain directory"),
        (56, &[0xFF; 8], "grain directory"),
        (28, &[0xFF; 8], "descriptor"),
        (36, &[0xFF; 8], "descriptor"),
        (directory + 4, &overlapping, "two things"),
        (directory + 4, &[0xFF; 4], "grain table 1"),
        (table + 4, &grain, "two things"),
        (table + 4, &[1, 0, 0, 0], "two things"),
        (table + 4, &[0, 0, 0, 0xF0], "grain 1"),
        (parent, b"12345678", "differences"),
    ] {
        let message = refusal(VMDK, at, bytes);
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
}

#[test]
fn vhd_fields_are_checked() {
    let bytes = &IMAGES[VHD];
    let footer = bytes.len() as u64 - SECTOR;
    let (header, table) = (512, 1536);
    let at = usize::try_from(table).unwrap();
    let block: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
    for (at, bytes, word) in [
        (footer + 12, &[0, 2][..], "version 2.0"),
        (footer + 60, &[0, 0, 0, 4], "differences"),
        (footer + 60, &[0, 0, 0, 5], "type 5"),
        (footer + 48, &[0xFF; 8], "blocks for"),
        (footer + 16, &[0xFF; 8], "dynamic header at"),
        (footer + 16, &[0; 8], "right checksum"),
        (header + 16, &[0xFF; 8], "allocation table"),
        (header + 16, &[0, 0, 0, 0, 0, 0, 2, 0], "outside"),
        (header + 24, &[0, 2], "version 2.0"),
        (header + 28, &[0; 4], "blocks for"),
        (header + 28, &[0xFF; 4], "allocation table"),
        (header + 32, &[0; 4], "block size"),
        (header + 32, &[0, 0x20, 0, 1], "block size"),
        (header + 32, &[0, 0, 1, 0], "block size"),
        (table, &[0; 4], "outside"),
        (table, &[0, 0, 0, 1], "two things"),
        (table, &[0, 0, 0, 3], "two things"),
        (table + 4, &block, "two things"),
        (table + 4, &[0xFF, 0xFF, 0xFF, 0xFE], "block 1"),
    ] {
        let message = refusal(VHD, at, bytes);
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
    let footer = IMAGES[VHD_FIXED].len() as u64 - SECTOR;
    for (at, bytes, word) in [
        (footer + 48, &[0xFF; 8][..], "bytes of disk"),
        (footer + 55, &[1], "bytes of disk"),
        (footer + 60, &[0, 0, 0, 3], "dynamic header"),
    ] {
        let message = refusal(VHD_FIXED, at, bytes);
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
}

/// Gives the image's structures the checksums that they should have, so that what else is wrong is
/// seen.
fn reseal(format: usize, bytes: &mut [u8]) {
    match format {
        VHD | VHD_FIXED => reseal_vhd(bytes),
        VHDX..QCOW2 => reseal_vhdx(bytes),
        _ => (),
    }
}

fn reseal_vhdx(bytes: &mut [u8]) {
    for (start, len) in [(64, 4), (128, 4), (192, 64), (256, 64)] {
        let (start, len) = (start << 10, len << 10);
        if let Some(structure) = bytes.get_mut(start..start + len) {
            structure[4..8].fill(0);
            let crc = crc32c(structure);
            structure[4..8].copy_from_slice(&crc.to_le_bytes());
        }
    }
}

#[test]
fn vhdx_fields_are_checked() {
    let bytes = &IMAGES[VHDX];
    let (header, regions, metadata, bat) = (128 << 10, 192 << 10, 2 << 20, 3 << 20);
    let items = metadata + (64 << 10);
    let first: [u8; 8] = bytes[3 << 20..][..8].try_into().unwrap();
    let mib = |n: u8| [6, 0, n << 4, 0, 0, 0, 0, 0];
    let refused = [
        (header + 66, &[2, 0][..], "version 2"),
        (header + 8, &[1, 0, 0, 0, 0, 0, 0, 0, 9], "one sequence"),
        (header + 68, &[0; 4], "the log"),
        (header + 68, &[1], "the log"),
        (header + 72, &[0xFF; 8], "the log"),
        (header + 72, &[0; 8], "the log"),
        (header + 72, &[0, 0, 0x20], "two things"),
        (regions + 8, &[0xFF; 4], "entries of the region table"),
        (regions + 8, &[1], "no region has the metadata"),
        (regions + 16, &[0], "a region"),
        (regions + 48, &bytes[regions + 16..regions + 32], "twice"),
        (regions + 32, &[0xFF; 8], "block allocation table at"),
        (regions + 40, &[0; 4], "block allocation table at"),
        (regions + 64, &[0, 0, 0xF0, 0xFF], "metadata at"),
        (metadata, &[0], "no metadata table"),
        (metadata + 10, &[0xFF; 2], "entries of the metadata table"),
        (metadata + 10, &[4], "no physical sector size"),
        (metadata + 32, &[0], "metadata caa16700"),
        (metadata + 48, &[0; 4], "file parameters of 8"),
        (metadata + 48, &[0xFF; 4], "file parameters of 8"),
        (metadata + 52, &[0; 4], "file parameters of 0"),
        (items, &[0; 4], "block size"),
        (items, &[1], "block size"),
        (items, &[0, 0, 8], "block size"),
        (items, &[0, 0, 0, 0x20], "block size"),
        (items + 4, &[2], "differences"),
        (items + 8, &[1], "sectors of 512"),
        (items + 8, &[0xFF; 8], "a disk of"),
        (items + 8, &[0, 0, 0, 0, 0, 1, 0, 0], "entries for"),
        (items + 33, &[4], "logical sectors"),
        (bat, &[7], "state 7"),
        (bat, &[4], "state 4"),
        (bat, &mib(0), "outside"),
        (bat, &mib(2), "two things"),
        (bat, &[6, 0, 0, 0, 0xFF], "outside"),
        (bat, &[0xFE; 8], "outside"),
        (bat + 8, &first, "two things"),
    ];
    for (at, bytes, word) in refused {
        let message = refusal(VHDX, at as u64, bytes);
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
}

#[test]
fn a_vhdx_with_a_log_is_refused_until_it_is_replayed() {
    let log = [7; 16];
    let mut bytes = IMAGES[VHDX].clone();
    bytes[(128 << 10) + 48..][..16].copy_from_slice(&log);
    reseal_vhdx(&mut bytes);
    open(bytes.clone()).unwrap();
    let entry = (1 << 20) + (9 << 12);
    bytes[entry..entry + 4].copy_from_slice(b"loge");
    open(bytes.clone()).unwrap();
    bytes[entry + 32..entry + 48].copy_from_slice(&log);
    let error = open(bytes).unwrap_err();
    assert!(error.to_string().contains("replayed"), "{error}");
}

#[test]
fn one_of_two_vhdx_structures_is_enough() {
    let (headers, tables) = ([64 << 10, 128 << 10], [192 << 10, 256 << 10]);
    for (which, word) in [(headers, "no header"), (tables, "no region table")] {
        let mut both = IMAGES[VHDX].clone();
        for at in which {
            let mut one = IMAGES[VHDX].clone();
            one[at + 100] ^= 1;
            both[at + 100] ^= 1;
            assert!(exercise(one));
        }
        let error = open(both).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn vhds_with_wrong_checksums_are_refused() {
    let mut bytes = IMAGES[VHD_FIXED].clone();
    let footer = bytes.len() - 512;
    bytes[footer + 70] ^= 1;
    let error = open(bytes).unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
    let mut bytes = IMAGES[VHD].clone();
    bytes[512 + 900] ^= 1;
    let error = open(bytes).unwrap_err();
    assert!(error.to_string().contains("dynamic header"), "{error}");
}

fn reseal_vhd(bytes: &mut [u8]) {
    let Some(footer) = bytes.len().checked_sub(512) else {
        return;
    };
    for (start, len, field) in [(footer, 512, 64), (0, 512, 64), (512, 1024, 36)] {
        let Some(structure) = bytes.get_mut(start..start + len) else {
            continue;
        };
        if structure.starts_with(b"conectix") || structure.starts_with(b"cxsparse") {
            structure[field..field + 4].fill(0);
            let sum: u32 = structure.iter().map(|byte| u32::from(*byte)).sum();
            structure[field..field + 4].copy_from_slice(&(!sum).to_be_bytes());
        }
    }
}

#[test]
fn qcow2_fields_are_checked() {
    let bytes = &IMAGES[QCOW2];
    let l1 = number_be::<8>(bytes, 40);
    let l2 = number_be::<8>(bytes, l1) & !(1 << 63);
    let entry = |value: u64| value.to_be_bytes();
    let first = entry(number_be::<8>(bytes, l2));
    for (at, bytes, word) in [
        (4, &[0, 0, 0, 4][..], "version 4"),
        (4, &[0, 0, 0, 1], "version 1"),
        (8, &entry(512), "another image"),
        (20, &[0, 0, 0, 8], "clusters of 2^8"),
        (20, &[0, 0, 0, 22], "clusters of 2^22"),
        (20, &[0xFF; 4], "clusters of 2^4294967295"),
        (24, &[0xFF; 8], "a disk of"),
        (24, &[0x3F; 8], "L1 entries"),
        (32, &[0, 0, 0, 1], "AES"),
        (32, &[0, 0, 0, 2], "LUKS"),
        (32, &[0, 0, 0, 3], "encryption method 3"),
        (36, &[0; 4], "0 L1 entries"),
        (36, &[0xFF; 4], "an L1 table"),
        (40, &[0xFF; 8], "an L1 table"),
        (40, &entry(l1 + 8), "an L1 table"),
        (40, &entry(0), "two things"),
        (48, &[0xFF; 8], "a refcount table"),
        (48, &entry(l1), "two things"),
        (56, &[0xFF; 4], "a refcount table"),
        (72, &entry(1), "qemu-img check"),
        (72, &entry(2), "qemu-img check"),
        (72, &entry(4), "external data file"),
        (72, &entry(16), "extended"),
        (72, &entry(32), "feature bit 5"),
        (72, &entry(1 << 63), "feature bit 63"),
        (96, &[0, 0, 0, 7], "reference counts"),
        (l1, &entry(1), "L1 entry 0"),
        (l1, &entry(l2 + 512), "L1 entry 0"),
        (l1, &entry(1 << 40), "L2 table 0"),
        (l1, &entry(OFFSETS & !0xFFFF), "L2 table 0"),
        (l1, &entry(l1), "two things"),
        (l2, &entry(2), "cluster 0"),
        (l2, &entry(l2 + 512), "cluster 0"),
        (l2, &entry(1 << 40), "cluster 0"),
        (l2, &entry(l2), "two things"),
        (l2 + 8, &first, "two things"),
    ] {
        let message = refusal(QCOW2, at, bytes);
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
    // There are no clusters of zeros in version 2.
    let message = refusal(QCOW2_V2, l2, &entry(1));
    assert!(message.contains("cluster 0"), "{message}");
}

#[test]
fn compressed_clusters_of_qcow2_are_checked() {
    let bytes = &IMAGES[QCOW2_COMPRESSED];
    let l2 = number_be::<8>(bytes, number_be::<8>(bytes, 40)) & !(1 << 63);
    let entry = number_be::<8>(bytes, l2);
    let sectors = 1 << 54;
    for (value, word) in [
        // Past the end; where the second one is; into the tables; into the header.
        (entry | (1 << 40), "past the end"),
        (number_be::<8>(bytes, l2 + 8), "two things"),
        (entry - (entry % sectors) + l2, "two things"),
        (entry - (entry % sectors) + 600, "two things"),
    ] {
        let message = refusal(QCOW2_COMPRESSED, l2, &value.to_be_bytes());
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }

    let at = usize::try_from(entry % sectors).unwrap();
    let mut broken = bytes.clone();
    broken[at] = 0xFF;
    let mut short = bytes.clone();
    // A sector only.
    let cut = (entry % sectors) | (1 << 62);
    short[usize::try_from(l2).unwrap()..][..8].copy_from_slice(&cut.to_be_bytes());
    for bytes in [broken, short] {
        let image = open(bytes).unwrap();
        let error = image.read_exact_at(0, &mut [0; 10]).unwrap_err();
        assert!(error.to_string().contains("cluster 0"), "{error}");
        // The others are still there.
        image.read_exact_at(32 * MIB, &mut [0; 10]).unwrap();
    }
}

#[test]
fn qcow2_clusters_of_zeros_and_cut_files_read_as_zeros() {
    let mut bytes = IMAGES[QCOW2].clone();
    let l2 = number_be::<8>(&bytes, number_be::<8>(&bytes, 40)) & !(1 << 63);
    bytes[usize::try_from(l2).unwrap() + 7] |= 1;
    let mut cut = IMAGES[QCOW2].clone();
    cut.truncate(cut.len() - (64 << 10) + 100);
    let mut found = [1; 1000];
    let zeros = open(bytes).unwrap();
    zeros.read_exact_at(0, &mut found).unwrap();
    assert_eq!(found, [0; 1000]);
    assert_eq!(zeros.allocated()[0].start, 64 << 10);
    open(cut.clone())
        .unwrap()
        .read_exact_at(70 * MIB, &mut found[..512])
        .unwrap();
    assert!(found[..100] != [0; 100] && found[100..512] == [0; 412]);
    cut.truncate(cut.len() - 100);
    assert!(open(cut).unwrap_err().to_string().contains("past the end"));
}

#[test]
fn a_truncated_stream_is_refused() {
    let mut bytes = IMAGES[STREAM].clone();
    bytes.truncate(bytes.len() - 512);
    let error = open(bytes).unwrap_err();
    assert!(error.to_string().contains("cut off"), "{error}");
    let mut bytes = IMAGES[STREAM].clone();
    bytes.truncate(600);
    assert!(open(bytes).is_err());
}

#[test]
fn damaged_grains_are_errors_when_read() {
    let first = number::<8>(&IMAGES[STREAM], 64) * SECTOR;
    for (at, bytes, word) in [
        (first, &[1][..], "another place"),
        (first + 8, &[0; 4], "longer than"),
        (first + 8, &[0xFF; 4], "longer than"),
        (first + 12, &[0xFF; 4], "zlib"),
        (first + 8, &[9, 0, 0, 0], "inflate"),
    ] {
        let mut damaged = IMAGES[STREAM].clone();
        let at = usize::try_from(at).unwrap();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        let image = open(damaged).unwrap();
        let error = image.read_exact_at(0, &mut [0; 10]).unwrap_err();
        assert!(error.to_string().contains(word), "{error} lacks {word:?}");
        // The others are still there.
        image.read_exact_at(32 * MIB, &mut [0; 10]).unwrap();
    }
}

/// Offsets in an image: mostly where its structures lie.
fn place() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0_usize..512,
        2 => 512_usize..16_384,
        1 => (2_usize << 20)..(2 << 20) + 256,
        1 => (2_usize << 20) + (64 << 10)..(2 << 20) + (64 << 10) + 40,
        1 => (3_usize << 20)..(3 << 20) + 600,
        2 => (1_usize..5, 0_usize..100).prop_map(|(n, at)| (n << 16) + at),
        1 => 0_usize..4 << 20,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1400))]
    #[test]
    fn no_damage_makes_it_panic(
        which in 0_usize..IMAGES.len(),
        from_end in any::<bool>(),
        sealed in any::<bool>(),
        changes in prop::collection::vec((place(), any::<u8>()), 1..8),
        cut in prop::option::of(0_usize..4 << 20),
    ) {
        let mut bytes = IMAGES[which].clone();
        let len = bytes.len();
        for (at, value) in changes {
            let at = at % len;
            bytes[if from_end { len - 1 - at } else { at }] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(len - cut % len);
        }
        if sealed {
            reseal(which, &mut bytes);
        }
        exercise(bytes);
    }
}
