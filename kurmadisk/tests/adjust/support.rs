//! Trees by hand and from folders, as lists.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use kurmadisk::formats::map::DiskMap;
use kurmadisk::tree::{Metadata, NodeId, NodeKind, Tree};
use kurmadisk_fixtures::oracle;

/// Runs one of the tools in `folder`, with `input`; its whole standard output.
pub fn run<S: AsRef<OsStr>>(
    folder: &Path,
    program: &str,
    arguments: &[S],
    input: Stdio,
) -> Vec<u8> {
    let mut command = oracle::tool(program)
        .expect("a known tool")
        .command()
        .expect("installed");
    command.args(arguments).current_dir(folder).stdin(input);
    let output = command.output().expect("started");
    assert!(
        output.status.success(),
        "{program}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// What is at a path: its kind, with a device's number or a link's target, its metadata, and how many names it has.
pub type Seen = (String, Metadata, u32);

/// Everything in a tree by path.
pub fn listing(tree: &Tree) -> BTreeMap<String, Seen> {
    let all = [(Vec::new(), Tree::ROOT)].into_iter().chain(tree.paths());
    let list = all.map(|(path, id)| {
        let node = tree.node(id);
        let kind = match &node.kind {
            NodeKind::Directory(_) => "directory".to_owned(),
            NodeKind::File(content) => format!("file of {}", content.len()),
            NodeKind::Symlink(target) => format!("link to {}", target.escape_ascii()),
            other => format!("{other:?}"),
        };
        let seen = (kind, node.meta.clone(), node.links());
        (path.escape_ascii().to_string(), seen)
    });
    list.collect()
}

/// Both trees are the same, or the first difference.
#[track_caller]
pub fn assert_same(found: &Tree, expected: &Tree) {
    let (found, expected) = (listing(found), listing(expected));
    for (path, seen) in &expected {
        assert_eq!(found.get(path), Some(seen), "/{path}");
    }
    assert_eq!(found.len(), expected.len());
}

pub fn file(len: u64) -> NodeKind {
    NodeKind::File(DiskMap::new(len))
}

pub fn directory() -> NodeKind {
    NodeKind::Directory(kurmadisk::tree::Entries::new())
}

/// A tree of these paths: folders end in `/`, all else are files of 1 byte.
pub fn tree(paths: &[&str]) -> Tree {
    let mut tree = Tree::new(Metadata::default());
    for path in paths {
        match path.strip_suffix('/') {
            Some(folder) => {
                tree.make_dirs(folder.as_bytes(), &Metadata::default())
                    .expect("new");
            }
            None => {
                tree.place_file(path.as_bytes(), Metadata::default(), DiskMap::new(1))
                    .expect("new");
            }
        }
    }
    tree
}

#[track_caller]
pub fn at(tree: &Tree, path: &str) -> NodeId {
    let found = tree.lookup(path.as_bytes());
    found.unwrap_or_else(|| panic!("{path} is not there"))
}

/// All paths with a `/` behind each folder.
pub fn names(tree: &Tree) -> Vec<String> {
    let paths = tree.paths().into_iter().map(|(path, id)| {
        let is_dir = matches!(tree.node(id).kind, NodeKind::Directory(_));
        let end = if is_dir { "/" } else { "" };
        format!("{}{end}", String::from_utf8_lossy(&path))
    });
    paths.collect()
}
