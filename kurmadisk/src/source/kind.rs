//! What a tree can be kept in, and how that is told.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

/// What a tree is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A folder of the host: `dir`.
    #[serde(rename = "dir")]
    Folder,
    /// A tar archive, compressed or not: `tar`.
    Tar,
    /// A cpio archive, compressed or not: `cpio`.
    Cpio,
    /// A container image, as a folder or an archive: `oci`.
    Oci,
    /// A filesystem in a disk image or block device: `disk`.
    Disk,
}

/// A name that is none of a [`SourceKind`].
#[derive(Debug, Error)]
#[error("{0:?} is none of dir, tar, cpio, oci and disk")]
pub struct UnknownKind(String);

impl SourceKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Folder, Self::Tar, Self::Cpio, Self::Oci, Self::Disk];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Folder => "dir",
            Self::Tar => "tar",
            Self::Cpio => "cpio",
            Self::Oci => "oci",
            Self::Disk => "disk",
        }
    }

    /// Whether it has parts to choose from: a container image's tags, a disk's partitions.
    #[must_use]
    pub const fn has_parts(self) -> bool {
        matches!(self, Self::Oci | Self::Disk)
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SourceKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownKind(name.to_owned()))
    }
}
