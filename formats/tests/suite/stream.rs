//! The marker sequence of streamOptimized files, read without the library's own reader.

use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::DiskMap;

use crate::support::{KIB, MIB, SECTOR, disk, image, noise, number, options, prose};

const GRAIN: u64 = 64 * KIB;

/// What lies in the file from `overHead` on, in order.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Grain { lba: u64, at: u64 },
    Table { at: u64 },
    Directory { at: u64 },
    Footer { at: u64 },
    End,
}

fn walk(bytes: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = number::<8>(bytes, 64) * SECTOR;
    while pieces.last() != Some(&Piece::End) {
        let (value, size) = (number::<8>(bytes, at), number::<4>(bytes, at + 8));
        if size > 0 {
            assert!(size <= 66_000, "a grain of {size} bytes");
            pieces.push(Piece::Grain { lba: value, at });
            let end = at + 12 + size;
            at = end.next_multiple_of(SECTOR);
            assert!((end..at).all(|byte| number::<1>(bytes, byte) == 0));
            continue;
        }
        let data = at + SECTOR;
        let (piece, sectors) = match number::<4>(bytes, at + 12) {
            0 => (Piece::End, 0),
            1 => (Piece::Table { at: data }, 4),
            2 => (Piece::Directory { at: data }, value),
            3 => (Piece::Footer { at: data }, 1),
            other => panic!("a marker of type {other} at {at}"),
        };
        assert_eq!(value, sectors);
        pieces.push(piece);
        at = data + sectors * SECTOR;
    }
    assert_eq!(
        at,
        bytes.len() as u64,
        "something lies behind the end of the stream"
    );
    pieces
}

fn check(map: &DiskMap) -> Vec<Piece> {
    check_of(map, 3)
}

fn check_of(map: &DiskMap, threads: usize) -> Vec<Piece> {
    let bytes = image(ImageFormat::VmdkStream, map, &options(threads));
    let capacity = map.len().div_ceil(SECTOR);
    assert_eq!(number::<4>(&bytes, 4), 3);
    assert_eq!(number::<4>(&bytes, 8), 0x30001);
    assert_eq!(number::<8>(&bytes, 12), capacity);
    assert_eq!(number::<8>(&bytes, 56), u64::MAX);
    assert_eq!(number::<2>(&bytes, 77), 1);
    let overhead = usize::try_from(number::<8>(&bytes, 64) * SECTOR).unwrap();
    assert!(bytes[21 * 512..overhead].iter().all(|byte| *byte == 0));

    let pieces = walk(&bytes);
    let lbas: Vec<u64> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Grain { lba, .. } => Some(*lba),
            _ => None,
        })
        .collect();
    assert!(lbas.is_sorted_by(|a, b| a < b) && lbas.iter().all(|lba| lba % 128 == 0));
    let tables = pieces
        .iter()
        .filter(|piece| matches!(piece, Piece::Table { .. }));
    let mut spans: Vec<u64> = lbas.iter().map(|lba| lba / (128 * 512)).collect();
    spans.dedup();
    assert_eq!(
        tables.count(),
        spans.len(),
        "tables that are empty or missing"
    );

    let [
        ..,
        Piece::Directory { at: directory },
        Piece::Footer { at: footer },
        Piece::End,
    ] = pieces[..]
    else {
        panic!("{:?}", pieces.last());
    };
    assert_eq!(number::<8>(&bytes, footer + 56), directory / SECTOR);
    let head = usize::try_from(footer).unwrap();
    assert_eq!(bytes[head..head + 56], bytes[..56]);
    for piece in &pieces {
        let Piece::Grain { lba, at } = *piece else {
            continue;
        };
        let table = number::<4>(&bytes, directory + lba / (128 * 512) * 4) * SECTOR;
        assert!(pieces.contains(&Piece::Table { at: table }));
        let entry = number::<4>(&bytes, table + lba / 128 % 512 * 4);
        assert_eq!(entry * SECTOR, at);
    }
    pieces
}

#[test]
fn an_empty_disk_has_directory_footer_and_end() {
    assert_eq!(check(&DiskMap::new(100 * MIB)).len(), 3);
    assert_eq!(check(&disk(MIB, &[(0, vec![0; 1 << 20])])).len(), 3);
}

/// VirtualBox's importer begins to read there.
#[test]
fn the_first_marker_lies_where_the_header_says() {
    let full = disk(2 * MIB, &[(0, noise(1, MIB))]);
    let overhead = |map: &DiskMap| {
        let bytes = image(ImageFormat::VmdkStream, map, &options(1));
        number::<8>(&bytes, 64) * SECTOR
    };
    let at = overhead(&full);
    assert_eq!(check(&full)[0], Piece::Grain { lba: 0, at });
    let empty = DiskMap::new(MIB);
    let at = overhead(&empty) + SECTOR;
    assert_eq!(check(&empty)[0], Piece::Directory { at });
}

#[test]
fn grains_ascend_whatever_the_threads() {
    // Grains that take long to compress beside some that take no time.
    let mut map = DiskMap::new(64 * MIB);
    for number in 0..32 {
        let at = number * 2 * MIB;
        let bytes = match number % 3 {
            0 => prose(number, MIB),
            1 => noise(number, 300_000),
            _ => vec![1; 1000],
        };
        map.insert_bytes(at, bytes).unwrap();
    }
    let pieces = check_of(&map, 1);
    for threads in [2, 3, 8] {
        assert!(check_of(&map, threads) == pieces, "{threads} threads");
    }
}

#[test]
fn grains_ascend_and_tables_follow_them() {
    // More than a batch; batches that span tables; zeros between.
    let mut map = DiskMap::new(200 * MIB);
    map.insert_bytes(MIB, prose(1, 5 * MIB)).unwrap();
    map.insert_bytes(31 * MIB, noise(2, 2 * MIB)).unwrap();
    map.insert_bytes(64 * MIB - 1, vec![1, 2]).unwrap();
    map.insert_bytes(100 * MIB, vec![0; 1 << 20]).unwrap();
    map.insert_bytes(200 * MIB - 1, vec![1]).unwrap();
    let pieces = check(&map);
    assert!(matches!(pieces[0], Piece::Grain { lba: 2048, at } if at == GRAIN));
    let grains = pieces
        .iter()
        .filter(|piece| matches!(piece, Piece::Grain { .. }));
    assert_eq!(grains.count(), 80 + 32 + 2 + 1);
    let last_of_first_span = pieces
        .iter()
        .position(|piece| matches!(piece, Piece::Table { .. }))
        .unwrap();
    assert!(matches!(
        pieces[last_of_first_span - 1],
        Piece::Grain { lba, .. } if lba == 32 * MIB / SECTOR - 128
    ));
}

#[test]
fn incompressible_grains_fit_a_hypervisors_buffer() {
    check(&disk(4 * MIB + SECTOR, &[(0, noise(1, 4 * MIB + SECTOR))]));
}
