//! From the smallest filesystem to thousands of groups.

use kurmadisk::fs::ext4::{BlockSize, Ext4Options, InodeCount, JournalSize};
use kurmadisk::tree::{NodeKind, Tree};
use kurmadisk_formats::map::DiskMap;

use super::support::{
    BLOCK_SIZES, GIB, MIB, checked, fields, fixed, judged, meta, options, tree_of,
};

#[test]
fn sizes_around_the_borders_of_groups() {
    let tree = tree_of(&[("dir/file", &vec![5; 20_000]), ("empty", b"")]);
    for block_size in BLOCK_SIZES {
        let block = u64::from(block_size.bytes());
        let (group, first) = (block * 8, u64::from(block_size == BlockSize::B1024));
        let options = Ext4Options {
            block_size,
            inodes: InodeCount::PerBytes(4096),
            ..options()
        };
        let borders = [1, 2, 3, 16, 17, 25].map(|groups| first + groups * group);
        for border in borders {
            for blocks in [border - 1, border + 49, border + 50, border + 700] {
                let plan = fixed(&tree, blocks * block, &options).expect("fits");
                assert!(plan.blocks() <= blocks && plan.blocks() + 2100 > blocks);
                checked(&tree, &plan);
            }
        }
    }
}

#[test]
fn contents_fill_groups_around_tables_and_copies() {
    // Files that are each larger than a group, with as many inodes as fit: the tables lie amidst.
    let mut tree = Tree::new(meta());
    for number in 0..3_u8 {
        let mut map = DiskMap::new(30 * MIB);
        for at in (0..30 * MIB).step_by(1 << 20) {
            map.insert_bytes(at, vec![number; 1 << 20])
                .expect("in range");
        }
        tree.place_file(&[b'a' + number], meta(), map).expect("new");
    }
    for (block_size, inodes) in [
        (BlockSize::B1024, InodeCount::PerBytes(1024)),
        (BlockSize::B1024, InodeCount::PerBytes(16384)),
        (BlockSize::B2048, InodeCount::PerBytes(2048)),
    ] {
        let options = Ext4Options {
            block_size,
            inodes,
            journal: JournalSize::Blocks(5000),
            ..options()
        };
        let plan = fixed(&tree, 200 * MIB, &options).expect("fits");
        checked(&tree, &plan);
        let files = plan.files().map(|(_, ranges)| ranges);
        let ranges: Vec<_> = files.flatten().collect();
        assert!(ranges.len() > 3, "the files went around nothing");
        let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        assert_eq!(bytes, 90 * MIB);
    }
}

#[test]
fn many_directories_spread_over_groups_of_inodes() {
    let mut tree = Tree::new(meta());
    for number in 0..600 {
        let path = format!("d{}/e{number}/f", number % 7);
        tree.place_file(path.as_bytes(), meta(), DiskMap::new(0))
            .expect("new");
    }
    tree.add(Tree::ROOT, b"last", meta(), NodeKind::Fifo)
        .expect("new");
    // 32 inodes in each group.
    let options = Ext4Options {
        block_size: BlockSize::B1024,
        inodes: InodeCount::Exact(1300),
        ..options()
    };
    let plan = fixed(&tree, 320 * MIB, &options).expect("fits");
    judged(&tree, &plan);
}

#[test]
fn large_filesystems_are_small_files() {
    let tree = tree_of(&[("dir/file", b"content")]);
    for (size, groups, written) in [(8 * GIB, 64, MIB), (1024 * GIB, 8192, 80 * MIB)] {
        let plan = fixed(&tree, size, &options()).expect("fits");
        assert_eq!(plan.size(), size);
        let map = plan.build().expect("builds");
        assert!(map.data_len() < written, "{}", map.data_len());
        let found = fields(&judged(&tree, &plan));
        assert_eq!(found["Block count"], (groups * 32_768).to_string());
    }
}
