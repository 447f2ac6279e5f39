//! Extended headers: POSIX.1-2017 `pax`, "pax Extended Header", with the keywords of GNU tar, star and libarchive.

use crate::tree::{FileFlags, Timestamp, Xattrs};

use super::error::TarFault;
use super::sparse::SparseRecords;
use super::{acl, flags};

/// The largest extended header that is read, in bytes: several times what all extended attributes of a Linux
/// file can have.
pub(super) const LIMIT: u64 = 16 << 20;

/// Names of extended attributes that Linux can list at most: 64 KiB (`XATTR_LIST_MAX`), with their NULs.
const MOST_XATTRS: usize = (64 << 10) / b"user.a\0".len();

/// What extended headers say of a member, in place of its header.
#[derive(Clone, Debug, Default)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) linkpath: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) realsize: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) mtime: Option<Timestamp>,
    pub(super) devmajor: Option<u32>,
    pub(super) devminor: Option<u32>,
    pub(super) xattrs: Xattrs,
    pub(super) access: Option<acl::Acl>,
    pub(super) flags: FileFlags,
    pub(super) sparse: SparseRecords,
}

impl Extended {
    /// Reads the records of one extended header over what is known; an empty value takes a record back.
    pub(super) fn read(&mut self, data: &[u8]) -> Result<(), TarFault> {
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
            // Some writers fill the block up.
            if rest.iter().all(|byte| *byte == 0) {
                break;
            }
            let (record, len) = record(rest).ok_or(TarFault::Record { at })?;
            let equals = record.iter().position(|byte| *byte == b'=');
            let (key, value) = record.split_at(equals.ok_or(TarFault::Record { at })?);
            self.set(key, &value[1..])?;
            at += len;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), TarFault> {
        let bad = || bad_value(key, value);
        match key {
            b"path" => self.path = given(value),
            b"linkpath" => self.linkpath = given(value),
            b"size" => assign(&mut self.size, value, decimal).ok_or_else(bad)?,
            b"SCHILY.realsize" => assign(&mut self.realsize, value, decimal).ok_or_else(bad)?,
            b"uid" => assign(&mut self.uid, value, decimal_u32).ok_or_else(bad)?,
            b"gid" => assign(&mut self.gid, value, decimal_u32).ok_or_else(bad)?,
            b"mtime" => assign(&mut self.mtime, value, time).ok_or_else(bad)?,
            b"SCHILY.devmajor" => assign(&mut self.devmajor, value, decimal_u32).ok_or_else(bad)?,
            b"SCHILY.devminor" => assign(&mut self.devminor, value, decimal_u32).ok_or_else(bad)?,
            // Names are bytes here, and these are the two charsets in which they are what they were.
            b"hdrcharset" if matches!(value, b"" | b"BINARY" | b"ISO-IR 10646 2000 UTF-8") => {}
            b"hdrcharset" | b"SCHILY.acl.ace" => return Err(bad()),
            b"SCHILY.acl.access" => {
                self.access = acl::Acl::parse(value)?;
                let encoded = self.access.as_ref().and_then(acl::Acl::extended);
                self.set_acl(b"system.posix_acl_access", encoded);
            }
            b"SCHILY.acl.default" => {
                let encoded = acl::Acl::parse(value)?.map(|acl| acl.encoded());
                self.set_acl(b"system.posix_acl_default", encoded);
            }
            b"SCHILY.fflags" => self.flags = flags::parse(value)?,
            b"RHT.security.selinux" => {
                // The kernel's value has a NUL at its end.
                let value = value.strip_suffix(b"\0").unwrap_or(value);
                self.xattrs
                    .set(b"security.selinux", &[value, b"\0"].concat());
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.set_xattr(&unescaped(name), value)?;
                } else if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
                    let value = base64(value).ok_or_else(bad)?;
                    self.set_xattr(&unescaped(name), &value)?;
                } else if let Some(sparse) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse.set(sparse, value).ok_or_else(bad)?;
                }
            }
        }
        Ok(())
    }

    fn set_xattr(&mut self, name: &[u8], value: &[u8]) -> Result<(), TarFault> {
        if name.is_empty() || name.contains(&0) {
            return Err(TarFault::XattrName { name: lossy(name) });
        }
        if self.xattrs.iter().len() >= MOST_XATTRS && self.xattrs.get(name).is_none() {
            return Err(TarFault::XattrCount { limit: MOST_XATTRS });
        }
        self.xattrs.set(name, value);
        Ok(())
    }

    /// Whether they say what can be true of one member only. As defaults for all they would be copied for
    /// each, whatever their size.
    pub(super) fn is_of_one_member(&self) -> bool {
        self.path.is_some()
            || self.linkpath.is_some()
            || self.access.is_some()
            || self.sparse.any()
            || !self.xattrs.is_empty()
    }

    fn set_acl(&mut self, name: &[u8], encoded: Option<Vec<u8>>) {
        match encoded {
            Some(value) => self.xattrs.set(name, &value),
            None => self.xattrs.remove(name),
        }
    }
}

