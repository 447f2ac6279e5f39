//! The extent map: building, splicing, walking it by blocks.

use divan::{Bencher, black_box};
use kurmadisk::formats::map::{DiskMap, MapBuilder};

const BLOCK: u64 = 4096;

fn main() {
    divan::main();
}

/// `count` extents of one block each, every other block free.
fn map(count: u64) -> DiskMap {
    let mut builder = MapBuilder::new(count * 2 * BLOCK);
    for index in 0..count {
        builder.push_bytes(index * 2 * BLOCK, vec![1; 4096]);
    }
    builder.finish().expect("disjoint")
}

#[divan::bench(args = [1_000, 100_000])]
fn build(bencher: Bencher<'_, '_>, count: u64) {
    let bytes = kurmadisk::formats::map::Source::Bytes(vec![1; 4096].into());
    bencher.bench(|| {
        let mut builder = MapBuilder::new(count * 2 * BLOCK);
        for index in (0..count).rev() {
            builder.push(kurmadisk::formats::map::Extent {
                start: index * 2 * BLOCK,
                len: BLOCK,
                source: bytes.clone(),
            });
        }
        builder.finish()
    });
}

#[divan::bench(args = [1_000, 100_000])]
fn splice(bencher: Bencher<'_, '_>, count: u64) {
    let part = map(count);
    bencher.with_inputs(|| part.clone()).bench_values(|part| {
        let mut disk = DiskMap::new(part.len() + (2 << 20));
        disk.splice(1 << 20, part).map(|()| disk)
    });
}

#[divan::bench(args = [1_000, 100_000])]
fn block_runs(bencher: Bencher<'_, '_>, count: u64) {
    let map = map(count);
    bencher.bench(|| black_box(&map).block_runs(1 << 16).count());
}
