//! The blocks of an indexed directory (`directory.rst`, "Hash Tree Directories"): the index's root, its
//! further levels from the upper to the lower, then the names in the order of their hashes.

use std::ops::Range;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use super::index::Index;
use super::linear::Writer;
use super::{Directory, Format};
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::spec::{
    DX_HASH_HALF_MD4, DX_ROOT_INFO_LENGTH, DirEntryHead, DxCountLimit, DxEntry, DxRootHead,
    file_type,
};

/// The blocks of an indexed directory, one after the other.
pub fn blocks(directory: &Directory<'_>, format: &Format, index: &Index) -> Vec<u8> {
    let mut writer = IndexWriter {
        format,
        seed: directory.seed,
        bytes: Vec::with_capacity(index.blocks() * format.block_size),
    };
    let levels = first_hashes(index);
    let root = root_head(directory, format, index);
    let mut first = 1;
    writer.add(root.as_bytes(), format.root_limit(), &levels[0], first);
    let head = node_head(format);
    for level in levels.windows(2) {
        let (nodes, below) = (&level[0], &level[1]);
        first += nodes.len();
        for part in parts(below.len(), nodes.len()) {
            let at = first + part.start;
            writer.add(head.as_bytes(), format.node_limit(), &below[part], at);
        }
    }
    let mut writer = Writer::new(writer.bytes, format, directory.seed);
    for numbers in index.leaves() {
        for number in numbers {
            writer.add(&directory.entries[*number as usize]);
        }
        writer.finish_block();
    }
    writer.bytes
}

/// The hash each block begins with: those right below the root first, those of names last.
fn first_hashes(index: &Index) -> Vec<Vec<u32>> {
    let mut levels = vec![index.hashes().collect::<Vec<_>>()];
    for nodes in index.nodes().iter().rev() {
        let below = &levels[levels.len() - 1];
        let hashes = parts(below.len(), *nodes).map(|part| below[part.start]);
        levels.push(hashes.collect());
    }
    levels.reverse();
    levels
}

/// `len` things in `count` parts of nearly the same size.
fn parts(len: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).map(move |part| len * part / count..len * (part + 1) / count)
}

/// The root looks like two names, the second of which takes all the rest of the block.
fn root_head(directory: &Directory<'_>, format: &Format, index: &Index) -> DxRootHead {
    let dot = |inode, rec_len, name_len| DirEntryHead {
        inode: U32::new(inode),
        rec_len: u16_of(rec_len),
        name_len,
        file_type: format.file_type(file_type::DIRECTORY.1),
    };
    let levels = index.nodes().len();
    DxRootHead {
        dot: dot(directory.inode, 12, 1),
        dot_name: *b".\0\0\0",
        dotdot: dot(directory.parent, format.block_size - 12, 2),
        dotdot_name: *b"..\0\0",
        reserved: U32::new(0),
        hash_version: DX_HASH_HALF_MD4,
        info_length: DX_ROOT_INFO_LENGTH,
        indirect_levels: u8::try_from(levels).expect("an index has at most three levels"),
        unused_flags: 0,
    }
}

/// Any other block of the index looks like one unused entry.
fn node_head(format: &Format) -> DirEntryHead {
    DirEntryHead {
        inode: U32::new(0),
        rec_len: u16_of(format.block_size),
        name_len: 0,
        file_type: 0,
    }
}

struct IndexWriter<'a> {
    format: &'a Format,
    seed: Option<Checksum>,
    bytes: Vec<u8>,
}

impl IndexWriter<'_> {
    /// A block of the index over blocks from number `first` of the directory on, which begin with `hashes`.
    fn add(&mut self, head: &[u8], limit: usize, hashes: &[u32], first: usize) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(head);
        for (number, hash) in (first..).zip(hashes) {
            let entry = DxEntry {
                hash: U32::new(*hash),
                block: u32_of(number),
            };
            self.bytes.extend_from_slice(entry.as_bytes());
        }
        // The first block begins with the least hash there can be, which is not written.
        let counts = DxCountLimit {
            limit: u16_of(limit),
            count: u16_of(hashes.len()),
        };
        let entries = start + head.len();
        self.bytes[entries..entries + size_of::<DxCountLimit>()].copy_from_slice(counts.as_bytes());
        if let Some(seed) = self.seed {
            // Of the tail, a reserved word and the checksum itself as zeros.
            let sum = seed.update(&self.bytes[start..]).update(&[0; 8]).value();
            self.bytes
                .resize(entries + limit * size_of::<DxEntry>() + 4, 0);
            self.bytes.extend_from_slice(&sum.to_le_bytes());
        }
        self.bytes.resize(start + self.format.block_size, 0);
    }
}

