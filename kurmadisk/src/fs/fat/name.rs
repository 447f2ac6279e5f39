//! Names: what FAT can store, short names, and the volume's label.

use std::collections::{HashMap, HashSet};

use super::spec::{CASE_LOWER_BASE, CASE_LOWER_EXTENSION, LONG_UNITS, MAX_LONG_UNITS};

/// Base and extension of a short name in upper case, padded with spaces.
pub(super) type ShortBytes = [u8; 11];

const BASE_LEN: usize = 8;
const EXTENSION_LEN: usize = 3;

/// The short name of a directory entry, and whether it says everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShortName {
    pub bytes: ShortBytes,
    /// `CASE_*` bits.
    pub case: u8,
    /// Whether a long name must go before it.
    pub needs_long: bool,
}

impl ShortName {
    /// The name of a directory's entry for itself (`.`) or its parent (`..`).
    pub(super) fn dots(count: usize) -> Self {
        let mut bytes = [b' '; 11];
        bytes[..count].fill(b'.');
        Self {
            bytes,
            case: 0,
            needs_long: false,
        }
    }

    /// Parts that the long `name`, which [`check`] has passed, takes in front of this entry.
    pub(super) fn long_parts(&self, name: &str) -> usize {
        if self.needs_long {
            // Names lie in the Basic Multilingual Plane: one unit per character.
            name.chars().count().div_ceil(LONG_UNITS)
        } else {
            0
        }
    }

    /// What a long name's parts carry, to show that they belong to this short name
    /// (fatgen103, `ChkSum`).
    pub(super) fn checksum(&self) -> u8 {
        self.bytes
            .iter()
            .fold(0, |sum: u8, byte| sum.rotate_right(1).wrapping_add(*byte))
    }
}

/// The name as text, when FAT can store it as a long name; else what is wrong with it.
pub(super) fn check(name: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(name).map_err(|_| "the name is not UTF-8")?;
    for character in text.chars() {
        match character {
            '"' | '*' | '/' | ':' | '<' | '>' | '?' | '\\' | '|' => {
                return Err("FAT forbids \" * / : < > ? \\ | in a name");
            }
            '\0'..='\x1f' => return Err("the name has a control character in it"),
            '\u{ffff}'.. => {
                return Err("the name has a character beyond U+FFFE in it, the last FAT can store");
            }
            _ => {}
        }
    }
    if text.ends_with(['.', ' ']) {
        return Err("FAT ignores a dot or space at the end of a name");
    }
    // All characters lie in the Basic Multilingual Plane: one unit each.
    if text.chars().count() > MAX_LONG_UNITS {
        return Err("the name has more than 255 characters");
    }
    Ok(text)
}

/// The name by which FAT compares: two names with one key cannot be in one directory.
///
/// What Windows takes for one name has one key.
pub(super) fn key(name: &str) -> String {
    name.chars().map(folded).collect()
}

/// A character without its case: its capital; the small letter of one whose capital is several characters, so
/// that `ß` is itself and `ᾼ` is `ᾳ`.
fn folded(character: char) -> char {
    only(character.to_uppercase())
        .or_else(|| only(character.to_lowercase()))
        .unwrap_or(character)
}

fn only(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next();
    first.filter(|_| mapped.next().is_none())
}

/// The label as stored: padded with spaces; or what is wrong with it.
pub(super) fn label(text: &str) -> Result<ShortBytes, &'static str> {
    if text.len() > 11 {
        return Err("a FAT label has at most 11 characters");
    }
    if text.is_empty() || text.starts_with(' ') {
        return Err("a FAT label begins with a character other than a space");
    }
    let allowed = |byte: &u8| *byte == b' ' || (is_short(*byte) && !byte.is_ascii_lowercase());
    if !text.as_bytes().iter().all(allowed) {
        return Err("a FAT label consists of A-Z, 0-9, spaces and $ % ' - _ @ ~ ` ! ( ) { } ^ # &");
    }
    Ok(padded(text.as_bytes(), b""))
}

