//! Blocks of names (`directory.rst`, "Linear Directories"): entries one after the other, and a tail with
//! the block's checksum if there is one.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use super::{Directory, Entry, Format, entry_len};
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::spec::{DIR_TAIL, DirEntryHead, file_type};

/// How many blocks a directory with names of these lengths fills, `.` and `..` not among them.
pub fn block_count(name_lens: impl Iterator<Item = usize>, format: &Format) -> u64 {
    let room = format.room();
    let mut blocks = 1;
    let mut filled = entry_len(1) + entry_len(2);
    for len in name_lens.map(entry_len) {
        if filled + len > room {
            blocks += 1;
            filled = 0;
        }
        filled += len;
    }
    blocks
}

/// The blocks of a directory, one after the other: `.`, `..` and its entries in their order.
pub fn blocks(directory: &Directory<'_>, format: &Format) -> Vec<u8> {
    let dot = |inode, name| Entry {
        inode,
        name,
        file_type: file_type::DIRECTORY.1,
    };
    let mut writer = Writer::new(Vec::new(), format, directory.seed);
    writer.add(&dot(directory.inode, b"."));
    writer.add(&dot(directory.parent, b".."));
    for entry in directory.entries {
        writer.add(entry);
    }
    writer.finish_block();
    writer.bytes
}

/// A block that holds no name but room for them.
pub fn empty_block(format: &Format, seed: Option<Checksum>) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), format, seed);
    writer.add(&Entry {
        inode: 0,
        name: b"",
        file_type: 0,
    });
    writer.finish_block();
    writer.bytes
}

/// Writes names into blocks, one after the other.
pub struct Writer<'a> {
    format: &'a Format,
    seed: Option<Checksum>,
    /// Finished blocks, and the one that is being filled.
    pub bytes: Vec<u8>,
    /// Where that one begins.
    start: usize,
    /// Where its last entry begins, which reaches to the block's end or tail.
    last: usize,
}

impl<'a> Writer<'a> {
    /// Goes on behind the blocks in `bytes`; `seed` is what blocks' checksums begin with, if they have any.
    pub fn new(bytes: Vec<u8>, format: &'a Format, seed: Option<Checksum>) -> Self {
        let start = bytes.len();
        Self {
            format,
            seed,
            bytes,
            start,
            last: start,
        }
    }

    /// Writes a name into the block, or the next one if it has no room.
    pub fn add(&mut self, entry: &Entry<'_>) {
        let len = entry_len(entry.name.len());
        if self.bytes.len() - self.start + len > self.format.room() {
            self.finish_block();
        }
        self.last = self.bytes.len();
        let head = DirEntryHead {
            inode: U32::new(entry.inode),
            rec_len: U16::new(u16_of(len)),
            name_len: entry
                .name
                .len()
                .try_into()
                .expect("names were checked in the plan"),
            file_type: self.format.file_type(entry.file_type),
        };
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(entry.name);
        self.bytes.resize(self.last + len, 0);
    }

    /// Ends the block: what comes next is in another one.
    pub fn finish_block(&mut self) {
        let end = self.start + self.format.room();
        let rec_len = u16_of(end - self.last).to_le_bytes();
        self.bytes[self.last + 4..self.last + 6].copy_from_slice(&rec_len);
        self.bytes.resize(end, 0);
        if let Some(seed) = self.seed {
            let checksum = seed.update(&self.bytes[self.start..]).value();
            let tail = DirEntryHead {
                inode: U32::new(0),
                rec_len: U16::new(DIR_TAIL),
                name_len: 0,
                file_type: file_type::TAIL,
            };
            self.bytes.extend_from_slice(tail.as_bytes());
            self.bytes.extend_from_slice(&checksum.to_le_bytes());
        }
        self.start = self.bytes.len();
    }
}

