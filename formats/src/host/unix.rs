//! The host's calls on Unix systems.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::Path;

#[cfg(target_os = "linux")]
use rustix::fs::copy_file_range;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, SeekFrom, openat, seek};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{HostKind, HostStat};
use crate::map::FileStamp;

/// The names of this process's open files.
const OPEN_FILES: &str = "/proc/self/fd";

/// Names, by the order in which they were added, without room for each of its own: there may be millions.
#[derive(Debug, Default)]
pub struct Names {
    /// Each has [`PIECE`] names, the last one what is left: no long list has to move to grow.
    pieces: Vec<Piece>,
}

const PIECE: usize = 1 << 16;

#[derive(Debug, Default)]
struct Piece {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Names {
    /// Adds a name behind all others.
    ///
    /// # Panics
    ///
    /// Never in practice: only with names longer than any file system's.
    pub fn push(&mut self, name: &OsStr) {
        if self
            .pieces
            .last()
            .is_none_or(|piece| piece.ends.len() == PIECE)
        {
            self.pieces.push(Piece::default());
        }
        let last = self.pieces.last_mut().expect("there is one now");
        last.bytes.extend_from_slice(name.as_bytes());
        let end = u32::try_from(last.bytes.len()).expect("65,536 names are not 4 GiB");
        last.ends.push(end);
    }

    /// The name that was added after `index` others.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&OsStr> {
        let Piece { bytes, ends } = self.pieces.get(index / PIECE)?;
        let index = index % PIECE;
        let end = *ends.get(index)? as usize;
        let start = index.checked_sub(1).map_or(0, |before| ends[before]) as usize;
        Some(OsStr::from_bytes(&bytes[start..end]))
    }
}

/// Opens a regular file for reading, and tells what it is.
///
/// Anything else, a FIFO for instance, is refused without waiting for its other end.
pub fn open_regular(path: &Path) -> io::Result<(File, HostStat)> {
    open_regular_at(CWD, path)
}

/// The same of what `path` names from folder `dir` on.
pub(super) fn open_regular_at(dir: impl AsFd, path: &Path) -> io::Result<(File, HostStat)> {
    let how = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let open = || openat(&dir, path, how, Mode::empty());
    let file = File::from(retry_on_intr(open)?);
    let stat = host_stat(&file.metadata()?)?;
    if stat.kind == HostKind::File {
        Ok((file, stat))
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ))
    }
}

/// Lets this process have as many files open as its user may have; what hinders that shows when they are opened.
///
/// A disk in files of 2 GiB each is more of them than many systems allow unasked.
pub fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let _ = setrlimit(Resource::Nofile, most);
}

/// What an open file is, to recognise it by.
pub fn stamp(file: &File) -> io::Result<FileStamp> {
    Ok(host_stat(&file.metadata()?)?.stamp())
}

/// Fills `buf` from byte `offset` of the file.
pub fn read_exact_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    file.read_exact_at(buf, offset)
}

/// Writes all of `data` at byte `offset` of the file.
pub fn write_all_at(file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
    file.write_all_at(data, offset)
}

/// Copies `len` bytes of file `from` at `from_offset` to file `to` at `to_offset` within the system, by reference where
/// its file system can; gives how many were copied: none where the system can't, fewer when `from` ends before.
pub fn copy_range(
    from: &File,
    from_offset: u64,
    to: &File,
    to_offset: u64,
    len: u64,
) -> io::Result<u64> {
    #[cfg(target_os = "linux")]
    {
        let (mut read, mut write) = (from_offset, to_offset);
        let end = from_offset.saturating_add(len);
        while read < end {
            let len = usize::try_from(end - read).unwrap_or(usize::MAX);
            match copy_file_range(from, Some(&mut read), to, Some(&mut write), len) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                // Of other file systems, or of another kind than it copies between.
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM)
                    if read == from_offset =>
                {
                    break;
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(read - from_offset)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (from, from_offset, to, to_offset, len);
        Ok(0)
    }
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
    host_stat(&std::fs::metadata(path)?)
}

/// The target of a symbolic link, as its bytes.
pub fn read_link(path: &Path) -> io::Result<Vec<u8>> {
    Ok(std::fs::read_link(path)?.into_os_string().into_vec())
}

pub(super) fn host_stat(metadata: &Metadata) -> io::Result<HostStat> {
    let kind = match metadata.file_type() {
        kind if kind.is_dir() => HostKind::Directory,
        kind if kind.is_file() => HostKind::File,
        kind if kind.is_symlink() => HostKind::Symlink,
        kind if kind.is_char_device() => HostKind::CharDevice,
        kind if kind.is_block_device() => HostKind::BlockDevice,
        kind if kind.is_fifo() => HostKind::Fifo,
        kind if kind.is_socket() => HostKind::Socket,
        _ => {
            let reason = "unknown type of file";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
    };
    let device = metadata.rdev();
    Ok(HostStat {
        kind,
        mode: u16::try_from(metadata.mode() & 0o7777).unwrap_or(0),
        uid: metadata.uid(),
        gid: metadata.gid(),
        len: metadata.len(),
        allocated: metadata.blocks().saturating_mul(512),
        mtime_seconds: metadata.mtime(),
        mtime_nanos: u32::try_from(metadata.mtime_nsec()).unwrap_or(0),
        changed_seconds: metadata.ctime(),
        changed_nanos: u32::try_from(metadata.ctime_nsec()).unwrap_or(0),
        device: metadata.dev(),
        inode: metadata.ino(),
        links: metadata.nlink(),
        // The width of a device number differs between systems.
        major: rustix::fs::major(device as _),
        minor: rustix::fs::minor(device as _),
    })
}

/// A new file in folder `dir` that has no name yet; none where that is impossible, for any reason.
pub fn create_unnamed(dir: &Path) -> Option<File> {
    #[cfg(target_os = "linux")]
    {
        // Without it the file could never get a name.
        if !Path::new(OPEN_FILES).is_dir() {
            return None;
        }
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::open(dir, flags, Mode::from_raw_mode(0o666));
        file.ok().map(File::from)
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
    let open = format!("{OPEN_FILES}/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, open, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
    Ok(())
}

/// Makes the empty file `to` hold what `from` holds, by reference: no byte is copied.
///
/// Fails where the file system can't, or they lie on two.
pub fn share_content(from: &File, to: &File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        Ok(rustix::fs::ioctl_ficlone(to, from)?)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (from, to);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Makes a range of a file a hole, whose bytes are zeros; its length stays.
///
/// Fails with [`io::ErrorKind::Unsupported`] where the file system can't.
pub fn punch_hole(file: &File, range: Range<u64>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match fallocate(file, how, range.start, range.end - range.start) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
            done => Ok(done?),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, range);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Returns when the names in a folder are on the disk as they are now.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Claims partition `number` of an open block device, so that nobody mounts it while the claim is held; none for
/// anything else, and where that is impossible.
///
/// Fails with [`io::ErrorKind::ResourceBusy`] when it is mounted or claimed by others.
pub fn claim_partition(disk: &File, number: u32) -> io::Result<Option<File>> {
    #[cfg(target_os = "linux")]
    {
        super::linux::claim_partition(disk, number)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (disk, number);
        Ok(None)
    }
}
