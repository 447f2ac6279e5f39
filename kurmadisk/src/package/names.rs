//! Names as platforms take them.

/// The most characters of a label of a domain name (RFC 1035, section 2.3.4).
const LABEL: usize = 63;

/// The name as a label of a domain name (RFC 1035, section 2.3.1): small letters, digits and hyphens, a letter first
/// and no hyphen last.
pub(super) fn label(name: &str) -> String {
    let mut label = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() {
            label.push(c);
        } else if !label.ends_with('-') {
            label.push('-');
        }
    }
    if !label.starts_with(|c: char| c.is_ascii_lowercase()) {
        label = format!("disk-{}", label.trim_start_matches('-'));
    }
    // All of it is ASCII.
    label.truncate(LABEL);
    label.truncate(label.trim_end_matches('-').len());
    label
}

/// The name with nothing but printable characters of ASCII, and `most` of them.
pub(super) fn ascii(name: &str, most: usize) -> String {
    let printable = |c| match c {
        ' '..='~' => c,
        _ => '?',
    };
    name.chars().take(most).map(printable).collect()
}

/// A name as a part of a URL's path (RFC 3986, section 2.3).
pub(super) fn percent(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for (name, expected) in [
            ("kurmaos", "kurmaos"),
            ("KurmaOS 1.0", "kurmaos-1-0"),
            ("1.0", "disk-1-0"),
            ("K & S", "k-s"),
            ("ü", "disk"),
            ("", "disk"),
            ("a-", "a"),
        ] {
            assert_eq!(label(name), expected);
        }
        assert_eq!(label(&"a".repeat(100)), "a".repeat(63));
        assert_eq!(label(&format!("{}-b", "a".repeat(62))), "a".repeat(62));
    }

    #[test]
    fn nothing_but_ascii() {
        assert_eq!(ascii("Kürma\n", 9), "K?rma?");
        assert_eq!(ascii("abc", 2), "ab");
    }

    #[test]
    fn names_are_encoded() {
        assert_eq!(percent("a b-1.2_x~ä.box"), "a%20b-1.2_x~%C3%A4.box");
    }
}