/// A short name for each of `names`, which [`check`] has passed and whose [`key`]s differ; at most
/// 65,536 of them. Constant time per name.
pub(super) fn short_names(names: &[&str]) -> Vec<ShortName> {
    let exact: Vec<Option<ShortName>> = names.iter().map(|name| exact(name)).collect();
    // Names which are short themselves come first: nobody may take theirs away.
    let mut tails = Tails {
        taken: exact.iter().flatten().map(|short| short.bytes).collect(),
        next: HashMap::new(),
    };
    names
        .iter()
        .zip(exact)
        .map(|(name, exact)| exact.unwrap_or_else(|| tails.generate(name)))
        .collect()
}

/// The short name for one more name of a directory, where these are taken.
#[cfg(feature = "inspect")]
pub(super) fn short_name(name: &str, taken: HashSet<ShortBytes>) -> ShortName {
    let exact = exact(name).filter(|short| !taken.contains(&short.bytes));
    exact.unwrap_or_else(|| {
        let next = HashMap::new();
        Tails { taken, next }.generate(name)
    })
}

/// The short name that equals `name` but for upper and lower case, if it is one.
fn exact(name: &str) -> Option<ShortName> {
    let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let fits = (1..=BASE_LEN).contains(&base.len()) && extension.len() <= EXTENSION_LEN;
    if !fits || !base.bytes().chain(extension.bytes()).all(is_short) {
        return None;
    }
    let base_case = case_of(base, CASE_LOWER_BASE);
    let extension_case = case_of(extension, CASE_LOWER_EXTENSION);
    Some(ShortName {
        bytes: padded(
            base.to_ascii_uppercase().as_bytes(),
            extension.to_ascii_uppercase().as_bytes(),
        ),
        case: base_case.zip(extension_case).map_or(0, |(a, b)| a | b),
        needs_long: base_case.is_none() || extension_case.is_none(),
    })
}

/// `lower` for a part in lower case, 0 for one in upper case, nothing for a mixture.
fn case_of(part: &str, lower: u8) -> Option<u8> {
    let has_lower = part.bytes().any(|byte| byte.is_ascii_lowercase());
    let has_upper = part.bytes().any(|byte| byte.is_ascii_uppercase());
    match (has_lower, has_upper) {
        (false, _) => Some(0),
        (true, false) => Some(lower),
        (true, true) => None,
    }
}

/// Whether a short name may contain the character, in upper case.
fn is_short(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"$%'-_@~`!(){}^#&".contains(&byte)
}

fn padded(base: &[u8], extension: &[u8]) -> ShortBytes {
    let mut bytes = [b' '; 11];
    bytes[..base.len()].copy_from_slice(base);
    bytes[BASE_LEN..BASE_LEN + extension.len()].copy_from_slice(extension);
    bytes
}

/// Hands out numeric tails: `LONGNA~1.TXT`.
struct Tails {
    taken: HashSet<ShortBytes>,
    /// The next number for each stem that was cut for a number of so many digits.
    next: HashMap<(ShortBytes, usize), u32>,
}

impl Tails {
    fn generate(&mut self, name: &str) -> ShortName {
        let (base, extension) = basis(name);
        for digits in 1..=6 {
            let stem = &base[..base.len().min(BASE_LEN - 1 - digits)];
            let next = self
                .next
                .entry((padded(stem, &extension), digits))
                .or_insert_with(|| 10_u32.pow(u32::try_from(digits - 1).unwrap_or(0)));
            while next.to_string().len() == digits {
                let mut with_tail = stem.to_vec();
                with_tail.extend_from_slice(format!("~{next}").as_bytes());
                *next += 1;
                let bytes = padded(&with_tail, &extension);
                if self.taken.insert(bytes) {
                    return ShortName {
                        bytes,
                        case: 0,
                        needs_long: true,
                    };
                }
            }
        }
        unreachable!("a directory has fewer names than there are numbers of six digits")
    }
}

/// Base and extension a short name is made from ("The Basis-Name Generation Algorithm").
fn basis(name: &str) -> (Vec<u8>, Vec<u8>) {
    let name = name.trim_start_matches(['.', ' ']);
    let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let mut base = shortened(base, BASE_LEN);
    if base.is_empty() {
        base.push(b'_');
    }
    (base, shortened(extension, EXTENSION_LEN))
}

