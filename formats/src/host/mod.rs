//! What only the host's operating system can tell or do, with portable fallbacks.
//!
//! Every call that differs between systems is here, so that the rest of the code reads the same on
//! all of them. `--cfg kurmadisk_portable_host` takes the portable versions on Unix too, to see there
//! that they compile; it is no feature, since one dependent would then choose for all.

#[cfg(all(target_os = "linux", not(kurmadisk_portable_host)))]
mod linux;
#[cfg(all(unix, not(kurmadisk_portable_host)))]
#[path = "unix.rs"]
mod system;
#[cfg(any(not(unix), kurmadisk_portable_host))]
#[path = "portable.rs"]
mod system;
#[cfg(all(unix, not(kurmadisk_portable_host)))]
mod unix_dir;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

#[cfg(any(not(unix), kurmadisk_portable_host))]
pub use system::HostDir;
pub use system::{
    Names, allow_open_files, claim_partition, copy_range, create_unnamed, data_ranges,
    link_unnamed, open_regular, punch_hole, read_exact_at, read_link, share_content, stamp, stat,
    sync_folder, write_all_at,
};
#[cfg(all(unix, not(kurmadisk_portable_host)))]
pub use unix_dir::HostDir;

use crate::map::{FileIdentity, FileStamp};

/// What a name of the host stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// The metadata of a name; what the host doesn't know is zero, and one link.
#[derive(Clone, Copy, Debug)]
pub struct HostStat {
    /// What it is.
    pub kind: HostKind,
    /// Permission bits, set-id bits and the sticky bit.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub len: u64,
    /// Bytes it occupies; less than `len` when it may have holes.
    pub allocated: u64,
    /// Modification time: seconds since 1970.
    pub mtime_seconds: i64,
    /// Modification time: nanoseconds within the second.
    pub mtime_nanos: u32,
    /// Time of the last change of content or metadata: seconds since 1970.
    pub changed_seconds: i64,
    /// The same: nanoseconds within the second.
    pub changed_nanos: u32,
    /// The file system it lies on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// For a device: the driver's number.
    pub major: u32,
    /// For a device: its number within the driver.
    pub minor: u32,
}

impl HostStat {
    /// What a regular file is recognised by.
    #[must_use]
    pub fn stamp(&self) -> FileStamp {
        FileStamp {
            len: self.len,
            mtime_seconds: self.mtime_seconds,
            mtime_nanos: self.mtime_nanos,
            device: self.device,
            inode: self.inode,
        }
    }

    /// What tells a regular file from itself at any other time, where the host numbers files.
    #[must_use]
    pub fn identity(&self) -> FileIdentity {
        FileIdentity {
            stamp: self.stamp(),
            changed_seconds: self.changed_seconds,
            changed_nanos: self.changed_nanos,
        }
    }
}

/// A name in a directory of the host, as the directory tells it.
#[derive(Clone, Copy, Debug)]
pub struct HostName<'n> {
    /// The name.
    pub name: &'n OsStr,
    /// What it stands for.
    pub kind: HostKind,
    /// The number of its file system; names looked at in the order of these are often found faster. Zero where there
    /// is none.
    pub inode: u64,
}

impl HostName<'_> {
    /// The directory itself, as a name in it.
    #[must_use]
    pub fn itself() -> HostName<'static> {
        HostName {
            name: OsStr::new("."),
            kind: HostKind::Directory,
            inode: 0,
        }
    }
}

/// Names in a directory of the host, one behind the other in memory: there may be millions.
#[derive(Debug, Default)]
pub struct HostNames {
    names: Names,
    /// What each stands for, and the number of its file system.
    known: Vec<(HostKind, u64)>,
}

impl HostNames {
    fn push(&mut self, name: HostName<'_>) {
        self.names.push(name.name);
        self.known.push((name.kind, name.inode));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The one behind `index` others.
    ///
    /// # Panics
    ///
    /// If there are no more than `index`.
    #[must_use]
    pub fn at(&self, index: usize) -> HostName<'_> {
        let (kind, inode) = self.known[index];
        let name = self.names.get(index).expect("each has a name");
        HostName { name, kind, inode }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = HostName<'_>> {
        (0..self.len()).map(|index| self.at(index))
    }
}

