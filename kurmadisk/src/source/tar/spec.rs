//! Headers of tar archives: POSIX.1-2017 `pax`, "ustar Interchange Format", and what GNU tar and star made of
//! it. Numbers are in octal digits, and in base 256 where those don't reach.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Everything in an archive lies in blocks of so many bytes.
pub(super) const BLOCK: u64 = 512;

/// A block of an archive.
pub(super) type Block = [u8; 512];

/// A header. GNU tar and star use the field `prefix` for more than a prefix.
#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    pub(super) name: [u8; 100],
    pub(super) mode: [u8; 8],
    pub(super) uid: [u8; 8],
    pub(super) gid: [u8; 8],
    pub(super) size: [u8; 12],
    pub(super) mtime: [u8; 12],
    pub(super) checksum: [u8; 8],
    pub(super) typeflag: u8,
    pub(super) linkname: [u8; 100],
    pub(super) magic: [u8; 6],
    pub(super) version: [u8; 2],
    uname: [u8; 32],
    gname: [u8; 32],
    pub(super) devmajor: [u8; 8],
    pub(super) devminor: [u8; 8],
    pub(super) prefix: [u8; 155],
    pad: [u8; 12],
}

const _: () = assert!(size_of::<Header>() == 512);

/// What GNU tar has in place of `prefix`, from byte 345 on, in its own format.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct GnuTail {
    times: [u8; 24],
    offset: [u8; 12],
    longnames: [u8; 4],
    unused: u8,
    pub(super) sparse: [SparseEntry; 4],
    pub(super) extended: u8,
    pub(super) realsize: [u8; 12],
    pad: [u8; 17],
}

const _: () = assert!(size_of::<GnuTail>() == 512 - 345);

/// A block that continues the sparse map of a GNU header.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct SparseBlock {
    pub(super) sparse: [SparseEntry; 21],
    pub(super) extended: u8,
    pad: [u8; 7],
}

const _: () = assert!(size_of::<SparseBlock>() == 512);

/// Where data lies in a sparse file.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct SparseEntry {
    pub(super) offset: [u8; 12],
    pub(super) len: [u8; 12],
}

/// Which rules a header follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
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
    pub(super) fn dialect(&self) -> Dialect {
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
    pub(super) fn is_valid(&self) -> bool {
        octal(&self.checksum).is_some_and(|sum| self.sums().contains(&sum))
    }

    /// The name, with its prefix where there is one.
    pub(super) fn path(&self) -> Vec<u8> {
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
pub(super) fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// A number in octal digits, or with the first bit set in base 256, two's complement (GNU tar, star). An
/// empty field is zero. `None` for anything else, and what 64 bits can't hold.
pub(super) fn number(field: &[u8]) -> Option<i64> {
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
