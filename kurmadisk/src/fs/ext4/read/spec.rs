//! What only others put into a filesystem: bits and numbers beyond those of [`crate::fs::ext4::spec`].

pub mod compat {
    /// Two groups, named in the superblock, have copies of it.
    pub const SPARSE_SUPER2: u32 = 0x200;
}

pub mod incompat {
    /// The journal must be replayed.
    pub const NEEDS_RECOVERY: u32 = 0x4;
    /// This is the journal of another filesystem.
    pub const JOURNAL_DEVICE: u32 = 0x8;
    /// Descriptors lie with the groups they are of.
    pub const META_BG: u32 = 0x10;
    /// Two hosts may not mount it at once.
    pub const MMP: u32 = 0x100;
    /// Values of attributes may lie in inodes of their own.
    pub const EA_INODE: u32 = 0x400;
    /// Contents may lie in the inode.
    pub const INLINE_DATA: u32 = 0x8000;
    /// There may be encrypted files.
    pub const ENCRYPT: u32 = 0x1_0000;
    /// There may be directories whose names are compared without case.
    pub const CASEFOLD: u32 = 0x2_0000;
}

pub mod ro_compat {
    /// The orphan file has entries.
    pub const ORPHAN_PRESENT: u32 = 0x1_0000;
}

/// `s_state`.
pub mod state {
    /// Unmounted cleanly.
    pub const CLEAN: u16 = 1;
    /// Errors were found.
    pub const ERRORS: u16 = 2;
}

pub mod inode_flags {
    pub const ENCRYPT: u32 = 0x800;
    /// Protected by fs-verity.
    pub const VERITY: u32 = 0x10_0000;
    /// Holds the value of an attribute.
    pub const EA_INODE: u32 = 0x20_0000;
    /// The content begins in `i_block` and goes on in the attribute `system.data`.
    pub const INLINE_DATA: u32 = 0x1000_0000;
    /// A directory whose names are compared without case.
    pub const CASEFOLD: u32 = 0x4000_0000;
}

/// `s_log_block_size` of blocks of 64 KiB, the largest there are.
pub const MAX_LOG_BLOCK_SIZE: u32 = 6;
/// `s_checksum_type`: crc32c.
pub const CRC32C: u8 = 1;
/// An extent of more blocks than [`MAX_EXTENT_BLOCKS`](crate::fs::ext4::spec::MAX_EXTENT_BLOCKS) is one of so
/// many fewer that were never written.
pub const UNWRITTEN_FROM: u32 = 32768;
/// The deepest extent tree.
pub const MAX_DEPTH: u16 = 5;
/// The largest value of an attribute that Linux gives or takes (`XATTR_SIZE_MAX`).
pub const MAX_VALUE: u32 = 65_536;
