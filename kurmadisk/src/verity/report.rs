//! A hash area in words.

use serde::Serialize;

use super::{RootHash, VerityOptions};

/// What is known of a hash area, ready for JSON. Offsets and sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HashAreaReport {
    /// What vouches for the data, in hexadecimal digits; unknown for an area that was read and has no tree.
    pub root_hash: Option<String>,
    /// The tree's UUID.
    pub uuid: String,
    /// What every block is hashed with, in hexadecimal digits.
    pub salt: String,
    /// How much is protected.
    pub data_size: u64,
    /// Bytes in a block of data.
    pub data_block_size: u32,
    /// Bytes in a block of hashes.
    pub hash_block_size: u32,
    /// Where the superblock is, from the partition's begin.
    pub offset: u64,
    /// Superblock and tree.
    pub size: u64,
}

impl HashAreaReport {
    pub(crate) fn new(
        options: &VerityOptions,
        root_hash: Option<RootHash>,
        data_size: u64,
        offset: u64,
        size: u64,
    ) -> Self {
        Self {
            root_hash: root_hash.map(|root| root.to_string()),
            uuid: options.uuid.to_string(),
            salt: data_encoding::HEXLOWER.encode(&options.salt),
            data_size,
            data_block_size: options.data_block_size,
            hash_block_size: options.hash_block_size,
            offset,
            size,
        }
    }
}