fn u16_of(value: usize) -> U16 {
    U16::new(u16::try_from(value).expect("a block has at most 4096 bytes"))
}

fn u32_of(block: usize) -> U32 {
    U32::new(u32::try_from(block).expect("three levels lead to fewer than 2^28 blocks"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::fs::ext4::dir::{Entry, NameHasher};
    use crate::fs::ext4::options::{BlockSize, NameBytes};

    const SEED: Checksum = Checksum::START;

    /// An index as a reader walks it.
    struct Reader<'a> {
        bytes: &'a [u8],
        format: &'a Format,
        levels: u8,
    }

    impl Reader<'_> {
        fn block(&self, number: usize) -> &[u8] {
            &self.bytes[number * self.format.block_size..][..self.format.block_size]
        }

        /// The hashes and blocks of an index block, which has as much room as it says.
        fn entries(&self, block: usize) -> Vec<(u32, usize)> {
            let block = self.block(block);
            let root = block[4..6] == [12, 0];
            let (head, limit) = if root {
                (0x20, self.format.root_limit())
            } else {
                assert_eq!(block[..4], [0; 4]);
                (8, self.format.node_limit())
            };
            let half = |at| usize::from(u16::from_le_bytes([block[at], block[at + 1]]));
            let word = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
            let (found, count) = (half(head), half(head + 2));
            assert!(found == limit && count <= limit && count > 0);
            let (used, end) = (head + 8 * count, head + 8 * limit);
            if self.format.checksums {
                let sum = SEED.update(&block[..used]).update(&[0; 8]).value();
                assert_eq!((word(end), word(end + 4)), (0, sum));
                assert_eq!(end + 8, self.format.block_size);
            } else {
                assert_eq!(end, self.format.block_size);
            }
            let entry = |number: usize| {
                let at = head + 8 * number;
                let hash = if number == 0 { 0 } else { word(at) };
                (hash, word(at + 4) as usize)
            };
            (0..count).map(entry).collect()
        }

        /// The number of the block of names that hash leads to.
        fn find(&self, hash: u32) -> usize {
            let mut block = 0;
            for _ in 0..=self.levels {
                let entries = self.entries(block);
                assert!(entries.is_sorted());
                block = entries[entries.partition_point(|(first, _)| *first <= hash) - 1].1;
            }
            block
        }
    }

    #[test]
    fn every_hash_leads_to_its_name() {
        let hasher = NameHasher::new(Uuid::from_u128(7), NameBytes::Unsigned);
        for (checksums, count, levels) in [
            (true, 300, 0),
            (true, 372, 1),
            (false, 372, 0),
            (false, 4000, 1),
            (false, 60_000, 2),
        ] {
            let format = Format {
                hasher: Some(hasher),
                ..Format::linear(BlockSize::B1024, checksums)
            };
            let names: Vec<_> = (0..count).map(|number| format!("{number:0>250}")).collect();
            let entries: Vec<_> = (12..)
                .zip(&names)
                .map(|(inode, name)| Entry {
                    inode,
                    name: name.as_bytes(),
                    file_type: file_type::REGULAR.1,
                })
                .collect();
            let index =
                Index::new(entries.iter().map(|entry| entry.name), &format, &hasher).unwrap();
            let directory = Directory {
                inode: 11,
                parent: 2,
                entries: &entries,
                seed: checksums.then_some(SEED),
            };
            let bytes = blocks(&directory, &format, &index);
            assert_eq!(bytes.len(), index.blocks() * 1024);
            let reader = Reader {
                bytes: &bytes,
                format: &format,
                levels: bytes[0x1e],
            };
            assert_eq!(reader.levels, levels, "{count}");
            let hashes: Vec<u32> = index.hashes().collect();
            let first = index.blocks() - hashes.len();
            for name in &names {
                let hash = hasher.hash(name.as_bytes()).major;
                let mut block = reader.find(hash);
                let has = |part: &[u8]| part == name.as_bytes();
                // Two names with this hash may be in two blocks.
                while !reader.block(block).windows(name.len()).any(has) {
                    block += 1;
                    assert_eq!(hashes[block - first], hash | 1, "{name}");
                }
            }
        }
    }
}
