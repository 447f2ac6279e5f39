//! Programs run, and trees as lists.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use kurmadisk::tree::{Metadata, NodeKind, Tree};
use kurmadisk_fixtures::oracle;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;

/// Runs one of the tools in `folder`; its whole standard output.
pub fn run<S: AsRef<OsStr>>(folder: &Path, program: &str, arguments: &[S]) -> Vec<u8> {
    let mut command = oracle::tool(program)
        .expect("a known tool")
        .command()
        .expect("installed");
    let output = command.args(arguments).current_dir(folder).output();
    let output = output.expect("started");
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

pub fn in_memory(bytes: impl Into<Vec<u8>>) -> DiskMap {
    let bytes = bytes.into();
    let mut map = DiskMap::new(bytes.len() as u64);
    map.insert_bytes(0, bytes).expect("within its length");
    map
}

pub fn bytes_of(map: &DiskMap) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(map.len()).expect("small")];
    map.reader().read_exact_at(0, &mut bytes).expect("readable");
    bytes
}

/// The number of a block of 4 KiB, and what is in it and those that follow it.
pub type Data = (u64, Vec<u8>);

/// A node as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub kind: String,
    /// The length of a regular file, and what is in those of its blocks of 4 KiB that have data.
    pub content: Option<(u64, Vec<Data>)>,
    pub meta: Metadata,
    /// The first path of the same node.
    pub first: Vec<u8>,
}

pub type Listing = BTreeMap<Vec<u8>, Seen>;

/// Every path of a tree with what is there; the root has the empty path.
pub fn listing(tree: &Tree) -> Listing {
    let mut first = vec![None; tree.node_count()];
    let mut list = Listing::new();
    for (path, id) in [(Vec::new(), Tree::ROOT)].into_iter().chain(tree.paths()) {
        let node = tree.node(id);
        let (kind, content) = match &node.kind {
            NodeKind::Directory(_) => ("directory".to_owned(), None),
            NodeKind::File(map) => {
                let runs = map.block_runs(4096).map(|run| {
                    let data = map.slice(run.start * 4096..run.end * 4096);
                    (run.start, bytes_of(&data))
                });
                ("file".to_owned(), Some((map.len(), runs.collect())))
            }
            other => (format!("{other:?}"), None),
        };
        let first: &mut Option<Vec<u8>> = &mut first[id.index()];
        let first = first.get_or_insert_with(|| path.clone()).clone();
        let meta = node.meta.clone();
        let seen = Seen {
            kind,
            content,
            meta,
            first,
        };
        list.insert(path, seen);
    }
    list
}

/// Both lists are the same, or the first difference.
#[track_caller]
pub fn assert_same(found: &Listing, expected: &Listing) {
    for (path, seen) in expected {
        let found = found.get(path);
        let shown = |seen: &Seen| {
            format!(
                "{:?} {:?} {:?}",
                seen.kind,
                seen.meta,
                seen.first.escape_ascii()
            )
        };
        assert!(
            found == Some(seen),
            "{}: {:?} instead of {}",
            path.escape_ascii(),
            found.map(shown),
            shown(seen)
        );
    }
    let names = |list: &Listing| list.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
}
