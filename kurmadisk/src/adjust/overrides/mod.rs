//! Attributes of single files, by path: what an archive or a folder can't have, or has wrong.
//!
//! Three syntaxes say the same: mtree(5), as `bsdtar --format=mtree`, NetBSD's, FreeBSD's and Go's tools write it;
//! device tables, as genext2fs and Buildroot have them, which say less; and TOML, which [`spec`](crate::spec) reads.
//!
//! | file | holds |
//! |---|---|
//! | `apply` | overrides applied to a tree |
//! | `target` | the paths and patterns that they name |
//! | `value` | values with a syntax of their own |
//! | `mtree` | mtree(5) |
//! | `table` | device tables |
//! | `lines` | lines of words, of which both consist |
//! | `error` | [`OverrideError`] |

mod apply;
mod error;
mod lines;
mod mtree;
mod table;
mod target;
mod value;

use std::collections::BTreeMap;

use super::kind::Kind;
use super::names::Id;
use crate::place::Place;
use crate::tree::{DeviceNumber, FileFlags, Timestamp};
use target::Target;

pub use error::{OverrideError, OverrideFault};
pub use value::{Context, Device, FlagNames, Time};

/// A path or pattern, and what is changed of what it names.
#[derive(Clone, Debug)]
pub struct Override {
    place: Place,
    target: Target,
    /// Nothing needs to match.
    optional: bool,
    /// What matches is taken out of the tree.
    remove: bool,
    changes: Changes,
}

/// What is changed; nothing of what is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub user: Option<Id>,
    pub group: Option<Id>,
    pub mode: Option<u16>,
    pub mtime: Option<Timestamp>,
    pub kind: Option<Kind>,
    pub device: Option<DeviceNumber>,
    pub link: Option<Vec<u8>>,
    /// Values, or nothing for one that is taken away.
    pub xattrs: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Whether there are capabilities among the attributes, which only regular files have.
    pub capable: bool,
    pub flags: Option<FileFlags>,
}

impl Override {
    /// Changes of what is at `path`, which may be a pattern.
    pub(crate) fn changing(
        place: Place,
        path: &str,
        optional: bool,
        changes: Changes,
    ) -> Result<Self, OverrideError> {
        match Target::parse(path) {
            Ok(target) => Ok(Self {
                place,
                target,
                optional,
                remove: false,
                changes,
            }),
            Err(fault) => Err(OverrideError::At { place, fault }),
        }
    }

    /// Takes what is at its path out of the tree; it must not have any changes then.
    pub(crate) fn removing(mut self) -> Result<Self, OverrideError> {
        let fault = match &self.target {
            Target::Path(path) if path.is_empty() => OverrideFault::RemovesRoot,
            _ if !self.changes.is_none() => OverrideFault::RemovedAndChanged,
            _ => {
                self.remove = true;
                return Ok(self);
            }
        };
        Err(self.fault(fault))
    }

    fn fault(&self, fault: OverrideFault) -> OverrideError {
        OverrideError::At {
            place: self.place.clone(),
            fault,
        }
    }
}

impl Changes {
    fn is_none(&self) -> bool {
        matches!(
            self,
            Self {
                user: None,
                group: None,
                mode: None,
                mtime: None,
                kind: None,
                device: None,
                link: None,
                xattrs,
                capable: false,
                flags: None,
            } if xattrs.is_empty()
        )
    }
}

/// Overrides in the order in which they count: of two that change one thing, the later.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    all: Vec<Override>,
}

impl Overrides {
    /// Reads a device table if the first name in it begins with `/`, as none of mtree does, and mtree otherwise.
    pub(crate) fn from_table_or_mtree(name: &str, text: &[u8]) -> Result<Self, OverrideError> {
        if table::is_table(text) {
            return Self::from_device_table(name, text);
        }
        Self::from_mtree(name, text)
    }

    /// Reads mtree(5), either form; `name` stands for it in errors.
    ///
    /// Taken over are `type`, `uid`, `gid`, `uname`, `gname`, `mode` (octal), `time`, `tar_time`, `link`, `device`,
    /// `flags` and `xattr.NAME`; of `optional`, `nochange` and `ignore` the meaning is kept. Sizes, digests and counts
    /// of links are not compared with the tree: content is never read. A number counts more than a name beside it. What
    /// is behind the point of a time is a number of nanoseconds, as in all programs of mtree: `1.5` are five of them.
    pub fn from_mtree(name: &str, text: &[u8]) -> Result<Self, OverrideError> {
        mtree::parse(name, text).map(|all| Self { all })
    }

    /// Reads a device table: `NAME TYPE MODE UID GID MAJOR MINOR START INC COUNT` a line, `-` or nothing for 0.
    ///
    /// Types are `f` for a file that must be there, `F` for one that may, `d`, `c`, `b` and `p` for what is made where
    /// it is missing, and `r` for a folder with all in it. `-1` as mode leaves it. With a COUNT, names have numbers at their
    /// end, from START on. `|xattr TEXT` gives the file of the line before it capabilities.
    pub fn from_device_table(name: &str, text: &[u8]) -> Result<Self, OverrideError> {
        table::parse(name, text).map(|all| Self { all })
    }

    /// The users and groups that they give files to.
    pub fn ids(&self) -> impl Iterator<Item = &Id> {
        let changes = self.all.iter().map(|each| &each.changes);
        changes.flat_map(|changes| changes.user.iter().chain(&changes.group))
    }

    /// Puts `other` behind these.
    pub fn extend(&mut self, other: Self) {
        self.all.extend(other.all);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl FromIterator<Override> for Overrides {
    fn from_iter<I: IntoIterator<Item = Override>>(all: I) -> Self {
        let all = all.into_iter().collect();
        Self { all }
    }
}
