//! A tree of files as a filesystem will hold it: pure data, whatever it came from.
//!
//! Nodes are what inodes will be; directories name them. A hard link is a second name of the same
//! node. A regular file's content is an extent map of its own ([`DiskMap`]): holes are what no extent
//! covers, and the bytes stay where they are until the image is written.
//!
//! | file | holds |
//! |---|---|
//! | `node` | [`Node`], [`NodeKind`], [`Metadata`], [`Timestamp`] |
//! | `from_dir` | [`from_dir`]: a tree from a folder of the host |
//! | `digest` | the digest of everything but content, for identities |

mod digest;
mod error;
mod from_dir;
mod node;

use kurmadisk_formats::map::DiskMap;

pub use digest::digest;
pub use error::TreeError;
pub use from_dir::from_dir;
pub use node::{DeviceNumber, DirEntry, Metadata, Node, NodeId, NodeKind, Timestamp};

/// A tree of files, directories and special files below one root directory.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// The root directory, which every tree has.
    pub const ROOT: NodeId = NodeId::ROOT;

    /// A tree of nothing but its root directory.
    #[must_use]
    pub fn new(root: Metadata) -> Self {
        Self {
            nodes: vec![Node::new(root, NodeKind::Directory(Vec::new()))],
        }
    }

    /// How many nodes there are, the root directory included; hard links count once.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// All nodes in the order they were added, with their numbers.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (NodeId::from_index(index), node))
    }

    /// A node of this tree.
    ///
    /// # Panics
    ///
    /// With a number that another, larger tree gave.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Replaces the metadata of a node.
    pub fn set_metadata(&mut self, id: NodeId, meta: Metadata) {
        self.nodes[id.index()].meta = meta;
    }

    /// The entries of a directory, ascending by name bytes; none for anything else.
    #[must_use]
    pub fn entries(&self, dir: NodeId) -> &[DirEntry] {
        match &self.node(dir).kind {
            NodeKind::Directory(entries) => entries,
            _ => &[],
        }
    }

    /// The node a directory has under `name`.
    #[must_use]
    pub fn child(&self, dir: NodeId, name: &[u8]) -> Option<NodeId> {
        let entries = self.entries(dir);
        let at = entries
            .binary_search_by(|entry| (*entry.name).cmp(name))
            .ok()?;
        Some(entries[at].node)
    }

    /// The node at `path`, whose parts are separated by `/`; empty parts don't count. Symbolic
    /// links are not followed.
    #[must_use]
    pub fn lookup(&self, path: &[u8]) -> Option<NodeId> {
        parts(path).try_fold(Self::ROOT, |dir, name| self.child(dir, name))
    }

    /// Adds a node to directory `dir` as `name`.
    ///
    /// Fails when the name can't be one, is taken, `dir` is not a directory, or `kind` is one that has
    /// entries already: they are added one by one.
    pub fn add(
        &mut self,
        dir: NodeId,
        name: &[u8],
        meta: Metadata,
        kind: NodeKind,
    ) -> Result<NodeId, TreeError> {
        if matches!(&kind, NodeKind::Directory(entries) if !entries.is_empty()) {
            return Err(TreeError::NotEmpty { name: lossy(name) });
        }
        let id = NodeId::from_index(self.nodes.len());
        self.enter(dir, name, id)?;
        self.nodes.push(Node::new(meta, kind));
        Ok(id)
    }

    /// Adds a further name for a node: a hard link.
    ///
    /// Fails as [`add`](Self::add) does, and for a directory, which has one name only.
    pub fn link(&mut self, dir: NodeId, name: &[u8], node: NodeId) -> Result<(), TreeError> {
        if matches!(self.node(node).kind, NodeKind::Directory(_)) {
            return Err(TreeError::DirectoryLink { name: lossy(name) });
        }
        self.enter(dir, name, node)?;
        self.nodes[node.index()].links += 1;
        Ok(())
    }

    /// The directory at `path`, made with `meta` where it or a parent is missing.
    pub fn make_dirs(&mut self, path: &[u8], meta: &Metadata) -> Result<NodeId, TreeError> {
        let mut dir = Self::ROOT;
        for name in parts(path) {
            dir = match self.child(dir, name) {
                Some(child) => child,
                None => self.add(dir, name, meta.clone(), NodeKind::Directory(Vec::new()))?,
            };
        }
        Ok(dir)
    }

    /// Puts a regular file at `path`, making missing parents that belong to root, with mode 0755 and
    /// the time of `meta`. A regular file that is already there is replaced; its other names keep it.
    pub fn place_file(
        &mut self,
        path: &[u8],
        meta: Metadata,
        content: DiskMap,
    ) -> Result<NodeId, TreeError> {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let cut = path
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |slash| slash + 1);
        let (parents, name) = path.split_at(cut);
        let dir = self.make_dirs(
            parents,
            &Metadata {
                mode: 0o755,
                mtime: meta.mtime,
                ..Metadata::default()
            },
        )?;
        let file = NodeKind::File(content);
        match self.child(dir, name) {
            Some(old) if matches!(self.node(old).kind, NodeKind::File(_)) => {
                Ok(self.replace(dir, name, old, Node::new(meta, file)))
            }
            _ => self.add(dir, name, meta, file),
        }
    }

    /// Lets entry `name` of `dir`, which is node `old`, be `new`.
    fn replace(&mut self, dir: NodeId, name: &[u8], old: NodeId, new: Node) -> NodeId {
        let node = &mut self.nodes[old.index()];
        if node.links == 1 {
            *node = new;
            return old;
        }
        node.links -= 1;
        let id = NodeId::from_index(self.nodes.len());
        self.nodes.push(new);
        if let NodeKind::Directory(entries) = &mut self.nodes[dir.index()].kind
            && let Ok(at) = entries.binary_search_by(|entry| (*entry.name).cmp(name))
        {
            entries[at].node = id;
        }
        id
    }

    /// One of the paths of a node, for messages: `/` for the root directory.
    #[must_use]
    pub fn path_of(&self, id: NodeId) -> String {
        let paths = self.paths();
        let path = paths
            .iter()
            .find(|(_, node)| *node == id)
            .map_or(&[][..], |(path, _)| path);
        format!("/{}", lossy(path))
    }

    /// Every name in the tree but the root's own, parents first and each directory in the order of
    /// its names, with the path from the root (no leading `/`).
    #[must_use]
    pub fn paths(&self) -> Vec<(Vec<u8>, NodeId)> {
        let mut found = Vec::with_capacity(self.nodes.len());
        self.collect_paths(Self::ROOT, &[], &mut found);
        found
    }

    fn collect_paths(&self, dir: NodeId, prefix: &[u8], found: &mut Vec<(Vec<u8>, NodeId)>) {
        let mut pending = vec![(dir, prefix.to_vec(), 0)];
        while let Some((dir, prefix, next)) = pending.pop() {
            let Some(entry) = self.entries(dir).get(next) else {
                continue;
            };
            let mut path = prefix.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&entry.name);
            pending.push((dir, prefix, next + 1));
            found.push((path.clone(), entry.node));
            pending.push((entry.node, path, 0));
        }
    }

    fn enter(&mut self, dir: NodeId, name: &[u8], node: NodeId) -> Result<(), TreeError> {
        check_name(name)?;
        let NodeKind::Directory(entries) = &mut self.nodes[dir.index()].kind else {
            return Err(TreeError::NotADirectory { name: lossy(name) });
        };
        // Sources that sort their names first append here, so large directories cost no moves.
        match entries.binary_search_by(|entry| (*entry.name).cmp(name)) {
            Ok(_) => Err(TreeError::Taken { name: lossy(name) }),
            Err(at) => {
                entries.insert(
                    at,
                    DirEntry {
                        name: name.into(),
                        node,
                    },
                );
                Ok(())
            }
        }
    }
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty())
}

fn check_name(name: &[u8]) -> Result<(), TreeError> {
    let bad = name.is_empty()
        || name == b"."
        || name == b".."
        || name.contains(&b'/')
        || name.contains(&0);
    if bad {
        Err(TreeError::BadName { name: lossy(name) })
    } else {
        Ok(())
    }
}

/// A name for a message, whatever bytes it has.
pub(crate) fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
