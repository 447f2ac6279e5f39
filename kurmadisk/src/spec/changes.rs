//! How trees are changed as they are read.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::layer::{Layer, layered};
use super::located::Located;
use super::parse::Document;
use crate::adjust::{IdRange, Owner};

/// What is changed of a tree as it is read: keys of a single tree, or of `[trees]` for all of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TreeChanges {
    /// Patterns of paths that are left out.
    pub exclude: Option<Located<Patterns>>,
    /// Patterns of paths that stay in spite of those.
    pub include: Option<Located<Patterns>>,
    /// Patterns of the names of extended attributes that are left out.
    pub xattrs_exclude: Option<Located<Patterns>>,
    /// What `fakeroot -s` saved.
    pub fakeroot: Option<Located<PathBuf>>,
    /// What becomes of the ids of users.
    pub map_uid: Option<Located<IdRanges>>,
    /// What becomes of the ids of groups.
    pub map_gid: Option<Located<IdRanges>>,
    /// Whom everything belongs to.
    pub owner: Option<Located<Owner>>,
    /// Directories that the trees below have already keep their metadata.
    pub keep_directories: Option<Located<bool>>,
    /// Where a tree below has a symbolic link, what is in a directory of that name goes where it leads.
    pub follow_links: Option<Located<bool>>,
}

layered!(TreeChanges {
    exclude,
    include,
    xattrs_exclude,
    fakeroot,
    map_uid,
    map_gid,
    owner,
    keep_directories,
    follow_links,
});

impl TreeChanges {
    /// Makes relative paths relative to `folder`.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        if let Some(path) = &mut self.fakeroot {
            path.value = folder.join(&path.value);
        }
    }

    /// These where they say something, else those.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.clone().over(other.clone())
    }
}

/// Patterns of paths: one text, or a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns(pub Vec<String>);

/// Ranges of ids: one text `FROM=TO:COUNT`, or a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdRanges(pub Vec<IdRange>);

/// Paths of files: one text, or a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(pub Vec<PathBuf>);

/// One text or a list of them, each parsed.
pub(super) fn one_or_many<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: FromStr<Err: std::fmt::Display>,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a text, or a list of texts")]
    enum Texts {
        One(String),
        Many(Vec<String>),
    }
    let texts = match Texts::deserialize(deserializer)? {
        Texts::One(text) => vec![text],
        Texts::Many(texts) => texts,
    };
    let parsed = texts.iter().map(|text| text.parse());
    parsed.collect::<Result<_, _>>().map_err(de::Error::custom)
}

macro_rules! deserialize_one_or_many {
    ($($name:ident),+) => {
        $(impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                one_or_many(deserializer).map(Self)
            }
        })+
    };
}

deserialize_one_or_many!(Patterns, IdRanges, Paths);
