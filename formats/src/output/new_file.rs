//! Files that appear when they are complete.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::Output;
use crate::error::EmitError;
use crate::host;
use crate::read_at::FileReader;

/// A new file that takes its name only when [`commit`](Self::commit) is called.
///
/// Where the host can, it has no name before that: not even a killed process leaves anything behind.
/// Elsewhere it is a temporary beside its final place, removed when dropped.
///
/// Complete is what every process then sees. Nothing waits for the disk, as with `cp` or `tar`: after a
/// power cut shortly after the commit the file may be incomplete. Who needs it safe calls `sync`.
///
/// Further files of the same image lie beside it, and appear with it.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    file: Pending,
    parts: Vec<NewFile>,
}

#[derive(Debug)]
enum Pending {
    Unnamed(File),
    Named(NamedTempFile),
}

impl NewFile {
    /// Starts a file that will be `path`; what is there stays until the new one is complete.
    ///
    /// Fails when the folder can't be written, or `path` is or names something else than a regular file.
    pub fn create(path: &Path) -> Result<Self, EmitError> {
        let error = |source| EmitError::Output {
            path: path.to_path_buf(),
            source,
        };
        if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            let reason = "it exists and is not a regular file";
            return Err(error(io::Error::new(io::ErrorKind::AlreadyExists, reason)));
        }
        let name = path.file_name().map_or(&[][..], OsStr::as_encoded_bytes);
        if name.is_empty() || !path.as_os_str().as_encoded_bytes().ends_with(name) {
            let reason = "it names a folder; add the file's own name";
            return Err(error(io::Error::new(io::ErrorKind::IsADirectory, reason)));
        }
        let file = match host::create_unnamed(folder(path)) {
            Some(file) => Pending::Unnamed(file),
            None => Pending::Named(named(path).map_err(error)?),
        };
        Ok(Self {
            path: path.to_path_buf(),
            file,
            parts: Vec::new(),
        })
    }

    /// What was written so far, to be read again.
    pub fn reader(&self) -> io::Result<FileReader> {
        FileReader::new(self.file().try_clone()?)
    }

    /// Begins with the content of `from` by reference, where the file system can: nothing may be written before.
    pub fn share_content(&self, from: &File) -> io::Result<()> {
        host::share_content(from, self.file())
    }

    /// Returns when all that was written is on the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file().sync_all()
    }

    /// The further files of the same image that were begun.
    #[must_use]
    pub fn parts(&self) -> &[Self] {
        &self.parts
    }

    /// Gives the complete file its name, replacing what was there; its parts first.
    pub fn commit(self) -> Result<(), EmitError> {
        commit_all([self])
    }

    /// The files of the image, this one last.
    fn into_all(mut self) -> Vec<Self> {
        let mut all = std::mem::take(&mut self.parts);
        all.push(self);
        all
    }

    fn appear(self) -> Result<PathBuf, EmitError> {
        let path = self.path;
        let done = match self.file {
            Pending::Unnamed(file) => commit_unnamed(&file, &path),
            Pending::Named(file) => file.persist(&path).map(drop).map_err(|error| error.error),
        };
        match done {
            Ok(()) => Ok(path),
            Err(source) => Err(EmitError::Output { path, source }),
        }
    }

    /// The file as it is now, still without its name.
    #[must_use]
    pub fn file(&self) -> &File {
        match &self.file {
            Pending::Unnamed(file) => file,
            Pending::Named(file) => file.as_file(),
        }
    }
}

impl Output for NewFile {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        host::write_all_at(self.file(), offset, data)
    }

    fn copy_at(&mut self, offset: u64, file: &File, from: u64, len: u64) -> io::Result<u64> {
        host::copy_range(file, from, self.file(), offset, len)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file().set_len(len)
    }

    fn part(&mut self, name: &str) -> io::Result<Box<dyn Output + Send>> {
        let part = Self::create(&self.path.with_file_name(name)).map_err(|error| match error {
            EmitError::Output { source, .. } => source,
            error => io::Error::other(error),
        })?;
        let file = part.file().try_clone()?;
        let path = part.path.clone();
        self.parts.push(part);
        Ok(Box::new(PartFile { path, file }))
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// Gives complete files their names. When one can't have its name, those that this call gave names to are removed
/// again; what they replaced is gone.
pub fn commit_all(files: impl IntoIterator<Item = NewFile>) -> Result<(), EmitError> {
    let mut done = Vec::new();
    for file in files.into_iter().flat_map(NewFile::into_all) {
        match file.appear() {
            Ok(path) => done.push(path),
            Err(error) => {
                for path in done {
                    // The error that is told is what hindered the file.
                    let _ = std::fs::remove_file(path);
                }
                return Err(error);
            }
        }
    }
    Ok(())
}

/// A further file of an image, which its [`NewFile`] gives its name.
struct PartFile {
    path: PathBuf,
    file: File,
}

impl Output for PartFile {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        host::write_all_at(&self.file, offset, data)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// A file without a name can be linked to a free name only: over an old file it goes by way of a
/// temporary name.
fn commit_unnamed(file: &File, path: &Path) -> io::Result<()> {
    match host::link_unnamed(file, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let beside = named(path)?.into_temp_path();
            std::fs::remove_file(&beside)?;
            host::link_unnamed(file, &beside)?;
            beside.persist(path).map_err(|error| error.error)
        }
        done => done,
    }
}

fn named(path: &Path) -> io::Result<NamedTempFile> {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    // Opened here for the permissions of any new file, and for errors that don't show its name.
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    let open = |path: &Path| options.open(path);
    builder.make_in(folder(path), open)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_at::ReadAt;

    /// What hosts without unnamed files do.
    fn create_named(path: &Path) -> NewFile {
        NewFile {
            path: path.to_path_buf(),
            file: Pending::Named(named(path).unwrap()),
            parts: Vec::new(),
        }
    }

    #[test]
    fn a_named_temporary_that_cannot_be_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let error = named(&dir.path().join("absent/out")).unwrap_err();
        let opened = File::open(dir.path().join("absent/out")).unwrap_err();
        assert_eq!(error.to_string(), opened.to_string());
    }

    #[test]
    fn a_named_temporary_is_beside_the_target_and_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let count = || std::fs::read_dir(dir.path()).unwrap().count();
        let path = dir.path().join("out");
        std::fs::write(&path, "old").unwrap();
        drop(create_named(&path));
        assert_eq!(count(), 1);
        let mut file = create_named(&path);
        file.write_at(0, b"new").unwrap();
        assert_eq!(count(), 2);
        let mut read = [0; 3];
        file.reader().unwrap().read_exact_at(0, &mut read).unwrap();
        assert_eq!(&read, b"new");
        file.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(count(), 1);
    }
}
