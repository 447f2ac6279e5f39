//! Features: what a filesystem is made of (`super.rst`, "Super Block Feature Sets").
//!
//! | file | holds |
//! |---|---|
//! | `names` | mke2fs's names for them, and sets as `mke2fs -O` takes them |

mod names;

use std::fmt;

use thiserror::Error;

pub use names::FeatureChanges;
use names::{ALIASES, FEATURES, Word};

/// A feature of a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Feature {
    /// `has_journal`: there is a journal, unless the filesystem is too small for one.
    HasJournal,
    /// `ext_attr`: files may have extended attributes.
    ExtAttr,
    /// `resize_inode`: room is kept behind the group descriptors for more of them.
    ResizeInode,
    /// `dir_index`: large directories have an index.
    DirIndex,
    /// `orphan_file`: files that are removed while they are open are noted in a file.
    OrphanFile,
    /// `filetype`: names say of what type their file is.
    FileType,
    /// `extent`: contents are listed by extents, not block by block.
    Extent,
    /// `64bit`: block numbers have more than 32 bits.
    Bits64,
    /// `flex_bg`: the tables of several groups lie together.
    FlexBg,
    /// `metadata_csum_seed`: checksums begin with a number of the superblock, not with the UUID,
    /// which may then be changed.
    MetadataCsumSeed,
    /// `large_dir`: directories may be larger than 2 GiB, and their indexes deeper.
    LargeDir,
    /// `sparse_super`: few groups have a copy of the superblock, not all.
    SparseSuper,
    /// `large_file`: files may have 2 GiB and more.
    LargeFile,
    /// `huge_file`: files may have 2 TiB and more.
    HugeFile,
    /// `uninit_bg`: group descriptors have checksums, and groups may be left to be initialised later.
    UninitBg,
    /// `dir_nlink`: directories may have more than 64,998 subdirectories.
    DirNlink,
    /// `extra_isize`: every inode keeps room for newer fields.
    ExtraIsize,
    /// `metadata_csum`: all metadata has checksums.
    MetadataCsum,
    /// `read-only`: it can be mounted for reading only.
    ReadOnly,
}

impl Feature {
    /// The name mke2fs and dumpe2fs have for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = FEATURES.iter().find(|(feature, ..)| *feature == self);
        found.map_or("", |(_, name, _)| name)
    }

    /// The feature of that name, or another name mke2fs takes for it.
    fn from_name(wanted: &str) -> Option<Self> {
        let own = FEATURES.iter().map(|(feature, name, _)| (*name, *feature));
        own.chain(ALIASES)
            .find(|(name, _)| *name == wanted)
            .map(|(_, feature)| feature)
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of features.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Features(u32);

/// What `mke2fs` would call the type of the filesystem: the features it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// Everything usual. `resize_inode` is not: a running kernel makes the filesystem larger without it.
    #[default]
    Ext4,
    /// Block lists instead of extents, no checksums; with a journal.
    Ext3,
    /// The same without a journal.
    Ext2,
}

impl Profile {
    /// The features it stands for.
    #[must_use]
    pub fn features(self) -> Features {
        use Feature as F;
        let ext2 = [
            F::ExtAttr,
            F::DirIndex,
            F::FileType,
            F::SparseSuper,
            F::LargeFile,
        ];
        let ext2 = Features::of(&ext2);
        let ext3 = ext2.with(F::HasJournal);
        match self {
            Self::Ext2 => ext2,
            Self::Ext3 => ext3,
            Self::Ext4 => [
                F::Extent,
                F::Bits64,
                F::FlexBg,
                F::HugeFile,
                F::DirNlink,
                F::ExtraIsize,
                F::MetadataCsum,
            ]
            .into_iter()
            .fold(ext3, Features::with),
        }
    }
}

impl Features {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// These.
    #[must_use]
    pub fn of(features: &[Feature]) -> Self {
        features.iter().copied().fold(Self::NONE, Self::with)
    }

