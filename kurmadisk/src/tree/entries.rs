//! The entries of a directory.

use std::iter::Flatten;
use std::slice::Iter;

use super::DirEntry;

/// The entries of a directory, ascending by the bytes of their names.
///
/// They lie in pieces, so that names may come in any order: one that belongs in the middle of a million moves
/// few of them.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// None is empty; each is ascending, and below the next.
    pieces: Vec<Vec<DirEntry>>,
}

/// Entries of the largest piece.
const MOST: usize = 512;

impl Entries {
    /// No entries.
    #[must_use]
    pub const fn new() -> Self {
        Self { pieces: Vec::new() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// All of them, ascending by name.
    pub fn iter(&self) -> Flatten<Iter<'_, Vec<DirEntry>>> {
        self.pieces.iter().flatten()
    }

    /// The entry of that name.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<&DirEntry> {
        let piece = self.pieces.get(self.piece_of(name))?;
        Some(&piece[place(piece, name).ok()?])
    }

    /// Puts an entry in its place; false if its name is taken.
    pub(super) fn insert(&mut self, entry: DirEntry) -> bool {
        let number = self.piece_of(&entry.name);
        let Some(piece) = self.pieces.get_mut(number) else {
            // Names that come in order fill one piece after the other.
            match self.pieces.last_mut() {
                Some(last) if last.len() < MOST => last.push(entry),
                _ => self.pieces.push(vec![entry]),
            }
            return true;
        };
        let Err(at) = place(piece, &entry.name) else {
            return false;
        };
        piece.insert(at, entry);
        if piece.len() > MOST {
            let upper = piece.split_off(MOST / 2);
            self.pieces.insert(number + 1, upper);
        }
        true
    }

    /// Takes the entry of that name out.
    pub(super) fn remove(&mut self, name: &[u8]) -> Option<DirEntry> {
        let number = self.piece_of(name);
        let piece = self.pieces.get_mut(number)?;
        let removed = piece.remove(place(piece, name).ok()?);
        if piece.is_empty() {
            self.pieces.remove(number);
        }
        Some(removed)
    }

    /// The first piece that does not end below `name`.
    fn piece_of(&self, name: &[u8]) -> usize {
        let ends_below =
            |piece: &Vec<DirEntry>| piece.last().is_some_and(|last| *last.name < *name);
        self.pieces.partition_point(ends_below)
    }
}

fn place(piece: &[DirEntry], name: &[u8]) -> Result<usize, usize> {
    piece.binary_search_by(|entry| (*entry.name).cmp(name))
}

impl<'a> IntoIterator for &'a Entries {
    type Item = &'a DirEntry;
    type IntoIter = Flatten<Iter<'a, Vec<DirEntry>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::tree::NodeId;

    fn entry(name: &[u8], number: usize) -> DirEntry {
        DirEntry {
            name: name.into(),
            node: NodeId::from_index(number),
        }
    }

    /// They are what a map of the same names has.
    fn check(entries: &Entries, expected: &BTreeMap<Vec<u8>, usize>) {
        let found: Vec<_> = entries
            .iter()
            .map(|entry| (entry.name.to_vec(), entry.node.index()))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(k, v)| (k.clone(), *v)).collect();
        assert_eq!(found, expected);
        assert_eq!(
            (entries.len(), entries.is_empty()),
            (expected.len(), expected.is_empty())
        );
        let fit = |piece: &Vec<DirEntry>| (1..=MOST).contains(&piece.len());
        assert!(entries.pieces.iter().all(fit));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn names_come_and_go_in_any_order(
            steps in prop::collection::vec((0..4000_u16, 0..4_u8), 0..6000),
            first in 0..3000_u16,
        ) {
            let (mut entries, mut expected) = (Entries::new(), BTreeMap::new());
            // Some in order, so that there are full pieces.
            for number in 0..first {
                let name = number.to_be_bytes();
                prop_assert!(entries.insert(entry(&name, 0)));
                expected.insert(name.to_vec(), 0);
            }
            for (number, (name, what)) in (1..).zip(steps) {
                let name = name.to_be_bytes();
                if what == 0 {
                    let removed = entries.remove(&name).map(|entry| entry.node.index());
                    prop_assert_eq!(removed, expected.remove(&name[..]));
                } else {
                    let free = !expected.contains_key(&name[..]);
                    prop_assert_eq!(entries.insert(entry(&name, number)), free);
                    expected.entry(name.to_vec()).or_insert(number);
                }
                let found = entries.find(&name).map(|entry| entry.node.index());
                prop_assert_eq!(found, expected.get(&name[..]).copied());
            }
            check(&entries, &expected);
        }
    }
}
