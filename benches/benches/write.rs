//! Every format: a disk of small files, written to nowhere.

use std::ops::ControlFlow;

use divan::Bencher;
use divan::counter::BytesCount;
use kurmadisk::{Builder, ImageFormat};
use kurmadisk_benches::{Nowhere, tree};

fn main() {
    divan::main();
}

#[divan::bench(args = ImageFormat::ALL.iter().copied(), sample_count = 10)]
fn write(bencher: Bencher<'_, '_>, format: ImageFormat) {
    let plan = Builder::new("benchmark")
        .layout("efi")
        .root_tree(tree(10_000, 5000))
        .plan()
        .expect("a plan");
    let map = plan.disk_map().expect("a map");
    let options = plan.image_options("benchmark");
    bencher.counter(BytesCount::new(map.data_len())).bench(|| {
        format.write(&map, &options, &mut Nowhere, &mut |_| {
            ControlFlow::Continue(())
        })
    });
}
