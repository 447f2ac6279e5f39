//! Lines of words, and where these stand.

use std::sync::Arc;

use crate::place::Place;

/// A word, and where it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub text: &'a [u8],
    /// From 1 on.
    pub line: usize,
    /// In characters, from 1 on.
    pub column: usize,
}

impl Word<'_> {
    /// Where it stands in the file `name`.
    pub(super) fn place(&self, name: &Arc<str>) -> Place {
        Place::File {
            name: Arc::clone(name),
            line: self.line,
            column: self.column,
        }
    }
}

/// The words of each line that has any and is no comment. A `\` at the end of a line joins it with the next; fails with
/// that `\` where there is none.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = Result<Vec<Word<'_>>, Word<'_>>> {
    let mut rest = (1..).zip(text.split(|byte| *byte == b'\n'));
    std::iter::from_fn(move || {
        let mut words = Vec::new();
        let mut joint = None;
        loop {
            let Some((number, line)) = rest.next() else {
                return joint.map(Err);
            };
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let comment = words.is_empty() && line.trim_ascii_start().starts_with(b"#");
            let backslashes = line.iter().rev().take_while(|byte| **byte == b'\\').count();
            let joined = backslashes % 2 == 1 && !comment;
            let (line, end) = line.split_at(line.len() - usize::from(joined));
            if !comment {
                split(line, number, &mut words);
            }
            if !joined {
                return Some(Ok(words));
            }
            joint = Some(Word {
                text: end,
                line: number,
                column: columns(line) + 1,
            });
        }
    })
}

/// Bytes that continue a character of UTF-8 are no columns.
fn columns(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

fn split<'a>(line: &'a [u8], number: usize, words: &mut Vec<Word<'a>>) {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut at = 0;
    let mut column = 1;
    while at < line.len() {
        let end = line[at..].iter().position(blank);
        let end = end.map_or(line.len(), |len| at + len);
        let text = &line[at..end];
        if !text.is_empty() {
            words.push(Word {
                text,
                line: number,
                column,
            });
        }
        column += columns(text) + 1;
        at = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::lossy;

    #[test]
    fn words_know_where_they_stand() {
        let text = "# c \\\na \u{fc}=1  b\\\n  c d\\\\\n\n\te";
        let found: Vec<Vec<_>> = lines(text.as_bytes())
            .map(|line| {
                line.unwrap()
                    .iter()
                    .map(|word| (lossy(word.text), word.line, word.column))
                    .collect()
            })
            .collect();
        let word = |text: &str, line, column| (text.to_owned(), line, column);
        let expected = [
            vec![],
            vec![
                word("a", 2, 1),
                word("\u{fc}=1", 2, 3),
                word("b", 2, 8),
                word("c", 3, 3),
                word("d\\\\", 3, 5),
            ],
            vec![],
            vec![word("e", 5, 2)],
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_line_is_joined_with_one_that_is_there() {
        for (text, line, column) in [("a\n\u{fc} b\\", 2, 4), ("a\\\n\\\r", 2, 1), ("\\", 1, 1)] {
            let last = lines(text.as_bytes()).last().unwrap().unwrap_err();
            assert_eq!((last.line, last.column), (line, column), "{text:?}");
        }
        for text in ["a\\\n", "a\\\\", "# a\\"] {
            assert!(lines(text.as_bytes()).all(|line| line.is_ok()), "{text:?}");
        }
    }
}
