//! The shapes of all directories of a tree, decided once for all sizes that are tried.

use std::collections::{BTreeMap, HashMap};

use super::index::Index;
use super::{Directory, Entry, Format, htree, linear};
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::error::Ext4Error;
use crate::fs::ext4::inode;
use crate::fs::ext4::numbers::{LOST_FOUND, Numbers};
use crate::fs::ext4::spec::{ROOT_INODE, file_type};
use crate::tree::{NodeId, NodeKind, Tree};

/// A directory of more bytes needs the feature `large_dir`.
const USUAL_BYTES: u64 = 1 << 31;

/// What every directory of a tree looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directories {
    format: Format,
    blocks: HashMap<NodeId, u32>,
    /// Those of the directories that have one.
    indexes: BTreeMap<NodeId, Index>,
    large: bool,
}

impl Directories {
    /// Decides on the directories of `tree`.
    ///
    /// Fails when one of them has more names than an index can hold.
    pub fn new(tree: &Tree, numbers: &Numbers, format: Format) -> Result<Self, Ext4Error> {
        let mut table = Self {
            format,
            blocks: HashMap::new(),
            indexes: BTreeMap::new(),
            large: false,
        };
        for id in &numbers.order {
            if matches!(tree.node(*id).kind, NodeKind::Directory(_)) {
                table.shape(tree, numbers, *id)?;
            }
        }
        Ok(table)
    }

    fn shape(&mut self, tree: &Tree, numbers: &Numbers, id: NodeId) -> Result<(), Ext4Error> {
        let names = || entries(tree, numbers, id).map(|entry| entry.name);
        let mut blocks = linear::block_count(names().map(<[u8]>::len), &self.format);
        if blocks > 1
            && let Some(hasher) = &self.format.hasher
        {
            let index = Index::new(names(), &self.format, hasher)
                .ok_or_else(|| too_many(tree, id, &self.format))?;
            blocks = index.blocks() as u64;
            self.large |= index.is_large();
            self.indexes.insert(id, index);
        }
        self.large |= blocks * self.format.block_size as u64 > USUAL_BYTES;
        let blocks = u32::try_from(blocks).map_err(|_| too_many(tree, id, &self.format))?;
        self.blocks.insert(id, blocks);
        Ok(())
    }

    /// How many blocks a directory has; none for anything else.
    pub fn blocks(&self, id: NodeId) -> u32 {
        self.blocks.get(&id).copied().unwrap_or_default()
    }

    /// Whether a directory has an index.
    pub fn is_indexed(&self, id: NodeId) -> bool {
        self.indexes.contains_key(&id)
    }

    /// Whether the filesystem needs the feature `large_dir`.
    pub fn needs_large_dir(&self) -> bool {
        self.large
    }

    /// The blocks of a directory, one after the other, as many as [`blocks`](Self::blocks) says.
    ///
    /// `seed` is that of the directory's inode, in a filesystem with checksums.
    pub fn encode(
        &self,
        tree: &Tree,
        numbers: &Numbers,
        id: NodeId,
        seed: Option<Checksum>,
    ) -> Vec<u8> {
        let entries: Vec<_> = entries(tree, numbers, id).collect();
        let directory = Directory {
            inode: numbers.inodes[id.index()],
            parent: numbers.parents.get(&id).copied().unwrap_or(ROOT_INODE),
            entries: &entries,
            seed,
        };
        match self.indexes.get(&id) {
            Some(index) => htree::blocks(&directory, &self.format, index),
            None => linear::blocks(&directory, &self.format),
        }
    }

    /// The `count` blocks of a `/lost+found` that has no names yet, but room for them.
    pub fn encode_lost_found(&self, inode: u32, count: u32, seed: Option<Checksum>) -> Vec<u8> {
        let directory = Directory {
            inode,
            parent: ROOT_INODE,
            entries: &[],
            seed,
        };
        let mut bytes = linear::blocks(&directory, &self.format);
        let empty = linear::empty_block(&self.format, seed);
        for _ in 1..count {
            bytes.extend_from_slice(&empty);
        }
        bytes
    }
}

/// The names of a directory: those of the tree, and `/lost+found` where the plan adds it.
pub fn entries<'a>(
    tree: &'a Tree,
    numbers: &'a Numbers,
    id: NodeId,
) -> impl Iterator<Item = Entry<'a>> {
    let lost_found = numbers.lost_found.filter(|_| id == Tree::ROOT);
    let lost_found = lost_found.map(|inode| Entry {
        inode,
        name: LOST_FOUND,
        file_type: file_type::DIRECTORY.1,
    });
    let entries = tree.entries(id).iter().map(|entry| Entry {
        inode: numbers.inodes[entry.node.index()],
        name: entry.name,
        file_type: inode::type_of(&tree.node(entry.node).kind).1,
    });
    lost_found.into_iter().chain(entries)
}

fn too_many(tree: &Tree, id: NodeId, format: &Format) -> Ext4Error {
    Ext4Error::Entry {
        path: tree.path_of(id),
        reason: format!(
            "its {} names are more than an index of blocks of {} bytes can hold; use larger blocks, or no \
             index (dir_index)",
            tree.entries(id).len(),
            format.block_size
        ),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::fs::ext4::dir::NameHasher;
    use crate::fs::ext4::options::NameBytes;
    use crate::tree::{Entries, Metadata};

    /// Blocks of 128 bytes have one of these names each, and index blocks 11 and 14 entries.
    fn shapes(count: usize, hasher: Option<NameHasher>) -> Result<Directories, Ext4Error> {
        let mut tree = Tree::new(Metadata::default());
        let dir = NodeKind::Directory(Entries::new());
        let dir = tree
            .add(Tree::ROOT, b"dir", Metadata::default(), dir)
            .unwrap();
        for number in 0..count {
            let name = format!("{number:0>80}");
            tree.add(dir, name.as_bytes(), Metadata::default(), NodeKind::Fifo)
                .unwrap();
        }
        let numbers = Numbers::new(&tree, false);
        let format = Format {
            block_size: 128,
            checksums: true,
            file_types: true,
            hasher,
        };
        Directories::new(&tree, &numbers, format)
    }

    #[test]
    fn what_no_index_can_hold_is_refused() {
        let hasher = Some(NameHasher::new(Uuid::nil(), NameBytes::Signed));
        let most = 11 * 14 * 14;
        for (count, large) in [
            (1, false),
            (11 * 14, false),
            (11 * 14 + 1, true),
            (most, true),
        ] {
            assert_eq!(shapes(count, hasher).unwrap().needs_large_dir(), large);
        }
        let error = shapes(most + 1, hasher).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/dir: its 2157 names are more than an index of blocks of 128 bytes can hold; use larger blocks, or \
             no index (dir_index)"
        );
        // Without an index there is no end, and it is large by its size alone.
        let linear = shapes(most + 1, None).unwrap();
        assert!(linear.indexes.is_empty() && !linear.needs_large_dir());
    }
}
