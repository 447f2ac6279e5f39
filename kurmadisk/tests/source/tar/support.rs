//! Archives by hand and by programs.

use std::path::Path;

use kurmadisk::host_file;
use kurmadisk::source::tar::{TarError, TarFault, TarMode, apply};
use kurmadisk::tree::{Metadata, Tree};
use kurmadisk_formats::error::chain;
use kurmadisk_formats::map::DiskMap;

pub use crate::support::*;

pub fn whole(archive: &DiskMap) -> Result<Tree, TarError> {
    let mut tree = Tree::new(Metadata::default());
    apply(archive, &mut tree, TarMode::Whole)?;
    Ok(tree)
}

/// The tree of an archive that a program made.
pub fn tree_of_file(path: &Path) -> Tree {
    let archive = host_file(path).expect("there");
    whole(&archive).unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// An archive made block by block.
#[derive(Clone, Default)]
pub struct Archive(pub Vec<u8>);

/// Fields of a header, where they lie.
pub const MODE: usize = 100;
pub const UID: usize = 108;
pub const SIZE: usize = 124;
pub const MTIME: usize = 136;
pub const CHECKSUM: usize = 148;
pub const TYPEFLAG: usize = 156;
pub const LINKNAME: usize = 157;
pub const MAGIC: usize = 257;
pub const DEVMAJOR: usize = 329;
pub const PREFIX: usize = 345;

/// A ustar header with the right checksum.
pub fn header(name: &[u8], typeflag: u8, size: u64) -> Vec<u8> {
    let mut block = vec![0; 512];
    put(&mut block, 0, name);
    put(&mut block, MODE, b"0000640\0");
    put(&mut block, UID, b"0000001\0");
    put(&mut block, UID + 8, b"0000002\0");
    put(&mut block, SIZE, format!("{size:011o}\0").as_bytes());
    put(
        &mut block,
        MTIME,
        format!("{:011o}\0", 1_000_000_000).as_bytes(),
    );
    block[TYPEFLAG] = typeflag;
    put(&mut block, MAGIC, b"ustar\x0000");
    summed(block)
}

pub fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

pub fn summed(mut block: Vec<u8>) -> Vec<u8> {
    put(&mut block, CHECKSUM, b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block, CHECKSUM, format!("{sum:06o}\0 ").as_bytes());
    block
}

impl Archive {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn header(mut self, header: &[u8]) -> Self {
        self.0.extend(header);
        self
    }

    /// A header with some fields changed.
    pub fn changed(self, header: Vec<u8>, fields: &[(usize, &[u8])]) -> Self {
        let mut header = header;
        for (at, bytes) in fields {
            put(&mut header, *at, bytes);
        }
        self.header(&summed(header))
    }

    /// Data, filled up to whole blocks.
    pub fn data(mut self, data: &[u8]) -> Self {
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn entry(self, name: &str, typeflag: u8, data: &[u8]) -> Self {
        let header = header(name.as_bytes(), typeflag, data.len() as u64);
        self.header(&header).data(data)
    }

    pub fn file(self, name: &str, data: &[u8]) -> Self {
        self.entry(name, b'0', data)
    }

    pub fn dir(self, name: &str) -> Self {
        self.entry(name, b'5', b"")
    }

    pub fn link(self, name: &str, typeflag: u8, target: &str) -> Self {
        let header = header(name.as_bytes(), typeflag, 0);
        self.changed(header, &[(LINKNAME, target.as_bytes())])
    }

    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        self.extended(b'x', records)
    }

    pub fn extended(self, typeflag: u8, records: &[(&str, &[u8])]) -> Self {
        let mut data = Vec::new();
        for (key, value) in records {
            let rest = key.len() + <[u8]>::len(value) + 3;
            let digits = |len: usize| len.to_string().len();
            let mut len = rest + digits(rest);
            len = rest + digits(len);
            data.extend(format!("{len} {key}=").into_bytes());
            data.extend(*value);
            data.push(b'\n');
        }
        self.entry("PaxHeaders/x", typeflag, &data)
    }

    /// With the blocks of zeros at its end.
    pub fn end(mut self) -> DiskMap {
        self.0.extend([0; 1024]);
        in_memory(self.0)
    }

    pub fn tree(self) -> Tree {
        whole(&self.end()).unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    /// What a whole archive is refused for: the path and offset named, and the fault.
    #[track_caller]
    pub fn refused(self) -> (Option<String>, u64, TarFault) {
        refusal(whole(&self.end()))
    }
}

#[track_caller]
pub fn refusal(result: Result<Tree, TarError>) -> (Option<String>, u64, TarFault) {
    match result {
        Err(TarError::Archive { offset, source }) => (None, offset, source),
        Err(TarError::Member {
            path,
            offset,
            source,
        }) => (Some(path), offset, source),
        Err(error) => panic!("{}", chain(&error)),
        Ok(tree) => panic!("accepted: {:?}", tree.paths()),
    }
}
