//! The host's calls on Unix systems.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, SeekFrom, Stat, seek, statat};
use rustix::io::Errno;

use super::{HostEntry, HostKind, HostStat};
use crate::map::FileStamp;

/// Opens a regular file for reading.
///
/// Anything else, a FIFO for instance, is refused without waiting for its other end.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ))
    }
}

/// An open file's length and time of last change.
pub fn stamp(file: &File) -> io::Result<FileStamp> {
    let metadata = file.metadata()?;
    Ok(FileStamp {
        len: metadata.len(),
        mtime_seconds: metadata.mtime(),
        mtime_nanos: u32::try_from(metadata.mtime_nsec()).unwrap_or(0),
    })
}

/// Fills `buf` from byte `offset` of the file.
pub fn read_exact_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    file.read_exact_at(buf, offset)
}

/// Writes all of `data` at byte `offset` of the file.
pub fn write_all_at(file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
    file.write_all_at(data, offset)
}

/// The ranges of a file of `len` bytes that hold data, ascending; what lies between are holes.
///
/// A file system that can't tell has one range: the whole file.
pub fn data_ranges(file: &File, len: u64) -> io::Result<Vec<Range<u64>>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < len {
        let start = match seek(file, SeekFrom::Data(at)) {
            Ok(start) if start < len => start,
            Ok(_) | Err(Errno::NXIO) => break,
            Err(Errno::INVAL | Errno::OPNOTSUPP) if ranges.is_empty() => {
                return Ok(std::iter::once(0..len).collect());
            }
            Err(errno) => return Err(errno.into()),
        };
        let end = seek(file, SeekFrom::Hole(start))?.min(len);
        ranges.push(start..end);
        at = end;
    }
    Ok(ranges)
}

/// The metadata of what `path` names, following symbolic links.
pub fn stat(path: &Path) -> io::Result<HostStat> {
    host_stat(&rustix::fs::stat(path)?)
}

/// The names in a directory, in the host's order, without `.` and `..`.
pub fn read_dir(path: &Path) -> io::Result<Vec<HostEntry>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(path, flags, Mode::empty())?;
    let mut entries = Vec::new();
    // Names are looked up relative to the open directory: the host walks no path twice.
    for entry in Dir::read_from(&dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let stat = statat(&dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
        let name = OsStr::from_bytes(name).to_os_string();
        entries.push(HostEntry {
            name,
            stat: host_stat(&stat)?,
        });
    }
    Ok(entries)
}

/// The target of a symbolic link, as its bytes.
pub fn read_link(path: &Path) -> io::Result<Vec<u8>> {
    Ok(std::fs::read_link(path)?.into_os_string().into_vec())
}

fn host_stat(stat: &Stat) -> io::Result<HostStat> {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => HostKind::Directory,
        FileType::RegularFile => HostKind::File,
        FileType::Symlink => HostKind::Symlink,
        FileType::CharacterDevice => HostKind::CharDevice,
        FileType::BlockDevice => HostKind::BlockDevice,
        FileType::Fifo => HostKind::Fifo,
        FileType::Socket => HostKind::Socket,
        FileType::Unknown => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "unknown type of file",
            ));
        }
    };
    Ok(HostStat {
        kind,
        mode: u16::try_from(stat.st_mode & 0o7777).unwrap_or(0),
        uid: stat.st_uid,
        gid: stat.st_gid,
        len: u64::try_from(stat.st_size).unwrap_or(0),
        allocated: u64::try_from(stat.st_blocks)
            .unwrap_or(0)
            .saturating_mul(512),
        mtime_seconds: stat.st_mtime,
        mtime_nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
        device: stat.st_dev,
        inode: stat.st_ino,
        links: stat.st_nlink,
        major: rustix::fs::major(stat.st_rdev),
        minor: rustix::fs::minor(stat.st_rdev),
    })
}

/// A new file in folder `dir` that has no name yet, where the host has such files.
pub fn create_unnamed(dir: &Path) -> Option<File> {
    #[cfg(target_os = "linux")]
    {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        rustix::fs::open(dir, flags, Mode::from_raw_mode(0o666))
            .ok()
            .map(File::from)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = dir;
        None
    }
}

/// Gives a file of [`create_unnamed`] a name that must be free.
pub fn link_unnamed(file: &File, path: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, open, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    Ok(())
}

/// Lets a temporary file have the permissions any new file would.
pub fn ordinary_permissions(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(0o666));
}
