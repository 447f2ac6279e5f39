//! What lies behind GRUB's kernel: a header, then objects (GRUB's `kernel.h`).

use zerocopy::little_endian::{U32, U64};
use zerocopy::{Immutable, IntoBytes, Unaligned};

/// "mimg".
const MAGIC: u32 = 0x676d_696d;
/// Types of objects.
const TYPE_ELF: u32 = 0;
const TYPE_MEMDISK: u32 = 1;
const TYPE_PREFIX: u32 = 3;
/// What the length of a memory disk is a multiple of, in bytes.
const MEMDISK_UNIT: usize = 512;

/// The header on machines with 32-bit words.
#[derive(Clone, Copy, Debug, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct Info32 {
    magic: U32,
    /// Where the first object lies, from here, in bytes.
    offset: U32,
    /// Bytes of the header and all objects.
    size: U32,
}

/// The header on machines with 64-bit words.
#[derive(Clone, Copy, Debug, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct Info64 {
    magic: U32,
    padding: U32,
    offset: U64,
    size: U64,
}

/// What an object begins with.
#[derive(Clone, Copy, Debug, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct ObjectHeader {
    kind: U32,
    /// Bytes of header and content; whole words.
    size: U32,
}

/// A machine's words, of which everything has a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Bits32,
    Bits64,
}

impl Word {
    fn bytes(self) -> usize {
        match self {
            Self::Bits32 => 4,
            Self::Bits64 => 8,
        }
    }
}

/// The objects of a core image.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    /// Files of modules, each behind what it depends on.
    pub modules: Vec<Vec<u8>>,
    pub memdisk: Option<Vec<u8>>,
    pub prefix: String,
}

impl Objects {
    /// The header and all objects.
    pub fn bytes(&self, word: Word) -> Vec<u8> {
        let mut objects = Vec::new();
        for module in &self.modules {
            put(&mut objects, TYPE_ELF, module, module.len(), word);
        }
        if let Some(memdisk) = &self.memdisk {
            let len = memdisk.len().next_multiple_of(MEMDISK_UNIT);
            put(&mut objects, TYPE_MEMDISK, memdisk, len, word);
        }
        let prefix = self.prefix.as_bytes();
        put(&mut objects, TYPE_PREFIX, prefix, prefix.len() + 1, word);
        let header = header(objects.len(), word);
        [header, objects].concat()
    }
}

/// An object whose content is filled with zeros to `len` bytes, and to whole words.
fn put(out: &mut Vec<u8>, kind: u32, content: &[u8], len: usize, word: Word) {
    let size = size_of::<ObjectHeader>() + len.next_multiple_of(word.bytes());
    let header = ObjectHeader {
        kind: U32::new(kind),
        size: U32::new(number(size)),
    };
    let end = out.len() + size;
    out.extend(header.as_bytes());
    out.extend(content);
    out.resize(end, 0);
}

fn header(objects: usize, word: Word) -> Vec<u8> {
    match word {
        Word::Bits32 => {
            let offset = size_of::<Info32>();
            let info = Info32 {
                magic: U32::new(MAGIC),
                offset: U32::new(number(offset)),
                size: U32::new(number(offset + objects)),
            };
            info.as_bytes().to_vec()
        }
        Word::Bits64 => {
            let offset = size_of::<Info64>();
            let info = Info64 {
                magic: U32::new(MAGIC),
                padding: U32::ZERO,
                offset: U64::new(offset as u64),
                size: U64::new((offset + objects) as u64),
            };
            info.as_bytes().to_vec()
        }
    }
}

/// A length; a file has 16 MiB at most, and an installation some hundred modules.
fn number(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
