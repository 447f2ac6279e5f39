//! What a caller may choose.

use uuid::Uuid;

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

/// How many inodes a filesystem gets. It never gets fewer than its tree needs, unless
/// [`Exact`](Self::Exact) says so: then planning fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InodeCount {
    /// One for each so many bytes of the filesystem.
    PerBytes(u32),
    /// This many, rounded up to fill the inode tables' blocks.
    Exact(u32),
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

/// What to make; [`Ext4Options::new`] has the usual values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ext4Options {
    /// The filesystem's identity.
    pub uuid: Uuid,
    /// Seed of the hashes of names in large directories.
    pub hash_seed: Uuid,
    /// Volume name, at most 16 bytes; may be empty.
    pub label: String,
    /// Bytes in a block.
    pub block_size: BlockSize,
    /// How many inodes.
    pub inodes: InodeCount,
    /// Thousandths of the blocks that only root may fill; at most 500.
    pub reserved_per_mille: u16,
    /// The journal.
    pub journal: JournalSize,
    /// What the kernel does on errors.
    pub errors: ErrorPolicy,
    /// Whether there is a `/lost+found` with room for what `e2fsck` finds.
    pub lost_found: bool,
    /// When the filesystem was made.
    pub time: Timestamp,
}

impl Ext4Options {
    /// 4 KiB blocks, an inode for each 16 KiB, 5 % reserved, a journal by size, `/lost+found`.
    #[must_use]
    pub fn new(uuid: Uuid, hash_seed: Uuid) -> Self {
        Self {
            uuid,
            hash_seed,
            label: String::new(),
            block_size: BlockSize::default(),
            inodes: InodeCount::PerBytes(16384),
            reserved_per_mille: 50,
            journal: JournalSize::default(),
            errors: ErrorPolicy::default(),
            lost_found: true,
            time: Timestamp::default(),
        }
    }
}
