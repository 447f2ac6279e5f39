//! An OVF's manifest: a line with the digest of each file (DSP0243, section 6.1).

use std::fmt::Write;

use data_encoding::HEXLOWER;

use crate::package::model::{Derive, FileFacts, Member};
use crate::package::{Facts, PackageError};
use crate::spec::ManifestDigest;

/// The manifest of `files`, by their names.
#[derive(Clone, Debug)]
pub(in crate::package) struct Manifest {
    digest: ManifestDigest,
    files: Vec<String>,
    /// What stands before the names of files in the package.
    folder: String,
}

impl Manifest {
    /// The manifest of these files.
    pub fn new(digest: ManifestDigest, files: impl IntoIterator<Item = String>) -> Self {
        Self {
            digest,
            files: files.into_iter().collect(),
            folder: String::new(),
        }
    }

    /// The same where the manifest and its files lie in `folder`.
    #[must_use]
    pub fn within(self, folder: &str) -> Self {
        Self {
            folder: format!("{folder}/"),
            ..self
        }
    }

    /// The file called `name`; none if none is wanted.
    pub fn member(self, name: impl Into<String>) -> Option<Member> {
        if self.digest == ManifestDigest::None {
            return None;
        }
        let blank = FileFacts {
            len: 0,
            sha256: [0; 32],
            sha1: Some([0; 20]),
        };
        let files = self.files.iter();
        let room: usize = files.map(|file| self.line(file, &blank).len()).sum();
        let name = format!("{}{}", self.folder, name.into());
        let make = move |facts: &Facts| {
            let lines = self.files.iter().map(|file| {
                let facts = facts.get(&format!("{}{file}", self.folder))?;
                Ok(self.line(file, facts))
            });
            let text: String = lines.collect::<Result<_, PackageError>>()?;
            Ok(text.into_bytes())
        };
        Some(Member::Derived {
            name,
            room: room as u64,
            make: Derive::new(make),
        })
    }

    /// No space before the parenthesis, one behind the equals sign: readers search for just that.
    fn line(&self, file: &str, facts: &FileFacts) -> String {
        let mut line = String::new();
        // Writing to a string doesn't fail.
        let _ = match (self.digest, &facts.sha1) {
            (ManifestDigest::Sha1, Some(digest)) => {
                writeln!(line, "SHA1({file})= {}", HEXLOWER.encode(digest))
            }
            _ => writeln!(line, "SHA256({file})= {}", facts.sha256_hex()),
        };
        line
    }
}
