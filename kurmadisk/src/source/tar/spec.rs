//! Headers of tar archives: POSIX.1-2017 `pax`, "ustar Interchange Format", and what GNU tar and star made of
//! it. Numbers are in octal digits, and in base 256 where those don't reach.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Everything in an archive lies in blocks of so many bytes.
pub(crate) const BLOCK: u64 = 512;

/// A block of an archive.
pub(crate) type Block = [u8; 512];

/// A header. GNU tar and star use the field `prefix` for more than a prefix.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) name: [u8; 100],
    pub(crate) mode: [u8; 8],
    pub(crate) uid: [u8; 8],
    pub(crate) gid: [u8; 8],
    pub(crate) size: [u8; 12],
    pub(crate) mtime: [u8; 12],
    pub(crate) checksum: [u8; 8],
    pub(crate) typeflag: u8,
    pub(crate) linkname: [u8; 100],
    pub(crate) magic: [u8; 6],
    pub(crate) version: [u8; 2],
    uname: [u8; 32],
    gname: [u8; 32],
    pub(crate) devmajor: [u8; 8],
    pub(crate) devminor: [u8; 8],
    pub(crate) prefix: [u8; 155],
    pad: [u8; 12],
}

const _: () = assert!(size_of::<Header>() == 512);

/// What GNU tar has in place of `prefix`, from byte 345 on, in its own format.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct GnuTail {
    times: [u8; 24],
    offset: [u8; 12],
    longnames: [u8; 4],
    unused: u8,
    pub(crate) sparse: [SparseEntry; 4],
    pub(crate) extended: u8,
    pub(crate) realsize: [u8; 12],
    pad: [u8; 17],
}

const _: () = assert!(size_of::<GnuTail>() == 512 - 345);

/// A block that continues the sparse map of a GNU header.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SparseBlock {
    pub(crate) sparse: [SparseEntry; 21],
    pub(crate) extended: u8,
    pad: [u8; 7],
}

const _: () = assert!(size_of::<SparseBlock>() == 512);

/// Where data lies in a sparse file.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SparseEntry {
    pub(crate) offset: [u8; 12],
    pub(crate) len: [u8; 12],
}

/// Which rules a header follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Seventh Edition Unix: no magic.
    V7,
    /// POSIX.
    Ustar,
    /// star: as POSIX, with a shorter prefix.
    Star,
    /// GNU tar, old or new.
    Gnu,
}

impl Header {
    pub(crate) fn dialect(&self) -> Dialect {
        match &self.magic {
            b"ustar\0" if self.pad.ends_with(b"tar\0") => Dialect::Star,
            b"ustar\0" => Dialect::Ustar,
            b"ustar " if self.version == *b" \0" => Dialect::Gnu,
            _ => Dialect::V7,
        }
    }

    /// The sum of all bytes with the checksum's own as spaces, with bytes unsigned, and signed as some
    /// old programs had them.
    fn sums(&self) -> [i64; 2] {
        let mut sums = [0, 0];
        for (at, byte) in self.as_bytes().iter().enumerate() {
            let byte = if (148..156).contains(&at) {
                b' '
            } else {
                *byte
            };
            sums[0] += i64::from(byte);
            sums[1] += i64::from(byte.cast_signed());
        }
        sums
    }

    /// Whether the checksum is right.
    pub(crate) fn is_valid(&self) -> bool {
        octal(&self.checksum).is_some_and(|sum| self.sums().contains(&sum))
    }

    #[cfg(feature = "packages")]
    /// Puts the checksum in, as six octal digits, NUL and a space; all else must be there already.
    pub(crate) fn seal(&mut self) {
        let [sum, _] = self.sums();
        // 512 bytes of 255 at most: six digits.
        let digits = format!("{sum:06o}\0 ");
        self.checksum.copy_from_slice(digits.as_bytes());
    }

    /// The name, with its prefix where there is one.
    pub(crate) fn path(&self) -> Vec<u8> {
        let prefix = match self.dialect() {
            Dialect::Ustar => &self.prefix[..],
            Dialect::Star => &self.prefix[..131],
            Dialect::V7 | Dialect::Gnu => &[],
        };
        let (prefix, name) = (text(prefix), text(&self.name));
        if prefix.is_empty() {
            name.to_vec()
        } else {
            [prefix, b"/", name].concat()
        }
    }
}

/// A field of text: it ends with NUL unless it fills its field.
pub(crate) fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// A number in octal digits, or with the first bit set in base 256, two's complement (GNU tar, star). An
/// empty field is zero. `None` for anything else, and what 64 bits can't hold.
pub(crate) fn number(field: &[u8]) -> Option<i64> {
    match field.split_first() {
        Some((first, rest)) if first & 0x80 != 0 => {
            // The second bit is the sign; the first only says what this is.
            let start = i64::from(first & 0x3f) - i64::from(first & 0x40);
            rest.iter().try_fold(start, |value, byte| {
                value.checked_mul(256)?.checked_add(i64::from(*byte))
            })
        }
        _ => octal(field),
    }
}

#[cfg(feature = "packages")]
/// Writes a number: eleven octal digits and NUL, and base 256 for what those don't reach (from 8 GiB on, and
/// below zero).
pub(crate) fn put_number(field: &mut [u8; 12], value: i64) {
    if (0..1 << 33).contains(&value) {
        field.copy_from_slice(format!("{value:011o}\0").as_bytes());
    } else {
        field[..4].fill(if value < 0 { 0xff } else { 0 });
        field[4..].copy_from_slice(&value.to_be_bytes());
        field[0] |= 0x80;
    }
}

fn octal(field: &[u8]) -> Option<i64> {
    let start = field.iter().position(|byte| *byte != b' ');
    let digits = &field[start.unwrap_or(field.len())..];
    let end = digits.iter().position(|byte| matches!(byte, b' ' | 0));
    let (digits, rest) = digits.split_at(end.unwrap_or(digits.len()));
    if !rest.iter().all(|byte| matches!(byte, b' ' | 0)) {
        return None;
    }
    digits.iter().try_fold(0_i64, |value, byte| match byte {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        let limit = 1 << 33;
        for value in [0, 1, limit - 1, limit, i64::MAX, -1, i64::MIN] {
            let mut field = [b'x'; 12];
            put_number(&mut field, value);
            assert_eq!(number(&field), Some(value));
            assert_eq!(field[0] & 0x80 == 0, (0..limit).contains(&value));
        }
    }

    #[test]
    fn numbers_of_every_writer() {
        let cases: [(&[u8], Option<i64>); 16] = [
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"77777777", Some(0o77_777_777)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"64 4\0\0\0\0", None),
            (b"0000648\0", None),
            (b"-1\0", None),
            (b"12\0garb", None),
            (b"\x80\0\0\0\0\0\x01\x02", Some(0x102)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", Some(i64::MIN)),
            (
                b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
                Some(i64::MAX),
            ),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
            (b"", Some(0)),
        ];
        for (field, expected) in cases {
            assert_eq!(number(field), expected, "{}", field.escape_ascii());
        }
    }
}
