//! File flags by name.

use super::FileFlags;

/// Names, and what they mean to Linux: those of libarchive (`archive_entry(3)`, "File Flags") and of BSD's
/// `chflags(1)`, and what the flags are called in English.
const NAMES: &[(&str, FileFlags)] = &[
    ("append", FileFlags::APPEND),
    ("sappnd", FileFlags::APPEND),
    ("sappend", FileFlags::APPEND),
    ("uappnd", FileFlags::APPEND),
    ("uappend", FileFlags::APPEND),
    ("immutable", FileFlags::IMMUTABLE),
    ("schg", FileFlags::IMMUTABLE),
    ("schange", FileFlags::IMMUTABLE),
    ("simmutable", FileFlags::IMMUTABLE),
    ("uchg", FileFlags::IMMUTABLE),
    ("uchange", FileFlags::IMMUTABLE),
    ("uimmutable", FileFlags::IMMUTABLE),
    ("nodump", FileFlags::NODUMP),
    ("noatime", FileFlags::NOATIME),
    ("sync", FileFlags::SYNC),
    ("dirsync", FileFlags::DIRSYNC),
    // How the filesystem they were on kept them: nothing that a file of another one could have.
    ("cow", FileFlags::NONE),
    ("nocow", FileFlags::NONE),
    ("compress", FileFlags::NONE),
    ("ucompress", FileFlags::NONE),
    ("nocompress", FileFlags::NONE),
    ("uarch", FileFlags::NONE),
    ("uarchive", FileFlags::NONE),
];

impl FileFlags {
    /// The names by which libarchive has these flags (`archive_entry(3)`, "File Flags"), with commas between them.
    #[must_use]
    pub fn libarchive_names(self) -> String {
        let known = [
            ("sappnd", Self::APPEND),
            ("schg", Self::IMMUTABLE),
            ("nodump", Self::NODUMP),
            ("noatime", Self::NOATIME),
            ("sync", Self::SYNC),
            ("dirsync", Self::DIRSYNC),
        ];
        let set = known.iter().filter(|(_, flag)| self.contains(*flag));
        set.map(|(name, _)| *name).collect::<Vec<_>>().join(",")
    }

    /// The flag of that name, as libarchive, BSD or this project calls it; [`FileFlags::NONE`] for one that Linux
    /// has no use for, and nothing for an unknown name.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let known = NAMES.iter().find(|(known, _)| known.as_bytes() == name);
        known.map(|(_, flag)| *flag)
    }
}
