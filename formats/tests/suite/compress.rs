//! Compressed files against the programs of their formats, however they are written.

use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use kurmadisk_fixtures::oracle;
use kurmadisk_formats::compress::{Compressed, Compression, CompressionError};
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::output::{NewFile, Output};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{GIB, KIB, MIB, TIB, disk, noise, options, prose};

/// The largest block that is compressed on its own: that of xz.
const BLOCK: u64 = 8 * MIB;

fn threads(count: usize) -> NonZero<usize> {
    NonZero::new(count).unwrap()
}

/// A level that is quick enough for tests.
fn quick(compression: Compression) -> u32 {
    compression.levels().0
}

/// Pieces at offsets, written as they are, into a file of `len` bytes.
fn compressed(
    compression: Compression,
    level: u32,
    count: usize,
    pieces: &[(u64, &[u8])],
    len: u64,
) -> Vec<u8> {
    let mut out = Compressed::new(Vec::new(), compression, Some(level), threads(count)).unwrap();
    for (at, bytes) in pieces {
        out.write_at(*at, bytes).unwrap();
    }
    out.set_len(len).unwrap();
    out.into_inner()
}

fn file(dir: &Path, compression: Compression, bytes: &[u8]) -> PathBuf {
    let path = dir.join(format!("disk.raw.{compression}"));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Has the judges read `bytes`, which must hold `content`.
fn assert_judged(compression: Compression, bytes: &[u8], content: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), compression, bytes);
    oracle::compressed_test(&path).unwrap();
    assert!(
        oracle::decompress(&path).unwrap() == content,
        "{compression}"
    );
}

fn pieces_and_content(pieces: &[(u64, Vec<u8>)], len: u64) -> Vec<u8> {
    let mut content = vec![0; usize::try_from(len).unwrap()];
    for (at, bytes) in pieces {
        let at = usize::try_from(*at).unwrap();
        content[at..at + bytes.len()].copy_from_slice(bytes);
    }
    content
}

#[test]
fn files_of_any_length_are_read_by_the_judges() {
    for compression in Compression::ALL {
        for len in [0, 1, MIB, MIB + 1, 4 * MIB, BLOCK + 1] {
            let content = prose(len, len);
            let level = quick(compression);
            let bytes = compressed(compression, level, 2, &[(0, &content)], len);
            assert_judged(compression, &bytes, &content);
            // The same of zeros alone, none of which is written.
            let zeros = vec![0; content.len()];
            let bytes = compressed(compression, level, 2, &[], len);
            assert_judged(compression, &bytes, &zeros);
        }
    }
}

#[test]
fn every_level_is_read_by_the_judges_and_others_are_refused() {
    let content = [prose(1, 300 * KIB), noise(2, 100 * KIB), vec![0; 50_000]].concat();
    let len = content.len() as u64;
    for compression in Compression::ALL {
        let (least, most) = compression.levels();
        for level in least..=most {
            let bytes = compressed(compression, level, 1, &[(0, &content)], len);
            assert_judged(compression, &bytes, &content);
        }
        for level in [least.checked_sub(1), Some(most + 1), Some(u32::MAX)] {
            let Some(level) = level else { continue };
            let refused = Compressed::new(Vec::new(), compression, Some(level), threads(1)).err();
            assert_eq!(
                refused,
                Some(CompressionError::Level { compression, level })
            );
            let told = refused.unwrap().to_string();
            let range =
                format!("{compression} has no level {level}; it has those from {least} to {most}");
            assert_eq!(told, range);
        }
    }
}

#[test]
fn the_usual_level_is_the_one_without_a_choice() {
    let content = prose(7, 2 * MIB);
    for compression in Compression::ALL {
        let mut out = Compressed::new(Vec::new(), compression, None, threads(1)).unwrap();
        out.write_at(0, &content).unwrap();
        out.set_len(2 * MIB).unwrap();
        let level = compression.default_level();
        let same = compressed(compression, level, 1, &[(0, &content)], 2 * MIB);
        assert!(out.into_inner() == same, "{compression}");
        let other = compressed(
            compression,
            quick(compression),
            1,
            &[(0, &content)],
            2 * MIB,
        );
        assert!(other != same, "{compression}: the level changes nothing");
    }
}

#[test]
fn a_gzip_file_is_one_member_whose_length_is_taken_modulo_4_gib() {
    let dir = tempfile::tempdir().unwrap();
    let len = 4 * GIB + 3 * MIB + 5;
    let pieces: [(u64, &[u8]); 2] = [(MIB + 1, b"begin"), (len - 5, b"end")];
    let bytes = compressed(Compression::Gzip, 5, 2, &pieces, len);
    assert_eq!(bytes[..4], [0x1F, 0x8B, 8, 0]);
    let trailer = u32::try_from(3 * MIB + 5).unwrap();
    assert_eq!(bytes[bytes.len() - 4..], trailer.to_le_bytes());
    // 1032 to 1 is the most that deflate can do.
    assert!(bytes.len() as u64 > len / 1032 && (bytes.len() as u64) < len / 1000);
    // It holds the length against the trailer, as gzip does, in half the time.
    let path = file(dir.path(), Compression::Gzip, &bytes);
    oracle::sevenzip_test(&path).unwrap();
}

