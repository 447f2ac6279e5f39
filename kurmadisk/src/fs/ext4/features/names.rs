//! The names mke2fs has for features, and how sets of them are asked for (`super.rst`, "Super Block Feature Sets").

use std::str::FromStr;

use super::{Feature, FeatureError, Features};
use crate::fs::ext4::spec::{compat, incompat, ro_compat};
use crate::layout::nearest;

/// A word of the superblock, and the feature's bit in it.
#[derive(Clone, Copy)]
pub(super) enum Word {
    Compat(u32),
    Incompat(u32),
    RoCompat(u32),
}

/// All features that there are here, in the order of `dumpe2fs`.
pub(super) const FEATURES: [(Feature, &str, Word); 19] = {
    use Word::{Compat, Incompat, RoCompat};
    [
        (
            Feature::HasJournal,
            "has_journal",
            Compat(compat::HAS_JOURNAL),
        ),
        (Feature::ExtAttr, "ext_attr", Compat(compat::EXT_ATTR)),
        (
            Feature::ResizeInode,
            "resize_inode",
            Compat(compat::RESIZE_INODE),
        ),
        (Feature::DirIndex, "dir_index", Compat(compat::DIR_INDEX)),
        (
            Feature::OrphanFile,
            "orphan_file",
            Compat(compat::ORPHAN_FILE),
        ),
        (Feature::FileType, "filetype", Incompat(incompat::FILETYPE)),
        (Feature::Extent, "extent", Incompat(incompat::EXTENTS)),
        (Feature::Bits64, "64bit", Incompat(incompat::BITS64)),
        (Feature::FlexBg, "flex_bg", Incompat(incompat::FLEX_BG)),
        (
            Feature::MetadataCsumSeed,
            "metadata_csum_seed",
            Incompat(incompat::CSUM_SEED),
        ),
        (
            Feature::LargeDir,
            "large_dir",
            Incompat(incompat::LARGE_DIR),
        ),
        (
            Feature::SparseSuper,
            "sparse_super",
            RoCompat(ro_compat::SPARSE_SUPER),
        ),
        (
            Feature::LargeFile,
            "large_file",
            RoCompat(ro_compat::LARGE_FILE),
        ),
        (
            Feature::HugeFile,
            "huge_file",
            RoCompat(ro_compat::HUGE_FILE),
        ),
        (
            Feature::UninitBg,
            "uninit_bg",
            RoCompat(ro_compat::GDT_CSUM),
        ),
        (
            Feature::DirNlink,
            "dir_nlink",
            RoCompat(ro_compat::DIR_NLINK),
        ),
        (
            Feature::ExtraIsize,
            "extra_isize",
            RoCompat(ro_compat::EXTRA_ISIZE),
        ),
        (
            Feature::MetadataCsum,
            "metadata_csum",
            RoCompat(ro_compat::METADATA_CSUM),
        ),
        (
            Feature::ReadOnly,
            "read-only",
            RoCompat(ro_compat::READ_ONLY),
        ),
    ]
};

/// Other names that mke2fs takes.
pub(super) const ALIASES: [(&str, Feature); 2] = [
    ("extents", Feature::Extent),
    ("gdt_csum", Feature::UninitBg),
];

/// Features that mke2fs has and this does not, and why.
const REFUSED: [(&str, &str); 15] = [
    (
        "sparse_super2",
        "no kernel makes such a filesystem larger while it is mounted",
    ),
    (
        "meta_bg",
        "the kernel adds it by itself when the filesystem outgrows its descriptors",
    ),
    (
        "bigalloc",
        "blocks are given out one by one here, not in clusters",
    ),
    (
        "inline_data",
        "boot loaders do not read it; every content has blocks of its own here",
    ),
    (
        "ea_inode",
        "boot loaders do not read it; attributes lie in inodes and blocks here",
    ),
    (
        "casefold",
        "boot loaders do not read it; names are bytes here",
    ),
    (
        "encrypt",
        "it is for the kernel, which has the keys, to encrypt",
    ),
    (
        "verity",
        "its hashes would need every content to be read; a partition can have dm-verity instead",
    ),
    (
        "quota",
        "usage is not counted here; `tune2fs -O quota` counts it afterwards",
    ),
    (
        "project",
        "a tree has no project numbers; `tune2fs -O project` adds it afterwards",
    ),
    (
        "mmp",
        "it guards disks that several machines share; `tune2fs -O mmp` adds it afterwards",
    ),
    (
        "fast_commit",
        "the journal is made without room for it; `tune2fs -O fast_commit` adds it afterwards",
    ),
    (
        "stable_inodes",
        "it is for encrypted files, and it forbids to make the filesystem smaller",
    ),
    (
        "journal_dev",
        "a journal on another device is no filesystem",
    ),
    ("read-only", "read-only = true makes such a filesystem"),
];

