//! Packages are written: one pass over a disk makes all that are of it, and their files appear together.
//!
//! Memory, beside what the formats of the images say: what is text in the packages, the headers of archives, and what
//! [`Compressed`](kurmadisk_formats::compress::Compressed) says of gzip for each archive that is deflated. No file is
//! written twice, and only two kinds are read again, to be digested: archives whose headers are written last, and images
//! that are not written from begin to end.

mod pass;
mod wrapping;

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use data_encoding::HEXLOWER;
use kurmadisk_formats::emit::OnProgress;
use kurmadisk_formats::error::EmitError;
use kurmadisk_formats::image::ImageOptions;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::output::{NewFile, Output, commit_all};
use thiserror::Error;

use super::error::PackageError;
use super::model::{FileFacts, Package};
use super::place::{Digests, read_again};

/// The file beside all others that has their digests.
pub const SUMS: &str = "SHA256SUMS";

/// Packages cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// An image or a file.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// What is derived from written files.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Two files would have one name.
    #[error("two files would be called {name}; leave one of them out")]
    Twice {
        /// The name.
        name: String,
    },
    /// A name that leads out of the folder: a fault of the target's module.
    #[error("{name:?} is no name of a file in the output folder")]
    Name {
        /// The name.
        name: String,
    },
    /// An archive that can't be made in one pass: a fault of the target's module.
    #[error("{name} can't be in an archive: {reason}")]
    Archive {
        /// The member's name.
        name: String,
        /// Why.
        reason: &'static str,
    },
}

/// A file that was written.
#[derive(Clone, Debug)]
pub struct WrittenFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its length and digests.
    pub facts: FileFacts,
}

/// All that one call of the command writes: packages of any number of disks, which appear together with the
/// digests of all their files, or not at all.
#[derive(Debug)]
pub struct Release {
    folder: PathBuf,
    /// The time of what is in archives, in seconds since 1970.
    time: i64,
    files: Vec<NewFile>,
    written: Vec<WrittenFile>,
    /// The digests by the files' names in the folder.
    sums: BTreeMap<String, Option<[u8; 32]>>,
    /// The folders that were made, the outer ones first; empty once the files are in them.
    made: Vec<PathBuf>,
}

impl Release {
    /// Nothing yet, in `folder`, which is made if it is not there. What is in archives has the time `time` (seconds
    /// since 1970).
    pub fn new(folder: impl Into<PathBuf>, time: i64) -> Result<Self, WriteError> {
        let mut release = Self {
            folder: folder.into(),
            time,
            files: Vec::new(),
            written: Vec::new(),
            sums: BTreeMap::new(),
            made: Vec::new(),
        };
        let folder = release.folder.clone();
        release.make_folder(&folder)?;
        Ok(release)
    }

    /// Writes `packages` in one pass over `disk`. What their images say of themselves is in `options`, but for
    /// their names, identities and formats.
    pub fn write(
        &mut self,
        disk: &DiskMap,
        options: &ImageOptions,
        packages: &[Package],
        progress: &mut OnProgress<'_>,
    ) -> Result<(), WriteError> {
        pass::write(self, disk, options, packages, progress)
    }

    /// Writes the digests of all files, and gives the files their names.
    pub fn finish(mut self) -> Result<Vec<WrittenFile>, WriteError> {
        let mut file = self.create(SUMS)?;
        let text = sums(&self.sums);
        put(&mut file, text.as_bytes())?;
        self.keep(SUMS, file, Digests::of(text.as_bytes(), false))?;
        commit_all(std::mem::take(&mut self.files))?;
        self.made.clear();
        Ok(std::mem::take(&mut self.written))
    }

    /// Begins the file called `name` in the folder.
    fn create(&mut self, name: &str) -> Result<NewFile, WriteError> {
        let path = Path::new(name);
        let mut components = path.components();
        if name.is_empty() || !components.all(|part| matches!(part, Component::Normal(_))) {
            return Err(WriteError::Name {
                name: name.to_owned(),
            });
        }
        if self.sums.insert(name.to_owned(), None).is_some() {
            return Err(WriteError::Twice {
                name: name.to_owned(),
            });
        }
        let path = self.folder.join(path);
        if let Some(folder) = path.parent() {
            self.make_folder(folder)?;
        }
        Ok(NewFile::create(&path)?)
    }

    /// Makes a folder and those that it is in, where they are not there.
    fn make_folder(&mut self, folder: &Path) -> Result<(), WriteError> {
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.is_dir();
        let mut folders: Vec<_> = folder.ancestors().take_while(missing).collect();
        while let Some(folder) = folders.pop() {
            std::fs::create_dir(folder).map_err(|source| failed(folder, source))?;
            self.made.push(folder.to_path_buf());
        }
        Ok(())
    }

    /// Keeps a complete file until all are, and its parts with it.
    fn keep(&mut self, name: &str, file: NewFile, facts: FileFacts) -> Result<(), WriteError> {
        for part in file.parts() {
            let beside = part.path().strip_prefix(&self.folder);
            let beside = beside.unwrap_or(part.path()).to_string_lossy();
            self.enter(beside.into_owned(), part.path(), read_again(part, false)?);
        }
        self.enter(name.to_owned(), file.path(), facts);
        self.files.push(file);
        Ok(())
    }

    fn enter(&mut self, name: String, path: &Path, facts: FileFacts) {
        self.sums.insert(name, Some(facts.sha256));
        let path = path.to_path_buf();
        self.written.push(WrittenFile { path, facts });
    }
}

/// Removes the folders that were made for files that never came.
impl Drop for Release {
    fn drop(&mut self) {
        // On hosts without unnamed files, they are in these folders as long as they exist.
        self.files.clear();
        for folder in self.made.iter().rev() {
            // What is in there is not ours, and stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Writes a whole file.
fn put(file: &mut NewFile, bytes: &[u8]) -> Result<(), EmitError> {
    let written = file.write_at(0, bytes);
    let done = written.and_then(|()| file.set_len(bytes.len() as u64));
    done.map_err(|source| failed(file.path(), source))
}

fn failed(path: &Path, source: io::Error) -> EmitError {
    EmitError::Output {
        path: path.to_path_buf(),
        source,
    }
}

/// The digests as `sha256sum -c` reads them. Of names with a backslash or an end of line it wants to be told.
fn sums(files: &BTreeMap<String, Option<[u8; 32]>>) -> String {
    let mut text = String::new();
    for (name, digest) in files {
        let Some(digest) = digest else { continue };
        let plain = name.replace('\\', "\\\\");
        let plain = plain.replace('\n', "\\n").replace('\r', "\\r");
        let mark = if plain == *name { "" } else { "\\" };
        let digest = HEXLOWER.encode(digest);
        text.extend([mark, &digest, "  ", &plain, "\n"]);
    }
    text
}