#[test]
fn a_zstd_file_is_frames_that_say_their_size_and_an_xz_file_one_stream_of_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let content = prose(3, 20 * MIB + 7);
    let len = content.len() as u64;
    let bytes = compressed(Compression::Zstd, 1, 2, &[(0, &content)], len);
    let path = file(dir.path(), Compression::Zstd, &bytes);
    assert_eq!(oracle::zstd_list(&path).unwrap(), [6, len]);
    // Bit 2 of a frame's descriptor: a checksum.
    assert_eq!(bytes[4] & 4, 4);

    let bytes = compressed(Compression::Xz, 0, 2, &[(0, &content)], len);
    let path = file(dir.path(), Compression::Xz, &bytes);
    assert_eq!(
        oracle::xz_list(&path).unwrap(),
        [1, 3, bytes.len() as u64, len]
    );
    assert_eq!(bytes[6..8], [0, 4], "CRC-64");
}

#[test]
fn a_large_disk_with_little_in_it_costs_next_to_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let map = disk(
        TIB,
        &[
            (0, vec![1]),
            (700 * GIB + 1, prose(1, 100_000)),
            (TIB - 1, vec![2]),
        ],
    );
    for (compression, most) in [(Compression::Zstd, 45 * MIB), (Compression::Xz, 200 * MIB)] {
        let path = dir.path().join(format!("disk.raw.{compression}"));
        let mut file = NewFile::create(&path).unwrap();
        let level = Some(quick(compression));
        let mut out = Compressed::new(&mut file, compression, level, threads(2)).unwrap();
        ImageFormat::Raw
            .write(&map, &options(1), &mut out, &mut |_| {
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        file.commit().unwrap();
        let size = path.metadata().unwrap().len();
        assert!(size < most, "{compression}: {size}");
        match compression {
            Compression::Xz => {
                let blocks = TIB / BLOCK;
                assert_eq!(oracle::xz_list(&path).unwrap(), [1, blocks, size, TIB]);
            }
            _ => assert_eq!(oracle::zstd_list(&path).unwrap(), [TIB / (4 * MIB), TIB]),
        }
    }
}

#[test]
fn what_lies_before_the_last_byte_cannot_be_written_any_more() {
    for compression in Compression::ALL {
        let mut out = Compressed::new(Vec::new(), compression, None, threads(2)).unwrap();
        out.write_at(5, b"abc").unwrap();
        let error = out.write_at(7, b"d").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("byte 7"), "{error}");
        assert!(out.set_len(7).is_err());
        assert!(out.part("more").is_err());
        out.set_len(8).unwrap();
    }
}

/// An output that has room for so many bytes.
struct Small(u64);

impl Output for Small {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let fits = offset + data.len() as u64 <= self.0;
        fits.then_some(())
            .ok_or_else(|| io::ErrorKind::StorageFull.into())
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn path(&self) -> &Path {
        Path::new("small")
    }
}

#[test]
fn an_output_that_fails_ends_it() {
    // Noise that comes again as far back as xz looks, and so is quick, makes as much of each block as is written at
    // once, and there are more blocks than the threads have.
    let content = noise(1, 256 * KIB).repeat(160);
    let room = 300 * KIB;
    for compression in Compression::ALL {
        for count in [1, 3] {
            let level = Some(quick(compression));
            let mut out = Compressed::new(Small(room), compression, level, threads(count)).unwrap();
            let written = out.write_at(0, &content);
            let ended = written.and_then(|()| out.set_len(content.len() as u64));
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::StorageFull);
            // Another one is dropped while its threads work.
            let mut out = Compressed::new(Vec::new(), compression, level, threads(count)).unwrap();
            out.write_at(0, &content).unwrap();
        }
    }
}

/// Pieces that don't overlap, ascending, of some kind each, around the edges of blocks.
fn files() -> impl Strategy<Value = (Vec<(u64, Vec<u8>)>, u64)> {
    let gap = prop_oneof![
        Just(0),
        1..3 * KIB,
        (0..2_u64, 0..3_u64).prop_map(|(blocks, more)| blocks * BLOCK + more * MIB - more.min(1)),
    ];
    // Most are short: compressing noise is slow.
    let len = prop_oneof![4 => 0..3 * KIB, 2 => MIB - 2..MIB + 2, 1 => 0..5 * MIB];
    let piece = (gap, len, 0..3_u8, any::<u64>());
    (vec(piece, 0..4), 0..3_u64).prop_map(|(pieces, blocks)| {
        let mut at = 0;
        let mut placed = Vec::new();
        for (gap, len, kind, seed) in pieces {
            let bytes = match kind {
                0 => noise(seed, len),
                1 => prose(seed >> 1, len),
                _ => vec![0; usize::try_from(len).unwrap()],
            };
            placed.push((at + gap, bytes));
            at += gap + len;
        }
        (placed, at + blocks * BLOCK / 2)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn the_bytes_depend_on_the_content_alone((pieces, len) in files(), cut in 1..300_000_usize) {
        let content = pieces_and_content(&pieces, len);
        let sparse: Vec<(u64, &[u8])> = pieces.iter().map(|(at, bytes)| (*at, &bytes[..])).collect();
        let mut at = 0;
        let mut cuts: Vec<(u64, &[u8])> = Vec::new();
        for bytes in content.chunks(cut) {
            cuts.push((at, bytes));
            at += bytes.len() as u64;
        }
        for compression in Compression::ALL {
            let level = quick(compression);
            let bytes = compressed(compression, level, 3, &sparse, len);
            prop_assert!(bytes == compressed(compression, level, 1, &cuts, len));
            assert_judged(compression, &bytes, &content);
        }
    }
}
