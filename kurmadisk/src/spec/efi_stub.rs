//! The stub that a unified kernel image begins with.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

/// A file, or kurmadisk's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EfiStub {
    /// kurmaboot's, which is assembled with the image.
    Kurmaboot,
    /// A program such as systemd's `linuxx64.efi.stub`.
    File(PathBuf),
}

impl EfiStub {
    /// What stands for kurmaboot's; a file of this name is `./kurmaboot`.
    pub const KURMABOOT: &str = "kurmaboot";

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Kurmaboot => None,
            Self::File(path) => Some(path),
        }
    }

    /// Makes a relative path relative to `folder`.
    pub(super) fn resolve_path(&mut self, folder: &Path) {
        if let Self::File(path) = self {
            *path = folder.join(&*path);
        }
    }
}

impl From<PathBuf> for EfiStub {
    fn from(path: PathBuf) -> Self {
        // Paths are compared without a `./` in front.
        if path.as_os_str() == Self::KURMABOOT {
            Self::Kurmaboot
        } else {
            Self::File(path)
        }
    }
}

impl From<OsString> for EfiStub {
    fn from(text: OsString) -> Self {
        PathBuf::from(text).into()
    }
}

impl<'de> Deserialize<'de> for EfiStub {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PathBuf::deserialize(deserializer).map(Self::from)
    }
}
