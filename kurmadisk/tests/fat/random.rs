//! Random trees on random volumes.

use std::collections::HashSet;

use kurmadisk::fs::fat::{FatError, FatOptions, FatPlan, FatType};
use kurmadisk::fs::{FreeSpace, VolumeSize};
use kurmadisk::tree::{Metadata, Timestamp, Tree};
use proptest::prelude::*;

use super::support::{MIB, content, judged, meta, options, plan_of};

/// A random tree: names with their content, or with entries.
#[derive(Clone, Debug)]
enum Entry {
    File(Vec<u8>),
    Directory(Vec<(String, Entry)>),
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
    ];
    name.prop_filter("FAT refuses it", |name| !name.ends_with(['.', ' ']))
}

fn any_entries() -> impl Strategy<Value = Vec<(String, Entry)>> {
    let file = prop_oneof![
        Just(Entry::File(Vec::new())),
        prop::collection::vec(any::<u8>(), 1..9000).prop_map(Entry::File),
    ];
    let entry = file.prop_recursive(4, 48, 12, |inner| {
        prop::collection::vec((any_name(), inner), 0..12).prop_map(Entry::Directory)
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
            Entry::File(bytes) => {
                tree.place_file(path.as_bytes(), meta(), content(bytes))
                    .expect("new");
            }
            Entry::Directory(entries) => {
                tree.make_dirs(path.as_bytes(), &meta()).expect("new");
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
        match FatPlan::new(&tree, VolumeSize::Auto(free), &options) {
            Ok(plan) => {
                prop_assert!(fat_type.is_none_or(|asked| asked == plan.fat_type()));
                judged(&tree, &plan);
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
