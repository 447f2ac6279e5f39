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

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

pub use system::{
    allow_open_files, attributes, claim_partition, create_unnamed, data_ranges, link_unnamed,
    open_regular, punch_hole, read_dir, read_exact_at, read_link, share_content, stamp, stat,
    sync_folder, write_all_at,
};

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

    /// What tells a regular file from itself at any other time; nothing where the host numbers no files.
    #[must_use]
    pub fn identity(&self) -> Option<FileIdentity> {
        (self.kind == HostKind::File && self.inode != 0).then(|| FileIdentity {
            stamp: self.stamp(),
            changed_seconds: self.changed_seconds,
            changed_nanos: self.changed_nanos,
        })
    }
}

/// A name in a directory of the host.
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
    let _: fn(&Path) -> io::Result<(File, FileStamp)> = open_regular;
    let _: fn(&File) -> io::Result<FileStamp> = stamp;
    let _: fn(&Path) -> io::Result<HostStat> = stat;
    let _: fn(&Path) -> io::Result<Vec<HostEntry>> = read_dir;
    let _: fn(&Path) -> io::Result<Vec<u8>> = read_link;
    let _: fn(&Path, HostKind) -> io::Result<HostAttributes> = attributes;
    let _: fn(&File, u64, &mut [u8]) -> io::Result<()> = read_exact_at;
    let _: fn(&File, u64, &[u8]) -> io::Result<()> = write_all_at;
    let _: fn(&File, u64) -> io::Result<Vec<Range<u64>>> = data_ranges;
    let _: fn(&Path) -> Option<File> = create_unnamed;
    let _: fn(&File, &Path) -> io::Result<()> = link_unnamed;
    let _: fn(&File, &File) -> io::Result<()> = share_content;
    let _: fn(&File, Range<u64>) -> io::Result<()> = punch_hole;
    let _: fn(&Path) -> io::Result<()> = sync_folder;
};
