//! kmod's indices: a tree of keys that have beginnings in common (`libkmod-index.c`, version 2.1).
//!
//! A node lies behind those below it, so the root is the last. All numbers are big-endian, of four bytes. What refers to
//! a node has its offset in the lower 28 bits, and in the upper ones what the node has, in this order: a text that
//! all keys below have in common, with a NUL; the first and the last letter that may follow and a reference for each letter
//! between them, 0 for none; values, their number first, each a priority and a text with a NUL.

use std::collections::BTreeMap;

const MAGIC: u32 = 0xB007_F457;
const VERSION: u32 = 0x0002_0001;

const HAS_PREFIX: u32 = 0x8000_0000;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;

/// Keys, and what they stand for.
#[derive(Debug, Default)]
pub(super) struct Index(BTreeMap<Vec<u8>, Vec<(u32, String)>>);

impl Index {
    /// Adds a value; those of lower priorities come first. What an index can't hold, a key beyond ASCII, is left out.
    pub(super) fn add(&mut self, key: &str, priority: usize, value: &str) {
        if !key.is_ascii() {
            return;
        }
        let values = self.0.entry(key.as_bytes().to_vec()).or_default();
        let priority = u32::try_from(priority).unwrap_or(u32::MAX);
        let at = values.partition_point(|(known, _)| *known < priority);
        values.insert(at, (priority, value.to_owned()));
    }

    /// The index as it lies in a file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in [MAGIC, VERSION, 0] {
            out.extend(number.to_be_bytes());
        }
        let keys: Vec<_> = self.0.iter().collect();
        let root = if keys.is_empty() {
            // An empty node: no key begins there.
            12
        } else {
            node(&keys, 0, &mut out)
        };
        out[8..12].copy_from_slice(&root.to_be_bytes());
        out
    }
}

/// A key, and what it stands for.
type Entry<'i> = (&'i Vec<u8>, &'i Vec<(u32, String)>);

/// Writes the node of keys, ascending, that have their first `depth` letters in common; gives the reference to it.
fn node(keys: &[Entry<'_>], depth: usize, out: &mut Vec<u8>) -> u32 {
    let (first, last) = (keys[0].0, keys[keys.len() - 1].0);
    let common = first[depth..].iter().zip(&last[depth..]);
    // The root has no text of its own, whatever all keys have in common.
    let common = match depth {
        0 => 0,
        _ => common.take_while(|(a, b)| a == b).count(),
    };
    let end = depth + common;
    let has_values = first.len() == end;
    let below = &keys[usize::from(has_values)..];

    let mut children = BTreeMap::new();
    for group in below.chunk_by(|a, b| a.0[end] == b.0[end]) {
        children.insert(group[0].0[end], node(group, end + 1, out));
    }
    let mut reference =
        u32::try_from(out.len()).unwrap_or(u32::MAX) & !(HAS_PREFIX | HAS_CHILDREN | HAS_VALUES);
    if common > 0 {
        reference |= HAS_PREFIX;
        out.extend(&first[depth..end]);
        out.push(0);
    }
    if let (Some((low, _)), Some((high, _))) =
        (children.first_key_value(), children.last_key_value())
    {
        reference |= HAS_CHILDREN;
        out.extend([*low, *high]);
        for letter in *low..=*high {
            out.extend(children.get(&letter).copied().unwrap_or(0).to_be_bytes());
        }
    }
    if has_values {
        reference |= HAS_VALUES;
        let values = keys[0].1;
        out.extend(
            u32::try_from(values.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        for (priority, value) in values {
            out.extend(priority.to_be_bytes());
            out.extend(value.as_bytes());
            out.push(0);
        }
    }
    reference
}

/// A pattern of an alias with `-` as `_`, but for what stands in brackets.
pub(super) fn normalized(alias: &str) -> String {
    let mut inside = false;
    alias
        .chars()
        .map(|letter| {
            inside = match letter {
                '[' => true,
                ']' => false,
                _ => inside,
            };
            if letter == '-' && !inside {
                '_'
            } else {
                letter
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_as_its_format_says() {
        let mut index = Index::default();
        index.add("abc", 7, "two");
        index.add("ab", 1, "one");
        index.add("abc", 3, "first");
        let expected = [
            // Magic number, version, and the root: at 54, with a child.
            &b"\xb0\x07\xf4\x57\0\x02\0\x01\x20\0\0\x36"[..],
            // At 12, "abc": two values.
            b"\0\0\0\x02\0\0\0\x03first\0\0\0\0\x07two\0",
            // At 34, "ab": its second letter, a child for c, and a value.
            b"b\0cc\x40\0\0\x0c\0\0\0\x01\0\0\0\x01one\0",
            // At 54, the root: a child for a.
            b"aa\xe0\0\0\x22",
        ];
        assert_eq!(index.bytes(), expected.concat());
    }

    #[test]
    fn patterns_keep_what_is_in_brackets() {
        assert_eq!(normalized("a-b[0-9]-c"), "a_b[0-9]_c");
    }
}
