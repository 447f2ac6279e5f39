//! What a caller may choose.

use uuid::Uuid;

use super::features::{Feature, Features, Profile};
use super::mount::DefaultMountOptions;
use crate::tree::Timestamp;

/// Bytes in a block of the filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BlockSize {
    /// 1024 bytes.
    B1024,
    /// 2048 bytes.
    B2048,
    /// 4096 bytes: what everything else is made for.
    #[default]
    B4096,
}

impl BlockSize {
    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        1024 << self.log()
    }

    /// How often 1024 is doubled (`s_log_block_size`).
    #[must_use]
    pub const fn log(self) -> u32 {
        match self {
            Self::B1024 => 0,
            Self::B2048 => 1,
            Self::B4096 => 2,
        }
    }

    /// The block size of `bytes` bytes, if there is one.
    #[must_use]
    pub fn from_bytes(bytes: u64) -> Option<Self> {
        [Self::B1024, Self::B2048, Self::B4096]
            .into_iter()
            .find(|size| u64::from(size.bytes()) == bytes)
    }
}

/// Bytes of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum InodeSize {
    /// 128 bytes, as ext2 had them: times from 1901-12-13 to 2038-01-19 in whole seconds (what is less is
    /// cut off), no time of creation, all extended attributes in blocks of their own. Without the feature
    /// `extra_isize`, whatever is asked for.
    B128,
    /// 256 bytes: times up to 2446 with nanoseconds, and room for small extended attributes.
    #[default]
    B256,
}

impl InodeSize {
    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u16 {
        match self {
            Self::B128 => 128,
            Self::B256 => 256,
        }
    }

    /// The inode size of `bytes` bytes, if there is one.
    #[must_use]
    pub fn from_bytes(bytes: u64) -> Option<Self> {
        [Self::B128, Self::B256]
            .into_iter()
            .find(|size| u64::from(size.bytes()) == bytes)
    }
}

/// How many inodes a filesystem gets. It never gets fewer than its tree needs, unless
/// [`Exact`](Self::Exact) says so: then planning fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InodeCount {
    /// One for each so many bytes of the filesystem.
    PerBytes(u32),
    /// This many, rounded up to fill the inode tables' blocks.
    Exact(u32),
    /// As many as the tree needs, and those that shall be free.
    Needed,
}

/// How many inodes shall be free, at least; both hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FreeInodes {
    /// So many.
    pub count: u32,
    /// So many thousandths of all inodes; less than 1000.
    pub per_mille: u16,
}

/// How large the journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum JournalSize {
    /// By the filesystem's size, as `mke2fs` chooses; none below 2048 blocks.
    #[default]
    Auto,
    /// No journal.
    None,
    /// This many blocks, at least 1024.
    Blocks(u32),
}

/// What the kernel does when it meets an error (`errors=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ErrorPolicy {
    /// Goes on.
    #[default]
    Continue,
    /// Goes on, read-only.
    RemountReadOnly,
    /// Stops the machine.
    Panic,
}

/// How the bytes of names count when they are hashed for the index of a large directory. It matters for
/// those from 0x80 on alone; the kernel knows both, whatever machine it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NameBytes {
    /// From −128 to 127, as on x86 (`s_flags` bit 0).
    #[default]
    Signed,
    /// From 0 to 255, as on ARM (`s_flags` bit 1).
    Unsigned,
}

/// What to make; [`Ext4Options::new`] has the usual values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ext4Options {
    /// The filesystem's identity.
    pub uuid: Uuid,
    /// Seed of the hashes of names in large directories.
    pub hash_seed: Uuid,
    /// What the bytes of names are for these hashes.
    pub hash_bytes: NameBytes,
    /// Volume name, at most 16 bytes; may be empty.
    pub label: String,
    /// Bytes in a block.
    pub block_size: BlockSize,
    /// Bytes of an inode.
    pub inode_size: InodeSize,
    /// What the filesystem is made of.
    pub features: Features,
    /// How many inodes.
    pub inodes: InodeCount,
    /// How many of them shall be free.
    pub free_inodes: FreeInodes,
    /// Thousandths of the blocks that only root may fill; at most 500.
    pub reserved_per_mille: u16,
    /// The journal.
    pub journal: JournalSize,
    /// What the kernel does on errors.
    pub errors: ErrorPolicy,
    /// What is in effect wherever it is mounted.
    pub default_mount_options: DefaultMountOptions,
    /// Options as `mount -o` takes them that are in effect too; at most 63 bytes.
    pub mount_options: String,
    /// Whether there is a `/lost+found` with room for what `e2fsck` finds.
    pub lost_found: bool,
    /// When the filesystem was made.
    pub time: Timestamp,
}

impl Ext4Options {
    /// 4 KiB blocks, inodes of 256 bytes, an inode for each 16 KiB, 5 % reserved, a journal by size, `/lost+found`.
    #[must_use]
    pub fn new(uuid: Uuid, hash_seed: Uuid) -> Self {
        Self {
            uuid,
            hash_seed,
            hash_bytes: NameBytes::default(),
            label: String::new(),
            block_size: BlockSize::default(),
            inode_size: InodeSize::default(),
            features: Profile::default().features(),
            inodes: InodeCount::PerBytes(16384),
            free_inodes: FreeInodes::default(),
            reserved_per_mille: 50,
            journal: JournalSize::default(),
            errors: ErrorPolicy::default(),
            default_mount_options: DefaultMountOptions::default(),
            mount_options: String::new(),
            lost_found: true,
            time: Timestamp::default(),
        }
    }

    /// These for a filesystem that is never written to: no journal, no `/lost+found`, nothing reserved,
    /// no more inodes than the tree needs. The kernel mounts it for reading only.
    #[must_use]
    pub fn read_only(self) -> Self {
        let without = [
            Feature::HasJournal,
            Feature::ResizeInode,
            Feature::OrphanFile,
        ];
        let features = without.into_iter().fold(self.features, Features::without);
        Self {
            features: features.with(Feature::ReadOnly),
            inodes: InodeCount::Needed,
            free_inodes: FreeInodes::default(),
            reserved_per_mille: 0,
            journal: JournalSize::None,
            lost_found: false,
            ..self
        }
    }
}
