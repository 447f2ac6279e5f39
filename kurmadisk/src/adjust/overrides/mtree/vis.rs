//! The encoding of vis(3).

use super::Name;
use crate::adjust::overrides::error::OverrideFault;
use crate::tree::lossy;

/// Takes the encoding of vis(3) away (`unvis(3)`).
pub(super) fn decode(text: &[u8]) -> Result<Name, OverrideFault> {
    let mut name = Name::default();
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        if *byte == b'\\' {
            let (decoded, behind) =
                sequence(behind).ok_or_else(|| OverrideFault::Escape { text: lossy(text) })?;
            if let Some(byte) = decoded {
                name.push(byte, true);
            }
            rest = behind;
        } else {
            name.push(*byte, false);
            rest = behind;
        }
    }
    Ok(name)
}

/// What a sequence behind a `\` stands for, if for anything, and what follows it.
fn sequence(text: &[u8]) -> Option<(Option<u8>, &[u8])> {
    let (first, rest) = text.split_first()?;
    let byte = match first {
        b'0'..=b'7' => return octal(text),
        b'M' => {
            let (second, rest) = rest.split_first()?;
            let (byte, rest) = match second {
                b'-' => {
                    let (byte, rest) = rest.split_first()?;
                    (*byte, rest)
                }
                b'^' => control(rest)?,
                _ => return None,
            };
            return Some((Some(byte | 0x80), rest));
        }
        b'^' => {
            let (byte, rest) = control(rest)?;
            return Some((Some(byte), rest));
        }
        b'x' => {
            let digits = rest.get(..2)?;
            let digits = str::from_utf8(digits).ok()?;
            let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let byte = u8::from_str_radix(digits, 16).ok().filter(|_| plain)?;
            return Some((Some(byte), &rest[2..]));
        }
        // A mark that nothing is hidden behind.
        b'$' => return Some((None, rest)),
        b's' => b' ',
        b't' => b'\t',
        b'n' => b'\n',
        b'r' => b'\r',
        b'b' => 0x08,
        b'a' => 0x07,
        b'v' => 0x0b,
        b'f' => 0x0c,
        b'E' => 0x1b,
        punctuation if punctuation.is_ascii_punctuation() => *punctuation,
        _ => return None,
    };
    Some((Some(byte), rest))
}

/// Up to three octal digits.
fn octal(text: &[u8]) -> Option<(Option<u8>, &[u8])> {
    let digits = text.iter().take(3);
    let len = digits
        .take_while(|byte| matches!(byte, b'0'..=b'7'))
        .count();
    let value = text[..len]
        .iter()
        .fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
    Some((Some(u8::try_from(value).ok()?), &text[len..]))
}

fn control(text: &[u8]) -> Option<(u8, &[u8])> {
    let (byte, rest) = text.split_first()?;
    let byte = match byte {
        b'?' => 0x7f,
        letter => letter & 0x1f,
    };
    Some((byte, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_bytes() {
        let cases: [(&str, &[u8]); 12] = [
            ("a\\040b", b"a b"),
            ("\\s\\t\\n\\\\\\#", b" \t\n\\#"),
            ("\\M-C\\M-<", "\u{fc}".as_bytes()),
            ("\\303\\274", "\u{fc}".as_bytes()),
            ("\\^A\\^?\\M^A", b"\x01\x7f\x81"),
            ("\\0", b"\0"),
            ("\\1234", b"S4"),
            ("\\x41\\$\\E", b"A\x1b"),
            ("\\052*", b"**"),
            ("\u{fc}", "\u{fc}".as_bytes()),
            ("", b""),
            ("\\\"\\'", b"\"'"),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text.as_bytes()).unwrap().bytes, expected, "{text}");
        }
        for text in [
            "\\", "a\\", "\\M", "\\M-", "\\Mx", "\\^", "\\777", "\\x4", "\\x+1", "\\z",
        ] {
            assert!(decode(text.as_bytes()).is_err(), "{text}");
        }
    }
}
