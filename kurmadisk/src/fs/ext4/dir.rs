//! Directory blocks (`directory.rst`, "Linear Directories"): entries one after the other, and a
//! tail with the block's checksum.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use super::checksum::Checksum;
use super::spec::{DIR_TAIL, DirEntryHead, file_type};

/// One name of a directory.
pub struct Entry<'a> {
    pub inode: u32,
    pub name: &'a [u8],
    pub file_type: u8,
}

/// Names may have this many bytes.
pub const MAX_NAME: usize = 255;

/// Bytes an entry takes: its head and name, to a multiple of four.
fn entry_len(name_len: usize) -> usize {
    (size_of::<DirEntryHead>() + name_len).next_multiple_of(4)
}

/// How many blocks a directory with names of these lengths fills, `.` and `..` not among them.
pub fn block_count(name_lens: impl Iterator<Item = usize>, block_size: usize) -> u64 {
    let room = block_size - usize::from(DIR_TAIL);
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

/// The blocks of a directory, in order: `.`, `..` and `entries`.
///
/// `seed` is that of the directory's inode.
pub fn blocks<'a>(
    inode: u32,
    parent: u32,
    entries: impl Iterator<Item = Entry<'a>>,
    block_size: usize,
    seed: Checksum,
) -> Vec<Vec<u8>> {
    let directory = file_type::DIRECTORY.1;
    let mut writer = Writer::new(block_size, seed);
    writer.add(&Entry {
        inode,
        name: b".",
        file_type: directory,
    });
    writer.add(&Entry {
        inode: parent,
        name: b"..",
        file_type: directory,
    });
    for entry in entries {
        writer.add(&entry);
    }
    writer.finish_block();
    writer.blocks
}

/// A block that holds no name but room for them.
pub fn empty_block(block_size: usize, seed: Checksum) -> Vec<u8> {
    let mut writer = Writer::new(block_size, seed);
    writer.add(&Entry {
        inode: 0,
        name: b"",
        file_type: 0,
    });
    writer.finish_block();
    writer.blocks.swap_remove(0)
}

struct Writer {
    block_size: usize,
    seed: Checksum,
    blocks: Vec<Vec<u8>>,
    block: Vec<u8>,
    /// Where the last entry of the block begins: it reaches to the block's tail.
    last: usize,
}

impl Writer {
    fn new(block_size: usize, seed: Checksum) -> Self {
        Self {
            block_size,
            seed,
            blocks: Vec::new(),
            block: Vec::new(),
            last: 0,
        }
    }

    fn add(&mut self, entry: &Entry<'_>) {
        let len = entry_len(entry.name.len());
        if self.block.len() + len > self.block_size - usize::from(DIR_TAIL) {
            self.finish_block();
        }
        self.last = self.block.len();
        let head = DirEntryHead {
            inode: U32::new(entry.inode),
            rec_len: U16::new(u16_of(len)),
            name_len: entry
                .name
                .len()
                .try_into()
                .expect("names were checked in the plan"),
            file_type: entry.file_type,
        };
        self.block.extend_from_slice(head.as_bytes());
        self.block.extend_from_slice(entry.name);
        self.block.resize(self.last + len, 0);
    }

    fn finish_block(&mut self) {
        let room = self.block_size - usize::from(DIR_TAIL);
        let mut block = std::mem::take(&mut self.block);
        let rec_len = u16_of(room - self.last).to_le_bytes();
        block[self.last + 4..self.last + 6].copy_from_slice(&rec_len);
        block.resize(room, 0);
        let checksum = self.seed.update(&block).value();
        let tail = DirEntryHead {
            inode: U32::new(0),
            rec_len: U16::new(DIR_TAIL),
            name_len: 0,
            file_type: file_type::TAIL,
        };
        block.extend_from_slice(tail.as_bytes());
        block.extend_from_slice(&checksum.to_le_bytes());
        self.blocks.push(block);
    }
}

fn u16_of(len: usize) -> u16 {
    u16::try_from(len).expect("a block has at most 4096 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: Checksum = Checksum::START;

    fn pack(names: &[Vec<u8>], block_size: usize) -> Vec<Vec<u8>> {
        let entries = (12..).zip(names).map(|(inode, name)| Entry {
            inode,
            name,
            file_type: file_type::REGULAR.1,
        });
        blocks(11, 2, entries, block_size, SEED)
    }

    /// The entries of a block up to its tail: inode, name, and that they fill it without a gap.
    fn unpack(block: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let end = block.len() - usize::from(DIR_TAIL);
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
        assert_eq!(block[end..end + 8], [0, 0, 0, 0, 12, 0, 0, 0xde]);
        let sum = SEED.update(&block[..end]).value().to_le_bytes();
        assert_eq!(block[end + 8..], sum);
        found
    }

    #[test]
    fn blocks_hold_the_names_in_order_and_as_many_as_were_counted() {
        for block_size in [1024, 2048, 4096] {
            for count in [0, 1, 2, 30, 31, 32, 500] {
                for len in [1, 3, 4, 5, 36, 252, 255] {
                    let name = |number: usize| {
                        let mut name = format!("{number:0>3}").into_bytes();
                        name.resize(1 + (number * 7 + len) % 255, b'x');
                        name
                    };
                    let names: Vec<_> = (0..count).map(name).collect();
                    let packed = pack(&names, block_size);
                    let lens = names.iter().map(Vec::len);
                    assert_eq!(packed.len() as u64, block_count(lens, block_size));
                    assert!(packed.iter().all(|block| block.len() == block_size));
                    let found: Vec<_> = packed.iter().flat_map(|block| unpack(block)).collect();
                    let dots = [(11, b".".to_vec()), (2, b"..".to_vec())];
                    let expected: Vec<_> = dots.into_iter().chain((12..).zip(names)).collect();
                    assert_eq!(found, expected);
                }
            }
        }
    }

    #[test]
    fn a_block_may_be_filled_to_its_tail() {
        // 24 bytes of dots, then 988 of names: with one byte more they need a second block.
        let fits = [
            vec![b'a'; 255],
            vec![b'b'; 255],
            vec![b'c'; 255],
            vec![b'd'; 188],
        ];
        assert_eq!(
            24 + fits.iter().map(|name| entry_len(name.len())).sum::<usize>(),
            1012
        );
        assert_eq!(pack(&fits, 1024).len(), 1);
        let mut more = fits;
        more[3].push(b'd');
        assert_eq!(pack(&more, 1024).len(), 2);
    }

    #[test]
    fn an_empty_block_has_one_entry_without_a_name() {
        assert_eq!(unpack(&empty_block(4096, SEED)), [(0, Vec::new())]);
    }
}
