//! One tree over another as App Container images lie over their dependencies (specification 0.8, "Filesystem Setup").
//!
//! What is there already is replaced, also a symbolic link by a directory, which is never followed; only directories
//! keep what is in them.

use std::collections::{HashMap, HashSet};

use kurmadisk::tree::{Entries, Metadata, NodeId, NodeKind, Tree, TreeError};

/// The only paths that are to be there: each by itself, with the directories that it lies in.
///
/// A directory that is named comes without what is in it, as the list is "a complete and absolute set".
#[derive(Debug)]
pub(super) struct Whitelist {
    /// Paths from the root, without `/` at begin and end.
    paths: HashSet<Vec<u8>>,
    parents: HashSet<Vec<u8>>,
}

impl Whitelist {
    /// What a manifest lists; nothing if it lists nothing, for then all paths may be there.
    pub(super) fn new(paths: &[String]) -> Option<Self> {
        if paths.is_empty() {
            return None;
        }
        let mut list = Self {
            paths: HashSet::new(),
            parents: HashSet::new(),
        };
        for path in paths {
            let parts: Vec<_> = path
                .split('/')
                .filter(|part| !part.is_empty() && *part != ".")
                .collect();
            for end in 1..parts.len() {
                list.parents.insert(parts[..end].join("/").into_bytes());
            }
            list.paths.insert(parts.join("/").into_bytes());
        }
        Some(list)
    }

    fn has(&self, path: &[u8], is_directory: bool) -> bool {
        self.paths.contains(path) || (is_directory && self.parents.contains(path))
    }
}

/// Puts what lies in directory `root` of `upper` over `lower`, but for what a whitelist does not have.
pub(super) fn lay(
    lower: &mut Tree,
    upper: &Tree,
    root: NodeId,
    whitelists: &[&Whitelist],
) -> Result<(), TreeError> {
    let mut linked: HashMap<NodeId, NodeId> = HashMap::new();
    let mut pending = vec![(root, Tree::ROOT, Vec::new())];
    if !upper.node(root).is_implied() {
        lower.set_metadata(Tree::ROOT, upper.node(root).meta.clone());
    }
    while let Some((from, into, above)) = pending.pop() {
        for entry in upper.entries(from) {
            let node = upper.node(entry.node);
            let is_directory = matches!(node.kind, NodeKind::Directory(_));
            let path = joined(&above, entry.name);
            if !whitelists.iter().all(|list| list.has(&path, is_directory)) {
                continue;
            }
            if is_directory {
                let there = lower.child(into, entry.name);
                let there = there.filter(|id| is_dir(lower, *id));
                let dir = match there {
                    Some(dir) => {
                        if !node.is_implied() {
                            lower.set_metadata(dir, node.meta.clone());
                        }
                        dir
                    }
                    None => lower.put(
                        into,
                        entry.name,
                        node.meta.clone(),
                        NodeKind::Directory(Entries::new()),
                    )?,
                };
                pending.push((entry.node, dir, path));
            } else if let Some(other) = linked.get(&entry.node) {
                lower.remove(into, entry.name);
                lower.link(into, entry.name, *other)?;
            } else {
                let put = lower.put(into, entry.name, node.meta.clone(), node.kind.clone())?;
                linked.insert(entry.node, put);
            }
        }
    }
    Ok(())
}

/// What lies in directory `root` of a tree, as a tree of its own.
pub(super) fn subtree(tree: &Tree, root: NodeId) -> Result<Tree, TreeError> {
    let mut alone = Tree::with_implied_root(tree.node(root).meta.clone());
    lay(&mut alone, tree, root, &[])?;
    Ok(alone)
}

/// A tree of nothing, whose root is a plain directory until a layer describes it.
pub(super) fn bare() -> Tree {
    Tree::with_implied_root(Metadata {
        mode: 0o755,
        ..Metadata::default()
    })
}

pub(super) fn is_dir(tree: &Tree, id: NodeId) -> bool {
    matches!(tree.node(id).kind, NodeKind::Directory(_))
}

fn joined(above: &[u8], name: &[u8]) -> Vec<u8> {
    if above.is_empty() {
        return name.to_vec();
    }
    [above, b"/", name].concat()
}
