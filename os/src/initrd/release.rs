//! `/etc/os-release` (`os-release(5)`), and `/etc/lsb-release` that says the same in the words of the LSB.

use std::fmt::Write;

/// The text of an os-release file with these values; fails with the key that can't be one.
pub(super) fn os_release(values: &[(String, String)]) -> Result<String, String> {
    let mut text = String::new();
    for (key, value) in values {
        let letters = |byte: u8| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit();
        let starts = key.starts_with(|letter: char| letter.is_ascii_uppercase() || letter == '_');
        if !starts || !key.bytes().all(letters) {
            return Err(format!(
                "{key:?} is no key of it; they have capital letters, digits and _"
            ));
        }
        if value.contains(['\n', '\0']) {
            return Err(format!(
                "the value of {key} has a line break or a NUL, which can't stand in it"
            ));
        }
        // A text takes everything.
        let _ = writeln!(text, "{key}={}", quoted(value));
    }
    Ok(text)
}

/// A value as shells read it.
fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        return value.to_owned();
    }
    let mut quoted = "\"".to_owned();
    for letter in value.chars() {
        if matches!(letter, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted + "\""
}

/// The lsb-release file of a system with that os-release.
pub(super) fn lsb_release(os_release: &str) -> String {
    let mut text = String::new();
    for (ours, theirs) in [
        ("DISTRIB_ID", "ID"),
        ("DISTRIB_RELEASE", "VERSION_ID"),
        ("DISTRIB_CODENAME", "VERSION_CODENAME"),
        ("DISTRIB_DESCRIPTION", "PRETTY_NAME"),
    ] {
        let lines = os_release.lines().rev();
        let value = lines
            .filter_map(|line| line.trim().split_once('='))
            .find(|(key, _)| *key == theirs);
        if let Some((_, value)) = value {
            let _ = writeln!(text, "{ours}={value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_and_told_twice() {
        let values = [
            ("ID", "kurmaos"),
            ("PRETTY_NAME", "Kurma \"$OS\" 1"),
            ("VERSION_ID", "1.0"),
            ("X", ""),
        ];
        let values = values.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let text = os_release(&values).unwrap();
        assert_eq!(
            text,
            "ID=kurmaos\nPRETTY_NAME=\"Kurma \\\"\\$OS\\\" 1\"\nVERSION_ID=1.0\nX=\"\"\n"
        );
        let expected = "DISTRIB_ID=kurmaos\nDISTRIB_RELEASE=1.0\nDISTRIB_DESCRIPTION=\"Kurma \\\"\\$OS\\\" 1\"\n";
        assert_eq!(lsb_release(&text), expected);
        assert!(os_release(&[("id".to_owned(), "x".to_owned())]).is_err());
        assert!(os_release(&[("ID".to_owned(), "x\ny".to_owned())]).is_err());
    }
}
