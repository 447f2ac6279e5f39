//! Every name of a tree with its path.

use super::entries::Iter;
use super::{NodeId, Tree};

/// A walk through the names of a tree: parents first, each directory in the order of its names.
///
/// It has the path of one name at a time. So what it takes does not depend on how deep directories lie within
/// one another, as a list of paths would.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    tree: &'a Tree,
    /// The directories from the root down to the one being listed.
    above: Vec<Above<'a>>,
    path: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Above<'a> {
    rest: Iter<'a>,
    /// The length of its path.
    len: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        let mut walk = Self {
            tree,
            above: Vec::new(),
            path: Vec::new(),
        };
        walk.descend(Tree::ROOT);
        walk
    }

    /// The next name's path from the root (no leading `/`), and its node; none behind the last.
    pub fn next_name(&mut self) -> Option<(&[u8], NodeId)> {
        let entry = loop {
            let dir = self.above.last_mut()?;
            self.path.truncate(dir.len);
            match dir.rest.next() {
                Some(entry) => break entry,
                None => self.above.pop(),
            };
        };
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(entry.name);
        self.descend(entry.node);
        Some((&self.path, entry.node))
    }

    fn descend(&mut self, dir: NodeId) {
        let entries = self.tree.entries(dir);
        if !entries.is_empty() {
            self.above.push(Above {
                rest: entries.iter(),
                len: self.path.len(),
            });
        }
    }
}
