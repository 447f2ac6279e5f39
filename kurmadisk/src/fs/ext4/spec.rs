//! The on-disk structures, as the kernel's `Documentation/filesystems/ext4/` describes them.
//!
//! Everything is little-endian but the journal. Offsets in comments are bytes from the structure's
//! begin.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, big_endian};

/// Offset of the superblock on the volume, whatever the block size.
pub const SUPERBLOCK_OFFSET: u64 = 1024;
pub const MAGIC: u16 = 0xef53;
/// The first inode that is not for the filesystem's own use.
pub const FIRST_INODE: u32 = 11;
pub const ROOT_INODE: u32 = 2;
pub const JOURNAL_INODE: u32 = 8;
/// What the blocks kept for more group descriptors belong to.
pub const RESIZE_INODE: u32 = 7;
/// Bytes of an inode in the first filesystems of this kind; newer fields lie behind them.
pub const OLD_INODE_SIZE: u16 = 128;
/// Bytes of an inode behind its first 128 that are in use.
pub const EXTRA_ISIZE: u16 = 32;
/// The most blocks one extent covers.
pub const MAX_EXTENT_BLOCKS: u32 = 32768;
/// Bytes of a directory block's tail, which holds its checksum.
pub const DIR_TAIL: u16 = 12;
/// Bytes of an index block's tail, which holds its checksum.
pub const DX_TAIL: usize = 8;
/// Half-MD4, the hash of names in indexed directories.
pub const DX_HASH_HALF_MD4: u8 = 1;
/// Bytes of an index's root from its reserved word to its entries.
pub const DX_ROOT_INFO_LENGTH: u8 = 8;

pub mod compat {
    pub const HAS_JOURNAL: u32 = 0x4;
    pub const EXT_ATTR: u32 = 0x8;
    pub const RESIZE_INODE: u32 = 0x10;
    pub const DIR_INDEX: u32 = 0x20;
    pub const ORPHAN_FILE: u32 = 0x1000;
}

pub mod incompat {
    pub const FILETYPE: u32 = 0x2;
    pub const EXTENTS: u32 = 0x40;
    pub const BITS64: u32 = 0x80;
    pub const FLEX_BG: u32 = 0x200;
    pub const CSUM_SEED: u32 = 0x2000;
    pub const LARGE_DIR: u32 = 0x4000;
}

pub mod ro_compat {
    pub const SPARSE_SUPER: u32 = 0x1;
    pub const LARGE_FILE: u32 = 0x2;
    pub const HUGE_FILE: u32 = 0x8;
    pub const GDT_CSUM: u32 = 0x10;
    pub const DIR_NLINK: u32 = 0x20;
    pub const EXTRA_ISIZE: u32 = 0x40;
    pub const METADATA_CSUM: u32 = 0x400;
    pub const READ_ONLY: u32 = 0x1000;
}

pub mod group_flags {
    /// The inode table and bitmap are not initialised: no inode is in use.
    pub const INODE_UNINIT: u16 = 0x1;
    /// The block bitmap is not initialised: only the group's own metadata is in use.
    pub const BLOCK_UNINIT: u16 = 0x2;
    /// What is unused of the inode table reads as zeros.
    pub const ITABLE_ZEROED: u16 = 0x4;
}

pub mod inode_flags {
    /// A directory with an index.
    pub const INDEX: u32 = 0x1000;
    pub const EXTENTS: u32 = 0x8_0000;
}

/// The type bits of `i_mode`, and the file types of directory entries.
pub mod file_type {
    pub const FIFO: (u16, u8) = (0x1000, 5);
    pub const CHAR_DEVICE: (u16, u8) = (0x2000, 3);
    pub const DIRECTORY: (u16, u8) = (0x4000, 2);
    pub const BLOCK_DEVICE: (u16, u8) = (0x6000, 4);
    pub const REGULAR: (u16, u8) = (0x8000, 1);
    pub const SYMLINK: (u16, u8) = (0xa000, 7);
    pub const SOCKET: (u16, u8) = (0xc000, 6);
    /// What a directory block's tail pretends to be.
    pub const TAIL: u8 = 0xde;
}

