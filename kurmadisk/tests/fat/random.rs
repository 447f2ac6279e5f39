//! Random trees on random volumes.

use std::collections::HashSet;

use kurmadisk::fs::fat::{FatError, FatOptions, FatPlan, FatType};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{Metadata, Timestamp, Tree};
use proptest::prelude::*;

use super::support::{
    MIB, TIME, content, judged, judged_by_all, meta, options, plan_of, tree_of, u16_at, u32_at,
};

/// A random tree: names with their content, or with entries.
#[derive(Clone, Debug)]
enum Entry {
    File(Vec<u8>, Metadata),
    Directory(Vec<(String, Entry)>, Metadata),
}

fn any_metadata() -> impl Strategy<Value = Metadata> {
    let seconds = prop_oneof![
        any::<i64>(),
        0..400_000_000_i64,
        315_532_800..4_107_542_400_i64,
        4_300_000_000..4_400_000_000_i64,
    ];
    (0..0o10000_u16, seconds, 0..1_000_000_000_u32).prop_map(|(mode, seconds, nanos)| Metadata {
        mode,
        mtime: Timestamp { seconds, nanos },
        ..meta()
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        "[A-Z0-9_]{1,8}(\\.[A-Z0-9]{1,3})?",
        "[a-z0-9~-]{1,8}(\\.[a-z]{1,3})?",
        "[A-Za-z]{1,3}(\\.[A-Za-z]{1,3})?",
        "[a-zA-Z .+,;=\\[\\]!#]{1,40}",
        "long name of a file [0-9]{1,3}\\.txt",
        "[a-z]{200,255}",
        "[\u{a1}-\u{d7ff}]{1,30}",
        "[äöüßéñ日本]{1,4}\\.[\u{3b1}-\u{3c9}]{1,4}",
        "(?i)(con|nul|aux|com[1-9]|lpt1)(\\.[a-z]{0,3}x)?",
        "[. ]{0,3}[~_a-zA-Z0-9. ]{0,9}[~0-9]",
        "[a-c]{4,7}[~+ ][0-9]{1,2}\\.?[a-c]{1,4}",
    ];
    name.prop_filter("FAT refuses it", |name| !name.ends_with(['.', ' ']))
}

fn any_entries() -> impl Strategy<Value = Vec<(String, Entry)>> {
    let bytes = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 1..9000),
    ];
    let file = (bytes, any_metadata()).prop_map(|(bytes, meta)| Entry::File(bytes, meta));
    let entry = file.prop_recursive(4, 48, 12, |inner| {
        let entries = prop::collection::vec((any_name(), inner), 0..12);
        (entries, any_metadata()).prop_map(|(entries, meta)| Entry::Directory(entries, meta))
    });
    prop::collection::vec((any_name(), entry), 0..16)
}

