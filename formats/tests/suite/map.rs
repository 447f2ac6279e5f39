//! Extent maps against a plain array of bytes.

use kurmadisk_formats::error::MapError;
use kurmadisk_formats::map::{DiskMap, Extent, MapBuilder, Source};
use kurmadisk_formats::read_at::ReadAt;
use proptest::prelude::*;

use crate::support::disk;

const LEN: u64 = 4096;

/// A disk as an array, with which bytes extents cover.
struct Model {
    bytes: Vec<u8>,
    covered: Vec<bool>,
}

impl Model {
    fn new(len: u64) -> Self {
        let len = usize::try_from(len).unwrap();
        Self {
            bytes: vec![0; len],
            covered: vec![false; len],
        }
    }

    /// Whether the bytes had room.
    fn insert(&mut self, start: u64, bytes: &[u8]) -> bool {
        let start = usize::try_from(start).unwrap();
        let range = start..start + bytes.len();
        let free = self
            .covered
            .get(range.clone())
            .is_some_and(|covered| !covered.contains(&true));
        if free {
            self.bytes[range.clone()].copy_from_slice(bytes);
            self.covered[range].fill(true);
        }
        free
    }

    fn touched_blocks(&self, size: usize) -> Vec<u64> {
        let blocks = self.covered.chunks(size);
        let touched = blocks
            .enumerate()
            .filter(|(_, block)| block.contains(&true));
        touched.map(|(number, _)| number as u64).collect()
    }
}

fn read_all(map: &DiskMap) -> Vec<u8> {
    let mut bytes = vec![0xEE; usize::try_from(map.len()).unwrap()];
    map.reader().read_exact_at(0, &mut bytes).unwrap();
    bytes
}

fn extents() -> impl Strategy<Value = Vec<(u64, Vec<u8>)>> {
    let bytes = prop::collection::vec(1_u8.., 1..300);
    prop::collection::vec((0..LEN, bytes), 0..24)
}

proptest! {
    #[test]
    fn inserting_matches_the_array(extents in extents(), from in 0..LEN, len in 0..LEN) {
        let mut map = DiskMap::new(LEN);
        let mut model = Model::new(LEN);
        let mut builder = MapBuilder::new(LEN);
        for (start, bytes) in &extents {
            let inserted = map.insert_bytes(*start, bytes.clone()).is_ok();
            prop_assert_eq!(inserted, model.insert(*start, bytes));
            if inserted {
                builder.push_bytes(*start, bytes.clone());
            }
        }
        prop_assert_eq!(read_all(&map), &model.bytes[..]);
        prop_assert_eq!(read_all(&builder.finish().unwrap()), &model.bytes[..]);
        let covered = model.covered.iter().filter(|covered| **covered).count();
        prop_assert_eq!(map.data_len(), covered as u64);

        let end = (from + len).min(LEN);
        let mut window = vec![0; usize::try_from(end - from).unwrap()];
        for piece in map.pieces(from..end) {
            let Source::Bytes(bytes) = &piece.source else { unreachable!() };
            let at = usize::try_from(piece.start - from).unwrap();
            prop_assert_eq!(piece.len, bytes.len() as u64);
            window[at..at + bytes.len()].copy_from_slice(bytes);
        }
        let from = usize::try_from(from).unwrap();
        prop_assert_eq!(&window[..], &model.bytes[from..from + window.len()]);
    }

    #[test]
    fn a_filled_map_is_the_same_disk_without_holes(extents in extents()) {
        let mut map = DiskMap::new(LEN);
        for (start, bytes) in extents {
            // What overlaps or has no room is left out.
            let _ = map.insert_bytes(start, bytes);
        }
        let filled = map.clone().filled();
        prop_assert_eq!(read_all(&filled), read_all(&map));
        prop_assert_eq!((filled.len(), filled.data_len()), (LEN, LEN));
        // No more extents than that takes.
        prop_assert!(filled.extents().len() <= 2 * map.extents().len() + 1);
        let joined = |pair: &[Extent]| pair[0].end() == pair[1].start;
        prop_assert!(filled.extents().windows(2).all(joined));
        prop_assert_eq!(read_all(&filled.slice(7..LEN - 5)), &read_all(&map)[7..4091]);
    }

    #[test]
    fn runs_of_blocks_are_the_touched_ones(extents in extents(), size in 1_usize..700) {
        let mut map = DiskMap::new(LEN);
        let mut model = Model::new(LEN);
        for (start, bytes) in &extents {
            if model.insert(*start, bytes) {
                map.insert_bytes(*start, bytes.clone()).unwrap();
            }
        }
        let runs: Vec<_> = map.block_runs(size as u64).collect();
        for pair in runs.windows(2) {
            prop_assert!(pair[0].end < pair[1].start, "{:?} are adjacent", pair);
        }
        let blocks: Vec<u64> = runs.into_iter().flatten().collect();
        prop_assert_eq!(blocks, model.touched_blocks(size));
    }

    #[test]
    fn splicing_matches_the_array(
        outer in extents(), inner in extents(), at in 0..2 * LEN, len in 300..LEN
    ) {
        let mut map = DiskMap::new(2 * LEN);
        let mut model = Model::new(2 * LEN);
        for (start, bytes) in &outer {
            if model.insert(*start, bytes) {
                map.insert_bytes(*start, bytes.clone()).unwrap();
            }
        }
        let mut part = DiskMap::new(len);
        for (start, bytes) in inner {
            let _ = part.insert_bytes(start, bytes);
        }
        let range = usize::try_from(at).unwrap()..usize::try_from(at + len).unwrap();
        let free = model.covered.get(range.clone()).is_some_and(|all| !all.contains(&true));
        let content = read_all(&part);
        prop_assert_eq!(map.splice(at, part).is_ok(), free);
        if free {
            model.bytes[range].copy_from_slice(&content);
        }
        prop_assert_eq!(read_all(&map), model.bytes);
    }
}