/// Features to add to a set and to take away from it, as `mke2fs -O` has them: names with commas
/// between, with `^` before those to take away; `none` takes away all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FeatureChanges {
    added: Features,
    removed: Features,
}

impl Features {
    /// These, with what was asked for added and taken away.
    #[must_use]
    pub const fn changed(self, changes: FeatureChanges) -> Self {
        Self(self.0 & !changes.removed.0 | changes.added.0)
    }
}

impl FeatureChanges {
    /// Whether a feature is asked for.
    #[must_use]
    pub const fn adds(&self, feature: Feature) -> bool {
        self.added.has(feature)
    }
}

impl FromStr for FeatureChanges {
    type Err = FeatureError;

    fn from_str(text: &str) -> Result<Self, FeatureError> {
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        words
            .map(str::trim)
            .try_fold(Self::default(), |changes, word| {
                if word == "none" {
                    let removed = Features(u32::MAX);
                    return Ok(Self {
                        added: Features::NONE,
                        removed,
                    });
                }
                let (name, removes) = match word.strip_prefix('^') {
                    Some(name) => (name, true),
                    None => (word, false),
                };
                let refused = REFUSED.iter().find(|(refused, _)| *refused == name);
                match (refused, Feature::from_name(name)) {
                    (Some((name, reason)), _) if !removes => {
                        Err(FeatureError::Refused { name, reason })
                    }
                    // It is not there, as asked.
                    (Some(_), _) => Ok(changes),
                    (None, Some(feature)) if removes => Ok(Self {
                        added: changes.added.without(feature),
                        removed: changes.removed.with(feature),
                    }),
                    (None, Some(feature)) => Ok(Self {
                        added: changes.added.with(feature),
                        removed: changes.removed.without(feature),
                    }),
                    (None, None) => {
                        let known = FEATURES.iter().map(|(_, name, _)| *name);
                        let refused = REFUSED.iter().map(|(name, _)| *name);
                        Err(FeatureError::Unknown {
                            name: name.to_owned(),
                            hint: nearest::hint(name, known.chain(refused)),
                        })
                    }
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::ext4::features::Profile;

    fn changed(text: &str) -> Features {
        Profile::Ext4.features().changed(text.parse().unwrap())
    }

    fn refusal(text: &str) -> String {
        text.parse::<FeatureChanges>().unwrap_err().to_string()
    }

    #[test]
    fn features_are_added_and_taken_away_in_order() {
        let default = Profile::Ext4.features();
        assert_eq!(changed(""), default);
        assert_eq!(changed("^64bit,64bit"), default);
        assert_eq!(changed("^bigalloc"), default);
        assert_eq!(changed("64bit, ^64bit"), default.without(Feature::Bits64));
        assert_eq!(changed("none"), Features::NONE);
        assert_eq!(
            changed("none,extents,gdt_csum"),
            Features::of(&[Feature::Extent, Feature::UninitBg])
        );
        assert_eq!(
            format!("{:?}", changed("none,64bit,filetype")),
            "filetype,64bit"
        );
    }

    #[test]
    fn what_is_not_known_or_not_made_is_refused() {
        assert_eq!(
            refusal("resize-inode"),
            "feature \"resize-inode\" is unknown (did you mean resize_inode, ea_inode?)"
        );
        assert_eq!(refusal("^xyzzy"), "feature \"xyzzy\" is unknown");
        for (name, reason) in REFUSED {
            assert_eq!(
                refusal(name),
                format!("feature {name} is not made here: {reason}")
            );
        }
    }
}
