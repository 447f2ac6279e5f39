//! The host's calls by the standard library alone.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use super::{HostAttributes, HostEntry, HostKind, HostStat};
use crate::map::FileStamp;

/// Seeking and then reading are two calls here: one thread at a time.
fn position_lock() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing here: no limit is known.
pub fn allow_open_files() {}

/// Opens a regular file for reading, and tells what it is.
pub fn open_regular(path: &Path) -> io::Result<(File, FileStamp)> {
    // Asked first: opening something else could wait for its other end.
    if std::fs::metadata(path)?.is_file() {
        let file = File::open(path)?;
        let stamp = stamp(&file)?;
        Ok((file, stamp))
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

/// The names in a directory, in the host's order, without `.` and `..`.
pub fn read_dir(path: &Path) -> io::Result<Vec<HostEntry>> {
    std::fs::read_dir(path)?
        .map(|entry| {
            let entry = entry?;
            Ok(HostEntry {
                name: entry.file_name(),
                stat: host_stat(&entry.metadata()?)?,
            })
        })
        .collect()
}

/// Attributes of what `path` names: none are known.
pub fn attributes(_path: &Path, _kind: HostKind) -> io::Result<HostAttributes> {
    Ok(HostAttributes::default())
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