fn shortened(part: &str, len: usize) -> Vec<u8> {
    part.chars()
        .filter(|character| !matches!(character, '.' | ' '))
        .map(|character| match u8::try_from(character) {
            Ok(byte) if is_short(byte) => byte.to_ascii_uppercase(),
            _ => b'_',
        })
        .take(len)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shorts(names: &[&str]) -> Vec<(String, u8, bool)> {
        short_names(names)
            .iter()
            .map(|short| {
                let text = String::from_utf8(short.bytes.to_vec()).expect("ASCII");
                (text, short.case, short.needs_long)
            })
            .collect()
    }

    #[test]
    fn short_names_keep_uniform_case_in_two_bits() {
        let expected = [
            ("README  TXT", 0, false),
            ("INITRD-A   ", 8, false),
            ("KERNEL  IMG", 8, false),
            ("START   NSH", 16, false),
            ("BOOT    CFG", 24, false),
            ("12345678123", 0, false),
            ("MIXED   TXT", 0, true),
        ];
        let names = [
            "README.TXT",
            "initrd-a",
            "kernel.IMG",
            "START.nsh",
            "boot.cfg",
            "12345678.123",
            "Mixed.txt",
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, case, long)| (name.to_string(), *case, *long))
            .collect();
        assert_eq!(shorts(&names), expected);
    }

    #[test]
    fn everything_else_gets_a_tail() {
        let names = [
            "loader.conf",
            "vmlinuz-a",
            "LOADER~1.CON",
            "archive.tar.gz",
            "a+b.c",
            ".profile",
            "grün",
            "日本語",
            "two words",
            ".a.b c",
        ];
        let names: Vec<String> = shorts(&names).into_iter().map(|short| short.0).collect();
        let expected = [
            "LOADER~2CON",
            "VMLINU~1   ",
            "LOADER~1CON",
            "ARCHIV~1GZ ",
            "A_B~1   C  ",
            "PROFIL~1   ",
            "GR_N~1     ",
            "___~1      ",
            "TWOWOR~1   ",
            "A~1     BC ",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn tails_grow_and_stay_unique() {
        let names: Vec<String> = (0..30_000)
            .map(|number| format!("kernel-module-{number}.ko"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let shorts = short_names(&names);
        let unique: HashSet<_> = shorts.iter().map(|short| short.bytes).collect();
        assert_eq!(unique.len(), names.len());
        assert_eq!(&shorts[0].bytes, b"KERNEL~1KO ");
        assert_eq!(&shorts[9].bytes, b"KERNE~10KO ");
        assert_eq!(&shorts[29_999].bytes, b"KE~30000KO ");
    }

    #[test]
    fn the_checksum_rotates_right() {
        // Computed with the formula ((c & 1) << 7) + (c >> 1) + character.
        let expected = b"LOADER~1CON".iter().fold(0_u32, |sum, byte| {
            (((sum & 1) << 7) + (sum >> 1) + u32::from(*byte)) & 0xff
        });
        let name = short_names(&["loader.conf"])[0];
        assert_eq!(u32::from(name.checksum()), expected);
    }

    #[test]
    fn refuses_what_fat_cannot_store() {
        let bad: [&[u8]; 8] = [
            b"a:b",
            b"a\\b",
            b"tab\t",
            b"dot.",
            b"space ",
            b"\xff",
            "\u{1f600}".as_bytes(),
            "\u{ffff}".as_bytes(),
        ];
        for name in bad {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert!(check("é".repeat(255).as_bytes()).is_ok());
        assert!(check("é".repeat(256).as_bytes()).is_err());
        assert!(check(b" leading space").is_ok());
    }

    #[test]
    fn compares_without_case() {
        assert_eq!(key("ÄpFel.txt"), key("äPFEL.TXT"));
        assert_eq!(key("straße"), "STRAßE");
        assert_ne!(key("a"), key("b"));
    }

    #[test]
    fn labels_are_checked_and_padded() {
        assert_eq!(label("EFI-SYSTEM"), Ok(*b"EFI-SYSTEM "));
        assert_eq!(label("A B"), Ok(*b"A B        "));
        for bad in ["", " A", "TWELVE CHARS", "lower", "DOT.", "Ä"] {
            assert!(label(bad).is_err(), "{bad:?}");
        }
    }
}
