//! The shape of a directory's index: which names lie in which block, and how many blocks there are.
//!
//! Names need no more than four fifths of a block, as `e2fsck -D` leaves them: so the first names that the
//! running system adds don't split every block they come to. The blocks of the index are filled likewise,
//! unless that took one level more.

use super::hash::{NameHash, NameHasher};
use super::{Format, entry_len};

/// The most levels of index blocks, the root among them, without the feature `large_dir`.
pub const USUAL_LEVELS: usize = 2;
/// The most levels of index blocks with it.
const MOST_LEVELS: usize = 3;

/// The shape of an indexed directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The directory's entries in the order of their hashes.
    order: Vec<u32>,
    leaves: Vec<Leaf>,
    /// Blocks of each level of the index below its root, the upper one first.
    nodes: Vec<usize>,
}

/// A block of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leaf {
    /// Where it ends in the order of the hashes.
    end: usize,
    hash: u32,
}

impl Index {
    /// An index over `names`; none when they are more than three levels can hold.
    pub fn new<'a>(
        names: impl Iterator<Item = &'a [u8]>,
        format: &Format,
        hasher: &NameHasher,
    ) -> Option<Self> {
        let mut hashed: Vec<(NameHash, u32, u8)> = (0..)
            .zip(names)
            .map(|(number, name)| (hasher.hash(name), number, name_len(name)))
            .collect();
        // Names of one hash keep the order of their bytes.
        hashed.sort_unstable();
        let leaves = pack(
            hashed
                .iter()
                .map(|(hash, _, len)| (hash.major, entry_len(usize::from(*len)))),
            format.room(),
        );
        Some(Self {
            nodes: levels(leaves.len(), format.root_limit(), format.node_limit())?,
            order: hashed.into_iter().map(|(_, number, _)| number).collect(),
            leaves,
        })
    }

    /// Blocks of the directory.
    pub fn blocks(&self) -> usize {
        1 + self.nodes.iter().sum::<usize>() + self.leaves.len()
    }

    /// Blocks of each level of the index below its root, the upper one first.
    pub fn nodes(&self) -> &[usize] {
        &self.nodes
    }

    /// Whether the filesystem needs the feature `large_dir` for it.
    pub fn is_large(&self) -> bool {
        1 + self.nodes.len() > USUAL_LEVELS
    }

    /// The hash each block of names begins with. Its lowest bit says that names with this hash are in the
    /// block before, too.
    pub fn hashes(&self) -> impl Iterator<Item = u32> {
        self.leaves.iter().map(|leaf| leaf.hash)
    }

    /// The numbers of the entries in each block of names.
    pub fn leaves(&self) -> impl Iterator<Item = &[u32]> {
        let mut start = 0;
        self.leaves.iter().map(move |leaf| {
            let range = start..leaf.end;
            start = leaf.end;
            &self.order[range]
        })
    }
}

fn name_len(name: &[u8]) -> u8 {
    name.len()
        .try_into()
        .expect("names were checked in the plan")
}

/// Four fifths: how much of a block is filled.
fn usual_fill(room: usize) -> usize {
    room - room / 5
}

/// Sorts entries, given by their hashes (ascending) and lengths, into blocks with that room.
///
/// Names of one hash go into one block if they fit.
fn pack(entries: impl Iterator<Item = (u32, usize)>, room: usize) -> Vec<Leaf> {
    let mut leaves: Vec<Leaf> = Vec::new();
    let (mut filled, mut previous) = (room, None);
    for (number, (hash, len)) in entries.enumerate() {
        let continued = previous == Some(hash);
        let most = if continued { room } else { usual_fill(room) };
        if filled + len > most {
            leaves.push(Leaf {
                end: number,
                hash: hash | u32::from(continued),
            });
            filled = 0;
        }
        filled += len;
        previous = Some(hash);
        if let Some(leaf) = leaves.last_mut() {
            leaf.end = number + 1;
        }
    }
    leaves
}

/// Blocks of each level of the index below its root, the upper one first, over that many blocks of names:
/// the fewest levels that hold them.
fn levels(leaves: usize, root_limit: usize, node_limit: usize) -> Option<Vec<usize>> {
    let mut most = vec![root_limit];
    while most.last().is_some_and(|most| *most < leaves) {
        if most.len() == MOST_LEVELS {
            return None;
        }
        most.push(most.last()?.checked_mul(node_limit)?);
    }
    // The last one is the number of leaves, not of index blocks.
    most.pop();
    let mut below = leaves;
    for level in most.iter_mut().rev() {
        *level = below.div_ceil(usual_fill(node_limit)).min(*level);
        below = *level;
    }
    Some(most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn levels_are_as_few_as_hold_the_leaves() {
        for (leaves, expected) in [
            (2, Some(vec![])),
            (507, Some(vec![])),
            (508, Some(vec![2])),
            // 408 of 510 entries are filled as long as the root has room.
            (408 * 507, Some(vec![507])),
            (408 * 507 + 1, Some(vec![507])),
            (510 * 507, Some(vec![507])),
            (510 * 507 + 1, Some(vec![2, 634])),
            (510 * 510 * 507, Some(vec![507, 507 * 510])),
            (510 * 510 * 507 + 1, None),
        ] {
            assert_eq!(levels(leaves, 507, 510), expected, "{leaves}");
        }
    }

    proptest! {
        #[test]
        fn no_level_is_overfull(leaves in 1..2_000_000_usize, root in 100..130_usize, node in 100..130_usize) {
            if let Some(nodes) = levels(leaves, root, node) {
                let mut counts = nodes;
                counts.push(leaves);
                prop_assert!(counts[0] <= root);
                for two in counts.windows(2) {
                    prop_assert!(two[1] <= two[0] * node && two[0] <= two[1]);
                }
            } else {
                prop_assert!(leaves > root * node * node);
            }
        }

        #[test]
        fn leaves_are_filled_in_order(
            mut entries in prop::collection::vec((0..40_u32, 12..=264_usize), 1..300),
            room in prop::sample::select(vec![1012_usize, 1024, 4084]),
        ) {
            for (hash, len) in &mut entries {
                (*hash, *len) = (*hash * 2, len.next_multiple_of(4));
            }
            entries.sort_by_key(|(hash, _)| *hash);
            let leaves = pack(entries.iter().copied(), room);
            let mut start = 0;
            for (number, leaf) in leaves.iter().enumerate() {
                let inside = &entries[start..leaf.end];
                let filled: usize = inside.iter().map(|(_, len)| len).sum();
                prop_assert!(!inside.is_empty() && filled <= room);
                let continued = start > 0 && entries[start - 1].0 == inside[0].0;
                prop_assert_eq!(leaf.hash, inside[0].0 | u32::from(continued), "{}", number);
                // More than usual is in it only to keep a hash together.
                let last = inside.iter().rposition(|(hash, _)| *hash != inside[inside.len() - 1].0);
                if filled > usual_fill(room) {
                    let before: usize = inside[..=last.map_or(0, |last| last + 1)].iter().map(|(_, len)| len).sum();
                    prop_assert!(before <= usual_fill(room));
                }
                start = leaf.end;
            }
            prop_assert_eq!(start, entries.len());
        }
    }

    #[test]
    fn a_hash_that_needs_many_blocks_is_continued() {
        let leaves = pack(
            [(2, 264), (4, 264), (4, 264), (4, 264), (4, 264), (6, 12)].into_iter(),
            1012,
        );
        let found: Vec<_> = leaves.iter().map(|leaf| (leaf.end, leaf.hash)).collect();
        assert_eq!(found, [(3, 2), (6, 5)]);
    }
}
