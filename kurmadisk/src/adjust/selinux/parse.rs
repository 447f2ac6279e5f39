//! `file_contexts(5)` and `file_contexts.subs` as they are written.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::{FileContextsError, FileContextsFault};
use super::pattern::{self, Pattern};
use crate::adjust::kind::Kind;
use crate::place::Place;
use crate::tree::NodeKind;

/// A line of `file_contexts`.
#[derive(Debug)]
pub(super) struct Rule {
    pub pattern: Pattern,
    /// Whether its text has nothing that has a meaning in expressions.
    pub exact: bool,
    file_type: Option<Kind>,
    /// None for `<<none>>`.
    pub context: Option<String>,
}

/// The type that a rule is for.
fn parse_type(text: &str) -> Option<Kind> {
    Some(match text {
        "--" => Kind::File,
        "-d" => Kind::Directory,
        "-l" => Kind::Symlink,
        "-c" => Kind::CharDevice,
        "-b" => Kind::BlockDevice,
        "-p" => Kind::Fifo,
        "-s" => Kind::Socket,
        _ => return None,
    })
}

impl Rule {
    pub(super) fn is_for(&self, kind: &NodeKind) -> bool {
        self.file_type.is_none_or(|wanted| wanted == Kind::of(kind))
    }
}

/// A word of a line, and its column from 1 on.
type Word<'a> = (usize, &'a str);

fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = line;
    let mut column = 1;
    while let Some(start) = rest.find(|c: char| !c.is_ascii_whitespace()) {
        column += rest[..start].chars().count();
        rest = &rest[start..];
        let end = rest.find(|c: char| c.is_ascii_whitespace());
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        words.push((column, word));
        column += word.chars().count();
        rest = behind;
    }
    words
}

/// Lines that are neither empty nor a comment, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, Vec<Word<'_>>)> {
    let lines = (1..)
        .zip(text.lines())
        .map(|(line, text)| (line, words(text)));
    lines.filter(|(_, words)| {
        words
            .first()
            .is_some_and(|(_, word)| !word.starts_with('#'))
    })
}

/// A rule as it was seen before: its type, its context, its line.
type Seen<'a> = (Option<Kind>, &'a str, usize);

/// The rules of a file.
pub(super) fn rules(name: &str, text: &str) -> Result<Vec<Rule>, FileContextsError> {
    let name: Arc<str> = name.into();
    let mut seen: HashMap<&str, Vec<Seen<'_>>> = HashMap::new();
    let mut rules = Vec::new();
    for (line, words) in lines(text) {
        let fail = |column, fault| FileContextsError::Line {
            place: Place::File {
                name: Arc::clone(&name),
                line,
                column,
            },
            fault,
        };
        let (expression, file_type, context) = match words[..] {
            [expression, context] => (expression, None, context),
            [expression, file_type, context] => (expression, Some(file_type), context),
            _ => {
                let fields = words.len();
                return Err(fail(words[0].0, FileContextsFault::Fields { fields }));
            }
        };
        let file_type = file_type
            .map(|(column, text)| {
                let fault = || FileContextsFault::Type {
                    text: text.to_owned(),
                };
                parse_type(text).ok_or_else(|| fail(column, fault()))
            })
            .transpose()?;
        let before = seen.entry(expression.1).or_default();
        let contradicts = before.iter().find(|(other, text, _)| {
            *text != context.1
                && (file_type.is_none() || other.is_none_or(|other| Some(other) == file_type))
        });
        if let Some((_, other, other_line)) = contradicts {
            let fault = FileContextsFault::Contradiction {
                text: expression.1.to_owned(),
                context: context.1.to_owned(),
                other: (*other).to_owned(),
                line: *other_line,
            };
            return Err(fail(context.0, fault));
        }
        before.push((file_type, context.1, line));
        let pattern = Pattern::new(expression.1).map_err(|reason| {
            let text = expression.1.to_owned();
            fail(expression.0, FileContextsFault::Expression { text, reason })
        })?;
        rules.push(Rule {
            pattern,
            exact: !pattern::has_meta_characters(expression.1),
            file_type,
            context: checked_context(context.1).map_err(|fault| fail(context.0, fault))?,
        });
    }
    Ok(rules)
}

