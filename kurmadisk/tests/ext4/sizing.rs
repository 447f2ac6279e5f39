//! Sizes that are found, and every size above the smallest.

use kurmadisk::fs::ext4::{BlockSize, Ext4Error, Ext4Options, Ext4Plan, InodeCount, JournalSize};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::Tree;

use kurmadisk_formats::map::DiskMap;

use super::support::{MIB, checked, fixed, judged, meta, options, tree_of, tree_with_blocks};

fn auto(tree: &Tree, free: FreeSpace, options: &Ext4Options) -> Ext4Plan {
    Ext4Plan::new(tree.clone(), VolumeSize::Auto(free), options).expect("fits")
}

fn with_blocks(block_size: BlockSize, journal: JournalSize) -> Ext4Options {
    Ext4Options {
        block_size,
        journal,
        ..options()
    }
}

#[test]
fn the_smallest_size_is_enough_and_one_block_less_is_not() {
    for block_size in [BlockSize::B1024, BlockSize::B4096] {
        let block = u64::from(block_size.bytes());
        let options = with_blocks(block_size, JournalSize::Auto);
        // Around the thresholds of the journal, and of groups of 8192 and 32768 blocks.
        let contents = [
            1, 100, 900, 1000, 1930, 1960, 2000, 2040, 6800, 7000, 8100, 31_500, 32_700,
        ];
        for content in contents {
            let tree = tree_with_blocks(content, block_size);
            let plan = auto(&tree, FreeSpace::Bytes(0), &options);
            let same = fixed(&tree, plan.size(), &options).expect("its own size");
            assert_eq!(
                (
                    same.blocks(),
                    same.journal_blocks(),
                    same.inodes(),
                    same.free_blocks()
                ),
                (
                    plan.blocks(),
                    plan.journal_blocks(),
                    plan.inodes(),
                    plan.free_blocks()
                )
            );
            for less in [1, 2, 10, 49, 50, 51, 500] {
                let blocks = plan.blocks().saturating_sub(less);
                let error = fixed(&tree, blocks * block, &options).expect_err("too small");
                let Ext4Error::TooSmall { needed, .. } = error else {
                    panic!("{error}");
                };
                assert_eq!(needed, plan.blocks());
            }
            for more in (0..1600).step_by(13).chain([8191, 8192, 8193]) {
                let blocks = plan.blocks() + more;
                let larger = fixed(&tree, blocks * block, &options).expect("larger");
                assert!(larger.blocks() <= blocks && larger.blocks() + 600 > blocks);
            }
        }
    }
}

#[test]
fn just_above_a_threshold_the_journal_is_smaller() {
    // 1500 blocks of content: 2047 blocks do without a journal, and 2048 have no room for 1024.
    let tree = tree_with_blocks(1500, BlockSize::B4096);
    let smallest = auto(&tree, FreeSpace::Bytes(0), &options());
    assert!(smallest.blocks() < 1600, "{}", smallest.blocks());
    let journal_of = |blocks: u64| {
        let plan = fixed(&tree, blocks * 4096, &options()).expect("fits");
        assert_eq!(plan.blocks(), blocks);
        plan.journal_blocks()
    };
    assert_eq!([2047, 2048, 2500, 3000].map(journal_of), [0, 0, 0, 1024]);
    let plan = fixed(&tree, 2300 * 4096, &options()).expect("fits");
    judged(&tree, &plan);

    // And 31,000 blocks: 32767 have a journal of 1024, where 4096 do not fit yet.
    let tree = tree_with_blocks(31_000, BlockSize::B4096);
    let journal_of = |blocks: u64| {
        let plan = fixed(&tree, blocks * 4096, &options()).expect("fits");
        plan.journal_blocks()
    };
    assert_eq!([32_767, 33_000, 36_000].map(journal_of), [1024, 1024, 4096]);
    let plan = fixed(&tree, 33_000 * 4096, &options()).expect("fits");
    checked(&tree, &plan);
}

#[test]
fn a_group_that_costs_more_than_it_gives_is_left_out() {
    // With more than a thousand groups, one more has as many inodes as the others, and 2 MiB of
    // tables for them.
    let options = Ext4Options {
        inodes: InodeCount::PerBytes(1024),
        ..with_blocks(BlockSize::B1024, JournalSize::None)
    };
    let full = 1 + 1100 * 8192;
    let empty = fixed(&Tree::new(meta()), full * 1024, &options).expect("fits");
    let mib = bytes::Bytes::from(vec![1; 1 << 20]);
    let mut tree = Tree::new(meta());
    // All but a MiB, for the file goes around many a table and needs blocks for its extents.
    let mut map = DiskMap::new((empty.free_blocks() / 1024 - 1) * MIB);
    for at in (0..map.len()).step_by(1 << 20) {
        map.insert_bytes(at, mib.clone()).expect("in range");
    }
    tree.place_file(b"file", meta(), map).expect("new");
    let plan = fixed(&tree, full * 1024, &options).expect("fits");
    assert_eq!((plan.blocks(), plan.free_blocks() < 2048), (full, true));
    let plan = fixed(&tree, (full + 100) * 1024, &options).expect("leaves the last group out");
    assert_eq!(plan.blocks(), full);
    let plan = fixed(&tree, (full + 4000) * 1024, &options).expect("has room for one more");
    assert_eq!(plan.blocks(), full + 4000);
}

#[test]
fn the_free_space_asked_for_is_there() {
    let tree = tree_of(&[("a/file", &vec![3; 100_000]), ("b", b"x")]);
    for block_size in [BlockSize::B1024, BlockSize::B4096] {
        let block = u64::from(block_size.bytes());
        let options = with_blocks(block_size, JournalSize::Auto);
        for bytes in [0, 1, 5000, 1 << 20, 100 << 20, 10 << 30] {
            let plan = auto(&tree, FreeSpace::Bytes(bytes), &options);
            let free = plan.free_blocks() * block;
            assert!(
                free >= bytes && free < bytes + 60 * block,
                "{bytes}: {free}"
            );
        }
        for share in [0, 1, 100, 500, 900, 980] {
            let plan = auto(&tree, FreeSpace::PerMille(share), &options);
            assert!(plan.free_blocks() * 1000 >= plan.blocks() * u64::from(share));
            checked(&tree, &plan);
        }
    }
    // Inode tables alone are more than a thousandth.
    let options = with_blocks(BlockSize::B1024, JournalSize::Auto);
    let size = VolumeSize::Auto(FreeSpace::PerMille(999));
    let error = Ext4Plan::new(tree.clone(), size, &options).expect_err("impossible");
    assert!(matches!(error, Ext4Error::TooLarge { .. }), "{error}");
}
