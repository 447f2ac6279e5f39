//! Content stays where it is.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use kurmadisk::tree::Tree;
use kurmadisk_formats::map::{DiskMap, Extent, FileStore, Source};
use tempfile::NamedTempFile;

use super::support::{MIB, judged, meta, options, plan_of};

#[test]
fn content_is_referenced_and_holes_stay_holes() {
    let host = NamedTempFile::new().expect("a temporary file");
    host.as_file()
        .write_all_at(&[9; 10_000], 0)
        .expect("writable");
    let mut store = FileStore::new();
    let (id, _) = store.add_path(host.path()).expect("readable");
    let store = Arc::new(store);
    let mut map = DiskMap::new(10 * MIB);
    let source = Source::Content {
        store,
        id,
        offset: 0,
    };
    let extent = Extent {
        start: MIB,
        len: 10_000,
        source,
    };
    map.insert(extent).expect("in range");
    let mut tree = Tree::new(meta());
    let node = tree.place_file(b"sparse.bin", meta(), map).expect("new");
    tree.link(Tree::ROOT, b"second name.bin", node)
        .expect("new");
    let plan = plan_of(&tree, 64 * MIB, &options()).expect("fits");
    let built = judged(&tree, &plan);
    let referenced = built
        .extents()
        .iter()
        .filter(|extent| matches!(extent.source, Source::Content { .. }));
    // Both names, each with clusters of its own.
    assert_eq!(referenced.count(), 2);
    assert_eq!(plan.file_count(), 2);
    assert!(built.data_len() < 100_000, "{}", built.data_len());
}