/// The superblock (`globals.rst`, "Super Block").
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone)]
#[repr(C)]
pub struct Superblock {
    pub inodes_count: U32,
    pub blocks_count_lo: U32,
    pub r_blocks_count_lo: U32,
    pub free_blocks_count_lo: U32,
    pub free_inodes_count: U32, // 0x10
    pub first_data_block: U32,
    pub log_block_size: U32,
    pub log_cluster_size: U32,
    pub blocks_per_group: U32, // 0x20
    pub clusters_per_group: U32,
    pub inodes_per_group: U32,
    pub mtime: U32,
    pub wtime: U32, // 0x30
    pub mnt_count: U16,
    pub max_mnt_count: U16,
    pub magic: U16,
    pub state: U16,
    pub errors: U16,
    pub minor_rev_level: U16,
    pub lastcheck: U32, // 0x40
    pub checkinterval: U32,
    pub creator_os: U32,
    pub rev_level: U32,
    pub def_resuid: U16, // 0x50
    pub def_resgid: U16,
    pub first_ino: U32,
    pub inode_size: U16,
    pub block_group_nr: U16,
    pub feature_compat: U32,
    pub feature_incompat: U32, // 0x60
    pub feature_ro_compat: U32,
    pub uuid: [u8; 16],        // 0x68
    pub volume_name: [u8; 16], // 0x78
    pub last_mounted: [u8; 64],
    pub algorithm_usage_bitmap: U32, // 0xc8
    pub prealloc_blocks: u8,
    pub prealloc_dir_blocks: u8,
    pub reserved_gdt_blocks: U16,
    pub journal_uuid: [u8; 16], // 0xd0
    pub journal_inum: U32,      // 0xe0
    pub journal_dev: U32,
    pub last_orphan: U32,
    pub hash_seed: [u8; 16], // 0xec
    pub def_hash_version: u8,
    pub jnl_backup_type: u8, // 0xfd
    pub desc_size: U16,
    pub default_mount_opts: U32, // 0x100
    pub first_meta_bg: U32,
    pub mkfs_time: U32,
    pub jnl_blocks: [U32; 17], // 0x10c
    pub blocks_count_hi: U32,  // 0x150
    pub r_blocks_count_hi: U32,
    pub free_blocks_count_hi: U32,
    pub min_extra_isize: U16, // 0x15c
    pub want_extra_isize: U16,
    pub flags: U32, // 0x160
    pub raid_stride: U16,
    pub mmp_interval: U16,
    pub mmp_block: U64,
    pub raid_stripe_width: U32, // 0x170
    pub log_groups_per_flex: u8,
    pub checksum_type: u8,
    pub reserved_pad: U16,
    pub kbytes_written: U64, // 0x178
    /// Snapshots (never used) and the record of the first and last error.
    pub records: [u8; 128], // 0x180
    pub mount_opts: [u8; 64], // 0x200
    pub usr_quota_inum: U32,
    pub grp_quota_inum: U32,
    pub overhead_blocks: U32, // 0x248
    pub backup_bgs: [U32; 2],
    pub encrypt: [u8; 20],
    pub lpf_ino: U32, // 0x268
    pub prj_quota_inum: U32,
    pub checksum_seed: U32, // 0x270
    /// Eight more bits each of `wtime`, `mtime`, `mkfs_time`, `lastcheck` and the two errors' times.
    pub time_hi: [u8; 6], // 0x274
    pub name_encoding: [u8; 6],
    pub orphan_file_inum: U32, // 0x280
    pub reserved: [u8; 376],
    pub checksum: U32, // 0x3fc
}