impl<'n> FromIterator<HostName<'n>> for HostNames {
    fn from_iter<I: IntoIterator<Item = HostName<'n>>>(names: I) -> Self {
        let mut all = Self::default();
        for name in names {
            all.push(name);
        }
        all
    }
}

/// All that the host tells of a name but its content.
#[derive(Clone, Debug)]
pub struct HostFound {
    /// Its metadata; a symbolic link's own, not its target's.
    pub stat: HostStat,
    /// What it has besides.
    pub attributes: HostAttributes,
    /// A symbolic link's target.
    pub target: Vec<u8>,
    /// Where a regular file has data: ranges of bytes, ascending and disjoint; what lies between are holes. Nothing
    /// where it has no holes.
    pub data: Option<Vec<Range<u64>>>,
}

impl HostFound {
    /// Holes are looked for, by `data`, only in files that may have some: those that occupy less than their length, or
    /// whose extended attributes are counted with what they occupy.
    fn new(
        stat: HostStat,
        attributes: HostAttributes,
        target: Vec<u8>,
        data: impl FnOnce() -> io::Result<Vec<Range<u64>>>,
    ) -> io::Result<Self> {
        let may_have = stat.allocated < stat.len || !attributes.xattrs.is_empty();
        let is_asked = stat.kind == HostKind::File && may_have;
        let data = is_asked.then(data).transpose()?;
        Ok(Self {
            stat,
            attributes,
            target,
            data,
        })
    }
}

/// A name in a directory of the host, and its metadata.
#[derive(Clone, Debug)]
pub struct HostEntry {
    /// The name.
    pub name: OsString,
    /// Its metadata; a symbolic link's own, not its target's.
    pub stat: HostStat,
}

impl HostEntry {
    /// The name's bytes as the host encodes them.
    #[must_use]
    pub fn name_bytes(&self) -> &[u8] {
        self.name.as_encoded_bytes()
    }
}

/// The names in a directory, in the host's order, without `.` and `..`, with their metadata.
pub fn read_dir(path: &Path) -> io::Result<Vec<HostEntry>> {
    let dir = HostDir::open(path)?;
    let names = dir.names()?;
    names
        .iter()
        .map(|HostName { name, .. }| {
            let stat = dir.stat(name)?;
            let name = name.to_os_string();
            Ok(HostEntry { name, stat })
        })
        .collect()
}

/// What a name has besides what `stat` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostAttributes {
    /// Flags as `chattr` sets them, in the bits of Linux's `FS_IOC_GETFLAGS`; of a file that can't be opened, as
    /// far as they can be known without.
    pub flags: u32,
    /// Extended attributes of the namespaces `user`, `trusted` and `security`, and access control lists: full
    /// names, and values as the host's system call gives them.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The signatures every system's module must have.
const _: () = {
    let _: fn() = allow_open_files;
    let _: fn(&Path) -> io::Result<(File, HostStat)> = open_regular;
    let _: fn(&File) -> io::Result<FileStamp> = stamp;
    let _: fn(&Path) -> io::Result<HostStat> = stat;
    let _: fn(&Path) -> io::Result<HostDir> = HostDir::open;
    let _: fn(&HostDir, &OsStr) -> io::Result<(File, HostStat)> = HostDir::open_regular;
    let _: fn(&HostDir) -> io::Result<HostNames> = HostDir::names;
    let _: fn(&HostDir, &OsStr) -> io::Result<HostStat> = HostDir::stat;
    let _: fn(&HostDir, HostName<'_>) -> io::Result<HostFound> = HostDir::look;
    let _: fn(&Path) -> io::Result<Vec<u8>> = read_link;
    let _: fn(&File, u64, &mut [u8]) -> io::Result<()> = read_exact_at;
    let _: fn(&File, u64, &[u8]) -> io::Result<()> = write_all_at;
    let _: fn(&File, u64) -> io::Result<Vec<Range<u64>>> = data_ranges;
    let _: fn(&File, u64, &File, u64, u64) -> io::Result<u64> = copy_range;
    let _: fn(&Path) -> Option<File> = create_unnamed;
    let _: fn(&File, &Path) -> io::Result<()> = link_unnamed;
    let _: fn(&File, &File) -> io::Result<()> = share_content;
    let _: fn(&File, Range<u64>) -> io::Result<()> = punch_hole;
    let _: fn(&Path) -> io::Result<()> = sync_folder;
};
