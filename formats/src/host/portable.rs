//! The host's calls by the standard library alone.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use super::{HostAttributes, HostFound, HostKind, HostName, HostNames, HostStat};
use crate::map::FileStamp;

/// Seeking and then reading are two calls here: one thread at a time.
fn position_lock() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names, by the order in which they were added.
#[derive(Debug, Default)]
pub struct Names(Vec<Box<OsStr>>);

impl Names {
    /// Adds a name behind all others.
    pub fn push(&mut self, name: &OsStr) {
        self.0.push(name.into());
    }

    /// The name that was added after `index` others.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&OsStr> {
        self.0.get(index).map(|name| &**name)
    }
}

/// Nothing here: no limit is known.
pub fn allow_open_files() {}

/// Opens a regular file for reading, and tells what it is.
pub fn open_regular(path: &Path) -> io::Result<(File, HostStat)> {
    // Asked first: opening something else could wait for its other end.
    if std::fs::metadata(path)?.is_file() {
        let file = File::open(path)?;
        let stat = host_stat(&file.metadata()?)?;
        Ok((file, stat))
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ))
    }
}

/// What an open file is, to recognise it by.
pub fn stamp(file: &File) -> io::Result<FileStamp> {
    Ok(host_stat(&file.metadata()?)?.stamp())
}

/// Fills `buf` from byte `offset` of the file.
pub fn read_exact_at(mut file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    let _one = position_lock();
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buf)
}

/// Writes all of `data` at byte `offset` of the file.
pub fn write_all_at(mut file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
    let _one = position_lock();
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(data)
}

/// Nothing here: it can't be done without reading.
pub fn copy_range(
    _from: &File,
    _from_offset: u64,
    _to: &File,
    _to_offset: u64,
    _len: u64,
) -> io::Result<u64> {
    Ok(0)
}

/// The ranges of a file of `len` bytes that hold data: one, the whole file.
pub fn data_ranges(_file: &File, len: u64) -> io::Result<Vec<Range<u64>>> {
    Ok(if len == 0 {
        Vec::new()
    } else {
        std::iter::once(0..len).collect()
    })
}

/// The metadata of what `path` names, following symbolic links.
pub fn stat(path: &Path) -> io::Result<HostStat> {
    host_stat(&std::fs::metadata(path)?)
}

/// A directory, by its path.
#[derive(Debug)]
pub struct HostDir {
    path: PathBuf,
}

impl HostDir {
    /// The directory at `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = path.to_path_buf();
        Ok(Self { path })
    }

    /// Opens a regular file in it as [`open_regular`] does.
    pub fn open_regular(&self, name: &OsStr) -> io::Result<(File, HostStat)> {
        open_regular(&self.path.join(name))
    }

    /// The names in it, in the host's order, without `.` and `..`.
    pub fn names(&self) -> io::Result<HostNames> {
        let mut names = HostNames::default();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            names.push(HostName {
                kind: host_stat(&entry.metadata()?)?.kind,
                name: &entry.file_name(),
                inode: 0,
            });
        }
        Ok(names)
    }

    /// The metadata of a name; a symbolic link's own.
    pub fn stat(&self, name: &OsStr) -> io::Result<HostStat> {
        let path = self.path.join(name);
        // The directory itself, where its path is a link's.
        let metadata = if name == "." {
            path.metadata()
        } else {
            path.symlink_metadata()
        };
        host_stat(&metadata?)
    }

    /// All there is to know of a name but its content: here no attributes and no holes.
    pub fn look(&self, name: HostName<'_>) -> io::Result<HostFound> {
        let stat = self.stat(name.name)?;
        let target = match stat.kind {
            HostKind::Symlink => read_link(&self.path.join(name.name))?,
            _ => Vec::new(),
        };
        let whole = || Ok(std::iter::once(0..stat.len).collect());
        HostFound::new(stat, HostAttributes::default(), target, whole)
    }
}

/// The target of a symbolic link, with `/` between its parts.
pub fn read_link(path: &Path) -> io::Result<Vec<u8>> {
    let target = std::fs::read_link(path)?
        .into_os_string()
        .into_encoded_bytes();
    Ok(target
        .into_iter()
        .map(|byte| if byte == b'\\' { b'/' } else { byte })
        .collect())
}

/// Modes, owners and links are the usual ones of a system that knows none.
fn host_stat(metadata: &Metadata) -> io::Result<HostStat> {
    let (kind, mode) = match metadata.file_type() {
        kind if kind.is_dir() => (HostKind::Directory, 0o755),
        kind if kind.is_symlink() => (HostKind::Symlink, 0o777),
        _ => (HostKind::File, 0o644),
    };
    let since = metadata
        .modified()?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(HostStat {
        kind,
        mode,
        uid: 0,
        gid: 0,
        len: metadata.len(),
        allocated: metadata.len(),
        mtime_seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        mtime_nanos: since.subsec_nanos(),
        changed_seconds: 0,
        changed_nanos: 0,
        device: 0,
        inode: 0,
        links: 1,
        major: 0,
        minor: 0,
    })
}

/// A new file in folder `dir` that has no name yet: not here.
#[must_use]
pub fn create_unnamed(_dir: &Path) -> Option<File> {
    None
}

/// Gives a file of [`create_unnamed`] a name: there is none.
pub fn link_unnamed(_file: &File, _path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes a file hold what another one holds, by reference: not here.
pub fn share_content(_from: &File, _to: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes a range of a file a hole: not here.
pub fn punch_hole(_file: &File, _range: Range<u64>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns when the names in a folder are on the disk: nobody can be asked.
pub fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Claims a partition of a block device: not here.
pub fn claim_partition(_disk: &File, _number: u32) -> io::Result<Option<File>> {
    Ok(None)
}
