//! Sizes that follow from the content.

use kurmadisk::fs::fat::{FatError, FatOptions, FatPlan, FatType};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::Tree;
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::DiskMap;
use proptest::prelude::*;

use super::support::{
    ESP_FILES, MIB, forced, judged, listing, meta, options, plan_of, tree_of, write,
};

#[test]
fn automatic_size_is_the_smallest() {
    let tree = tree_of(&ESP_FILES);
    let wanted = [
        options(),
        forced(FatType::Fat12, Some(1)),
        forced(FatType::Fat12, Some(8)),
        forced(FatType::Fat16, Some(2)),
        forced(FatType::Fat32, Some(1)),
        forced(FatType::Fat32, None),
    ];
    for options in wanted {
        let auto = VolumeSize::Auto(FreeSpace::Bytes(0));
        let plan = FatPlan::new(tree.clone(), auto, &options).expect("some size fits");
        judged(&tree, &plan);
        let again = plan_of(&tree, plan.size(), &options).expect("its own size fits");
        assert_eq!(again.cluster_size(), plan.cluster_size());
        assert_eq!(again.cluster_count(), plan.cluster_count());
        let too_small = plan_of(&tree, plan.size() - 512, &options).expect_err("one sector less");
        match too_small {
            FatError::TooSmall { needed, given } => {
                assert_eq!((needed, given), (plan.size(), plan.size() - 512));
            }
            FatError::Unsuitable { smallest, .. } => assert_eq!(smallest, plan.size()),
            other => panic!("{other}"),
        }
    }
}

/// Whether a volume of `size` bytes holds the tree and leaves what is asked.
fn is_enough(tree: &Tree, size: u64, free: FreeSpace, options: &FatOptions) -> bool {
    plan_of(tree, size, options).is_ok_and(|plan| match free {
        FreeSpace::Bytes(bytes) => plan.free_bytes() >= bytes,
        FreeSpace::PerMille(share) => {
            let free = u64::from(plan.free_clusters()) * 1000;
            free >= u64::from(plan.cluster_count()) * u64::from(share)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Of all sizes up to the automatic one, and up to a limit where there is none, only itself is enough.
    #[test]
    fn no_size_below_the_automatic_one_is_enough(
        files in prop::collection::vec(0..400_000_usize, 0..4),
        free in prop_oneof![
            (0..600_u16).prop_map(FreeSpace::PerMille),
            (0..500_000_u64).prop_map(FreeSpace::Bytes),
        ],
        fat_type in prop::option::of(prop::sample::select(&[FatType::Fat12, FatType::Fat16])),
        sector_size in prop::sample::select(&[512_u32, 4096]),
        sectors_per_cluster in prop::option::of(prop::sample::select(&[1_u32, 2, 8])),
        data_alignment in prop::option::weighted(0.3, prop::sample::select(&[4096_u32, 1 << 20])),
    ) {
        let mut tree = Tree::new(meta());
        for (number, len) in files.into_iter().enumerate() {
            let path = format!("directory/file {number}");
            tree.place_file(path.as_bytes(), meta(), DiskMap::new(len as u64)).expect("new");
        }
        let options = FatOptions {
            fat_type,
            sector_size,
            sectors_per_cluster,
            data_alignment,
            ..options()
        };
        let auto = FatPlan::new(tree.clone(), VolumeSize::Auto(free), &options).map(|plan| plan.size());
        let limit = auto.as_ref().map_or(4 * MIB, |size| *size);
        let enough = (0..=limit)
            .step_by(sector_size as usize)
            .filter(|size| is_enough(&tree, *size, free, &options));
        prop_assert_eq!(enough.collect::<Vec<_>>(), auto.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn automatic_size_leaves_free_space() {
    let tree = tree_of(&[("large", &vec![1; 300_000]), ("small", b"2")]);
    for percent in [0, 1, 20, 50, 99] {
        let size = VolumeSize::Auto(FreeSpace::PerMille(percent * 10));
        let plan = FatPlan::new(tree.clone(), size, &options()).expect("some size fits");
        let share = u64::from(plan.free_clusters()) * 100;
        assert!(share >= u64::from(plan.cluster_count()) * u64::from(percent));
        judged(&tree, &plan);
    }
    for bytes in [1, 5 * MIB, 300 * MIB, 700 * MIB] {
        let size = VolumeSize::Auto(FreeSpace::Bytes(bytes));
        let plan = FatPlan::new(tree.clone(), size, &options()).expect("some size fits");
        assert!(plan.free_bytes() >= bytes);
        assert_eq!(plan.used_bytes() + plan.free_bytes(), plan.size());
        // Never more than the next step of the rules away.
        assert!(
            plan.size() < bytes + bytes / 16 + 2 * MIB,
            "{}",
            plan.size()
        );
        judged(&tree, &plan);
        let free = FreeSpace::Bytes(bytes);
        for sectors in 1..200 {
            let less = plan.size() - sectors * 512;
            assert!(!is_enough(&tree, less, free, &options()), "{less}");
        }
    }
}

#[test]
fn sizes_end_with_the_numbers_of_sectors() {
    let tree = tree_of(&ESP_FILES);
    for sector_size in [512, 4096] {
        let options = FatOptions {
            sector_size,
            ..options()
        };
        let error = plan_of(&tree, 1 << 62, &options).expect_err("too large");
        let FatError::Unsuitable { largest, .. } = error else {
            panic!("{error}");
        };
        assert!(largest > 2 << 40 || largest == u64::from(u32::MAX) * 512);
        let plan = plan_of(&tree, largest, &options).expect("the size it names");
        assert_eq!(plan.size(), largest);
        let image = write(&plan.build().expect("builds"));
        let found = oracle::mdir_paths(image.path(), 0).expect("mdir reads it");
        assert_eq!(found.len(), listing(&tree).len());
        for free in [FreeSpace::Bytes(largest), FreeSpace::Bytes(u64::MAX)] {
            let error = FatPlan::new(tree.clone(), VolumeSize::Auto(free), &options);
            let error = error.expect_err("no volume has so much");
            assert!(matches!(error, FatError::TooMuch { .. }), "{error}");
        }
    }
}

#[test]
fn a_full_volume_is_clean() {
    // One cluster for the root; with those of the file they are the fewest that FAT32 may have here.
    let tree = tree_of(&[("FILE", &vec![7; 65_541 * 512 - 512])]);
    let options = forced(FatType::Fat32, Some(1));
    let auto = VolumeSize::Auto(FreeSpace::Bytes(0));
    let plan = FatPlan::new(tree.clone(), auto, &options).expect("some size fits");
    assert_eq!(plan.free_clusters(), 0);
    judged(&tree, &plan);
}

#[test]
fn a_size_between_two_types_is_clean() {
    // 4,090 clusters: too many for FAT12 and too few for FAT16, with the margin kept from both.
    let tree = tree_of(&ESP_FILES);
    let options = FatOptions {
        sectors_per_cluster: Some(1),
        ..options()
    };
    let plan = plan_of(&tree, 4150 * 512, &options).expect("fits");
    assert_eq!(
        (plan.fat_type(), plan.cluster_count()),
        (FatType::Fat12, 4068)
    );
    judged(&tree, &plan);
}