/// A context that can be one, or nothing for `<<none>>`.
fn checked_context(text: &str) -> Result<Option<String>, FileContextsFault> {
    if text == "<<none>>" {
        return Ok(None);
    }
    check_context(text)?;
    Ok(Some(text.to_owned()))
}

/// Fails unless `text` is of the form `user:role:type` or `user:role:type:range`.
pub(in crate::adjust) fn check_context(text: &str) -> Result<(), FileContextsFault> {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    let fields: Vec<&str> = text.splitn(4, ':').collect();
    if printable && fields.len() >= 3 && fields.iter().all(|field| !field.is_empty()) {
        Ok(())
    } else {
        let text = text.to_owned();
        Err(FileContextsFault::Context { text })
    }
}

/// The beginning of paths, and what stands for it.
#[derive(Debug)]
pub(super) struct Substitution {
    from: Vec<u8>,
    to: Vec<u8>,
}

/// The substitutions of a file.
pub(super) fn substitutions(
    name: &str,
    text: &str,
) -> Result<Vec<Substitution>, FileContextsError> {
    let name: Arc<str> = name.into();
    let mut found = Vec::new();
    for (line, words) in lines(text) {
        match words[..] {
            [(_, from), (_, to)] if from.starts_with('/') && to.starts_with('/') => {
                found.push(Substitution {
                    from: from.into(),
                    to: to.into(),
                });
            }
            _ => {
                return Err(FileContextsError::Line {
                    place: Place::File {
                        name,
                        line,
                        column: words[0].0,
                    },
                    fault: FileContextsFault::Substitution,
                });
            }
        }
    }
    Ok(found)
}

/// The path that stands for `path`, if any does: by the last substitution that fits.
pub(super) fn substituted(substitutions: &[Substitution], path: &[u8]) -> Option<Vec<u8>> {
    substitutions.iter().rev().find_map(|substitution| {
        let rest = path.strip_prefix(&substitution.from[..])?;
        match rest {
            [] => Some(substitution.to.clone()),
            [b'/', below @ ..] if substitution.to == b"/" => Some([b"/", below].concat()),
            [b'/', ..] => Some([&substitution.to, rest].concat()),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (String, FileContextsFault) {
        match rules("fc", text).unwrap_err() {
            FileContextsError::Line { place, fault } => (place.to_string(), fault),
            error @ FileContextsError::Read { .. } => panic!("{error}"),
        }
    }

    #[test]
    fn wrong_lines_are_refused_at_their_place() {
        let cases = [
            ("/a\n", "fc:1:1", "1 fields are no rule"),
            ("\n  /a -- u:r:t more", "fc:2:3", "4 fields are no rule"),
            ("/a -x u:r:t", "fc:1:4", "\"-x\" is no type of file"),
            ("/ü  u:r", "fc:1:5", "\"u:r\" is no context"),
            ("/a u::t", "fc:1:4", "\"u::t\" is no context"),
            ("/a u:r:t\n/a -- u:r:s", "fc:2:7", "in line 1; remove one"),
            (
                "/a -d u:r:t\n/a -d u:r:s",
                "fc:2:7",
                "in line 1; remove one",
            ),
            ("/a(?=b) u:r:t", "fc:1:1", "look-around"),
            ("/a( u:r:t", "fc:1:1", "cannot be used as an expression"),
        ];
        for (text, place, expected) in cases {
            let (found, fault) = fault(text);
            assert_eq!(found, place, "{text}");
            assert!(fault.to_string().contains(expected), "{fault}");
        }
        assert_eq!(
            rules("fc", "/a -d u:r:t\n/a -- u:r:s\n/a -- u:r:s")
                .unwrap()
                .len(),
            3
        );
        for text in ["/a", "a /b", "/a b", "/a /b /c"] {
            assert!(substitutions("subs", text).is_err(), "{text}");
        }
    }
}
