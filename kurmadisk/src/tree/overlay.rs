//! One tree over another.

use std::collections::VecDeque;

use super::edit::join;
use super::{Entries, Node, NodeId, NodeKind, Tree, TreeError, lossy, parts};

/// How directories that two trees have are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joining {
    /// The lower one's metadata stay, rather than the upper one's.
    pub keep_directories: bool,
    /// Where the lower tree has a symbolic link to a directory, what is in the upper one's directory goes there.
    pub follow_links: bool,
}

/// Links that are followed one after the other, as many as Linux follows.
const MOST_LINKS: usize = 40;

/// A directory of the upper tree, and where it goes.
struct Pending {
    from: NodeId,
    to: NodeId,
    /// Its path in the upper tree.
    path: Vec<u8>,
    /// The path in the lower tree of where it goes.
    place: Vec<u8>,
}

impl Tree {
    /// Puts `upper` over this tree, beginning at directory `at`: directories that both have are
    /// joined, with the upper one's metadata unless it is [implied](Node::is_implied); anything else of
    /// `upper` replaces what has its name.
    ///
    /// Fails, with the path, where a directory of `upper` meets something else, or something else a
    /// directory: one of the two would be lost with all that is below it. So does its root if `at` is none.
    pub fn overlay(&mut self, at: NodeId, upper: &Self) -> Result<(), TreeError> {
        self.overlay_as(at, upper, Joining::default())
    }

    /// Puts `upper` over this tree as [`overlay`](Self::overlay) does, and joins directories as `how` says.
    pub fn overlay_as(&mut self, at: NodeId, upper: &Self, how: Joining) -> Result<(), TreeError> {
        let place = self.path_bytes_of(at);
        if !is_directory(self.node(at)) {
            let path = format!("/{}", lossy(&place));
            return Err(TreeError::InTheWay { path });
        }
        let mut own: Vec<Option<NodeId>> = vec![None; upper.node_count()];
        self.describe(at, upper.node(Self::ROOT), how);
        let mut pending = vec![Pending {
            from: Self::ROOT,
            to: at,
            path: Vec::new(),
            place,
        }];
        while let Some(dir) = pending.pop() {
            for entry in upper.entries(dir.from) {
                let path = join(&dir.path, entry.name);
                let node = upper.node(entry.node);
                if is_directory(node) {
                    let (to, place) = self.directory_over(&dir, entry.name, &path, node, how)?;
                    let from = entry.node;
                    pending.push(Pending {
                        from,
                        to,
                        path,
                        place,
                    });
                } else {
                    let known = &mut own[entry.node.index()];
                    self.node_over(dir.to, entry.name, &path, node, known)?;
                }
            }
        }
        Ok(())
    }

    /// Joins or adds a directory; gives where it is then.
    fn directory_over(
        &mut self,
        dir: &Pending,
        name: &[u8],
        path: &[u8],
        node: &Node,
        how: Joining,
    ) -> Result<(NodeId, Vec<u8>), TreeError> {
        let place = join(&dir.place, name);
        let Some(there) = self.child(dir.to, name) else {
            let kind = NodeKind::Directory(Entries::new());
            let id = self.add(dir.to, name, node.meta.clone(), kind)?;
            self.nodes[id.index()].implied = node.implied;
            return Ok((id, place));
        };
        match &self.node(there).kind {
            NodeKind::Directory(_) => {
                self.describe(there, node, how);
                Ok((there, place))
            }
            NodeKind::Symlink(target) => {
                let led = how.follow_links.then(|| self.led_to(&dir.place, target));
                led.flatten().ok_or_else(|| TreeError::LinkMeetsFolder {
                    path: format!("/{}", lossy(path)),
                    target: lossy(target),
                })
            }
            _ => Err(TreeError::Mismatch { path: lossy(path) }),
        }
    }

    /// Puts something else than a directory in place of what has its name; `known` is the node it has by another.
    fn node_over(
        &mut self,
        dir: NodeId,
        name: &[u8],
        path: &[u8],
        node: &Node,
        known: &mut Option<NodeId>,
    ) -> Result<(), TreeError> {
        let there = self.child(dir, name);
        if there.is_some_and(|id| is_directory(self.node(id))) {
            return Err(TreeError::Mismatch { path: lossy(path) });
        }
        if let Some(known) = *known {
            self.remove(dir, name);
            return self.link(dir, name, known);
        }
        *known = Some(self.put(dir, name, node.meta.clone(), node.kind.clone())?);
        Ok(())
    }

    /// Gives a directory the metadata that `upper` was described with; what neither describes has its own.
    fn describe(&mut self, id: NodeId, upper: &Node, how: Joining) {
        let keeps = how.keep_directories && !self.node(id).implied;
        if !upper.implied && !keeps {
            self.set_metadata(id, upper.meta.clone());
        }
    }

    /// The directory that `target`, of a symbolic link in the directory at `place`, leads to within the tree,
    /// and its path.
    fn led_to(&self, place: &[u8], target: &[u8]) -> Option<(NodeId, Vec<u8>)> {
        let mut way: Vec<(NodeId, Vec<u8>)> = vec![(Self::ROOT, Vec::new())];
        let mut left: VecDeque<Vec<u8>> = parts(place).map(<[u8]>::to_vec).collect();
        let after = |target: &[u8]| {
            let names = parts(target).map(<[u8]>::to_vec);
            names.collect::<Vec<_>>()
        };
        let mut links = 0;
        let mut target = Some(target);
        loop {
            let Some(name) = left.pop_front() else {
                let Some(target) = target.take() else { break };
                if target.starts_with(b"/") {
                    way.truncate(1);
                }
                left.extend(after(target));
                continue;
            };
            let (dir, path) = way.last()?;
            match &name[..] {
                b"." => {}
                b".." if way.len() == 1 => {}
                b".." => {
                    way.pop();
                }
                name => {
                    let id = self.child(*dir, name)?;
                    match &self.node(id).kind {
                        NodeKind::Directory(_) => {
                            let path = join(path, name);
                            way.push((id, path));
                        }
                        NodeKind::Symlink(further) if links < MOST_LINKS => {
                            links += 1;
                            if further.starts_with(b"/") {
                                way.truncate(1);
                            }
                            for name in after(further).into_iter().rev() {
                                left.push_front(name);
                            }
                        }
                        _ => return None,
                    }
                }
            }
        }
        way.pop()
    }
}

fn is_directory(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Directory(_))
}