fn u16_of(len: usize) -> u16 {
    u16::try_from(len).expect("a block has at most 4096 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::ext4::options::BlockSize;

    const SEED: Checksum = Checksum::START;

    fn pack(names: &[Vec<u8>], format: &Format) -> Vec<u8> {
        let entries: Vec<_> = (12..)
            .zip(names)
            .map(|(inode, name)| Entry {
                inode,
                name,
                file_type: file_type::REGULAR.1,
            })
            .collect();
        let directory = Directory {
            inode: 11,
            parent: 2,
            entries: &entries,
            seed: format.checksums.then_some(SEED),
        };
        blocks(&directory, format)
    }

    /// The entries of a block up to its tail: inode, name, and that they fill it without a gap.
    fn unpack(block: &[u8], format: &Format) -> Vec<(u32, Vec<u8>)> {
        let end = format.room();
        let mut found = Vec::new();
        let mut at = 0;
        while at < end {
            let inode = u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
            let rec_len = usize::from(u16::from_le_bytes([block[at + 4], block[at + 5]]));
            let name = block[at + 8..at + 8 + usize::from(block[at + 6])].to_vec();
            assert!(rec_len.is_multiple_of(4) && rec_len >= entry_len(name.len()));
            found.push((inode, name));
            at += rec_len;
        }
        assert_eq!(at, end);
        if format.checksums {
            assert_eq!(block[end..end + 8], [0, 0, 0, 0, 12, 0, 0, 0xde]);
            let sum = SEED.update(&block[..end]).value().to_le_bytes();
            assert_eq!(block[end + 8..], sum);
        }
        found
    }

    #[test]
    fn blocks_hold_the_names_in_order_and_as_many_as_were_counted() {
        let sizes = [BlockSize::B1024, BlockSize::B2048, BlockSize::B4096];
        for (block_size, checksums) in sizes
            .into_iter()
            .flat_map(|size| [(size, true), (size, false)])
        {
            let format = Format::linear(block_size, checksums);
            for count in [0, 1, 2, 30, 31, 32, 500] {
                for len in [1, 3, 4, 5, 36, 252, 255] {
                    let name = |number: usize| {
                        let mut name = format!("{number:0>3}").into_bytes();
                        name.resize(1 + (number * 7 + len) % 255, b'x');
                        name
                    };
                    let names: Vec<_> = (0..count).map(name).collect();
                    let packed = pack(&names, &format);
                    let blocks = packed.chunks_exact(format.block_size);
                    assert_eq!(packed.len() % format.block_size, 0);
                    let lens = names.iter().map(Vec::len);
                    assert_eq!(blocks.len() as u64, block_count(lens, &format));
                    let found: Vec<_> = blocks.flat_map(|block| unpack(block, &format)).collect();
                    let dots = [(11, b".".to_vec()), (2, b"..".to_vec())];
                    let expected: Vec<_> = dots.into_iter().chain((12..).zip(names)).collect();
                    assert_eq!(found, expected);
                }
            }
        }
    }

    #[test]
    fn a_block_may_be_filled_to_its_tail_or_end() {
        // 24 bytes of dots, then 988 of names: with one byte more they need a second block.
        for (checksums, last) in [(true, 188), (false, 200)] {
            let fits = [
                vec![b'a'; 255],
                vec![b'b'; 255],
                vec![b'c'; 255],
                vec![b'd'; last],
            ];
            let format = Format::linear(BlockSize::B1024, checksums);
            let names = fits.iter().map(|name| entry_len(name.len())).sum::<usize>();
            assert_eq!(24 + names, format.room());
            assert_eq!(pack(&fits, &format).len(), 1024);
            let mut more = fits;
            more[3].push(b'd');
            assert_eq!(pack(&more, &format).len(), 2048);
        }
    }

    #[test]
    fn an_empty_block_has_one_entry_without_a_name() {
        let format = Format::linear(BlockSize::B4096, true);
        let block = empty_block(&format, Some(SEED));
        assert_eq!(unpack(&block, &format), [(0, Vec::new())]);
    }
}
