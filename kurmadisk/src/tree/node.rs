//! The nodes of a tree.

use kurmadisk_formats::map::DiskMap;

use super::{Entries, Xattrs};

/// The number of a node in its [`Tree`](super::Tree).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    pub(super) const ROOT: Self = Self(0);

    /// # Panics
    ///
    /// With 2³² nodes, more than any filesystem here can number.
    pub(super) fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("fewer than 2^32 nodes"))
    }

    /// The number as an index into tables with one row a node.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A point in time: seconds since 1970-01-01 UTC, and nanoseconds within the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds since 1970; negative before.
    pub seconds: i64,
    /// Nanoseconds from 0 to 999,999,999, always forward from `seconds`.
    pub nanos: u32,
}

/// What a node has whatever its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits, set-id bits and the sticky bit: 0 to 0o7777.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of the last modification.
    pub mtime: Timestamp,
    /// Extended attributes.
    pub xattrs: Xattrs,
    /// What a filesystem is asked to do with it besides.
    pub flags: FileFlags,
}

/// Flags of a file, as `chattr` sets them; the bits are those of the kernel's `FS_IOC_GETFLAGS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileFlags(u32);

impl FileFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Changes are written at once (`S`).
    pub const SYNC: Self = Self(0x8);
    /// The file can't be changed, renamed, linked or removed (`i`).
    pub const IMMUTABLE: Self = Self(0x10);
    /// The file can only be appended to (`a`).
    pub const APPEND: Self = Self(0x20);
    /// Left out by `dump` (`d`).
    pub const NODUMP: Self = Self(0x40);
    /// Reading does not change the access time (`A`).
    pub const NOATIME: Self = Self(0x80);
    /// Changes of a directory are written at once (`D`).
    pub const DIRSYNC: Self = Self(0x1_0000);

    const ALL: u32 = 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x1_0000;

    /// The flags known here among `bits`.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL)
    }

    /// As `FS_IOC_GETFLAGS` gives them.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The number of a device, as the running system knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceNumber {
    /// The driver's number.
    pub major: u32,
    /// The device's number within its driver.
    pub minor: u32,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub struct DirEntry<'a> {
    /// The name: any bytes but `/` and NUL.
    pub name: &'a [u8],
    /// What it names.
    pub node: NodeId,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// A directory and its entries.
    Directory(Entries),
    /// A regular file; the map's length is the file's size in bytes.
    File(DiskMap),
    /// A symbolic link and its target.
    Symlink(Box<[u8]>),
    /// A character device.
    CharDevice(DeviceNumber),
    /// A block device.
    BlockDevice(DeviceNumber),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// A file, directory or special file.
#[derive(Clone, Debug)]
pub struct Node {
    /// Owner, mode and time.
    pub meta: Metadata,
    /// What it is.
    pub kind: NodeKind,
    pub(super) links: u32,
    pub(super) implied: bool,
}

impl Node {
    pub(super) fn new(meta: Metadata, kind: NodeKind) -> Self {
        Self {
            meta,
            kind,
            links: 1,
            implied: false,
        }
    }

    /// How many names in the tree it has.
    #[must_use]
    pub fn links(&self) -> u32 {
        self.links
    }

    /// Whether nobody described it: a directory that is there since something lies below it. Over another
    /// tree it leaves the other's metadata.
    #[must_use]
    pub fn is_implied(&self) -> bool {
        self.implied
    }
}