#[test]
fn overlaps_and_ends_are_refused() {
    let mut map = disk(100, &[(10, vec![1; 10])]);
    for start in [1, 10, 15, 19] {
        let error = map.insert_bytes(start, vec![2; 10]).unwrap_err();
        assert!(
            matches!(error, MapError::Overlap { other: 10, .. }),
            "{error}"
        );
    }
    map.insert_bytes(0, vec![2; 10]).unwrap();
    map.insert_bytes(20, vec![2; 10]).unwrap();
    for start in [91, 100, u64::MAX] {
        let error = map.insert_bytes(start, vec![2; 10]).unwrap_err();
        assert!(
            matches!(error, MapError::OutOfRange { disk: 100, .. }),
            "{error}"
        );
    }
    let short = Extent {
        start: 50,
        len: 3,
        source: Source::Bytes(vec![1; 2].into()),
    };
    let mut builder = MapBuilder::new(100);
    builder.push(short.clone());
    for error in [
        map.insert(short).unwrap_err(),
        builder.finish().unwrap_err(),
    ] {
        assert!(matches!(error, MapError::ShortSource { start: 50, len: 3 }));
    }
    assert_eq!(map.extents().len(), 3);
}

#[test]
fn a_splice_covers_its_holes_too() {
    let mut map = disk(100, &[(50, vec![1; 1])]);
    let empty = DiskMap::new(20);
    assert!(map.splice(40, empty.clone()).is_err());
    assert!(map.splice(81, empty.clone()).is_err());
    map.splice(51, empty).unwrap();
    assert_eq!(map.data_len(), 1);
}

#[test]
fn a_builder_finds_overlaps_in_any_order() {
    let mut builder = MapBuilder::new(100);
    builder.push_bytes(50, vec![1; 10]);
    builder.push_bytes(45, vec![1; 6]);
    builder.push_bytes(0, Vec::new());
    assert!(matches!(
        builder.finish().unwrap_err(),
        MapError::Overlap {
            start: 50,
            len: 10,
            other: 45
        }
    ));
}

#[test]
fn a_map_only_grows() {
    let mut map = disk(10, &[(0, vec![7; 10])]);
    map.grow(5);
    assert_eq!(map.len(), 10);
    map.grow(12);
    assert_eq!(read_all(&map), [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0]);
    let mut beyond = [0; 2];
    assert!(map.reader().read_exact_at(11, &mut beyond).is_err());
}
