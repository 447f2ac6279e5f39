//! Files of the host as content: opened late, checked, and never many at once.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Content, ContentId, ContentStore};
use crate::error::SourceError;
use crate::host::{self, HostDir, HostStat, Names};

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
    /// Those that files lie on.
    devices: Vec<u64>,
    files: Vec<StoredFile>,
    /// Of the files, in their order.
    names: Names,
    /// The folder of the file that was opened last, open itself when that was not the first of it.
    last: Mutex<Option<(DirId, Option<Arc<HostDir>>)>>,
}

/// A file's identity and folder, without room between them: there may be millions.
#[derive(Debug)]
struct StoredFile {
    len: u64,
    inode: u64,
    mtime_seconds: i64,
    changed_seconds: i64,
    mtime_nanos: u32,
    changed_nanos: u32,
    dir: DirId,
    /// Which of the devices it lies on.
    device: u32,
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
        let stamp = identity.stamp;
        let device = self.device(stamp.device);
        self.files.push(StoredFile {
            len: stamp.len,
            inode: stamp.inode,
            mtime_seconds: stamp.mtime_seconds,
            changed_seconds: identity.changed_seconds,
            mtime_nanos: stamp.mtime_nanos,
            changed_nanos: identity.changed_nanos,
            dir,
            device,
        });
        self.names.push(name);
        ContentId(id)
    }

    /// The place of a device among those that files lie on: they are few, and mostly the last.
    fn device(&mut self, device: u64) -> u32 {
        let place = self.devices.iter().rposition(|known| *known == device);
        let place = place.unwrap_or_else(|| {
            self.devices.push(device);
            self.devices.len() - 1
        });
        u32::try_from(place).expect("fewer than 2^32 devices")
    }

    /// What a file was when the plan was made.
    fn identity(&self, id: ContentId) -> Result<FileIdentity, SourceError> {
        let file = self.files.get(id.0 as usize);
        let file = file.ok_or(SourceError::OutOfRange)?;
        let device = self.devices.get(file.device as usize);
        Ok(FileIdentity {
            stamp: FileStamp {
                len: file.len,
                mtime_seconds: file.mtime_seconds,
                mtime_nanos: file.mtime_nanos,
                device: *device.ok_or(SourceError::OutOfRange)?,
                inode: file.inode,
            },
            changed_seconds: file.changed_seconds,
            changed_nanos: file.changed_nanos,
        })
    }

    /// Adds the regular file at `path`, as it is now.
    pub fn add_path(&mut self, path: &Path) -> Result<(ContentId, FileStamp), SourceError> {
        let (_, stat) =
            host::open_regular(path).map_err(|source| SourceError::open(path, source))?;
        let dir = self.add_dir(path.parent().unwrap_or_else(|| Path::new("")).to_path_buf());
        let name = path.file_name().unwrap_or_default();
        Ok((self.add_file(dir, name, stat.identity()), stat.stamp()))
    }

    /// Opens content `id`, which lies at `path`.
    ///
    /// Files of one folder mostly follow each other: from the second on they are looked for in the folder, not from
    /// the root of the host.
    fn open_regular(&self, id: ContentId, path: &Path) -> io::Result<(File, HostStat)> {
        let index = id.0 as usize;
        let file = self.files.get(index).zip(self.names.get(index));
        let opened = file.and_then(|(file, name)| Some((self.folder(file.dir)?, name)));
        match opened {
            Some((folder, name)) => folder.open_regular(name),
            None => host::open_regular(path),
        }
    }

    /// A folder, if a file of it was the last to be opened and the folder can be.
    fn folder(&self, dir: DirId) -> Option<Arc<HostDir>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *last {
            Some((known, folder)) if *known == dir => {
                if folder.is_none() {
                    let path = self.dirs.get(dir.0 as usize)?;
                    *folder = HostDir::open(path).ok().map(Arc::new);
                }
                folder.clone()
            }
            other => {
                *other = Some((dir, None));
                None
            }
        }
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
        let stamp = self.identity(id)?.stamp;
        let path = self.path(id).ok_or(SourceError::OutOfRange)?;
        let (file, now) = self
            .open_regular(id, &path)
            .map_err(|source| SourceError::open(&path, source))?;
        if now.stamp() != stamp {
            return Err(SourceError::Changed { path });
        }
        Ok(Box::new(OpenFile { path, file, stamp }))
    }

    fn files(&self, id: ContentId) -> Result<Vec<FileIdentity>, SourceError> {
        Ok(self.identity(id)?.known().into_iter().collect())
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

    fn host_file(&self) -> Option<&File> {
        Some(&self.file)
    }

    fn close(self: Box<Self>) -> Result<(), SourceError> {
        self.check()
    }
}