const _: () = assert!(size_of::<Superblock>() == 1024);
const _: () = assert!(core::mem::offset_of!(Superblock, uuid) == 0x68);
const _: () = assert!(core::mem::offset_of!(Superblock, hash_seed) == 0xec);
const _: () = assert!(core::mem::offset_of!(Superblock, jnl_blocks) == 0x10c);
const _: () = assert!(core::mem::offset_of!(Superblock, flags) == 0x160);
const _: () = assert!(core::mem::offset_of!(Superblock, mount_opts) == 0x200);
const _: () = assert!(core::mem::offset_of!(Superblock, overhead_blocks) == 0x248);
const _: () = assert!(core::mem::offset_of!(Superblock, lpf_ino) == 0x268);
const _: () = assert!(core::mem::offset_of!(Superblock, checksum_seed) == 0x270);
const _: () = assert!(core::mem::offset_of!(Superblock, orphan_file_inum) == 0x280);
const _: () = assert!(core::mem::offset_of!(Superblock, checksum) == 0x3fc);

/// A block group descriptor (`group_descr.rst`); without the feature `64bit`, its first 32 bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone)]
#[repr(C)]
pub struct GroupDescriptor {
    pub block_bitmap_lo: U32,
    pub inode_bitmap_lo: U32,
    pub inode_table_lo: U32,
    pub free_blocks_lo: U16,
    pub free_inodes_lo: U16,
    pub used_dirs_lo: U16, // 0x10
    pub flags: U16,
    pub exclude_bitmap_lo: U32,
    pub block_bitmap_csum_lo: U16, // 0x18
    pub inode_bitmap_csum_lo: U16,
    pub itable_unused_lo: U16,
    pub checksum: U16,        // 0x1e
    pub block_bitmap_hi: U32, // 0x20
    pub inode_bitmap_hi: U32,
    pub inode_table_hi: U32,
    pub free_blocks_hi: U16,
    pub free_inodes_hi: U16,
    pub used_dirs_hi: U16, // 0x30
    pub itable_unused_hi: U16,
    pub exclude_bitmap_hi: U32,
    pub block_bitmap_csum_hi: U16, // 0x38
    pub inode_bitmap_csum_hi: U16,
    pub reserved: U32,
}

const _: () = assert!(size_of::<GroupDescriptor>() == 64);

/// An inode (`inodes.rst`) of 256 bytes, the last 96 of them for attributes; one of 128 bytes is its front.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone)]
#[repr(C)]
pub struct Inode {
    pub mode: U16,
    pub uid_lo: U16,
    pub size_lo: U32,
    pub atime: U32,
    pub ctime: U32,
    pub mtime: U32, // 0x10
    pub dtime: U32,
    pub gid_lo: U16,
    pub links_count: U16,
    pub blocks_lo: U32,
    pub flags: U32, // 0x20
    pub version: U32,
    pub block: [u8; 60], // 0x28
    pub generation: U32, // 0x64
    pub file_acl_lo: U32,
    pub size_hi: U32,
    pub obso_faddr: U32, // 0x70
    pub blocks_hi: U16,
    pub file_acl_hi: U16,
    pub uid_hi: U16, // 0x78
    pub gid_hi: U16,
    pub checksum_lo: U16, // 0x7c
    pub reserved: U16,
    pub extra_isize: U16, // 0x80
    pub checksum_hi: U16,
    pub ctime_extra: U32,
    pub mtime_extra: U32,
    pub atime_extra: U32,
    pub crtime: U32, // 0x90
    pub crtime_extra: U32,
    pub version_hi: U32,
    pub projid: U32,
    pub attributes: [u8; 96], // 0xa0
}

const _: () = assert!(size_of::<Inode>() == 256);
const _: () = assert!(core::mem::offset_of!(Inode, checksum_lo) == 0x7c);
const _: () = assert!(core::mem::offset_of!(Inode, extra_isize) == OLD_INODE_SIZE as usize);
const _: () = assert!(core::mem::offset_of!(Inode, attributes) == 128 + EXTRA_ISIZE as usize);

/// What attributes begin with, in an inode and in a block.
pub const XATTR_MAGIC: u32 = 0xea02_0000;

/// The head of a block of attributes (`attributes.rst`, `struct ext4_xattr_header`).
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct XattrHeader {
    pub magic: U32,
    pub refcount: U32,
    pub blocks: U32,
    pub hash: U32,
    pub checksum: U32, // 0x10
    pub reserved: [U32; 3],
}