/// The first record's "key=value", and its whole length.
fn record(data: &[u8]) -> Option<(&[u8], usize)> {
    let space = data.iter().take(21).position(|byte| *byte == b' ')?;
    let len = usize::try_from(decimal(&data[..space])?).ok()?;
    let record = data.get(space + 1..len)?;
    Some((record.strip_suffix(b"\n")?, len))
}

fn given(value: &[u8]) -> Option<Vec<u8>> {
    (!value.is_empty()).then(|| value.to_vec())
}

/// Sets a field to what `parse` makes of the value, or back to nothing; none when it can't be parsed.
fn assign<T>(
    field: &mut Option<T>,
    value: &[u8],
    parse: impl Fn(&[u8]) -> Option<T>,
) -> Option<()> {
    *field = if value.is_empty() {
        None
    } else {
        Some(parse(value)?)
    };
    Some(())
}

/// A number in decimal digits.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| match byte {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

fn decimal_u32(text: &[u8]) -> Option<u32> {
    u32::try_from(decimal(text)?).ok()
}

/// Seconds since 1970 with a sign and a fraction; what is finer than nanoseconds is rounded down.
fn time(text: &[u8]) -> Option<Timestamp> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let point = text.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = text.split_at(point.unwrap_or(text.len()));
    let fraction = fraction.get(1..).unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = i64::try_from(decimal(whole)?).ok()?;
    let digits = fraction.iter().chain(std::iter::repeat(&b'0')).take(9);
    let nanos = digits.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    let finer = fraction.iter().skip(9).any(|digit| *digit != b'0');
    if !negative {
        return Some(Timestamp { seconds, nanos });
    }
    let nanos = nanos + u32::from(finer);
    let borrowed = i64::from(nanos > 0);
    Some(Timestamp {
        seconds: seconds.checked_neg()?.checked_sub(borrowed)?,
        nanos: if nanos > 0 { 1_000_000_000 - nanos } else { 0 },
    })
}

/// Text with `%XX` as the byte it stands for: so GNU tar writes what a keyword can't have, and libarchive
/// more than that.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = code
            .and_then(|code| std::str::from_utf8(code).ok())
            .filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        if let Some(byte) = byte {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

/// RFC 4648, section 4; the padding may be left out.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"=").unwrap_or(text);
    let text = text.strip_suffix(b"=").unwrap_or(text);
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_le_bytes()[0]);
        }
    }
    Some(bytes)
}

fn bad_value(key: &[u8], value: &[u8]) -> TarFault {
    TarFault::Value {
        key: lossy(key),
        value: lossy(value),
    }
}

