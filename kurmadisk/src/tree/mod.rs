//! A tree of files as a filesystem will hold it: pure data, whatever it came from.
//!
//! Nodes are what inodes will be; directories name them. A hard link is a second name of the same
//! node. A regular file's content is an extent map of its own ([`DiskMap`]): holes are what no extent
//! covers, and the bytes stay where they are until the image is written.
//!
//! | file | holds |
//! |---|---|
//! | `node` | [`Node`], [`NodeKind`], [`Metadata`], [`FileFlags`], [`Timestamp`] |
//! | `mode` | types and permissions in a mode |
//! | `xattr` | [`Xattrs`] |
//! | `flags` | names of flags |
//! | `entries` | [`Entries`] of a directory |
//! | `edit` | names removed and replaced |
//! | `overlay` | [`Joining`]: one tree over another |
//! | `take` | a directory's content taken out of its tree |
//! | `from_dir` | [`from_dir`], [`folder`]: a tree from a folder of the host |
//! | `read_ahead` | what `from_dir` puts together, read by several threads |
//! | `walk` | [`Walk`]: every name with its path |
//! | `digest` | the digest of everything but content, for identities |

mod digest;
mod edit;
mod entries;
mod error;
mod flags;
mod from_dir;
mod mode;
mod node;
mod overlay;
mod read_ahead;
mod take;
mod walk;
mod xattr;

use kurmadisk_formats::map::DiskMap;

pub use digest::digest;
pub use entries::Entries;
pub use error::TreeError;
pub use from_dir::{Folder, HostInode, Skip, folder, from_dir};
pub use mode::file_type;
pub(crate) use mode::parse_permissions;
pub use node::{DeviceNumber, DirEntry, FileFlags, Metadata, Node, NodeId, NodeKind, Timestamp};
pub use overlay::Joining;
pub use walk::Walk;
pub use xattr::Xattrs;

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
            nodes: vec![Node::new(root, NodeKind::Directory(Entries::new()))],
        }
    }

    /// A tree whose root directory nobody described ([`Node::is_implied`]) until its metadata are set.
    #[must_use]
    pub fn with_implied_root(root: Metadata) -> Self {
        let mut tree = Self::new(root);
        tree.nodes[0].implied = true;
        tree
    }

    /// How many numbers of nodes were given: the length of tables with one row a node, among them the
    /// rows of nodes that lost their last name.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// All nodes that have a name, in the order they were added, with their numbers.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.links > 0)
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

    /// Replaces the metadata of a node, which is described then.
    pub fn set_metadata(&mut self, id: NodeId, meta: Metadata) {
        let node = &mut self.nodes[id.index()];
        node.meta = meta;
        node.implied = false;
    }

    /// The metadata of a node, to be changed.
    ///
    /// # Panics
    ///
    /// As [`node`](Self::node) does.
    pub fn metadata_mut(&mut self, id: NodeId) -> &mut Metadata {
        &mut self.nodes[id.index()].meta
    }

    /// The entries of a directory, ascending by name bytes; none for anything else.
    #[must_use]
    pub fn entries(&self, dir: NodeId) -> &Entries {
        static NONE: Entries = Entries::new();
        match &self.node(dir).kind {
            NodeKind::Directory(entries) => entries,
            _ => &NONE,
        }
    }

    /// The node a directory has under `name`.
    #[must_use]
    pub fn child(&self, dir: NodeId, name: &[u8]) -> Option<NodeId> {
        self.entries(dir).find(name).map(|entry| entry.node)
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

    /// The directory at `path`, made with `meta` where it or a parent is missing; such are implied.
    ///
    /// Fails where something else lies on the way: no symbolic link is followed.
    pub fn make_dirs(&mut self, path: &[u8], meta: &Metadata) -> Result<NodeId, TreeError> {
        let mut dir = Self::ROOT;
        let mut way = String::new();
        for name in parts(path) {
            way = format!("{way}/{}", lossy(name));
            dir = match self.child(dir, name) {
                None => self.imply(dir, name, meta.clone())?,
                Some(child) => match &self.node(child).kind {
                    NodeKind::Directory(_) => child,
                    NodeKind::Symlink(target) => {
                        let target = lossy(target);
                        return Err(TreeError::LinkOnTheWay { path: way, target });
                    }
                    _ => return Err(TreeError::InTheWay { path: way }),
                },
            };
        }
        Ok(dir)
    }

    /// Adds a directory that nobody described.
    pub(crate) fn imply(
        &mut self,
        dir: NodeId,
        name: &[u8],
        meta: Metadata,
    ) -> Result<NodeId, TreeError> {
        let id = self.add(dir, name, meta, NodeKind::Directory(Entries::new()))?;
        self.nodes[id.index()].implied = true;
        Ok(id)
    }

    /// Puts a regular file at `path`, making missing parents that belong to root, with mode 0755 and
    /// the time of `meta`. A regular file that is already there is replaced; its other names keep it.
    pub fn place_file(
        &mut self,
        path: &[u8],
        meta: Metadata,
        content: DiskMap,
    ) -> Result<NodeId, TreeError> {
        let (parents, name) = split_path(path);
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
                self.put(dir, name, meta, file)
            }
            _ => self.add(dir, name, meta, file),
        }
    }

    /// One of the paths of a node, for messages: `/` for the root directory.
    #[must_use]
    pub fn path_of(&self, id: NodeId) -> String {
        format!("/{}", lossy(&self.path_bytes_of(id)))
    }

    /// One of the paths of a node from the root, empty for the root itself.
    fn path_bytes_of(&self, id: NodeId) -> Vec<u8> {
        let mut names = self.walk();
        while let Some((path, node)) = names.next_name() {
            if node == id {
                return path.to_vec();
            }
        }
        Vec::new()
    }

    /// Goes through every name in the tree but the root's own, parents first and each directory in the order of
    /// its names.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(self)
    }

    /// What [`walk`](Self::walk) finds, each path a copy of its own: where directories lie deep within one
    /// another that is far more than the tree.
    #[must_use]
    pub fn paths(&self) -> Vec<(Vec<u8>, NodeId)> {
        let mut found = Vec::with_capacity(self.nodes.len());
        let mut names = self.walk();
        while let Some((path, node)) = names.next_name() {
            found.push((path.to_vec(), node));
        }
        found
    }

    fn enter(&mut self, dir: NodeId, name: &[u8], node: NodeId) -> Result<(), TreeError> {
        check_name(name)?;
        let NodeKind::Directory(entries) = &mut self.nodes[dir.index()].kind else {
            return Err(TreeError::NotADirectory { name: lossy(name) });
        };
        if entries.insert(DirEntry { name, node }) {
            Ok(())
        } else {
            Err(TreeError::Taken { name: lossy(name) })
        }
    }
}

/// A path as that of its parent and its name.
pub(crate) fn split_path(path: &[u8]) -> (&[u8], &[u8]) {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let slash = path.iter().rposition(|byte| *byte == b'/');
    path.split_at(slash.map_or(0, |slash| slash + 1))
}

pub(crate) fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
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

/// Linux's `PATH_MAX` without its NUL. Sources whose paths may not be longer make no tree that is much deeper
/// than it is large.
#[cfg(any(feature = "archives", feature = "inspect"))]
pub(crate) const LONGEST_PATH: usize = 4095;

/// A name for a message, whatever bytes it has.
pub(crate) fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
