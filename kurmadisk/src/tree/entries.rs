//! The entries of a directory.

use std::ops::Range;
use std::slice;

use super::{DirEntry, NodeId};

/// The entries of a directory, ascending by the bytes of their names.
///
/// They lie in pieces, so that names may come in any order: one that belongs in the middle of a million moves
/// few of them. A piece has its names in one stretch of memory: there may be millions, and they are short.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// None is empty; each is ascending, and below the next.
    pieces: Vec<Piece>,
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
        self.pieces.iter().map(|piece| piece.rows.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// All of them, ascending by name.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            piece: Piece::EMPTY.entries(),
            rest: self.pieces.iter(),
        }
    }

    /// The entry of that name.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<DirEntry<'_>> {
        let piece = self.pieces.get(self.piece_of(name))?;
        Some(piece.entry(piece.place(name).ok()?))
    }

    /// Puts an entry in its place; false if its name is taken.
    pub(super) fn insert(&mut self, entry: DirEntry<'_>) -> bool {
        let number = self.piece_of(entry.name);
        let Some(piece) = self.pieces.get_mut(number) else {
            // Names that come in order fill one piece after the other.
            match self.pieces.last_mut() {
                Some(last) if last.rows.len() < MOST => last.insert(last.rows.len(), entry),
                _ => self.pieces.push(Piece::of(entry)),
            }
            return true;
        };
        let Err(at) = piece.place(entry.name) else {
            return false;
        };
        piece.insert(at, entry);
        if piece.rows.len() > MOST {
            let upper = piece.split_off(MOST / 2);
            self.pieces.insert(number + 1, upper);
        }
        true
    }

    /// Gives back the room that further entries would have taken.
    pub(super) fn shrink_to_fit(&mut self) {
        self.pieces.shrink_to_fit();
        for piece in &mut self.pieces {
            piece.names.shrink_to_fit();
            piece.rows.shrink_to_fit();
        }
    }

    /// Takes the entry of that name out, and gives what it named.
    pub(super) fn remove(&mut self, name: &[u8]) -> Option<NodeId> {
        let number = self.piece_of(name);
        let piece = self.pieces.get_mut(number)?;
        let removed = piece.remove(piece.place(name).ok()?);
        if piece.rows.is_empty() {
            self.pieces.remove(number);
        }
        Some(removed)
    }

    /// The first piece that does not end below `name`.
    fn piece_of(&self, name: &[u8]) -> usize {
        let ends_below = |piece: &Piece| {
            let last = piece.rows.len().checked_sub(1);
            last.is_some_and(|last| piece.name(last) < name)
        };
        self.pieces.partition_point(ends_below)
    }
}

/// Some entries, ascending by name.
#[derive(Clone, Debug)]
struct Piece {
    /// The names, one behind the other.
    names: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where the name ends in the names of its piece.
    end: u32,
    node: NodeId,
}

impl Piece {
    const EMPTY: &Self = &Self {
        names: Vec::new(),
        rows: Vec::new(),
    };

    fn of(entry: DirEntry<'_>) -> Self {
        let mut piece = Self::EMPTY.clone();
        piece.insert(0, entry);
        piece
    }

    fn entries(&self) -> PieceIter<'_> {
        PieceIter {
            piece: self,
            rows: 0..self.rows.len(),
        }
    }

    fn range(&self, row: usize) -> Range<usize> {
        let start = row
            .checked_sub(1)
            .map_or(0, |before| self.rows[before].end as usize);
        start..self.rows[row].end as usize
    }

    fn name(&self, row: usize) -> &[u8] {
        &self.names[self.range(row)]
    }

    fn entry(&self, row: usize) -> DirEntry<'_> {
        DirEntry {
            name: self.name(row),
            node: self.rows[row].node,
        }
    }

    /// The row of a name, or where it would be.
    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        let row = self.partition_point(|other| other < name);
        if row < self.rows.len() && self.name(row) == name {
            Ok(row)
        } else {
            Err(row)
        }
    }

    fn partition_point(&self, is_below: impl Fn(&[u8]) -> bool) -> usize {
        let (mut first, mut end) = (0, self.rows.len());
        while first < end {
            let middle = usize::midpoint(first, end);
            if is_below(self.name(middle)) {
                first = middle + 1;
            } else {
                end = middle;
            }
        }
        first
    }

    fn insert(&mut self, row: usize, entry: DirEntry<'_>) {
        let start = row
            .checked_sub(1)
            .map_or(0, |before| self.rows[before].end as usize);
        self.names.splice(start..start, entry.name.iter().copied());
        let len = len_of(entry.name);
        for later in &mut self.rows[row..] {
            later.end += len;
        }
        let end = len_of(&self.names[..start]) + len;
        let node = entry.node;
        self.rows.insert(row, Row { end, node });
    }

    fn remove(&mut self, row: usize) -> NodeId {
        let range = self.range(row);
        let len = len_of(&self.names[range.clone()]);
        self.names.drain(range);
        for later in &mut self.rows[row + 1..] {
            later.end -= len;
        }
        self.rows.remove(row).node
    }

    /// The rows from `row` on, which are some but not all, as a piece of their own.
    fn split_off(&mut self, row: usize) -> Self {
        let start = self.range(row).start;
        let names = self.names.split_off(start);
        let mut rows = self.rows.split_off(row);
        let passed = len_of(&self.names);
        for later in &mut rows {
            later.end -= passed;
        }
        Self { names, rows }
    }
}

/// Names were checked to have fewer bytes than a path may have, and a piece has few of them.
fn len_of(names: &[u8]) -> u32 {
    u32::try_from(names.len()).expect("a piece's names have fewer than 2^32 bytes")
}

#[derive(Clone, Debug)]
struct PieceIter<'a> {
    piece: &'a Piece,
    rows: Range<usize>,
}

/// The entries of a directory, ascending by name.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    piece: PieceIter<'a>,
    rest: slice::Iter<'a, Piece>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = DirEntry<'a>;

    fn next(&mut self) -> Option<DirEntry<'a>> {
        loop {
            if let Some(row) = self.piece.rows.next() {
                return Some(self.piece.piece.entry(row));
            }
            self.piece = self.rest.next()?.entries();
        }
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = DirEntry<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entry(name: &[u8], number: usize) -> DirEntry<'_> {
        DirEntry {
            name,
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
        let fit = |piece: &Piece| (1..=MOST).contains(&piece.rows.len());
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
                // Of several lengths.
                let name = &name.to_be_bytes()[usize::from(name % 5 == 0)..];
                if what == 0 {
                    let removed = entries.remove(name).map(NodeId::index);
                    prop_assert_eq!(removed, expected.remove(name));
                } else {
                    let free = !expected.contains_key(name);
                    prop_assert_eq!(entries.insert(entry(name, number)), free);
                    expected.entry(name.to_vec()).or_insert(number);
                }
                let found = entries.find(name).map(|entry| entry.node.index());
                prop_assert_eq!(found, expected.get(name).copied());
            }
            check(&entries, &expected);
        }
    }
}
