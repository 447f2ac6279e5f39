//! Damaged images: an error or wrong bytes, never a panic, endless work or a read outside.

use std::sync::LazyLock;

use kurmadisk_formats::error::OpenError;
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::open::Image;
use kurmadisk_formats::read_at::ReadAt;
use proptest::prelude::*;

use crate::support::{MIB, SECTOR, disk, image, noise, number, options, prose};

/// Valid images of one small disk.
static IMAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let map = disk(
        70 * MIB + SECTOR,
        &[
            (0, prose(1, 100_000)),
            (32 * MIB - 100, noise(2, 200)),
            (70 * MIB, noise(3, 512)),
        ],
    );
    [ImageFormat::Vdi, ImageFormat::Vmdk, ImageFormat::VmdkStream]
        .map(|format| image(format, &map, &options(1)))
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
    match open(damaged) {
        Ok(image) => panic!("{image:?} was accepted"),
        Err(error) => error.to_string(),
    }
}

const VDI: usize = 0;
const VMDK: usize = 1;
const STREAM: usize = 2;

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
        1 => 0_usize..4 << 20,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn no_damage_makes_it_panic(
        which in 0_usize..3,
        from_end in any::<bool>(),
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
        exercise(bytes);
    }
}