fn grow(tree: &mut Tree, path: &str, entries: &[(String, Entry)]) {
    let mut seen = HashSet::new();
    for (name, entry) in entries {
        // Coarser than FAT's comparison, so that what remains never collides.
        if !seen.insert(name.to_lowercase().to_uppercase()) {
            continue;
        }
        let path = format!("{path}/{name}");
        match entry {
            Entry::File(bytes, meta) => {
                tree.place_file(path.as_bytes(), meta.clone(), content(bytes))
                    .expect("new");
            }
            Entry::Directory(entries, meta) => {
                tree.make_dirs(path.as_bytes(), meta).expect("new");
                grow(tree, &path, entries);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn random_trees_survive(
        entries in any_entries(),
        fat_type in prop::option::of(prop::sample::select(&FatType::ALL)),
        sector_size in prop::sample::select(&[512_u32, 4096]),
        sectors_per_cluster in prop::option::weighted(0.3, prop::sample::select(&[1_u32, 2, 16])),
        label in prop::option::of("[A-Z][A-Z0-9 _-]{0,10}"),
        free in prop_oneof![
            (0..1000_u16).prop_map(FreeSpace::PerMille),
            (0..600 * MIB).prop_map(FreeSpace::Bytes),
        ],
        seconds in any::<i64>(),
    ) {
        let mut tree = Tree::new(meta());
        grow(&mut tree, "", &entries);
        let root = Metadata { mtime: Timestamp { seconds, nanos: 999_999_999 }, ..meta() };
        tree.set_metadata(Tree::ROOT, root);
        let options = FatOptions { label, fat_type, sector_size, sectors_per_cluster, ..options() };
        match FatPlan::new(tree.clone(), VolumeSize::Auto(free), &options) {
            Ok(plan) => {
                prop_assert!(fat_type.is_none_or(|asked| asked == plan.fat_type()));
                judged_by_all(&tree, &plan);
                let again = plan_of(&tree, plan.size(), &options).expect("its own size");
                prop_assert_eq!(again.cluster_count(), plan.cluster_count());
                prop_assert_eq!(again.cluster_size(), plan.cluster_size());
                // Any larger size that suits the type is clean too.
                if let Ok(plan) = plan_of(&tree, plan.size() + 12_345, &options) {
                    judged(&tree, &plan);
                }
            }
            // The smaller types end somewhere, FAT12 at 127 MiB.
            Err(FatError::TooMuch { fat_type: wanted, .. }) => {
                prop_assert!(wanted < FatType::Fat32 && fat_type == Some(wanted));
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever is asked, there is an error or a volume whose boot sector says what the plan does.
    #[test]
    fn any_options_and_size_make_a_volume_or_an_error(
        label in prop::option::weighted(0.2, ".{0,12}"),
        serial in any::<u32>(),
        fat_type in prop::option::of(prop::sample::select(&FatType::ALL)),
        sector_size in prop_oneof![9 => prop::sample::select(&[512_u32, 4096]), 1 => any::<u32>()],
        sectors_per_cluster in prop::option::of(
            prop_oneof![9 => (0..9_u32).prop_map(|power| 1 << power), 1 => any::<u32>()],
        ),
        data_alignment in prop::option::of(
            prop_oneof![9 => (9..26_u32).prop_map(|power| 1 << power), 1 => any::<u32>()],
        ),
        hidden_sectors in any::<u32>(),
        size in prop_oneof![
            (12..64_u32, any::<u64>()).prop_map(|(power, low)| (1 << power) + low % (1 << power)),
            prop::sample::select(vec![0, 511, u64::MAX, u64::from(u32::MAX) * 512]),
        ],
        is_free in any::<bool>(),
    ) {
        let tree = tree_of(&[("directory/file", &vec![1; 100_000])]);
        let options = FatOptions {
            label,
            label_time: TIME,
            serial,
            fat_type,
            sector_size,
            sectors_per_cluster,
            data_alignment,
            hidden_sectors,
        };
        let wanted = if is_free {
            VolumeSize::Auto(FreeSpace::Bytes(size))
        } else {
            VolumeSize::Fixed(size)
        };
        let Ok(plan) = FatPlan::new(tree.clone(), wanted, &options) else {
            return Ok(());
        };
        let map = plan.build().expect("builds");
        prop_assert_eq!(map.len(), plan.size());
        if is_free {
            prop_assert!(plan.free_bytes() >= size);
        } else {
            prop_assert_eq!(plan.size(), size);
        }
        let (sector, cluster) = (u64::from(sector_size), u64::from(plan.cluster_size()));
        let sectors = match u16_at(&map, 19) {
            0 => u32_at(&map, 32),
            small => small.into(),
        };
        let data = u64::from(sectors) * sector - plan.data_offset();
        prop_assert_eq!(data / cluster, u64::from(plan.cluster_count()));
        prop_assert_eq!(u64::from(u16_at(&map, 11)), sector);
        prop_assert_eq!(u32_at(&map, 28), hidden_sectors);
        let expected = match plan.cluster_count() {
            ..4085 => FatType::Fat12,
            4085..65_525 => FatType::Fat16,
            _ => FatType::Fat32,
        };
        prop_assert_eq!(plan.fat_type(), expected);
        prop_assert_eq!(plan.data_offset() % u64::from(data_alignment.unwrap_or(4096)), 0);
    }
}