/// Text for a message, as much of it as is enough to know it again.
pub(super) fn lossy(text: &[u8]) -> String {
    const SHOWN: usize = 1000;
    String::from_utf8_lossy(&text[..text.len().min(SHOWN)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_fractions_and_signs() {
        let cases: [(&str, Option<(i64, u32)>); 14] = [
            ("0", Some((0, 0))),
            ("1700000000.123456789", Some((1_700_000_000, 123_456_789))),
            ("1.5", Some((1, 500_000_000))),
            ("1.", Some((1, 0))),
            ("1.0000000009", Some((1, 0))),
            ("-1", Some((-1, 0))),
            ("-1.5", Some((-2, 500_000_000))),
            ("-0.25", Some((-1, 750_000_000))),
            ("-0.0000000001", Some((-1, 999_999_999))),
            ("-9223372036854775807.9", Some((i64::MIN, 100_000_000))),
            ("-9223372036854775808", None),
            ("", None),
            (".5", None),
            ("1.-5", None),
        ];
        for (text, expected) in cases {
            let found = time(text.as_bytes()).map(|time| (time.seconds, time.nanos));
            assert_eq!(found, expected, "{text}");
        }
    }

    /// Extended headers with one record each.
    fn read(extended: &mut Extended, key: &str, value: &[u8]) -> Result<(), TarFault> {
        // The length counts its own three digits.
        let len = key.len() + value.len() + 6;
        let mut data = format!("{len:03} {key}=").into_bytes();
        data.extend_from_slice(value);
        data.push(b'\n');
        extended.read(&data)
    }

    #[test]
    fn records_may_hold_anything() {
        let mut extended = Extended::default();
        let all: [(&str, &[u8]); 5] = [
            ("SCHILY.xattr.user.a", b"\n\0\n="),
            ("LIBARCHIVE.xattr.user.%3d", b"AP/+AQ"),
            ("SCHILY.xattr.user.%25%4z%", b"x"),
            ("path", b"7 a=b\n"),
            ("size", b"7"),
        ];
        for (key, value) in all {
            read(&mut extended, key, value).unwrap();
        }
        let expected: [(&[u8], &[u8]); 3] = [
            (b"user.%%4z%", b"x"),
            (b"user.=", b"\x00\xff\xfe\x01"),
            (b"user.a", b"\n\0\n="),
        ];
        assert!(extended.xattrs.iter().eq(expected));
        assert_eq!(extended.path.as_deref(), Some(&b"7 a=b\n"[..]));
        assert_eq!(extended.size, Some(7));
        extended.read(b"8 path=\n8 size=\n\0\0").unwrap();
        assert_eq!((extended.path, extended.size), (None, None));
    }

    #[test]
    fn malformed_records_are_refused() {
        for data in [
            &b"x"[..],
            b"5 a=b",
            b"8 a=bc\n",
            b"6 abc\n",
            b"99 a=b\n",
            b"0 a=b\n",
            b"2 a=b\n",
            b" 6 a=b\n",
            b"-6 a=b\n",
            b"99999999999999999999999 a=b\n",
            b"6 a=b\n\0x",
        ] {
            let read = Extended::default().read(data);
            assert!(
                matches!(read, Err(TarFault::Record { .. })),
                "{}: {read:?}",
                data.escape_ascii()
            );
        }
        let values: [(&str, &[u8]); 6] = [
            ("uid", b"-1"),
            ("uid", b"4294967296"),
            ("size", b"1.5"),
            ("mtime", b"x"),
            ("hdrcharset", b"KOI8"),
            ("LIBARCHIVE.xattr.user.a", b"AAAAA"),
        ];
        for (key, value) in values {
            let read = read(&mut Extended::default(), key, value);
            assert!(
                matches!(read, Err(TarFault::Value { .. })),
                "{key}: {read:?}"
            );
        }
        for key in ["SCHILY.xattr.", "SCHILY.xattr.%00"] {
            let read = read(&mut Extended::default(), key, b"");
            assert!(matches!(read, Err(TarFault::XattrName { .. })), "{read:?}");
        }
    }
}
