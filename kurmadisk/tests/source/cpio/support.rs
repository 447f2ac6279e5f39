//! Archives by hand.

use std::path::Path;

use kurmadisk::source::cpio::{CpioError, CpioFault, apply};
use kurmadisk::source::scratch::Scratch;
use kurmadisk::tree::{Metadata, Tree};
use kurmadisk_formats::error::chain;
use kurmadisk_formats::map::DiskMap;

pub use crate::support::*;

pub const DIR: u32 = 0o040_755;
pub const FILE: u32 = 0o100_644;
pub const SYMLINK: u32 = 0o120_777;

pub fn read(archive: &DiskMap) -> Result<Tree, CpioError> {
    let mut tree = Tree::new(Metadata::default());
    apply(archive, &mut tree, &Scratch::Memory)?;
    Ok(tree)
}

#[track_caller]
pub fn tree_of(archive: &DiskMap) -> Tree {
    read(archive).unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// A header of newc, with fields to be changed.
#[derive(Clone, Copy)]
pub struct Fields {
    pub magic: &'static str,
    pub ino: u32,
    pub mode: u32,
    pub nlink: u32,
    pub size: u32,
    pub name_len: u32,
    pub sum: u32,
    pub rdev: (u32, u32),
}

impl Fields {
    pub fn new(mode: u32, name: &str, data: &[u8]) -> Self {
        Self {
            magic: "070701",
            ino: 0,
            mode,
            nlink: 1,
            size: u32::try_from(<[u8]>::len(data)).expect("small"),
            name_len: u32::try_from(name.len() + 1).expect("short"),
            sum: 0,
            rdev: (0, 0),
        }
    }

    fn text(&self) -> String {
        let (major, minor) = self.rdev;
        let fields = [
            self.ino,
            self.mode,
            1000,
            u32::MAX - 1,
            self.nlink,
            0x8000_0000,
            self.size,
            3,
            1,
            major,
            minor,
            self.name_len,
            self.sum,
        ];
        let hex = fields.map(|field| format!("{field:08X}"));
        self.magic.to_owned() + &hex.concat()
    }
}

/// An archive made member by member.
#[derive(Clone, Default)]
pub struct Archive(pub Vec<u8>);

impl Archive {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub fn fill(mut self) -> Self {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub fn member(self, fields: Fields, name: &str, data: &[u8]) -> Self {
        let header = fields.text() + name + "\0";
        self.raw(header.as_bytes()).fill().raw(data).fill()
    }

    pub fn entry(self, mode: u32, name: &str, data: &[u8]) -> Self {
        self.member(Fields::new(mode, name, data), name, data)
    }

    /// One of the names of file `ino`.
    pub fn linked(self, mode: u32, ino: u32, name: &str, data: &[u8]) -> Self {
        let fields = Fields {
            ino,
            nlink: 2,
            ..Fields::new(mode, name, data)
        };
        self.member(fields, name, data)
    }

    pub fn file(self, name: &str, data: &[u8]) -> Self {
        self.entry(FILE, name, data)
    }

    pub fn dir(self, name: &str) -> Self {
        self.entry(DIR, name, b"")
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(SYMLINK, name, target.as_bytes())
    }

    /// With its trailer.
    pub fn end(self) -> Self {
        self.entry(0, "TRAILER!!!", b"")
    }

    pub fn map(self) -> DiskMap {
        in_memory(self.0)
    }

    #[track_caller]
    pub fn tree(self) -> Tree {
        tree_of(&self.end().map())
    }

    /// What it is refused for: the path and offset named, and the fault.
    #[track_caller]
    pub fn refused(self) -> (Option<String>, u64, CpioFault) {
        refusal(read(&self.map()))
    }
}

#[track_caller]
pub fn refusal(result: Result<Tree, CpioError>) -> (Option<String>, u64, CpioFault) {
    match result {
        Err(CpioError::Archive { offset, source }) => (None, offset, source),
        Err(CpioError::Member {
            path,
            offset,
            source,
        }) => (Some(path), offset, source),
        Err(error) => panic!("{}", chain(&error)),
        Ok(tree) => panic!("accepted: {:?}", tree.paths()),
    }
}

/// The content of a file.
#[track_caller]
pub fn content(tree: &Tree, path: &str) -> Vec<u8> {
    let node = tree.lookup(path.as_bytes()).expect("there");
    match &tree.node(node).kind {
        kurmadisk::tree::NodeKind::File(map) => bytes_of(map),
        other => panic!("{other:?}"),
    }
}

/// Runs a script; its whole standard output.
pub fn shell(folder: &Path, script: &str) -> Vec<u8> {
    let mut command = std::process::Command::new("sh");
    let command = command.args(["-ec", script]).current_dir(folder);
    let output = command.output().expect("started");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {complaint}");
    output.stdout
}

/// What a program makes of `data`.
pub fn compressed(program: &str, data: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("data"), data).expect("room");
    run(folder.path(), program, &["-c", "data"])
}
