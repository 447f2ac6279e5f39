//! Planning and building filesystems, and the digest of a tree.

use std::sync::Arc;

use divan::Bencher;
use kurmadisk::fs::ext4::{Ext4Options, Ext4Plan};
use kurmadisk::fs::fat::{FatOptions, FatPlan};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree;
use kurmadisk_benches::tree;
use uuid::Uuid;

const SIZE: VolumeSize = VolumeSize::Auto(FreeSpace::PerMille(100));

fn main() {
    divan::main();
}

#[divan::bench(args = [1_000, 100_000])]
fn ext4_plan(bencher: Bencher<'_, '_>, files: usize) {
    let tree = Arc::new(tree(files, 5000));
    let options = Ext4Options::new(Uuid::from_u128(1), Uuid::from_u128(2));
    bencher.bench(|| Ext4Plan::new(Arc::clone(&tree), SIZE, &options));
}

#[divan::bench(args = [1_000, 100_000])]
fn ext4_build(bencher: Bencher<'_, '_>, files: usize) {
    let tree = tree(files, 5000);
    let options = Ext4Options::new(Uuid::from_u128(1), Uuid::from_u128(2));
    let plan = Ext4Plan::new(tree, SIZE, &options).expect("fits");
    bencher.bench(|| plan.build());
}

#[divan::bench(args = [1_000, 20_000])]
fn fat_plan(bencher: Bencher<'_, '_>, files: usize) {
    let tree = Arc::new(tree(files, 5000));
    bencher.bench(|| FatPlan::new(Arc::clone(&tree), SIZE, &FatOptions::default()));
}

#[divan::bench(args = [1_000, 100_000])]
fn digest(bencher: Bencher<'_, '_>, files: usize) {
    let tree = tree(files, 5000);
    bencher.bench(|| tree::digest(&tree));
}