    /// Whether a feature is among them.
    #[must_use]
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u32 != 0
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, feature: Feature) -> Self {
        Self(self.0 | 1 << feature as u32)
    }

    /// These but for one.
    #[must_use]
    pub const fn without(self, feature: Feature) -> Self {
        Self(self.0 & !(1 << feature as u32))
    }

    /// Every one of them, in the order of `dumpe2fs`.
    pub fn iter(self) -> impl Iterator<Item = Feature> {
        let all = FEATURES.iter().map(|(feature, ..)| *feature);
        all.filter(move |feature| self.has(*feature))
    }

    /// Whether group descriptors have checksums: without, no group may be left to be initialised later.
    #[must_use]
    pub const fn has_group_checksums(self) -> bool {
        self.has(Feature::MetadataCsum) || self.has(Feature::UninitBg)
    }

    /// The superblock's words of compatible, incompatible and read-only compatible features.
    pub(super) fn words(self) -> [u32; 3] {
        let mut words = [0; 3];
        for (feature, _, word) in FEATURES {
            let (at, bit) = match word {
                Word::Compat(bit) => (0, bit),
                Word::Incompat(bit) => (1, bit),
                Word::RoCompat(bit) => (2, bit),
            };
            if self.has(feature) {
                words[at] |= bit;
            }
        }
        words
    }

    /// Refuses what can't be together.
    pub fn check(self) -> Result<(), FeatureError> {
        use Feature as F;
        let needs = [
            (F::MetadataCsumSeed, F::MetadataCsum),
            (F::OrphanFile, F::HasJournal),
            (F::Bits64, F::Extent),
            (F::ResizeInode, F::SparseSuper),
            // Its size is what it could list, 4 GiB with blocks of 4 KiB.
            (F::ResizeInode, F::LargeFile),
            (F::LargeDir, F::DirIndex),
        ];
        for (feature, needed) in needs {
            if self.has(feature) && !self.has(needed) {
                return Err(FeatureError::Needs { feature, needed });
            }
        }
        let excludes = [
            (F::UninitBg, F::MetadataCsum),
            (F::ReadOnly, F::HasJournal),
            (F::ReadOnly, F::ResizeInode),
        ];
        for (feature, other) in excludes {
            if self.has(feature) && self.has(other) {
                return Err(FeatureError::Excludes { feature, other });
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Feature::name).collect();
        f.write_str(&names.join(","))
    }
}

/// Features can't be as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// No feature has this name.
    #[error("feature {name:?} is unknown{hint}")]
    Unknown {
        /// The name as written.
        name: String,
        /// Near names, ready to print.
        hint: String,
    },
    /// mke2fs makes filesystems with it, this does not.
    #[error("feature {name} is not made here: {reason}")]
    Refused {
        /// The feature.
        name: &'static str,
        /// Why, and what to do instead.
        reason: &'static str,
    },
    /// One feature stands on another.
    #[error("feature {feature} needs {needed}; ask for both or for none (^{feature})")]
    Needs {
        /// The one.
        feature: Feature,
        /// The other.
        needed: Feature,
    },
    /// Two features exclude each other.
    #[error("features {feature} and {other} can't be together; leave one out (^{other})")]
    Excludes {
        /// The one.
        feature: Feature,
        /// The other.
        other: Feature,
    },
    /// A journal has a size, and there is to be none.
    #[error("a journal of some size needs the feature has_journal; ask for it, or for no size")]
    NoJournal,
    /// The filesystem is too large for a feature, or for being without it.
    #[error("a filesystem of {blocks} blocks {reason}")]
    Blocks {
        /// Blocks of the filesystem.
        blocks: u64,
        /// What is wrong and what to do.
        reason: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str) -> Features {
        Profile::Ext4.features().changed(text.parse().unwrap())
    }

    #[test]
    fn each_feature_has_one_name_and_one_bit() {
        for (index, (feature, name, _)) in FEATURES.into_iter().enumerate() {
            assert_eq!(feature as usize, index, "{name}");
            assert_eq!((feature.name(), feature.to_string().as_str()), (name, name));
            let words = Features::of(&[feature]).words();
            assert_eq!(words.iter().map(|word| word.count_ones()).sum::<u32>(), 1);
        }
        let all: Vec<_> = FEATURES.iter().map(|(feature, ..)| *feature).collect();
        assert_eq!(Features::of(&all).words(), [0x103c, 0x62c2 | 0x40, 0x147b]);
    }

    #[test]
    fn profiles_are_what_mke2fs_calls_them() {
        let words = |profile: Profile| profile.features().words();
        assert_eq!(words(Profile::Ext4), [0x2c, 0x2c2, 0x46b]);
        assert_eq!(words(Profile::Ext3), [0x2c, 0x2, 0x3]);
        assert_eq!(words(Profile::Ext2), [0x28, 0x2, 0x3]);
    }

    #[test]
    fn what_cannot_be_together_is_refused() {
        let cases = [
            (
                "metadata_csum_seed,^metadata_csum",
                "feature metadata_csum_seed needs metadata_csum; ask for both or for none (^metadata_csum_seed)",
            ),
            (
                "orphan_file,^has_journal",
                "feature orphan_file needs has_journal; ask for both or for none (^orphan_file)",
            ),
            (
                "^extent",
                "feature 64bit needs extent; ask for both or for none (^64bit)",
            ),
            (
                "resize_inode,^sparse_super",
                "feature resize_inode needs sparse_super; ask for both or for none (^resize_inode)",
            ),
            (
                "uninit_bg",
                "features uninit_bg and metadata_csum can't be together; leave one out (^metadata_csum)",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(changed(text).check().unwrap_err().to_string(), message);
        }
        for text in [
            "",
            "resize_inode,orphan_file,metadata_csum_seed,large_dir",
            "none",
        ] {
            assert_eq!(changed(text).check(), Ok(()));
        }
    }
}
