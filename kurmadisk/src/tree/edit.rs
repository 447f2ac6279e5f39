//! Names removed and replaced.

use kurmadisk_formats::map::DiskMap;

use super::{DirEntry, Metadata, NodeId, NodeKind, Tree, TreeError, lossy};

impl Tree {
    /// Adds a node to directory `dir` as `name`, in place of whatever has that name.
    ///
    /// Other names of what was there keep it. Fails as [`add`](Self::add) does, but for a name that is
    /// taken.
    pub fn put(
        &mut self,
        dir: NodeId,
        name: &[u8],
        meta: Metadata,
        kind: NodeKind,
    ) -> Result<NodeId, TreeError> {
        if matches!(&kind, NodeKind::Directory(entries) if !entries.is_empty()) {
            return Err(TreeError::NotEmpty { name: lossy(name) });
        }
        self.remove(dir, name);
        self.add(dir, name, meta, kind)
    }

    /// Gives a regular file another content, under all its names. Nothing else has any.
    pub fn set_content(&mut self, file: NodeId, content: DiskMap) {
        if let NodeKind::File(old) = &mut self.nodes[file.index()].kind {
            *old = content;
        }
    }

    /// Takes `name` away from directory `dir`, with all below it; gives what it named.
    ///
    /// A node's number stays its own, even when it has no name any more.
    pub fn remove(&mut self, dir: NodeId, name: &[u8]) -> Option<NodeId> {
        let NodeKind::Directory(entries) = &mut self.nodes[dir.index()].kind else {
            return None;
        };
        let removed = entries.remove(name)?;
        let mut unlinked = vec![removed];
        while let Some(id) = unlinked.pop() {
            let node = &mut self.nodes[id.index()];
            node.links -= 1;
            if let NodeKind::Directory(entries) = &mut node.kind {
                unlinked.extend(std::mem::take(entries).iter().map(|entry| entry.node));
            }
        }
        Some(removed)
    }

    /// Makes a node something else, such as the empty file that stood for a device that device; all its names keep
    /// it.
    ///
    /// Fails for a directory, and if it should become one: what is in it would be lost.
    pub fn change_kind(&mut self, id: NodeId, kind: NodeKind) -> Result<(), TreeError> {
        let is_dir = |kind: &NodeKind| matches!(kind, NodeKind::Directory(_));
        if is_dir(&kind) || is_dir(&self.node(id).kind) {
            let path = self.path_of(id);
            return Err(TreeError::DirectoryKind { path });
        }
        self.nodes[id.index()].kind = kind;
        Ok(())
    }

    /// Keeps the names for which `keep` says so, given their path from the root (no leading `/`) and
    /// node. What is below a directory that goes, goes with it, and isn't asked for.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], NodeId) -> bool) {
        let mut pending = vec![(Self::ROOT, Vec::new())];
        while let Some((dir, prefix)) = pending.pop() {
            let entries = self.entries(dir).clone();
            for DirEntry { name, node } in &entries {
                let path = join(&prefix, name);
                if !keep(&path, node) {
                    self.remove(dir, name);
                } else if matches!(self.node(node).kind, NodeKind::Directory(_)) {
                    pending.push((node, path));
                }
            }
        }
    }
}

pub(super) fn join(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(prefix.len() + 1 + name.len());
    if !prefix.is_empty() {
        path.extend_from_slice(prefix);
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}
