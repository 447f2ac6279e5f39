//! What data is that is not what was hoped for.

/// First bytes of formats that an archive is taken for, or that an archive is in.
const FORMATS: &[(&[u8], &str)] = &[
    (&[0x1f, 0x8b], "gzip"),
    (&[0x1f, 0x9d], "compress"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (b"BZh", "bzip2"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    (&[0x02, 0x21, 0x4c, 0x18], "lz4"),
    (b"LZIP", "lzip"),
    (&[0x89, b'L', b'Z', b'O'], "lzop"),
    (&[0x5d, 0, 0], "lzma"),
    (b"PK\x03\x04", "zip"),
    (&[b'7', b'z', 0xbc, 0xaf], "7z"),
    (b"070701", "cpio"),
    (b"070702", "cpio"),
    (b"070707", "cpio"),
    (&[0xc7, 0x71], "binary cpio"),
    (&[0x71, 0xc7], "binary cpio"),
    (b"hsqs", "squashfs"),
];

/// The name of the format whose first bytes `start` has, if it is known.
pub(super) fn known_format(start: &[u8]) -> Option<&'static str> {
    let found = FORMATS.iter().find(|(magic, _)| start.starts_with(magic));
    found.map(|(_, name)| *name)
}
