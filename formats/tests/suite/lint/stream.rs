//! streamOptimized files that break rules.

use kurmadisk_formats::image::ImageFormat;

use super::surgery::{Stream, bare, bloated, patched, put};
use super::{Case, Judge, broken, case, look, sample_image};

pub fn cases() -> Vec<Case> {
    let mut cases = markers();
    cases.extend(grains());
    cases
}

/// The sample, put together in another way.
fn stream(change: fn(&mut Stream)) -> Vec<u8> {
    let mut stream = Stream::new();
    change(&mut stream);
    stream.bytes()
}

/// Markers and what they announce.
fn markers() -> Vec<Case> {
    let whole = Stream::new().bytes();
    let seven = Judge::SevenZip;
    let qemu = Judge::Qemu("vmdk");
    let mut trailing = whole.clone();
    trailing.extend_from_slice(&[0; 1024]);
    let without_end = whole[..whole.len() - 512].to_vec();
    let mut nonsense = whole.clone();
    // The first metadata marker.
    let table = marker_of_tables(&whole);
    put(&mut nonsense, table + 12, &[9]);
    vec![
        case("vmdk-stream-version", "version 1", {
            let mut stream = Stream::new();
            put(&mut stream.head, 4, &[1]);
            stream.bytes()
        }),
        case(
            "vmdk-stream-overhead",
            "goes on at byte 66048",
            stream(|stream| stream.head.extend_from_slice(&[0; 512])),
        ),
        case(
            "vmdk-stream-order",
            "grain",
            stream(|stream| stream.grains.reverse()),
        ),
        case(
            "vmdk-stream-zero-sector",
            "zeros",
            stream(|stream| stream.between = vec![0; 512]),
        ),
        case("vmdk-stream-no-end", "no marker", without_end)
            .refused_by(Judge::OpenStack)
            .refused_by(seven),
        case("vmdk-stream-trailing", "1024 bytes", trailing)
            .refused_by(Judge::OpenStack)
            .refused_by(seven),
        case(
            "vmdk-stream-footer",
            "version of the footer",
            stream(|stream| stream.footer = |footer| put(footer, 4, &[1])),
        )
        .refused_by(Judge::OpenStack)
        .refused_by(seven),
        case(
            "vmdk-stream-footer",
            "refers to a footer again",
            stream(|stream| stream.footer = |footer| put(footer, 56, &[0xFF; 8])),
        )
        .refused_by(Judge::OpenStack)
        .refused_by(qemu),
        case("vmdk-stream-marker", "no such thing", nonsense).refused_by(seven),
    ]
}

/// Grains, and the tables that name them.
fn grains() -> Vec<Case> {
    let whole = Stream::new().bytes();
    let table = marker_of_tables(&whole);
    let (seven, qemu) = (Judge::SevenZip, Judge::Qemu("vmdk"));
    vec![
        case(
            "vmdk-stream-grain-size",
            "bytes compressed",
            stream(|stream| stream.compress = bloated),
        )
        .refused_by(seven),
        case(
            "vmdk-stream-raw-deflate",
            "bare",
            stream(|stream| stream.compress = bare),
        )
        .refused_by(qemu),
        case(
            "vmdk-stream-raw-deflate",
            "bare",
            stream(|stream| stream.compress = bare),
        )
        .refused_by(seven),
        case(
            "vmdk-stream-grain",
            "no whole zlib stream",
            patched(ImageFormat::VmdkStream, &[(128 * 512 + 100, &[0xFF; 64])]),
        )
        .refused_by(qemu),
        case(
            "vmdk-stream-grain",
            "65000 of 65536",
            stream(|stream| stream.grains[0].1.truncate(65_000)),
        )
        .refused_by(seven),
        case(
            "vmdk-stream-last-grain",
            "1024 of 65536",
            stream(|stream| {
                if let Some((_, last)) = stream.grains.last_mut() {
                    last.truncate(1024);
                }
            }),
        )
        .refused_by(seven),
        case("vmdk-stream-tables", "not all the same", {
            let mut bytes = whole.clone();
            // The first entry of the first grain table.
            put(&mut bytes, table + 512, &[0; 4]);
            bytes
        })
        .refused_by(qemu),
    ]
}

/// Where the first marker is that is no grain's.
fn marker_of_tables(bytes: &[u8]) -> u64 {
    let mut at = 128 * 512;
    loop {
        let size = crate::support::number::<4>(bytes, at + 8);
        if size == 0 {
            return at;
        }
        at += (12 + size).next_multiple_of(512);
    }
}

#[test]
fn a_stream_put_together_again_is_whole() {
    let clean = broken(&look(&sample_image(ImageFormat::VmdkStream)));
    assert_eq!(broken(&look(&Stream::new().bytes())), clean);
}

#[test]
fn one_damage_does_not_hide_another() {
    let mut stream = Stream::new();
    stream.grains.reverse();
    stream.between = vec![0; 512];
    stream.end = vec![0; 1024];
    let broken = broken(&look(&stream.bytes()));
    for rule in ["order", "zero-sector", "trailing"] {
        let rule = format!("vmdk-stream-{rule}");
        assert!(broken.contains(rule.as_str()), "{broken:?} lacks {rule}");
    }
}

#[test]
fn markers_of_progress_are_passed_over() {
    let clean = broken(&look(&Stream::new().bytes()));
    let mut stream = Stream::new();
    stream.between = vec![0; 512];
    put(&mut stream.between, 12, &[4]);
    assert_eq!(broken(&look(&stream.bytes())), clean);
    put(&mut stream.between, 12, &[5]);
    assert!(broken(&look(&stream.bytes())).contains("vmdk-stream-marker"));
}
