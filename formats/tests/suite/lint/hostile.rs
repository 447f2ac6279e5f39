//! Damaged images: observations or an error, never a panic or endless work.

use std::sync::LazyLock;

use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::lint;
use proptest::prelude::*;

use crate::support::{KIB, MIB, disk, image, noise, options};

const FORMATS: [ImageFormat; 6] = [
    ImageFormat::Vdi,
    ImageFormat::Vmdk,
    ImageFormat::VmdkStream,
    ImageFormat::Vhd,
    ImageFormat::Vhdx,
    ImageFormat::Qcow2,
];

/// Small images, and where their structures are.
static IMAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let map = disk(3 * MIB, &[(MIB, noise(1, 70_000))]);
    FORMATS
        .map(|format| image(format, &map, &options(1)))
        .to_vec()
});

/// Offsets at which structures begin: headers, tables, markers, metadata.
const STRUCTURES: [u64; 10] = [
    0,
    512,
    1536,
    21 * 512,
    64 * KIB,
    128 * KIB,
    192 * KIB,
    MIB,
    2 * MIB,
    2 * MIB + 64 * KIB,
];

const VALUES: [u64; 8] = [0, 1, 2, 0xFF, 0xFFFF, 0xFFFF_FFFF, u64::MAX, 1 << 63];

fn survives(bytes: Vec<u8>) {
    let whole = 0..bytes.len() as u64;
    let linted = lint::image(bytes.into_boxed_slice(), &[whole]).unwrap();
    assert!(linted.observations.iter().count() < 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn changed_fields_do_no_harm(
        which in 0..FORMATS.len(),
        changes in prop::collection::vec(
            (prop::sample::select(&STRUCTURES[..]), 0_u64..128, prop::sample::select(&VALUES[..]), 1_usize..=8),
            1..4,
        ),
        from_end in any::<bool>(),
    ) {
        let mut bytes = IMAGES[which].clone();
        for (structure, field, value, len) in changes {
            let mut at = usize::try_from(structure + field * 4).unwrap();
            if from_end && structure < 4096 {
                at = bytes.len().saturating_sub(1536) + at % 1536;
            }
            for (place, byte) in bytes.iter_mut().skip(at).zip(&value.to_le_bytes()[..len]) {
                *place = *byte;
            }
        }
        survives(bytes);
    }

    #[test]
    fn cut_files_do_no_harm(which in 0..FORMATS.len(), share in 0.0..1.0) {
        let image = &IMAGES[which];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any length does")]
        let len = (image.len() as f64 * share) as usize;
        survives(image[..len].to_vec());
    }
}

#[test]
fn absurd_sizes_take_no_time() {
    for (which, at, value) in [
        // Capacity and grain directory.
        (1, 12, 1_u64 << 40),
        (2, 12, 1 << 50),
        (2, 56, 0),
        // The stream begins at the file's begin.
        (2, 64, 0),
    ] {
        let mut bytes = IMAGES[which].clone();
        super::surgery::put(&mut bytes, at, &value.to_le_bytes());
        survives(bytes);
    }
}
