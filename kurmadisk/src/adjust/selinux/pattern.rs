//! The regular expressions of `file_contexts`.
//!
//! The policy means PCRE, and the library here is an automaton: what it can't do it refuses by itself. What it would
//! read otherwise is refused before ([`check_differences`]).

use std::sync::OnceLock;

use memchr::memmem::Finder;
use regex_automata::meta::{Config, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind, Look};

/// An expression that whole paths are compared with, ready to be compiled.
#[derive(Debug)]
pub(super) struct Pattern {
    /// What all that match begin with.
    prefix: Vec<u8>,
    /// None when only the prefix itself matches.
    rest: Option<Expression>,
}

/// Compiled when first needed: a tree needs some of a policy's thousands.
#[derive(Debug)]
struct Expression {
    hir: Hir,
    /// Bytes that all paths have behind the prefix: most that don't match are known by them.
    needle: Finder<'static>,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Reads an expression; fails with the reason.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        check_differences(text)?;
        let mut parser = ParserBuilder::new();
        parser.unicode(false).utf8(false).dot_matches_new_line(true);
        let hir = parser.build().parse(text).map_err(|error| match error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            other => other.to_string(),
        })?;
        let mut parts = match hir.kind() {
            HirKind::Concat(parts) => &parts[..],
            _ => std::slice::from_ref(&hir),
        };
        let mut prefix = Vec::new();
        if let [first, rest @ ..] = parts
            && let HirKind::Literal(literal) = first.kind()
        {
            prefix = literal.0.to_vec();
            parts = rest;
            if parts.is_empty() {
                let rest = None;
                return Ok(Self { prefix, rest });
            }
        }
        let literals = parts.iter().filter_map(|part| match part.kind() {
            HirKind::Literal(literal) => Some(&literal.0),
            _ => None,
        });
        let needle = literals.max_by_key(|literal| literal.len());
        let needle = Finder::new(needle.map_or(&b""[..], |needle| needle)).into_owned();
        let hir = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
        let expression = Expression {
            hir,
            needle,
            compiled: OnceLock::new(),
        };
        // What could be too large is found out at once, so that no comparison can fail.
        if text.contains('{') || text.len() > LONG {
            expression.compiled().ok_or("it is too large")?;
        }
        Ok(Self {
            prefix,
            rest: Some(expression),
        })
    }

    /// What all paths that match begin with.
    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    pub(super) fn matches(&self, path: &[u8]) -> bool {
        match &self.rest {
            None => path == self.prefix,
            Some(expression) => {
                let rest = path.strip_prefix(&self.prefix[..]);
                rest.is_some_and(|rest| expression.needle.find(rest).is_some())
                    && expression
                        .compiled()
                        .is_some_and(|regex| regex.is_match(path))
            }
        }
    }
}

/// Bytes that an automaton may take.
const LARGEST: usize = 10 << 20;

/// What is shorter, and counts no repetitions, can't come near that.
const LONG: usize = 4096;

impl Expression {
    fn compiled(&self) -> Option<&Regex> {
        let build = || {
            let config = Config::new()
                .nfa_size_limit(Some(LARGEST))
                .which_captures(WhichCaptures::None);
            let mut builder = Regex::builder();
            builder.configure(config).build_from_hir(&self.hir).ok()
        };
        self.compiled.get_or_init(build).as_ref()
    }
}

/// Whether a text has characters with a meaning in expressions, as libselinux counts them: one behind a `\` is none.
pub(super) fn has_meta_characters(text: &str) -> bool {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '.' | '^' | '$' | '?' | '*' | '+' | '|' | '[' | '(' | '{' => return true,
            '\\' => {
                characters.next();
            }
            _ => {}
        }
    }
    false
}

/// Fails for what PCRE and the library here both accept and read differently.
fn check_differences(text: &str) -> Result<(), String> {
    let refuse = |what: &str| Err(what.to_owned());
    let bytes = text.as_bytes();
    let mut at = 0;
    // Whether the last thing read was a quantifier.
    let mut repeated = false;
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        let was_repeated = std::mem::take(&mut repeated);
        match byte {
            b'\\' => {
                if matches!(next, Some(b'<' | b'>')) {
                    return refuse("\\< and \\> mean < and > in PCRE; leave the backslash out");
                }
                at += 1;
            }
            b'[' => at = class_end(bytes, at)?,
            b'+' if was_repeated => {
                return refuse("possessive quantifiers are not supported; write it without");
            }
            b'{' if !next.is_some_and(|next| next.is_ascii_digit()) => {
                return refuse("{ stands for itself here; write \\{");
            }
            b'*' | b'+' | b'?' | b'}' => repeated = true,
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Where a class that begins at `start` ends.
fn class_end(bytes: &[u8], start: usize) -> Result<usize, String> {
    let mut at = start + 1;
    if bytes.get(at) == Some(&b'^') {
        at += 1;
    }
    // A ] at the beginning stands for itself.
    if bytes.get(at) == Some(&b']') {
        at += 1;
    }
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b']', _) => return Ok(at),
            (b'\\', _) => at += 2,
            (b'[', Some(b':')) => {
                let end = bytes[at..].windows(2).position(|pair| pair == b":]");
                at += end.ok_or("a class of characters such as [:digit:] has no end")? + 2;
            }
            (b'[', _) => return Err("[ within a set; write \\[".to_owned()),
            (b'&', Some(b'&')) | (b'-', Some(b'-')) | (b'~', Some(b'~')) => {
                return Err("&&, -- and ~~ within a set; write each character once".to_owned());
            }
            _ => at += 1,
        }
    }
    Err("a set has no end; write ] behind it, or \\[".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_what_comes_before_any_choice() {
        let cases = [
            ("/usr/bin", "/usr/bin", true),
            ("/usr/lib(64)?/x", "/usr/lib", false),
            ("/usr/lib6?", "/usr/lib", false),
            ("/a\\.b/.*", "/a.b/", false),
            ("/a|/b", "", false),
            ("/(a|b)", "/", false),
            (".*", "", false),
        ];
        for (text, prefix, exact) in cases {
            let pattern = Pattern::new(text).unwrap();
            assert_eq!(pattern.prefix(), prefix.as_bytes(), "{text}");
            assert_eq!(pattern.rest.is_none(), exact, "{text}");
        }
    }

    #[test]
    fn whole_paths_are_compared() {
        for (text, path, expected) in [
            ("/a|/b", "/ax", false),
            ("/a|/b", "/b", true),
            ("/a.", "/a\n", true),
            ("/[^/]*", "/\u{fc}", true),
            ("/[^/]*", "/a/b", false),
            ("/[]a-]+", "/]-a", true),
            ("/[[:digit:]]{2,}", "/123", true),
            ("/a\\++", "/a++", true),
            ("/a+?b", "/aab", true),
        ] {
            let pattern = Pattern::new(text).unwrap();
            assert_eq!(pattern.matches(path.as_bytes()), expected, "{text} {path}");
        }
    }

    #[test]
    fn what_would_be_read_otherwise_is_refused() {
        let refused = [
            "/a*+",
            "/a++",
            "/a?+",
            "/a{2}+",
            "\\<a",
            "[a&&b]",
            "[a--b]",
            "[[a]",
            "[a",
            "/{",
            "/a{,3}",
            "(?!a)",
            "(a)\\1",
            "[[:digit:",
            "\\Qa\\E",
            "\\h",
            "(a{1000}){1000}",
        ];
        for text in refused {
            assert!(Pattern::new(text).is_err(), "{text}");
        }
        assert!(has_meta_characters("/a.b") && !has_meta_characters("/a\\.b\\"));
    }
}
