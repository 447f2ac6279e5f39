//! Extended attributes and flags of files, as Linux tells them, and partitions claimed.

use std::fs::{self, DirEntry, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{
    AtFlags, CWD, OFlags, StatxAttributes, StatxFlags, fgetxattr, fgetxattr_query, flistxattr,
    ioctl_getflags, lgetxattr, lgetxattr_query, llistxattr, statx,
};
use rustix::io::Errno;

use super::HostAttributes;
use super::unix_dir::Named;

/// The longest list of names that Linux gives (`XATTR_LIST_MAX`), in bytes.
const LONGEST_LIST: usize = 64 << 10;

/// Bytes that hold the names most files have.
const SHORT_LIST: usize = 512;

/// The namespaces that mean the same on every file system, and access control lists.
const NAMESPACES: [&[u8]; 4] = [b"user.", b"trusted.", b"security.", b"system.posix_acl_"];

/// What a file system that has flags says of them without a file being opened.
const FLAGS: StatxAttributes = StatxAttributes::IMMUTABLE
    .union(StatxAttributes::APPEND)
    .union(StatxAttributes::NODUMP);

pub(super) fn claim_partition(disk: &File, number: u32) -> io::Result<Option<File>> {
    let metadata = disk.metadata()?;
    if !metadata.file_type().is_block_device() {
        return Ok(None);
    }
    let (major, minor) = (
        rustix::fs::major(metadata.rdev()),
        rustix::fs::minor(metadata.rdev()),
    );
    let Ok(parts) = fs::read_dir(format!("/sys/dev/block/{major}:{minor}")) else {
        return Ok(None);
    };
    let is_it = |entry: &DirEntry| {
        let said = fs::read_to_string(entry.path().join("partition"));
        said.is_ok_and(|said| said.trim() == number.to_string())
    };
    let Some(part) = parts.filter_map(Result::ok).find(is_it) else {
        return Ok(None);
    };
    // A slash of a name is an exclamation mark there.
    let name = part.file_name().to_string_lossy().replace('!', "/");
    let flags = OFlags::EXCL.bits().cast_signed();
    let claim = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(Path::new("/dev").join(name));
    match claim {
        Ok(claim) => Ok(Some(claim)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Named<'_> {
    pub(super) fn attributes(self) -> io::Result<HostAttributes> {
        Ok(HostAttributes {
            flags: self.flags()?,
            xattrs: self.xattrs()?,
        })
    }

    fn flags(self) -> io::Result<u32> {
        match self {
            Self::Open(file) => match ioctl_getflags(file) {
                Ok(flags) => Ok(flags.bits()),
                Err(_) => some_flags(file, Path::new(""), AtFlags::EMPTY_PATH),
            },
            Self::Path(path) => some_flags(CWD, path, AtFlags::SYMLINK_NOFOLLOW),
        }
    }

    fn xattrs(self) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut found = Vec::new();
        for name in self.names()?.split(|byte| *byte == 0) {
            if !NAMESPACES.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            match self.value(name) {
                Ok(value) => found.push((name.to_vec(), value)),
                // It went meanwhile.
                Err(Errno::NODATA) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(found)
    }

    /// The names of all attributes, each with a NUL behind it.
    fn names(self) -> io::Result<Vec<u8>> {
        let mut short = [0; SHORT_LIST];
        let mut listed = self.list(&mut short).map(|len| short[..len].to_vec());
        if listed == Err(Errno::RANGE) {
            let mut long = vec![0; LONGEST_LIST];
            listed = self.list(&mut long).map(|len| long[..len].to_vec());
        }
        match listed {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Vec::new()),
            names => Ok(names?),
        }
    }

    fn value(self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        loop {
            let len = match self {
                Self::Open(file) => fgetxattr_query(file, name)?,
                Self::Path(path) => lgetxattr_query(path, name)?,
            };
            if len == 0 {
                return Ok(Vec::new());
            }
            let mut value = Vec::with_capacity(len);
            let room = spare_capacity(&mut value);
            let got = match self {
                Self::Open(file) => fgetxattr(file, name, room),
                Self::Path(path) => lgetxattr(path, name, room),
            };
            match got {
                Ok(_) => return Ok(value),
                // It became longer meanwhile.
                Err(Errno::RANGE) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    fn list(self, room: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Open(file) => flistxattr(file, room),
            Self::Path(path) => llistxattr(path, room),
        }
    }
}

/// The flags of what can't be opened, and of what has none that way.
fn some_flags(dir: impl AsFd, path: &Path, how: AtFlags) -> io::Result<u32> {
    let stat = match statx(dir, path, how, StatxFlags::empty()) {
        Ok(stat) => stat,
        // A kernel before 4.11, or a sandbox that plays one.
        Err(Errno::NOSYS | Errno::PERM) => return Ok(0),
        Err(errno) => return Err(errno.into()),
    };
    // The bits of both are the same (`include/uapi/linux/stat.h`).
    let flags = (stat.stx_attributes & stat.stx_attributes_mask & FLAGS).bits();
    Ok(u32::try_from(flags).unwrap_or(0))
}
