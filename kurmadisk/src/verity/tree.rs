//! The hash tree, made in one pass over the data.

use std::io;

use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;
use sha2::{Digest as _, Sha256};

use super::geometry::Geometry;
use super::options::{VerityError, VerityOptions};
use super::{DIGEST_LEN, Digest};
use crate::source::Scratch;
use crate::source::scratch::ScratchCopy;

/// Bytes of data that are read at a time; a multiple of every block size.
const WINDOW: u64 = 1 << 20;
/// A level of more bytes than this goes into a scratch file.
const IN_MEMORY: u64 = 8 << 20;

/// The levels of a tree, the first first, and the root hash.
pub(super) struct HashTree {
    pub levels: Vec<DiskMap>,
    pub root: Digest,
}

/// Hashes all of `data`, which has the length that `geometry` was made for.
pub(super) fn build(
    data: &DiskMap,
    geometry: &Geometry,
    options: &VerityOptions,
    scratch: &Scratch,
) -> Result<HashTree, VerityError> {
    let block = u64::from(options.data_block_size);
    let salted = Sha256::new_with_prefix(&options.salt);
    let zeros = vec![0; usize::try_from(block).unwrap_or_default()];
    let of_zeros = digest(&salted, &zeros);
    let mut tree = Growing::new(geometry, options, &salted, scratch)?;

    let reader = data.reader();
    let mut window = Vec::new();
    let mut next = 0;
    for run in data.block_runs(block) {
        // Nothing is in a hole, so nothing is read there.
        for _ in next..run.start {
            tree.push(of_zeros)?;
        }
        next = run.end;
        let (mut at, end) = (run.start * block, run.end * block);
        while at < end {
            let len = (end - at).min(WINDOW);
            window.resize(usize::try_from(len).unwrap_or_default(), 0);
            reader
                .read_exact_at(at, &mut window)
                .map_err(VerityError::Read)?;
            for piece in window.chunks_exact(zeros.len()) {
                tree.push(digest(&salted, piece))?;
            }
            at += len;
        }
    }
    for _ in next..geometry.data_blocks {
        tree.push(of_zeros)?;
    }
    let closed = reader.close().map_err(io::Error::other);
    closed.map_err(VerityError::Read)?;
    tree.finish()
}

/// The digest of one block.
pub(super) fn digest(salted: &Sha256, block: &[u8]) -> Digest {
    salted.clone().chain_update(block).finalize().into()
}

/// A tree that grows at the end of all its levels.
struct Growing<'a> {
    salted: &'a Sha256,
    block_size: usize,
    levels: Vec<GrowingLevel>,
    root: Digest,
}

struct GrowingLevel {
    copy: ScratchCopy,
    /// The block that is being filled.
    block: Vec<u8>,
}

impl<'a> Growing<'a> {
    fn new(
        geometry: &Geometry,
        options: &VerityOptions,
        salted: &'a Sha256,
        scratch: &Scratch,
    ) -> Result<Self, VerityError> {
        let levels = geometry.levels.iter().map(|level| {
            let bytes = level.blocks * u64::from(options.hash_block_size);
            let place = if bytes > IN_MEMORY {
                scratch
            } else {
                &Scratch::Memory
            };
            let copy = ScratchCopy::create(place).map_err(|source| VerityError::Scratch {
                place: match place {
                    Scratch::Memory => "memory".to_owned(),
                    Scratch::Folder(folder) => folder.display().to_string(),
                },
                source,
            })?;
            Ok(GrowingLevel {
                copy,
                block: Vec::new(),
            })
        });
        Ok(Self {
            salted,
            block_size: usize::try_from(options.hash_block_size).unwrap_or_default(),
            levels: levels.collect::<Result<_, VerityError>>()?,
            root: [0; DIGEST_LEN],
        })
    }

    /// Adds the digest of the next block of data.
    fn push(&mut self, digest: Digest) -> Result<(), VerityError> {
        self.push_into(0, digest)
    }

    /// Adds a digest to level `index`; that of the last level's block is the root hash.
    fn push_into(&mut self, index: usize, digest: Digest) -> Result<(), VerityError> {
        let Some(level) = self.levels.get_mut(index) else {
            self.root = digest;
            return Ok(());
        };
        level.block.extend_from_slice(&digest);
        if level.block.len() == self.block_size {
            self.close_block(index)?;
        }
        Ok(())
    }

    /// Writes the block of level `index`, and adds its digest to the level above.
    fn close_block(&mut self, index: usize) -> Result<(), VerityError> {
        let level = &mut self.levels[index];
        level.block.resize(self.block_size, 0);
        let written = level.copy.write(&level.block);
        written.map_err(|source| VerityError::Scratch {
            place: level.copy.path().display().to_string(),
            source,
        })?;
        let digest = digest(self.salted, &level.block);
        level.block.clear();
        self.push_into(index + 1, digest)
    }

    fn finish(mut self) -> Result<HashTree, VerityError> {
        for index in 0..self.levels.len() {
            if !self.levels[index].block.is_empty() {
                self.close_block(index)?;
            }
        }
        let levels = self.levels.into_iter().map(|level| {
            let place = level.copy.path().display().to_string();
            let map = level.copy.finish();
            map.map_err(|source| VerityError::Scratch { place, source })
        });
        Ok(HashTree {
            levels: levels.collect::<Result<_, _>>()?,
            root: self.root,
        })
    }
}
