//! What a hash area says of itself.

use std::io;

use kurmadisk_formats::read_at::ReadAt;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use super::geometry::Geometry;
use super::options::{VerityError, VerityOptions};
use super::spec::{HASH_TYPE_NORMAL, SHA256, SIGNATURE, Superblock, VERSION};
use super::tree::digest;
use super::{HashArea, RootHash};

/// A hash area as its superblock describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashAreaHeader {
    /// How it was made.
    pub options: VerityOptions,
    /// Blocks of data that it protects.
    pub data_blocks: u64,
    /// What its uppermost block hashes to: the root hash, if nothing was changed. None for data of one block,
    /// which is not hashed here.
    pub root_hash: Option<RootHash>,
    /// Bytes of superblock and tree.
    pub len: u64,
}

/// A hash area is none that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HashAreaFault {
    /// No superblock is there.
    #[error("there is no superblock of dm-verity")]
    None,
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// It is of a kind that is not made here.
    #[error("its {field} is not supported: {value}")]
    Unsupported {
        /// The field of the superblock.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// A field that cannot be.
    #[error("its superblock is damaged")]
    Damaged(#[source] VerityError),
    /// The tree is longer than what it lies in.
    #[error("its hash tree takes {needed} bytes, and there are {len}")]
    Truncated {
        /// Bytes of superblock and tree.
        needed: u64,
        /// Bytes that are there.
        len: u64,
    },
}

/// Reads the superblock and the uppermost block of the hash area that `area` begins with.
pub fn read(area: &dyn ReadAt) -> Result<HashAreaHeader, HashAreaFault> {
    let mut superblock = Superblock::new_zeroed();
    if area.len() < size_of::<Superblock>() as u64 {
        return Err(HashAreaFault::None);
    }
    area.read_exact_at(0, superblock.as_mut_bytes())
        .map_err(HashAreaFault::Read)?;
    if superblock.signature != SIGNATURE {
        return Err(HashAreaFault::None);
    }
    let options = options(&superblock)?;
    let data_blocks = superblock.data_blocks.get();
    let data_len = data_blocks
        .checked_mul(options.data_block_size.into())
        .ok_or_else(|| unsupported("number of data blocks", data_blocks))?;
    let needed = HashArea::len_for(data_len, &options).map_err(HashAreaFault::Damaged)?;
    let geometry = Geometry::new(data_len, &options).map_err(HashAreaFault::Damaged)?;
    let len = area.len();
    if needed > len {
        return Err(HashAreaFault::Truncated { needed, len });
    }
    let root_hash = geometry.levels.last().map(|top| {
        let mut block = vec![0; usize::try_from(options.hash_block_size).unwrap_or_default()];
        area.read_exact_at(top.first * u64::from(options.hash_block_size), &mut block)?;
        let salted = Sha256::new_with_prefix(&options.salt);
        Ok(RootHash(digest(&salted, &block)))
    });
    Ok(HashAreaHeader {
        root_hash: root_hash.transpose().map_err(HashAreaFault::Read)?,
        options,
        data_blocks,
        len: needed,
    })
}

fn options(superblock: &Superblock) -> Result<VerityOptions, HashAreaFault> {
    let (version, hash_type) = (superblock.version.get(), superblock.hash_type.get());
    if version != VERSION {
        return Err(unsupported("version", version));
    }
    if hash_type != HASH_TYPE_NORMAL {
        return Err(unsupported("hash type", hash_type));
    }
    if superblock.algorithm != SHA256 {
        let name = superblock.algorithm.split(|byte| *byte == 0).next();
        let name = name.unwrap_or_default().escape_ascii().to_string();
        return Err(unsupported("hash", name));
    }
    let salt = usize::from(superblock.salt_size.get());
    let salt = superblock.salt.get(..salt);
    let salt = salt.ok_or_else(|| unsupported("size of the salt", superblock.salt_size.get()))?;
    let options = VerityOptions {
        data_block_size: superblock.data_block_size.get(),
        hash_block_size: superblock.hash_block_size.get(),
        salt: salt.to_vec(),
        uuid: Uuid::from_bytes(superblock.uuid),
    };
    options.check().map_err(HashAreaFault::Damaged)?;
    Ok(options)
}

fn unsupported(field: &'static str, value: impl std::fmt::Display) -> HashAreaFault {
    HashAreaFault::Unsupported {
        field,
        value: value.to_string(),
    }
}
