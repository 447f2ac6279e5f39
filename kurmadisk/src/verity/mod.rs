//! dm-verity: a tree of hashes that vouches for every block of a filesystem.
//!
//! The kernel checks each block of data that it reads against a tree of digests; who knows the tree's root hash,
//! 32 bytes, knows that no bit of the data has changed. [`HashArea::build`] reads the data once and makes what
//! `veritysetup format` would: a superblock, and behind it the levels of the tree, the root first.
//!
//! The tree takes 1/127 of the data. Levels of more than 8 MiB wait in a scratch file until they are written.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the superblock |
//! | `options` | [`VerityOptions`], [`VerityError`] |
//! | `geometry` | where the levels lie |
//! | `tree` | the data hashed |
//! | `read` | what a hash area says of itself |
//! | `report` | [`HashAreaReport`]: that in words |

mod geometry;
mod options;
mod read;
mod report;
pub mod spec;
mod tree;

use std::fmt;

use kurmadisk_formats::map::DiskMap;
use uuid::Uuid;
use zerocopy::IntoBytes;

pub use options::{VerityError, VerityOptions};
pub use read::{HashAreaFault, HashAreaHeader, read};
pub use report::HashAreaReport;

use crate::source::Scratch;
use geometry::Geometry;
use spec::{HASH_TYPE_NORMAL, MAX_SALT, SHA256, SIGNATURE, Superblock, VERSION};

/// Bytes of a digest of SHA-256.
const DIGEST_LEN: usize = 32;
type Digest = [u8; DIGEST_LEN];

/// What vouches for all of the data. Shown as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RootHash(Digest);

impl RootHash {
    /// Its first 128 bits: the PARTUUID of the partition with the data, by which the Discoverable Partitions
    /// Specification has it found.
    #[must_use]
    pub fn data_partition(self) -> Uuid {
        Uuid::from_bytes(self.half(0))
    }

    /// Its last 128 bits: the PARTUUID of the partition with the hashes.
    #[must_use]
    pub fn hash_partition(self) -> Uuid {
        Uuid::from_bytes(self.half(DIGEST_LEN / 2))
    }

    fn half(self, from: usize) -> [u8; 16] {
        let mut half = [0; DIGEST_LEN / 2];
        half.copy_from_slice(&self.0[from..from + DIGEST_LEN / 2]);
        half
    }
}

impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A superblock and a hash tree.
#[derive(Clone, Debug)]
pub struct HashArea {
    /// The area's bytes; it begins at a multiple of a block of hashes, wherever it is put.
    pub map: DiskMap,
    /// What vouches for the data.
    pub root_hash: RootHash,
}

impl HashArea {
    /// Bytes of the area for `data_len` bytes of data.
    pub fn len_for(data_len: u64, options: &VerityOptions) -> Result<u64, VerityError> {
        options.check()?;
        let geometry = Geometry::new(data_len, options)?;
        Ok(geometry.blocks * u64::from(options.hash_block_size))
    }

    /// Reads all of `data` and makes the area for it. Large levels of the tree go where `scratch` says.
    pub fn build(
        data: &DiskMap,
        options: &VerityOptions,
        scratch: &Scratch,
    ) -> Result<Self, VerityError> {
        let len = Self::len_for(data.len(), options)?;
        let geometry = Geometry::new(data.len(), options)?;
        let tree = tree::build(data, &geometry, options, scratch)?;
        let mut map = DiskMap::new(len);
        map.insert_bytes(0, superblock(&geometry, options).as_bytes().to_vec())?;
        for (level, content) in geometry.levels.iter().zip(tree.levels) {
            map.splice(level.first * u64::from(options.hash_block_size), content)?;
        }
        Ok(Self {
            map,
            root_hash: RootHash(tree.root),
        })
    }
}

/// The superblock for options that were checked.
fn superblock(geometry: &Geometry, options: &VerityOptions) -> Superblock {
    let mut salt = [0; MAX_SALT];
    salt[..options.salt.len()].copy_from_slice(&options.salt);
    Superblock {
        signature: SIGNATURE,
        version: VERSION.into(),
        hash_type: HASH_TYPE_NORMAL.into(),
        uuid: *options.uuid.as_bytes(),
        algorithm: SHA256,
        data_block_size: options.data_block_size.into(),
        hash_block_size: options.hash_block_size.into(),
        data_blocks: geometry.data_blocks.into(),
        salt_size: u16::try_from(options.salt.len()).unwrap_or_default().into(),
        reserved_before_salt: [0; 6],
        salt,
        reserved_behind_salt: [0; 168],
    }
}
