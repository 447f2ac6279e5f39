//! Names of archives' members as paths of a tree, in which nothing is followed and nothing leads outside.

use thiserror::Error;

use crate::tree::{
    LONGEST_PATH, Metadata, NodeId, NodeKind, Timestamp, Tree, TreeError, split_path,
};

/// A member's name can't be placed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NameFault {
    /// A name that no file can have.
    #[error("its name is empty or has a NUL in it")]
    Bad,
    /// A name longer than any path.
    #[error("its name has {len} bytes; Linux takes paths of up to {limit}")]
    Long {
        /// The name's length in bytes.
        len: usize,
        /// The longest path in bytes.
        limit: usize,
    },
    /// A name with `..` in it.
    #[error("its name has \"..\" in it; nothing may lie outside the tree")]
    Outside,
    /// The name of something else than a directory is used as one.
    #[error("/{parent} is {what}, and cannot hold it")]
    Parent {
        /// The path of the parent, without a leading `/`.
        parent: String,
        /// What it is.
        what: &'static str,
    },
    /// The tree can't take a parent.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// A member's name as a path from the root without empty parts and `.`; empty for the root itself.
pub(super) fn path_of(name: &[u8]) -> Result<Vec<u8>, NameFault> {
    if name.is_empty() || name.contains(&0) {
        return Err(NameFault::Bad);
    }
    if name.len() > LONGEST_PATH {
        return Err(NameFault::Long {
            len: name.len(),
            limit: LONGEST_PATH,
        });
    }
    let mut path = Vec::with_capacity(name.len());
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(NameFault::Outside),
            part => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(part);
            }
        }
    }
    Ok(path)
}

/// Finds the directories that members lie in. It knows the last one: neighbours in an archive mostly share it.
#[derive(Default)]
pub(super) struct Parents {
    last: Option<(Vec<u8>, NodeId)>,
}

impl Parents {
    /// The directory of `tree` that `path` lies in, and its name there. It and its parents are made where they
    /// are missing, owned by root, with mode 0755 and time `mtime`.
    pub(super) fn of<'p>(
        &mut self,
        tree: &mut Tree,
        path: &'p [u8],
        mtime: Timestamp,
    ) -> Result<(NodeId, &'p [u8]), NameFault> {
        let (parent, name) = split_path(path);
        if let Some((known, dir)) = &self.last
            && known == parent
        {
            return Ok((*dir, name));
        }
        let mut dir = Tree::ROOT;
        let mut end = 0;
        for part in parent
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
        {
            end += part.len();
            dir = if let Some(child) = tree.child(dir, part) {
                as_parent(tree, child, &parent[..end])?
            } else {
                let meta = Metadata {
                    mode: 0o755,
                    mtime,
                    ..Metadata::default()
                };
                tree.imply(dir, part, meta)?
            };
            end += 1;
        }
        self.last = Some((parent.to_vec(), dir));
        Ok((dir, name))
    }

    /// Says that a name was taken away, which may have been that of a directory.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }
}

fn as_parent(tree: &Tree, node: NodeId, path: &[u8]) -> Result<NodeId, NameFault> {
    let what = match tree.node(node).kind {
        NodeKind::Directory(_) => return Ok(node),
        NodeKind::Symlink(_) => "a symbolic link",
        _ => "not a directory",
    };
    Err(NameFault::Parent {
        parent: String::from_utf8_lossy(path).into_owned(),
        what,
    })
}
