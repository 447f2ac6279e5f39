//! A tree as FAT will hold it: checked names, short names, directories and files in their order on
//! the volume.

use std::collections::HashMap;

use super::geometry::Format;
use super::name::{self, ShortName};
use super::spec::{ENTRY_LEN, MAX_ENTRIES};
use super::{FatError, FatType};
use crate::tree::{NodeId, NodeKind, Tree, lossy};

/// The root directory's number among the directories.
pub(super) const ROOT: usize = 0;

/// Directories and files, each in the order in which they lie on the volume.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    /// The root first, parents before children.
    pub dirs: Vec<Directory>,
    /// Directory by directory. A node of several names is here several times: FAT cannot share.
    pub files: Vec<File>,
}

#[derive(Clone, Debug)]
pub(super) struct Directory {
    pub node: NodeId,
    /// The number of the directory above; the root's is its own.
    pub parent: usize,
    /// The name in the parent; empty for the root.
    pub name: String,
    pub entries: Vec<Entry>,
    /// Entries of 32 bytes, with all parts of long names, the label, and `.` and `..`.
    pub slots: u32,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub node: NodeId,
    /// The number of the directory it is in.
    pub dir: usize,
    /// Its number among that directory's entries.
    pub entry: usize,
    /// Bytes.
    pub len: u32,
}

/// A name in a directory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub name: String,
    pub short: ShortName,
    pub target: Target,
}

/// What an entry names, by its number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Directory(usize),
    File(usize),
}

impl Directory {
    /// Bytes of its entries.
    pub(super) fn len(&self) -> u64 {
        u64::from(self.slots) * u64::from(ENTRY_LEN)
    }
}

impl Contents {
    /// Checks and orders everything in `tree`; content is not read.
    pub(super) fn new(tree: &Tree, has_label: bool) -> Result<Self, FatError> {
        let mut contents = Self {
            dirs: vec![Directory {
                node: Tree::ROOT,
                parent: ROOT,
                name: String::new(),
                entries: Vec::new(),
                slots: 0,
            }],
            files: Vec::new(),
        };
        let mut next = ROOT;
        while next < contents.dirs.len() {
            contents.read_directory(tree, next)?;
            let own = if next == ROOT {
                u64::from(has_label)
            } else {
                2
            };
            contents.count_slots(next, own)?;
            next += 1;
        }
        Ok(contents)
    }

    /// The path of entry `name` of directory `dir`, from `/`.
    pub(super) fn path(&self, dir: usize, name: &str) -> String {
        let mut parts = vec![name];
        let mut dir = dir;
        while dir != ROOT {
            parts.push(&self.dirs[dir].name);
            dir = self.dirs[dir].parent;
        }
        parts.push("");
        parts.reverse();
        parts.join("/")
    }

    /// The path of a directory, from `/`.
    pub(super) fn dir_path(&self, dir: usize) -> String {
        if dir == ROOT {
            "/".to_owned()
        } else {
            self.path(self.dirs[dir].parent, &self.dirs[dir].name)
        }
    }

    /// The path of a file, from `/`.
    pub(super) fn file_path(&self, file: &File) -> String {
        self.path(file.dir, &self.dirs[file.dir].entries[file.entry].name)
    }

    /// How many clusters each directory and then each file takes on a volume of this format, in the
    /// order in which they lie there.
    pub(super) fn chains(&self, format: &Format) -> impl Iterator<Item = u64> {
        let cluster = u64::from(format.cluster_size());
        let root_is_chain = format.fat_type == FatType::Fat32;
        let dirs = self.dirs.iter().enumerate().map(move |(index, dir)| {
            if index == ROOT && !root_is_chain {
                0
            } else {
                dir.len().div_ceil(cluster).max(1)
            }
        });
        let files = self.files.iter();
        dirs.chain(files.map(move |file| u64::from(file.len).div_ceil(cluster)))
    }

    fn read_directory(&mut self, tree: &Tree, dir: usize) -> Result<(), FatError> {
        let listed = tree.entries(self.dirs[dir].node);
        if listed.len() > MAX_ENTRIES as usize {
            return Err(self.too_many(dir, listed.len() as u64));
        }
        let mut names = Vec::with_capacity(listed.len());
        let mut keys = HashMap::with_capacity(listed.len());
        for entry in listed {
            let text = name::check(entry.name).map_err(|problem| FatError::Name {
                path: self.path(dir, &lossy(entry.name)),
                problem,
            })?;
            if let Some(other) = keys.insert(name::key(text), text) {
                return Err(FatError::Twins {
                    path: self.path(dir, text),
                    other: other.to_owned(),
                });
            }
            names.push(text);
        }
        let shorts = name::short_names(&names);
        let mut entries = Vec::with_capacity(listed.len());
        for ((listed, name), short) in listed.iter().zip(names).zip(shorts) {
            let target = self.add(tree, dir, entries.len(), name, listed.node)?;
            entries.push(Entry {
                name: name.to_owned(),
                short,
                target,
            });
        }
        self.dirs[dir].entries = entries;
        Ok(())
    }

    fn add(
        &mut self,
        tree: &Tree,
        dir: usize,
        entry: usize,
        name: &str,
        node: NodeId,
    ) -> Result<Target, FatError> {
        let kind = match &tree.node(node).kind {
            NodeKind::Directory(_) => {
                self.dirs.push(Directory {
                    node,
                    parent: dir,
                    name: name.to_owned(),
                    entries: Vec::new(),
                    slots: 0,
                });
                return Ok(Target::Directory(self.dirs.len() - 1));
            }
            NodeKind::File(content) => {
                let len = u32::try_from(content.len()).map_err(|_| FatError::FileTooLarge {
                    path: self.path(dir, name),
                    len: content.len(),
                })?;
                self.files.push(File {
                    node,
                    dir,
                    entry,
                    len,
                });
                return Ok(Target::File(self.files.len() - 1));
            }
            NodeKind::Symlink(_) => "symbolic link",
            NodeKind::CharDevice(_) | NodeKind::BlockDevice(_) => "device node",
            NodeKind::Fifo => "named pipe",
            NodeKind::Socket => "socket",
        };
        Err(FatError::Kind {
            path: self.path(dir, name),
            kind,
        })
    }

    /// Counts a directory's slots; `own` of them are not for its entries.
    fn count_slots(&mut self, dir: usize, own: u64) -> Result<(), FatError> {
        let named: usize = self.dirs[dir]
            .entries
            .iter()
            .map(|entry| entry.short.long_parts(&entry.name) + 1)
            .sum();
        let slots = own + named as u64;
        self.dirs[dir].slots = u32::try_from(slots)
            .ok()
            .filter(|slots| *slots <= MAX_ENTRIES)
            .ok_or_else(|| self.too_many(dir, slots))?;
        Ok(())
    }

    fn too_many(&self, dir: usize, entries: u64) -> FatError {
        FatError::DirectoryTooLarge {
            path: self.dir_path(dir),
            entries,
            limit: MAX_ENTRIES,
        }
    }
}