/// The head of an entry (`attributes.rst`, `struct ext4_xattr_entry`); the name follows.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct XattrEntryHead {
    pub name_len: u8,
    pub name_index: u8,
    pub value_offset: U16,
    pub value_inode: U32,
    pub value_size: U32,
    pub hash: U32,
}

const _: () = assert!(size_of::<XattrHeader>() == 32);
const _: () = assert!(core::mem::offset_of!(XattrHeader, checksum) == 0x10);
const _: () = assert!(size_of::<XattrEntryHead>() == 16);

/// The head of a node of an extent tree (`ifork.rst`, "Extent Tree").
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ExtentHeader {
    pub magic: U16,
    pub entries: U16,
    pub max: U16,
    pub depth: U16,
    pub generation: U32,
}

pub const EXTENT_MAGIC: u16 = 0xf30a;

/// An entry of an inner node of an extent tree.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ExtentIndex {
    pub block: U32,
    pub leaf_lo: U32,
    pub leaf_hi: U16,
    pub unused: U16,
}

/// An entry of a leaf of an extent tree.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ExtentLeaf {
    pub block: U32,
    pub len: U16,
    pub start_hi: U16,
    pub start_lo: U32,
}

const _: () = assert!(size_of::<ExtentHeader>() == 12);
const _: () = assert!(size_of::<ExtentIndex>() == 12);
const _: () = assert!(size_of::<ExtentLeaf>() == 12);

/// The head of a directory entry (`directory.rst`, "Linear Directories"); the name follows.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DirEntryHead {
    pub inode: U32,
    pub rec_len: U16,
    pub name_len: u8,
    pub file_type: u8,
}

const _: () = assert!(size_of::<DirEntryHead>() == 8);

/// The head of an index's root (`directory.rst`, `struct dx_root`); [`DxEntry`]s follow.
#[derive(FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DxRootHead {
    pub dot: DirEntryHead,
    pub dot_name: [u8; 4],
    pub dotdot: DirEntryHead, // 0xc
    pub dotdot_name: [u8; 4],
    pub reserved: U32, // 0x18
    pub hash_version: u8,
    pub info_length: u8,
    pub indirect_levels: u8,
    pub unused_flags: u8,
}

/// An entry of an index: the block of names that begin with this hash, or of the index below.
#[derive(FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DxEntry {
    pub hash: U32,
    pub block: U32,
}

/// What the first entry of an index block has in place of a hash: how many entries have room, and how many
/// there are.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DxCountLimit {
    pub limit: U16,
    pub count: U16,
}

const _: () = assert!(size_of::<DxRootHead>() == 0x20);
const _: () = assert!(size_of::<DxEntry>() == 8 && size_of::<DxCountLimit>() == 4);
const _: () = assert!(DX_ROOT_INFO_LENGTH as usize + 0x18 == size_of::<DxRootHead>());

/// The superblock of a journal (`journal.rst`, "Super Block"), version 2; big-endian.
#[derive(FromZeros, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct JournalSuperblock {
    pub magic: big_endian::U32,
    pub blocktype: big_endian::U32,
    pub header_sequence: big_endian::U32,
    pub blocksize: big_endian::U32,
    pub maxlen: big_endian::U32, // 0x10
    pub first: big_endian::U32,
    pub sequence: big_endian::U32,
    /// The block the log starts at; 0 says that it is clean.
    pub start: big_endian::U32,
    pub errno: big_endian::U32, // 0x20
    pub feature_compat: big_endian::U32,
    pub feature_incompat: big_endian::U32,
    pub feature_ro_compat: big_endian::U32,
    pub uuid: [u8; 16],            // 0x30
    pub nr_users: big_endian::U32, // 0x40
    pub rest: [u8; 0x3bc],
}

pub const JOURNAL_MAGIC: u32 = 0xc03b_3998;
pub const JOURNAL_SUPERBLOCK_V2: u32 = 4;

const _: () = assert!(size_of::<JournalSuperblock>() == 1024);
