//! A directory of a Unix system: what is in it is asked for by its names, so that no path is walked again.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, openat};
use rustix::io::Errno;

use super::system::{data_ranges, host_stat, open_regular_at, read_link};
use super::{HostAttributes, HostFound, HostKind, HostName, HostNames, HostStat};

/// How a name is opened whose kind may have changed meanwhile: nothing is waited for or followed.
const CAREFULLY: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A directory, open.
#[derive(Debug)]
pub struct HostDir {
    path: PathBuf,
    open: OwnedFd,
}

impl HostDir {
    /// Opens the directory at `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = openat(CWD, path, how, Mode::empty())?;
        let path = path.to_path_buf();
        Ok(Self { path, open })
    }

    /// Opens a regular file in it as [`open_regular`](super::open_regular) does.
    pub fn open_regular(&self, name: &OsStr) -> io::Result<(File, HostStat)> {
        open_regular_at(&self.open, Path::new(name))
    }

    /// The names in it, in the host's order, without `.` and `..`; they are told once.
    pub fn names(&self) -> io::Result<HostNames> {
        let mut names = HostNames::default();
        let mut dir = Dir::new(self.open.try_clone()?)?;
        while let Some(entry) = dir.read() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match kind_of(entry.file_type()) {
                Some(kind) => kind,
                // Some file systems don't tell it here.
                None => self.stat(name)?.kind,
            };
            names.push(HostName {
                name,
                kind,
                inode: entry.ino(),
            });
        }
        Ok(names)
    }

    /// The metadata of a name; a symbolic link's own.
    pub fn stat(&self, name: &OsStr) -> io::Result<HostStat> {
        host_stat(&self.path.join(name).symlink_metadata()?)
    }

    /// All there is to know of a name but its content.
    pub fn look(&self, name: HostName<'_>) -> io::Result<HostFound> {
        // To open anything else could wait, or do something.
        let opens = matches!(name.kind, HostKind::File | HostKind::Directory);
        let opened = opens.then(|| openat(&self.open, name.name, CAREFULLY, Mode::empty()));
        match opened {
            Some(Ok(file)) => look_at(&File::from(file)),
            unopened => self.look_up(name.name, unopened.and_then(Result::err)),
        }
    }

    /// What is known of a name that is not opened, or can't be for this reason.
    fn look_up(&self, name: &OsStr, refused: Option<Errno>) -> io::Result<HostFound> {
        let path = self.path.join(name);
        let stat = host_stat(&path.symlink_metadata()?)?;
        let target = match stat.kind {
            HostKind::Symlink => read_link(&path)?,
            _ => Vec::new(),
        };
        let attributes = attributes(Named::Path(&path))?;
        HostFound::new(stat, attributes, target, || match refused {
            // Who can't read a file may know what it is, but not where it has holes.
            Some(errno) => Err(errno.into()),
            None => data_ranges(&File::open(&path)?, stat.len),
        })
    }
}

fn look_at(file: &File) -> io::Result<HostFound> {
    let stat = host_stat(&file.metadata()?)?;
    let attributes = attributes(Named::Open(file))?;
    let data = || data_ranges(file, stat.len);
    HostFound::new(stat, attributes, Vec::new(), data)
}

/// What has attributes: open, or by its path where that can't be or should not.
#[derive(Clone, Copy)]
pub(super) enum Named<'n> {
    Open(&'n File),
    Path(&'n Path),
}

fn attributes(named: Named<'_>) -> io::Result<HostAttributes> {
    #[cfg(target_os = "linux")]
    {
        named.attributes()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let (Named::Open(_) | Named::Path(_)) = named;
        Ok(HostAttributes::default())
    }
}

fn kind_of(kind: FileType) -> Option<HostKind> {
    match kind {
        FileType::Directory => Some(HostKind::Directory),
        FileType::RegularFile => Some(HostKind::File),
        FileType::Symlink => Some(HostKind::Symlink),
        FileType::CharacterDevice => Some(HostKind::CharDevice),
        FileType::BlockDevice => Some(HostKind::BlockDevice),
        FileType::Fifo => Some(HostKind::Fifo),
        FileType::Socket => Some(HostKind::Socket),
        FileType::Unknown => None,
    }
}
