//! A directory's content taken out of its tree.

use std::collections::BTreeMap;

use super::edit::join;
use super::{Entries, NodeId, NodeKind, Tree, TreeError, lossy};

impl Tree {
    /// Takes what is in the directory at `path` out of this tree, as a tree whose root is that directory. The
    /// directory stays, empty. None when nothing is there.
    ///
    /// Fails when something else than a directory is there, or a file has names on both sides.
    pub fn take(&mut self, path: &[u8]) -> Result<Option<Self>, TreeError> {
        let Some(dir) = self.lookup(path) else {
            return Ok(None);
        };
        let node = self.node(dir);
        if !matches!(node.kind, NodeKind::Directory(_)) {
            let path = format!("/{}", lossy(path).trim_start_matches('/'));
            return Err(TreeError::InTheWay { path });
        }
        let mut part = Self::new(node.meta.clone());
        part.nodes[0].implied = node.implied;
        // The new number of each node that may have further names, and how many of them were seen.
        let mut known: BTreeMap<NodeId, (NodeId, u32)> = BTreeMap::new();
        let mut pending = vec![(dir, Self::ROOT, path.to_vec())];
        while let Some((from, to, way)) = pending.pop() {
            for entry in self.entries(from) {
                let node = self.node(entry.node);
                if matches!(node.kind, NodeKind::Directory(_)) {
                    let kind = NodeKind::Directory(Entries::new());
                    let id = part.add(to, entry.name, node.meta.clone(), kind)?;
                    part.nodes[id.index()].implied = node.implied;
                    pending.push((entry.node, id, join(&way, entry.name)));
                } else if let Some((id, seen)) = known.get_mut(&entry.node) {
                    *seen += 1;
                    part.link(to, entry.name, *id)?;
                } else {
                    let id = part.add(to, entry.name, node.meta.clone(), node.kind.clone())?;
                    known.insert(entry.node, (id, 1));
                }
            }
        }
        for (node, (id, seen)) in known {
            if self.node(node).links > seen {
                let path = format!("{}{}", lossy(path), part.path_of(id));
                return Err(TreeError::LinkedOutside { path });
            }
        }
        let names: Vec<_> = self
            .entries(dir)
            .iter()
            .map(|entry| entry.name.to_vec())
            .collect();
        for name in names {
            self.remove(dir, &name);
        }
        Ok(Some(part))
    }
}
