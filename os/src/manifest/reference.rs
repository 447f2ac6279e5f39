//! Texts that name what a step makes: `"@component:NAME/FILE"`, `"@aci:NAME"`, `"@initrd"`, `"@bundle"`, `"@kernel"`,
//! `"@kernel/FILE"`.

use std::ops::Range;
use std::path::Path;

use kurmadisk::spec::Document;

use super::error::ManifestError;
use super::places::Places;

/// The document with paths in the folder `output` in place of references.
pub(super) fn resolved(
    document: Document,
    places: &Places,
    output: &Path,
) -> Result<Document, ManifestError> {
    let mut replacements = Vec::new();
    for (range, reference) in references(document.text()) {
        let Some(path) = places.of_reference(reference) else {
            return Err(ManifestError::Value {
                place: document.place(range.start),
                key: "@",
                reason: format!(
                    "@{reference} names no output of a step; there are @component:NAME/FILE, @aci:NAME, @initrd, \
                     @bundle, @kernel and @kernel/FILE"
                ),
            });
        };
        let path = output.join(path);
        let Some(text) = path.to_str() else {
            return Err(ManifestError::Path { path });
        };
        replacements.push((range, toml::Value::from(text).to_string()));
    }
    Ok(document.edited(&replacements))
}

/// The texts of a TOML document that begin with `@`: where each lies with its quotes, and what is behind the `@`.
///
/// Only texts of one line count, and none that is within a comment or another text.
fn references(toml: &str) -> Vec<(Range<usize>, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = toml.get(at..) {
        let Some(next) = rest.find(['"', '\'', '#']) else {
            break;
        };
        let (begin, rest) = (at + next, &rest[next..]);
        if rest.starts_with('#') {
            at = begin + rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let quote = &rest[..1];
        let long = quote.repeat(3);
        let (mark, is_long) = if rest.starts_with(&long) {
            (long.as_str(), true)
        } else {
            (quote, false)
        };
        let content = &rest[mark.len()..];
        let len = text_len(content, mark, quote == "\"");
        let text = &content[..len];
        if let Some(reference) = text.strip_prefix('@')
            && !is_long
        {
            found.push((begin..begin + len + 2, reference));
        }
        at = begin + (2 * mark.len() + len).min(rest.len()).max(1);
    }
    found
}

/// The length of a text that ends with `mark`; a backslash keeps what follows from being that, if it `escapes`.
fn text_len(content: &str, mark: &str, escapes: bool) -> usize {
    let mut escaped = false;
    for (at, c) in content.char_indices() {
        if !escaped && content[at..].starts_with(mark) {
            return at;
        }
        escaped = escapes && c == '\\' && !escaped;
    }
    content.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_where_texts_are() {
        let toml = "a = \"@initrd\" # \"@kernel\"\nb = ['@aci:x', \"\\\"@no\", 'it''@kernel']\n\
                    c = \"\"\"\n\"@no\"\n\"\"\"\nd = '''@no'''\ne = \"a#b\"\nf = \"@component:ö/b\"";
        let found = references(toml);
        let texts: Vec<_> = found
            .iter()
            .map(|(range, text)| (&toml[range.clone()], *text))
            .collect();
        assert_eq!(
            texts,
            [
                ("\"@initrd\"", "initrd"),
                ("'@aci:x'", "aci:x"),
                ("'@kernel'", "kernel"),
                ("\"@component:ö/b\"", "component:ö/b"),
            ]
        );
    }

    #[test]
    fn texts_without_an_end_are_left_to_the_parser() {
        for toml in ["a = \"@initrd", "a = '''", "#", "\"", "a = \"\\"] {
            assert!(references(toml).len() <= 1, "{toml}");
        }
    }
}
