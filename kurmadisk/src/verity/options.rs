//! What can be chosen, and what can be wrong with it.

use kurmadisk_formats::error::MapError;
use std::io;
use thiserror::Error;
use uuid::Uuid;

use super::spec::MAX_SALT;

/// Bytes in blocks of data and of hashes where nothing else is said: those of a page, as `veritysetup` has them.
const BLOCK_SIZE: u32 = 4096;
/// The least and the largest block: device-mapper has sectors of 512 bytes, and reads no block larger than a page.
const BLOCK_SIZES: std::ops::RangeInclusive<u32> = 512..=4096;

/// What a hash area is made with. The hash is SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerityOptions {
    /// Bytes in a block of data: a power of two, 512 to 4096.
    pub data_block_size: u32,
    /// Bytes in a block of hashes: a power of two, 512 to 4096.
    pub hash_block_size: u32,
    /// What every block is hashed with; at most 256 bytes, none for no salt.
    pub salt: Vec<u8>,
    /// Tells hash areas apart.
    pub uuid: Uuid,
}

impl VerityOptions {
    /// Blocks of 4096 bytes.
    #[must_use]
    pub fn new(uuid: Uuid, salt: Vec<u8>) -> Self {
        Self {
            data_block_size: BLOCK_SIZE,
            hash_block_size: BLOCK_SIZE,
            salt,
            uuid,
        }
    }

    /// Fails when the kernel would not take it.
    pub fn check(&self) -> Result<(), VerityError> {
        for (field, size) in [
            ("data-block-size", self.data_block_size),
            ("hash-block-size", self.hash_block_size),
        ] {
            if !size.is_power_of_two() || !BLOCK_SIZES.contains(&size) {
                return Err(VerityError::BlockSize { field, size });
            }
        }
        if self.salt.len() > MAX_SALT {
            return Err(VerityError::Salt {
                len: self.salt.len(),
            });
        }
        Ok(())
    }
}

/// A hash area cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerityError {
    /// A block of a size that there isn't.
    #[error("{field} is {size} bytes; it must be 512, 1024, 2048 or 4096")]
    BlockSize {
        /// Which one.
        field: &'static str,
        /// What was asked for.
        size: u32,
    },
    /// A salt that is too long.
    #[error("the salt has {len} bytes; there is room for {MAX_SALT}")]
    Salt {
        /// How many it has.
        len: usize,
    },
    /// Data that is no whole number of blocks.
    #[error("{len} bytes of data are no whole number of blocks of {block} bytes")]
    DataLength {
        /// Bytes of data.
        len: u64,
        /// Bytes of a block.
        block: u32,
    },
    /// The data cannot be read.
    #[error("the data to be protected cannot be read")]
    Read(#[source] io::Error),
    /// The tree cannot be kept until it is written.
    #[error("the hash tree cannot be kept in {place}")]
    Scratch {
        /// The folder of scratch files, or memory.
        place: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The parts of the area collide: a fault of this crate's own arithmetic.
    #[error("the parts of the hash area do not fit together")]
    Map(#[from] MapError),
}
