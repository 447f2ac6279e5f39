//! Large directories and files.

use std::io::{Read, Seek, SeekFrom};

use kurmadisk::fs::fat::{FatError, FatOptions, FatPlan, FatType};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::Tree;
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::SeekReader;

use super::support::{
    MIB, content, forced, judged, listing, meta, options, plan_of, read_back, write,
};

#[test]
fn five_thousand_files_in_a_directory() {
    let mut tree = Tree::new(meta());
    for number in 0..5000 {
        let path = format!("modules/kernel-module-number-{number}.ko");
        tree.place_file(path.as_bytes(), meta(), content(path.as_bytes()))
            .expect("new");
    }
    let plan = plan_of(&tree, 64 * MIB, &options()).expect("fits");
    let map = plan.build().expect("builds");
    oracle::fsck_fat_clean(write(&map).path(), 0).expect("fsck.fat finds no fault");
    assert!(read_back(&map) == listing(&tree));
}

#[test]
fn directories_grow_to_their_limit() {
    let many = |count: usize| {
        let mut tree = Tree::new(meta());
        for number in 0..count {
            let path = format!("D/{number:08}");
            tree.place_file(path.as_bytes(), meta(), DiskMap::new(0))
                .expect("new");
        }
        tree
    };
    // fsck.fat compares every name with every other: it judges a smaller one.
    let tree = many(10_000);
    judged(&tree, &plan_of(&tree, 64 * MIB, &options()).expect("fits"));
    let tree = many(65_534);
    let plan = plan_of(&tree, 64 * MIB, &options()).expect("fits");
    assert!(read_back(&plan.build().expect("builds")) == listing(&tree));
    let error = plan_of(&many(65_535), 64 * MIB, &options()).expect_err("one too many");
    assert_eq!(
        error.to_string(),
        "/D needs 65537 directory entries (a long name takes several), 65536 is the limit; spread its \
         files over several directories"
    );
}

#[test]
fn the_root_directory_grows_on_every_type() {
    let mut tree = Tree::new(meta());
    for number in 0..700 {
        let name = format!("A file with a long name {number}");
        tree.place_file(name.as_bytes(), meta(), DiskMap::new(0))
            .expect("new");
    }
    for (fat_type, size) in [
        (FatType::Fat12, 2 * MIB),
        (FatType::Fat16, 16 * MIB),
        (FatType::Fat32, 40 * MIB),
    ] {
        let plan = plan_of(&tree, size, &forced(fat_type, None)).expect("fits");
        judged(&tree, &plan);
    }
}

#[test]
fn the_fixed_root_directory_grows_to_its_limit() {
    // 65,535 in whole sectors; one is the label.
    for (sector_size, limit) in [(512, 65_520), (4096, 65_408)] {
        let options = FatOptions {
            sector_size,
            ..forced(FatType::Fat16, None)
        };
        let size = 100 * MIB;
        let mut tree = Tree::new(meta());
        for number in 1..limit {
            let name = format!("{number:08}");
            tree.place_file(name.as_bytes(), meta(), DiskMap::new(0))
                .expect("new");
        }
        let plan = plan_of(&tree, size, &options).expect("fits");
        let map = plan.build().expect("builds");
        let listed = oracle::sevenzip_list_fat(write(&map).path()).expect("7-Zip lists it");
        assert_eq!(listed.len(), limit - 1);
        assert!(read_back(&map) == listing(&tree));

        tree.place_file(b"ONE MORE", meta(), DiskMap::new(0))
            .expect("new");
        let error = plan_of(&tree, size, &options).expect_err("one too many");
        let text = error.to_string();
        let expected = format!("/ needs {} directory entries", limit + 2);
        assert!(text.starts_with(&expected), "{text}");
        assert!(text.contains(&format!("{limit} is the limit")), "{text}");
        // A chain of clusters takes them.
        let free = FatOptions {
            fat_type: None,
            ..options
        };
        if sector_size == 512 {
            let plan = plan_of(&tree, size, &free).expect("fits");
            assert_eq!(plan.fat_type(), FatType::Fat32);
        }
    }
}

#[test]
fn more_files_than_fat16_has_clusters_fit_a_small_volume() {
    let mut tree = Tree::new(meta());
    for number in 0..66_000 {
        let path = format!("{}/{number}", number / 1000);
        tree.place_file(path.as_bytes(), meta(), DiskMap::new(300))
            .expect("new");
    }
    let auto = VolumeSize::Auto(FreeSpace::PerMille(100));
    let plan = FatPlan::new(tree.clone(), auto, &options()).expect("some size fits");
    assert_eq!(
        (plan.fat_type(), plan.cluster_size()),
        (FatType::Fat32, 512)
    );
    assert!(plan.size() < 40 * MIB, "{}", plan.size());
    judged(&tree, &plan);
    for size in [100 * MIB, 300 * MIB] {
        let plan = plan_of(&tree, size, &options()).expect("fits");
        assert_eq!(plan.fat_type(), FatType::Fat32);
    }
    let error = plan_of(&tree, 20 * MIB, &options()).expect_err("too small");
    let FatError::TooSmall { needed, .. } = error else {
        panic!("{error}");
    };
    assert!(needed < plan.size());
    plan_of(&tree, needed, &options()).expect("the size it names");
}

/// A tree of one sparse file that ends with `end`.
fn sparse_tree(len: u64) -> Tree {
    let mut map = DiskMap::new(len);
    map.insert_bytes(len - 3, "end").expect("in range");
    let mut tree = Tree::new(meta());
    tree.place_file(b"disk.img", meta(), map).expect("new");
    tree
}

#[test]
fn the_longest_file_fits_and_a_longer_one_does_not() {
    let longest = u64::from(u32::MAX);
    let clusters = forced(FatType::Fat32, Some(64));
    // fsck.fat 4.2 counts the bytes of a chain in 32 bits, and takes one that ends at 4 GiB for
    // empty: it can judge files up to the cluster before.
    for (len, can_judge) in [(longest + 1 - 32_768, true), (longest, false)] {
        let tree = sparse_tree(len);
        let plan = plan_of(&tree, 5 << 30, &clusters).expect("fits");
        let map = plan.build().expect("builds");
        if can_judge {
            oracle::fsck_fat_clean(write(&map).path(), 0).expect("fsck.fat finds no fault");
        }
        let listed = oracle::sevenzip_list_fat(write(&map).path()).expect("7-Zip lists it");
        assert_eq!((&*listed[0].path, listed[0].size), ("disk.img", len));
        let device = SeekReader::new(map.reader());
        let volume = fatfs::FileSystem::new(device, fatfs::FsOptions::new()).expect("a FAT volume");
        let mut file = volume.root_dir().open_file("disk.img").expect("there");
        assert_eq!(file.seek(SeekFrom::End(-3)).expect("long"), len - 3);
        let mut end = String::new();
        file.read_to_string(&mut end).expect("readable");
        assert_eq!(end, "end");
    }

    let error = plan_of(&sparse_tree(longest + 1), 8 << 30, &options()).expect_err("too long");
    assert!(matches!(&error, FatError::FileTooLarge { path, .. } if path == "/disk.img"));
    assert!(
        error
            .to_string()
            .starts_with("/disk.img has 4294967296 bytes")
    );
}
