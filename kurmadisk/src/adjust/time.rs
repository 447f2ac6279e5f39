//! Times.

use crate::tree::{Timestamp, Tree};

/// Gives what was changed after `latest` that time, as `SOURCE_DATE_EPOCH` asks for: what a build made gets one time,
/// whenever it was made, and what is older keeps its own.
pub fn clamp_times(tree: &mut Tree, latest: Timestamp) {
    for id in super::all_nodes(tree) {
        let meta = tree.metadata_mut(id);
        meta.mtime = meta.mtime.min(latest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Metadata, NodeKind};

    #[test]
    fn later_times_are_clamped() {
        let at = |seconds, nanos| Timestamp { seconds, nanos };
        let meta = |mtime| Metadata {
            mtime,
            ..Metadata::default()
        };
        let mut tree = Tree::new(meta(at(100, 1)));
        let cases = [
            (at(99, 999_999_999), at(99, 999_999_999)),
            (at(100, 0), at(100, 0)),
            (at(100, 1), at(100, 0)),
            (at(i64::MAX, 0), at(100, 0)),
            (at(-5, 7), at(-5, 7)),
        ];
        for (number, (before, _)) in cases.iter().enumerate() {
            let name = number.to_string();
            tree.add(Tree::ROOT, name.as_bytes(), meta(*before), NodeKind::Fifo)
                .unwrap();
        }
        clamp_times(&mut tree, at(100, 0));
        assert_eq!(tree.node(Tree::ROOT).meta.mtime, at(100, 0));
        for (number, (_, after)) in cases.iter().enumerate() {
            let node = tree.lookup(number.to_string().as_bytes()).unwrap();
            assert_eq!(tree.node(node).meta.mtime, *after);
        }
    }
}
