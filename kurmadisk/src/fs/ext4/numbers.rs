//! Inode numbers for everything in a tree.

use std::collections::HashMap;

use super::spec::{FIRST_INODE, ROOT_INODE};
use crate::tree::{NodeId, NodeKind, Tree};

/// Where `e2fsck` puts what it finds without a name.
pub const LOST_FOUND: &[u8] = b"lost+found";

/// Which inode each node of the tree gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The nodes in the order of their inodes, the root directory first.
    pub order: Vec<NodeId>,
    /// The inode of a node, by its index.
    pub inodes: Vec<u32>,
    /// The inode of the parent of each directory but the root, which is its own.
    pub parents: HashMap<NodeId, u32>,
    /// The inode of `/lost+found`, when the plan adds one.
    pub lost_found: Option<u32>,
    /// The inode of the orphan file, if there is one.
    pub orphan_file: Option<u32>,
    /// The highest inode in use.
    pub last: u32,
}

impl Numbers {
    /// Numbers the nodes: a directory's entries in the order of their names, before the entries of its
    /// subdirectories. So the numbers depend on the tree alone, not on how it was read.
    pub fn new(tree: &Tree, adds_lost_found: bool) -> Self {
        let mut inodes = vec![0; tree.node_count()];
        let mut parents = HashMap::new();
        let mut order = Vec::with_capacity(tree.node_count());
        order.push(Tree::ROOT);
        inodes[Tree::ROOT.index()] = ROOT_INODE;
        let mut next = FIRST_INODE;
        let adds_lost_found = adds_lost_found && tree.child(Tree::ROOT, LOST_FOUND).is_none();
        let lost_found = adds_lost_found.then(|| {
            next += 1;
            FIRST_INODE
        });
        let mut pending = vec![Tree::ROOT];
        while let Some(dir) = pending.pop() {
            let mut below = Vec::new();
            for entry in tree.entries(dir) {
                if inodes[entry.node.index()] == 0 {
                    inodes[entry.node.index()] = next;
                    next += 1;
                    order.push(entry.node);
                    if matches!(tree.node(entry.node).kind, NodeKind::Directory(_)) {
                        parents.insert(entry.node, inodes[dir.index()]);
                        below.push(entry.node);
                    }
                }
            }
            pending.extend(below.into_iter().rev());
        }
        Self {
            order,
            inodes,
            parents,
            lost_found,
            orphan_file: None,
            last: next - 1,
        }
    }

    /// The node with that inode.
    pub fn node(&self, inode: u32) -> Option<NodeId> {
        let first = FIRST_INODE + u32::from(self.lost_found.is_some());
        // The first in the order is the root, and the others follow each other.
        let place = match inode.checked_sub(first) {
            None if inode == ROOT_INODE => 0,
            behind => 1 + behind?,
        };
        self.order.get(place as usize).copied()
    }

    /// These, and behind them a number for the orphan file.
    pub fn with_orphan_file(self) -> Self {
        let last = self.last + 1;
        Self {
            orphan_file: Some(last),
            last,
            ..self
        }
    }
}
