//! The superblock of a dm-verity hash area.
//!
//! Nothing but cryptsetup's source (`lib/verity/verity.c`, `struct verity_sb`) describes it; the kernel never reads
//! it. The hash tree behind it is that of the kernel's `Documentation/admin-guide/device-mapper/verity.rst`.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What the superblock begins with.
pub const SIGNATURE: [u8; 8] = *b"verity\0\0";
/// The version of the superblock.
pub const VERSION: u32 = 1;
/// The salt comes before the data that is hashed, and digests are padded to a power of two.
pub const HASH_TYPE_NORMAL: u32 = 1;
/// The name of SHA-256, filled with NULs.
pub const SHA256: [u8; 32] = *b"sha256\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// The most bytes that a salt has.
pub const MAX_SALT: usize = 256;

/// The superblock; the block it lies in is filled with zeros.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Superblock {
    /// [`SIGNATURE`].
    pub signature: [u8; 8],
    /// [`VERSION`].
    pub version: U32,
    /// [`HASH_TYPE_NORMAL`]; 0 is that of the first Chrome OS.
    pub hash_type: U32,
    /// Tells hash areas apart.
    pub uuid: [u8; 16],
    /// The hash's name in the kernel: [`SHA256`].
    pub algorithm: [u8; 32],
    /// Bytes in a block of data.
    pub data_block_size: U32,
    /// Bytes in a block of the hash area.
    pub hash_block_size: U32,
    /// How many blocks of data are protected.
    pub data_blocks: U64,
    /// Bytes of the salt.
    pub salt_size: U16,
    /// 0.
    pub reserved_before_salt: [u8; 6],
    /// The salt, filled with zeros.
    pub salt: [u8; MAX_SALT],
    /// 0.
    pub reserved_behind_salt: [u8; 168],
}

const _: () = assert!(size_of::<Superblock>() == 512);
const _: () = assert!(std::mem::offset_of!(Superblock, uuid) == 0x10);
const _: () = assert!(std::mem::offset_of!(Superblock, data_block_size) == 0x40);
const _: () = assert!(std::mem::offset_of!(Superblock, salt) == 0x58);
