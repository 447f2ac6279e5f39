//! The jobs whose instructions `cargo xtask bench --instructions` counts.
//!
//! Without an argument it names them, one a line. With a name it prepares that job, and does it once inside
//! [`kurmadisk_counted_job`], by whose name callgrind knows what to count. All of it runs in one thread, and
//! nothing depends on the host: the same program executes the same instructions.

use std::error::Error;
use std::hint::black_box;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::Arc;

use kurmadisk::formats::compress::{Compressed, Compression};
use kurmadisk::formats::map::{DiskMap, MapBuilder, Source};
use kurmadisk::formats::output::Output;
use kurmadisk::formats::read_at::ReadAt;
use kurmadisk::fs::ext4::{Ext4Options, Ext4Plan};
use kurmadisk::fs::fat::{FatOptions, FatPlan};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::source::Scratch;
use kurmadisk::tree;
use kurmadisk::verity::{HashArea, VerityOptions};
use kurmadisk::{Builder, ImageFormat};
use kurmadisk_benches::{Nowhere, text, tree, tree_of};
use uuid::Uuid;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What is counted.
type Counted = Box<dyn FnMut() -> Outcome>;

/// Prepares what is counted.
type Prepare = Box<dyn Fn() -> Outcome<Counted>>;

const SIZE: VolumeSize = VolumeSize::Auto(FreeSpace::PerMille(100));

/// Files of the trees.
const FILES: usize = 4000;

/// Bytes of each, and of what is compressed.
const LEN: usize = 5000;
const COMPRESSED_LEN: usize = 1 << 20;

fn main() -> Outcome {
    let jobs = jobs();
    let Some(wanted) = std::env::args().nth(1) else {
        for (name, _) in jobs {
            println!("{name}");
        }
        return Ok(());
    };
    let job = jobs.into_iter().find(|(name, _)| *name == wanted);
    let (_, prepare) = job.ok_or_else(|| format!("there is no job {wanted}"))?;
    kurmadisk_counted_job(&mut prepare()?)
}

/// The job, in a function of its own.
#[inline(never)]
fn kurmadisk_counted_job(job: &mut Counted) -> Outcome {
    job()
}

fn jobs() -> Vec<(String, Prepare)> {
    let mut jobs: Vec<(String, Prepare)> = vec![
        ("map: build".to_owned(), sure(map_build)),
        ("map: splice".to_owned(), Box::new(map_splice)),
        ("map: runs of blocks".to_owned(), Box::new(map_runs)),
        ("ext4: plan".to_owned(), sure(ext4_plan)),
        ("ext4: build".to_owned(), Box::new(ext4_build)),
        ("ext4: metadata".to_owned(), Box::new(ext4_metadata)),
        ("fat: plan".to_owned(), sure(fat_plan)),
        ("tree: digest".to_owned(), sure(digest)),
        ("checksums: dm-verity".to_owned(), Box::new(verity)),
    ];
    for format in ImageFormat::ALL {
        let name = format!("write: {}", format.name());
        jobs.push((name, Box::new(|| write(*format))));
    }
    for (name, compression, len) in [
        ("gzip", Compression::Gzip, COMPRESSED_LEN),
        ("zstd", Compression::Zstd, COMPRESSED_LEN),
        // It takes thirty times as many.
        ("xz", Compression::Xz, COMPRESSED_LEN / 16),
    ] {
        let prepare = move || compress(compression, len);
        jobs.push((format!("compress: {name}"), sure(prepare)));
    }
    jobs
}

/// Prepares what needs nothing that could fail.
fn sure(prepare: impl Fn() -> Counted + 'static) -> Prepare {
    Box::new(move || Ok(prepare()))
}

/// A map of extents of one block each, every other block free.
fn extents() -> Outcome<DiskMap> {
    const BLOCK: u64 = 4096;
    const COUNT: u64 = 20_000;
    let mut builder = MapBuilder::new(COUNT * 2 * BLOCK);
    for index in (0..COUNT).rev() {
        builder.push_bytes(index * 2 * BLOCK, vec![1; 16]);
    }
    Ok(builder.finish()?)
}

