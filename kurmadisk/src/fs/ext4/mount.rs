//! Options that a mount has by default (`super.rst`, `s_default_mount_opts`).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::layout::nearest;

/// The options by `tune2fs`'s names, their bits, and the bits of those they exclude.
const OPTIONS: [(&str, u32, u32); 12] = [
    ("debug", 0x1, 0),
    ("bsdgroups", 0x2, 0),
    ("user_xattr", 0x4, 0),
    ("acl", 0x8, 0),
    ("uid16", 0x10, 0),
    ("journal_data", 0x20, JOURNAL_MODE),
    ("journal_data_ordered", 0x40, JOURNAL_MODE),
    ("journal_data_writeback", 0x60, JOURNAL_MODE),
    ("nobarrier", 0x100, 0),
    ("block_validity", 0x200, 0),
    ("discard", 0x400, 0),
    ("nodelalloc", 0x800, 0),
];

/// One of three modes, and none.
const JOURNAL_MODE: u32 = 0x60;

/// Options that a mount has by default.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DefaultMountOptions(u32);

impl DefaultMountOptions {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// The superblock's word.
    pub(super) const fn bits(self) -> u32 {
        self.0
    }

    /// Their names.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let set = |(_, bits, group): &&(&str, u32, u32)| self.0 & (bits | group) == *bits;
        OPTIONS.iter().filter(set).map(|(name, ..)| *name).collect()
    }

    /// These, with what `tune2fs -o` would be given: names with commas between, with `^` before those to
    /// take away.
    pub fn changed(self, text: &str) -> Result<Self, MountOptionError> {
        let words = text.split(',').map(str::trim);
        words
            .filter(|word| !word.is_empty())
            .try_fold(self, |options, word| {
                let (name, removes) = match word.strip_prefix('^') {
                    Some(name) => (name, true),
                    None => (word, false),
                };
                let found = OPTIONS.iter().find(|(known, ..)| *known == name);
                let (_, bits, group) = found.ok_or_else(|| MountOptionError {
                    name: name.to_owned(),
                    hint: nearest::hint(name, OPTIONS.iter().map(|(name, ..)| *name)),
                })?;
                let others = options.0 & !(bits | group);
                Ok(Self(if removes { others } else { others | bits }))
            })
    }
}

impl Default for DefaultMountOptions {
    /// `user_xattr` and `acl`, as with `mke2fs`.
    fn default() -> Self {
        Self(0xc)
    }
}

impl fmt::Debug for DefaultMountOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(","))
    }
}

impl FromStr for DefaultMountOptions {
    type Err = MountOptionError;

    /// The usual ones, changed.
    fn from_str(text: &str) -> Result<Self, MountOptionError> {
        Self::default().changed(text)
    }
}

/// No mount option has this name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "default mount option {name:?} is unknown{hint}; there are debug, bsdgroups, user_xattr, acl, uid16, \
     journal_data, journal_data_ordered, journal_data_writeback, nobarrier, block_validity, discard, \
     nodelalloc; others go into mount-options"
)]
pub struct MountOptionError {
    /// The name as written.
    pub name: String,
    /// Near names, ready to print.
    pub hint: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_added_and_taken_away() {
        let of = |text: &str| text.parse::<DefaultMountOptions>().unwrap();
        assert_eq!(of("").names(), ["user_xattr", "acl"]);
        assert_eq!(of("^acl, discard").names(), ["user_xattr", "discard"]);
        for mode in [
            "journal_data",
            "journal_data_ordered",
            "journal_data_writeback",
        ] {
            let options = of(&format!("^acl,^user_xattr,journal_data_writeback,{mode}"));
            assert_eq!(options.names(), [mode]);
            assert_eq!(
                options.changed("^journal_data"),
                Ok(DefaultMountOptions::NONE)
            );
        }
        let all = DefaultMountOptions::NONE
            .changed("debug,bsdgroups,uid16,nobarrier,block_validity,nodelalloc");
        assert_eq!(all.unwrap().bits(), 0xb13);
        let error = "nodealloc".parse::<DefaultMountOptions>().unwrap_err();
        assert!(
            error.to_string().contains("(did you mean nodelalloc"),
            "{error}"
        );
    }
}
