//! Files of the host as content: opened late, checked, and never many at once.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{Content, ContentId, ContentStore};
use crate::error::SourceError;
use crate::host::{self, Names};

/// The number a [`FileStore`] gave one of its directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirId(u32);

/// What a file must still be when it is opened and closed: the same file, of the same length and time.
///
/// Length and time can be set to anything; the numbers keep another file from being taken for it.
/// A host that has no such numbers says zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// Length in bytes.
    pub len: u64,
    /// Modification time: seconds since 1970.
    pub mtime_seconds: i64,
    /// Modification time: nanoseconds within the second.
    pub mtime_nanos: u32,
    /// The file system it lies on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// A file as it was at some time: while it says the same of itself, it holds the same bytes.
///
/// Beyond the [`FileStamp`] it has the time of the last change of any kind, which no program can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// What the file is.
    pub stamp: FileStamp,
    /// Time of the last change of content or metadata: seconds since 1970.
    pub changed_seconds: i64,
    /// The same: nanoseconds within the second.
    pub changed_nanos: u32,
}

impl FileIdentity {
    /// This, if the host numbers its files; else nobody can tell them apart.
    #[must_use]
    pub fn known(self) -> Option<Self> {
        (self.stamp.inode != 0).then_some(self)
    }
}

impl FileStamp {
    /// Whether both are of one file, as far as the host numbers them.
    #[cfg(feature = "vmdk")]
    pub(crate) fn is_of_same_file(&self, other: &Self) -> bool {
        self.inode != 0 && (self.device, self.inode) == (other.device, other.inode)
    }
}

/// Regular files of the host, by directory and name, so that a million paths share their folders.
#[derive(Debug, Default)]
pub struct FileStore {
    dirs: Vec<PathBuf>,
    files: Vec<StoredFile>,
    /// Of the files, in their order.
    names: Names,
}

#[derive(Debug)]
struct StoredFile {
    dir: DirId,
    identity: FileIdentity,
}

impl FileStore {
    /// A store of no files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names a folder whose files will be added.
    ///
    /// # Panics
    ///
    /// Never in practice: only with more than 2³² folders.
    pub fn add_dir(&mut self, path: PathBuf) -> DirId {
        let id = u32::try_from(self.dirs.len()).expect("fewer than 2^32 folders");
        self.dirs.push(path);
        DirId(id)
    }

    /// Adds file `name` of folder `dir`, which was `identity` when the plan was made.
    ///
    /// # Panics
    ///
    /// Never in practice: only with more than 2³² files.
    pub fn add_file(&mut self, dir: DirId, name: &OsStr, identity: FileIdentity) -> ContentId {
        let id = u32::try_from(self.files.len()).expect("fewer than 2^32 files");
        self.files.push(StoredFile { dir, identity });
        self.names.push(name);
        ContentId(id)
    }

    /// Adds the regular file at `path`, as it is now.
    pub fn add_path(&mut self, path: &Path) -> Result<(ContentId, FileStamp), SourceError> {
        let (_, stat) =
            host::open_regular(path).map_err(|source| SourceError::open(path, source))?;
        let dir = self.add_dir(path.parent().unwrap_or_else(|| Path::new("")).to_path_buf());
        let name = path.file_name().unwrap_or_default();
        Ok((self.add_file(dir, name, stat.identity()), stat.stamp()))
    }

    /// Where content `id` lies on the host.
    #[must_use]
    pub fn path(&self, id: ContentId) -> Option<PathBuf> {
        let index = id.0 as usize;
        let dir = self.dirs.get(self.files.get(index)?.dir.0 as usize)?;
        Some(dir.join(self.names.get(index)?))
    }
}

impl ContentStore for FileStore {
    fn open(&self, id: ContentId) -> Result<Box<dyn Content>, SourceError> {
        let stored = self
            .files
            .get(id.0 as usize)
            .ok_or(SourceError::OutOfRange)?;
        let path = self.path(id).ok_or(SourceError::OutOfRange)?;
        let (file, now) =
            host::open_regular(&path).map_err(|source| SourceError::open(&path, source))?;
        let stamp = stored.identity.stamp;
        if now.stamp() != stamp {
            return Err(SourceError::Changed { path });
        }
        Ok(Box::new(OpenFile { path, file, stamp }))
    }

    fn files(&self, id: ContentId) -> Result<Vec<FileIdentity>, SourceError> {
        let stored = self
            .files
            .get(id.0 as usize)
            .ok_or(SourceError::OutOfRange)?;
        Ok(stored.identity.known().into_iter().collect())
    }
}

struct OpenFile {
    path: PathBuf,
    file: File,
    stamp: FileStamp,
}

impl OpenFile {
    fn check(&self) -> Result<(), SourceError> {
        let now =
            host::stamp(&self.file).map_err(|source| SourceError::read(&self.path, source))?;
        if now == self.stamp {
            Ok(())
        } else {
            Err(SourceError::Changed {
                path: self.path.clone(),
            })
        }
    }
}

impl Content for OpenFile {
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        host::read_exact_at(&self.file, offset, buf).map_err(|source| {
            if source.kind() == io::ErrorKind::UnexpectedEof {
                SourceError::Changed {
                    path: self.path.clone(),
                }
            } else {
                SourceError::read(&self.path, source)
            }
        })
    }

    fn close(self: Box<Self>) -> Result<(), SourceError> {
        self.check()
    }
}
