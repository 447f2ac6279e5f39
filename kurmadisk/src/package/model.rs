//! What a package is, before anything of it is written.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use kurmadisk_formats::image::FormatChoice;
use uuid::Uuid;

use super::Context;
use super::error::PackageError;
use crate::plan::Plan;
use crate::spec::Wrap;

/// The files of one target. Their names, and those of the members of their archives, are unique in it.
#[derive(Clone, Debug)]
pub struct Package {
    /// The files, in the order in which users are told of them.
    pub files: Vec<PackageFile>,
    /// Whether [`FileFacts::sha1`] is needed.
    pub sha1: bool,
}

impl Package {
    /// `members`, whose names begin with the package's folder, in a zip archive or as they are.
    #[must_use]
    pub fn wrapped(context: &Context, wrap: Wrap, members: Vec<Member>) -> Self {
        let files = match wrap {
            Wrap::Folder => members.into_iter().map(PackageFile::Plain).collect(),
            Wrap::Zip => vec![PackageFile::Archive(Archive {
                name: context.file_name("zip"),
                kind: ArchiveKind::Zip,
                members,
            })],
        };
        Self { files, sha1: false }
    }
}

impl Package {
    /// Images of the disk in no package, called and identified as they are without any.
    #[must_use]
    pub fn images(plan: &Plan, formats: &[FormatChoice]) -> Self {
        let names = FormatChoice::file_names(formats, plan.name());
        let files = formats.iter().zip(names).map(|(choice, name)| {
            PackageFile::Plain(Member::Disk {
                name,
                choice: *choice,
                identity: plan.identity(),
            })
        });
        Self {
            files: files.collect(),
            sha1: false,
        }
    }
}

/// A file in the output folder.
#[derive(Clone, Debug)]
pub enum PackageFile {
    /// One that is no archive. Its name may have one `/`, for a folder in the output folder.
    Plain(Member),
    /// An archive of members.
    Archive(Archive),
}

/// Several files in one.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The name of the archive's file.
    pub name: String,
    /// Its format.
    pub kind: ArchiveKind,
    /// What is in it, in this order. A member's name may have `/`.
    pub members: Vec<Member>,
}

/// The format of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveKind {
    /// Zip; disks that are not compressed already are deflated.
    Zip,
    /// ustar.
    Tar,
    /// ustar through gzip: the disk's format must be one whose length is known beforehand, and derived members
    /// stand behind what they are derived from.
    TarGz,
    /// GNU's old format with sparse members, through gzip, as Google's import takes it.
    GnuSparseTarGz,
}

/// A file that is a part of a package.
#[derive(Clone, Debug)]
pub enum Member {
    /// What is known before anything is written.
    Text {
        /// Its name.
        name: String,
        /// Its content.
        bytes: Vec<u8>,
    },
    /// The disk.
    Disk {
        /// Its name.
        name: String,
        /// How it is written. Formats of several files are none of a package's.
        choice: FormatChoice,
        /// The image's identity: two images that one hypervisor knows need two.
        identity: Uuid,
    },
    /// What depends on other files of the package. Derived files are made when all disks are complete, in the
    /// order of the package, an archive of the package (as what it is derived from) counting as complete when its
    /// members are.
    Derived {
        /// Its name.
        name: String,
        /// Its length in bytes.
        room: u64,
        /// Makes its content, of exactly `room` bytes.
        make: Derive,
    },
}

impl PackageFile {
    /// Its name in the output folder.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Plain(member) => member.name(),
            Self::Archive(archive) => &archive.name,
        }
    }
}

impl Member {
    /// A file with this text.
    #[must_use]
    pub fn text(name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self::Text {
            name: name.into(),
            bytes: text.into(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Text { name, .. } | Self::Disk { name, .. } | Self::Derived { name, .. } => name,
        }
    }
}

/// A function from what was written to a file's content.
#[derive(Clone)]
pub struct Derive(Arc<MakeContent>);

type MakeContent = dyn Fn(&Facts) -> Result<Vec<u8>, PackageError> + Send + Sync;

impl Derive {
    /// The function `make`; it depends on nothing but what it is given, and can be called several times.
    pub fn new(
        make: impl Fn(&Facts) -> Result<Vec<u8>, PackageError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(make))
    }

    /// The content of the file called `name`, once `facts` has all that it is derived from.
    pub fn content(&self, name: &str, room: u64, facts: &Facts) -> Result<Vec<u8>, PackageError> {
        let bytes = (self.0)(facts)?;
        if bytes.len() as u64 != room {
            return Err(PackageError::Room {
                name: name.to_owned(),
                room,
                len: bytes.len() as u64,
            });
        }
        Ok(bytes)
    }
}

impl fmt::Debug for Derive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derive")
    }
}

/// What is known of the files of a package that are complete, by their names.
#[derive(Clone, Debug, Default)]
pub struct Facts(BTreeMap<String, FileFacts>);

/// What is known of a file that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Its length in bytes.
    pub len: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Its SHA-1, if the package needs it.
    pub sha1: Option<[u8; 20]>,
}

impl FileFacts {
    /// Its SHA-256 in lower-case hexadecimal.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        HEXLOWER.encode(&self.sha256)
    }
}

impl Facts {
    /// Enters the file called `name`.
    pub fn insert(&mut self, name: impl Into<String>, file: FileFacts) {
        self.0.insert(name.into(), file);
    }

    /// What is known of the file called `name`; an error if it is none of the package's, or not complete.
    pub fn get(&self, name: &str) -> Result<&FileFacts, PackageError> {
        let unknown = || PackageError::NotWritten {
            name: name.to_owned(),
        };
        self.0.get(name).ok_or_else(unknown)
    }
}
