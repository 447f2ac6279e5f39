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
    let mut writer = Writer {
        block_size,
        seed,
        blocks: Vec::new(),
        block: Vec::new(),
        last: 0,
    };
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
    let mut writer = Writer {
        block_size,
        seed,
        blocks: Vec::new(),
        block: Vec::new(),
        last: 0,
    };
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
