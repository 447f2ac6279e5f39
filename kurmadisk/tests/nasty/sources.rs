//! Archive and folder give the tree of the tables.

use std::collections::BTreeSet;

use kurmadisk::formats::read_at::ReadAt;
use kurmadisk::tree::{NodeKind, Tree, from_dir};
use kurmadisk_fixtures::nasty::{Case, Kind, Piece, cases};

use super::support::{Folder, from_archive, metadata};

const BLOCK: u64 = 4096;

/// What of `tree` is not as in the tables, a line each.
fn differences(tree: &Tree, cases: &[Case]) -> Vec<String> {
    let mut found = Vec::new();
    for case in cases {
        let made = match &case.kind {
            Kind::HardLink(first) => first,
            _ => &case.path,
        };
        let mut differ = |what: String| found.push(format!("{}: {what}", case.path.escape_ascii()));
        let Some(id) = tree.lookup(&case.path) else {
            differ("missing".to_owned());
            continue;
        };
        let node = tree.node(id);
        if node.meta != metadata(case) {
            differ(format!("{:?} instead of {:?}", node.meta, metadata(case)));
        }
        if tree.lookup(made) != Some(id) {
            differ("a node of its own".to_owned());
        } else if *made == case.path && !is(&node.kind, &case.kind) {
            differ("not what it should be, or with other holes or content".to_owned());
        }
    }
    let names: BTreeSet<_> = tree.paths().into_iter().map(|(path, _)| path).collect();
    let known = cases.iter().map(|case| &case.path);
    let known: BTreeSet<_> = known.filter(|path| !path.is_empty()).collect();
    let unknown = names.iter().filter(|path| !known.contains(path));
    found.extend(unknown.map(|path| format!("{}: unknown", path.escape_ascii())));
    found
}

fn is(found: &NodeKind, expected: &Kind) -> bool {
    match (found, expected) {
        (NodeKind::Directory(_), Kind::Directory)
        | (NodeKind::Fifo, Kind::Fifo)
        | (NodeKind::Socket, Kind::Socket) => true,
        (NodeKind::File(map), Kind::File(len, pieces)) => {
            let runs = map.block_runs(BLOCK).collect::<Vec<_>>();
            let read = |piece: &Piece| {
                let mut bytes = vec![0; piece.bytes.len()];
                map.reader()
                    .read_exact_at(piece.at, &mut bytes)
                    .expect("readable");
                bytes == piece.bytes
            };
            map.len() == *len && runs == blocks(pieces) && pieces.iter().all(read)
        }
        (NodeKind::Symlink(found), Kind::Symlink(target)) => **found == **target,
        (NodeKind::CharDevice(found), Kind::CharDevice(major, minor))
        | (NodeKind::BlockDevice(found), Kind::BlockDevice(major, minor)) => {
            (found.major, found.minor) == (*major, *minor)
        }
        _ => false,
    }
}

/// The blocks that data lies in, as runs.
fn blocks(pieces: &[Piece]) -> Vec<std::ops::Range<u64>> {
    let mut runs: Vec<std::ops::Range<u64>> = Vec::new();
    for piece in pieces.iter().filter(|piece| !piece.bytes.is_empty()) {
        let (start, end) = (piece.at / BLOCK, piece.end().div_ceil(BLOCK));
        match runs.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => runs.push(start..end),
        }
    }
    runs
}

#[test]
fn an_archive_is_the_tree_of_the_tables() {
    let cases = cases();
    let found = differences(&from_archive(&cases).tree, &cases);
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_folder_is_the_tree_of_the_tables() {
    let cases = cases();
    let folder = Folder::new(&cases);
    let tree = from_dir(&folder.path()).expect("readable");
    assert_eq!(differences(&tree, &cases), [""; 0]);
}

#[test]
fn what_differs_is_seen() {
    let cases = cases();
    let kept = from_archive(&cases);
    let spoiled = |change: fn(&mut Case)| {
        let mut cases = cases.clone();
        let case = cases
            .iter_mut()
            .find(|case| case.path == b"sparse/holes/inside");
        change(case.expect("it is a case"));
        differences(&kept.tree, &cases).len()
    };
    assert_eq!(spoiled(|_| {}), 0);
    assert_eq!(spoiled(|case| case.mode = 0o600), 1);
    assert_eq!(spoiled(|case| case.kind = Kind::Fifo), 1);
    assert_eq!(
        spoiled(|case| case.kind = Kind::File(1 << 20, Vec::new())),
        1
    );
    // One name is missing, and one unknown.
    assert_eq!(spoiled(|case| case.path.push(b'x')), 2);
    assert_eq!(
        spoiled(|case| case.kind = Kind::HardLink(b"sparse/holes/leading".to_vec())),
        1
    );
}
