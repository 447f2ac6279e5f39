//! Sizes that follow from the content.

use kurmadisk::fs::fat::{FatError, FatOptions, FatPlan, FatType};
use kurmadisk::fs::{FreeSpace, VolumeSize};

use super::support::{ESP_FILES, MIB, forced, judged, options, plan_of, tree_of};

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
        let plan = FatPlan::new(&tree, auto, &options).expect("some size fits");
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

#[test]
fn automatic_size_leaves_free_space() {
    let tree = tree_of(&[("large", &vec![1; 300_000]), ("small", b"2")]);
    for percent in [0, 1, 20, 50, 99] {
        let size = VolumeSize::Auto(FreeSpace::PerMille(percent * 10));
        let plan = FatPlan::new(&tree, size, &options()).expect("some size fits");
        let share = u64::from(plan.free_clusters()) * 100;
        assert!(share >= u64::from(plan.cluster_count()) * u64::from(percent));
        judged(&tree, &plan);
    }
    for bytes in [1, 5 * MIB, 300 * MIB, 700 * MIB] {
        let size = VolumeSize::Auto(FreeSpace::Bytes(bytes));
        let plan = FatPlan::new(&tree, size, &options()).expect("some size fits");
        assert!(plan.free_bytes() >= bytes);
        assert_eq!(plan.used_bytes() + plan.free_bytes(), plan.size());
        // Never more than the next step of the rules away.
        assert!(
            plan.size() < bytes + bytes / 16 + 2 * MIB,
            "{}",
            plan.size()
        );
        judged(&tree, &plan);
    }
}

#[test]
fn a_full_volume_is_clean() {
    // One cluster for the root; with those of the file they are the fewest that FAT32 may have here.
    let tree = tree_of(&[("FILE", &vec![7; 65_541 * 512 - 512])]);
    let options = forced(FatType::Fat32, Some(1));
    let auto = VolumeSize::Auto(FreeSpace::Bytes(0));
    let plan = FatPlan::new(&tree, auto, &options).expect("some size fits");
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
