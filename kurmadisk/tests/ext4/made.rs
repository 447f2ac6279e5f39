//! Inode tables and directories, which are encoded when they are read.

use kurmadisk::fs::ext4::{BlockSize, Ext4Options, InodeSize};
use kurmadisk_formats::map::{DiskMap, Extent, Source};
use kurmadisk_formats::read_at::ReadAt;

use super::support::{BLOCK_SIZES, MIB, fixed, options, tree_of};

fn is_made(extent: &Extent) -> bool {
    matches!(&extent.source, Source::Content { store, .. } if store.is_made())
}

/// A filesystem with a directory of many blocks, as a map.
fn filesystem(options: &Ext4Options) -> DiskMap {
    let paths: Vec<_> = (0..700)
        .map(|number| format!("many/a name of some length {number}"))
        .collect();
    let files: Vec<_> = paths.iter().map(|path| (&**path, &b"x"[..])).collect();
    let plan = fixed(&tree_of(&files), 16 * MIB, options).expect("fits");
    plan.build().expect("builds")
}

/// All inode sizes in all block sizes.
fn all_options() -> impl Iterator<Item = Ext4Options> {
    BLOCK_SIZES.into_iter().flat_map(|block_size| {
        [InodeSize::B128, InodeSize::B256].map(|inode_size| Ext4Options {
            block_size,
            inode_size,
            ..options()
        })
    })
}

#[test]
fn they_are_no_part_of_what_a_plan_keeps_in_memory() {
    let map = filesystem(&options());
    let (made, others): (Vec<_>, Vec<_>) = map.extents().iter().partition(|extent| is_made(extent));
    let made: u64 = made.iter().map(|extent| extent.len).sum();
    // 711 inodes of 256 bytes, and 700 names of 40 bytes with their heads.
    assert!(made > 711 * 256 + 700 * 40, "{made}");
    let in_memory = others.iter().filter_map(|extent| match &extent.source {
        Source::Bytes(bytes) => Some(bytes.len()),
        _ => None,
    });
    // Superblock, descriptors, bitmaps, the lists of the resize inode, /lost+found, the journal's superblock, and the
    // files' own bytes.
    let in_memory: usize = in_memory.sum();
    assert!(in_memory < 100_000, "{in_memory}");
}

#[test]
fn any_part_of_them_is_what_it_is_in_the_whole() {
    for options in all_options() {
        let map = filesystem(&options);
        for extent in map.extents().iter().filter(|extent| is_made(extent)) {
            let len = usize::try_from(extent.len).expect("small");
            let mut whole = vec![0; len];
            let read = map.reader().read_exact_at(extent.start, &mut whole);
            read.expect("it is made");
            for (start, step) in [(0, 100), (1, 255), (127, 128), (300, 4096), (len - 1, 1)] {
                for from in (start..len).step_by(step.max(len / 64)) {
                    let mut part = vec![0; step.min(len - from)];
                    // Each with a reader of its own: nothing is kept from one to the next.
                    let at = extent.start + from as u64;
                    let read = map.reader().read_exact_at(at, &mut part);
                    read.expect("it is made");
                    assert!(part == whole[from..from + part.len()], "{from}+{step}");
                }
            }
        }
    }
}

#[test]
fn what_is_behind_a_directory_is_no_part_of_it() {
    let map = filesystem(&Ext4Options {
        block_size: BlockSize::B1024,
        ..options()
    });
    let mut contents = 0;
    for extent in map.extents() {
        if let Source::Content { store, id, offset } = &extent.source {
            let content = store.open(*id).expect("it is made");
            let end = offset + extent.len;
            let mut byte = [0];
            content
                .read_exact_at(end - 1, &mut byte)
                .expect("the last one");
            contents += 1;
            assert!(content.read_exact_at(u64::MAX, &mut byte).is_err());
        }
    }
    assert!(contents > 2, "{contents}");
}