fn map_build() -> Counted {
    Box::new(|| {
        black_box(extents()?);
        Ok(())
    })
}

fn map_splice() -> Outcome<Counted> {
    let mut part = Some(extents()?);
    Ok(Box::new(move || {
        let part = part.take().ok_or("a job is done once")?;
        let mut disk = DiskMap::new(part.len() + (2 << 20));
        disk.splice(1 << 20, part)?;
        black_box(disk);
        Ok(())
    }))
}

fn map_runs() -> Outcome<Counted> {
    let map = extents()?;
    Ok(Box::new(move || {
        black_box(black_box(&map).block_runs(1 << 16).count());
        Ok(())
    }))
}

fn ext4_options() -> Ext4Options {
    Ext4Options::new(Uuid::from_u128(1), Uuid::from_u128(2))
}

fn ext4_plan() -> Counted {
    let tree = Arc::new(tree(FILES, LEN));
    Box::new(move || {
        black_box(Ext4Plan::new(Arc::clone(&tree), SIZE, &ext4_options())?);
        Ok(())
    })
}

fn ext4_build() -> Outcome<Counted> {
    let tree = tree(FILES, LEN);
    let plan = Ext4Plan::new(tree, SIZE, &ext4_options())?;
    Ok(Box::new(move || {
        black_box(plan.build()?);
        Ok(())
    }))
}

/// Inodes and directories, which are encoded when they are read.
fn ext4_metadata() -> Outcome<Counted> {
    let map = Ext4Plan::new(tree(FILES, LEN), SIZE, &ext4_options())?.build()?;
    Ok(Box::new(move || {
        let reader = map.reader();
        let is_made = |source: &Source| match source {
            Source::Content { store, .. } => store.is_made(),
            _ => false,
        };
        let mut bytes = Vec::new();
        for extent in map
            .extents()
            .iter()
            .filter(|extent| is_made(&extent.source))
        {
            bytes.resize(usize::try_from(extent.len)?, 0);
            reader.read_exact_at(extent.start, &mut bytes)?;
        }
        black_box(bytes);
        Ok(())
    }))
}

fn fat_plan() -> Counted {
    let tree = Arc::new(tree(FILES, LEN));
    Box::new(move || {
        black_box(FatPlan::new(
            Arc::clone(&tree),
            SIZE,
            &FatOptions::default(),
        )?);
        Ok(())
    })
}

fn digest() -> Counted {
    let tree = tree(FILES, LEN);
    Box::new(move || {
        black_box(tree::digest(&tree));
        Ok(())
    })
}

/// The hash tree of a disk of text.
fn verity() -> Outcome<Counted> {
    let mut data = DiskMap::new(COMPRESSED_LEN as u64);
    data.insert_bytes(0, text(COMPRESSED_LEN))?;
    let options = VerityOptions::new(Uuid::from_u128(1), vec![1; 32]);
    Ok(Box::new(move || {
        black_box(HashArea::build(&data, &options, &Scratch::Memory)?);
        Ok(())
    }))
}

/// A disk of text, written to nowhere.
fn write(format: ImageFormat) -> Outcome<Counted> {
    // So little that it is read by the thread that writes it: others would be counted by chance.
    const FILES: usize = 100;
    let root = tree_of(FILES, &text(LEN));
    let plan = Builder::new("counted")
        .layout("efi")
        .root_tree(root)
        .plan()?;
    let map = plan.disk_map()?;
    let one = NonZero::<usize>::MIN;
    let options = plan.image_options("counted").with_threads(one);
    Ok(Box::new(move || {
        let go_on = &mut |_| ControlFlow::Continue(());
        Ok(format.write(&map, &options, &mut Nowhere, go_on)?)
    }))
}

fn compress(compression: Compression, len: usize) -> Counted {
    let text = text(len);
    Box::new(move || {
        let one = NonZero::<usize>::MIN;
        let mut file = Compressed::new(Nowhere, compression, None, one)?;
        file.write_at(0, &text)?;
        Ok(file.set_len(text.len() as u64)?)
    })
}
