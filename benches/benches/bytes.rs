//! What touches every byte: whole files compressed, and the checksums of dm-verity.

use std::num::NonZero;

use divan::Bencher;
use divan::counter::BytesCount;
use kurmadisk::formats::compress::{Compressed, Compression};
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::output::Output;
use kurmadisk::source::Scratch;
use kurmadisk::verity::{HashArea, VerityOptions};
use kurmadisk_benches::{Nowhere, text};
use uuid::Uuid;

const LEN: usize = 4 << 20;

fn main() {
    divan::main();
}

#[divan::bench(args = [Compression::Gzip, Compression::Zstd, Compression::Xz], sample_count = 5)]
fn compress(bencher: Bencher<'_, '_>, compression: Compression) {
    let text = text(LEN);
    bencher.counter(BytesCount::new(LEN)).bench(|| {
        let one = NonZero::<usize>::MIN;
        let mut file = Compressed::new(Nowhere, compression, None, one).expect("a level");
        file.write_at(0, &text).expect("it keeps nothing");
        file.set_len(text.len() as u64).expect("it keeps nothing");
    });
}

#[divan::bench]
fn verity(bencher: Bencher<'_, '_>) {
    let mut data = DiskMap::new(LEN as u64);
    data.insert_bytes(0, text(LEN)).expect("as long as the map");
    let options = VerityOptions::new(Uuid::from_u128(1), vec![1; 32]);
    bencher
        .counter(BytesCount::new(LEN))
        .bench(|| HashArea::build(&data, &options, &Scratch::Memory));
}
