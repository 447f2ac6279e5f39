//! One owner for a whole tree.

use std::str::FromStr;

use thiserror::Error;

use super::names::{Id, Names, UnknownName};
use crate::tree::Tree;

/// A user and a group: `0:0`, `root:root`, `1000:users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: Id,
    /// The group.
    pub group: Id,
}

/// A text is no owner.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no owner; write USER:GROUP, such as \"0:0\"")]
pub struct OwnerError {
    /// The text.
    pub text: String,
}

impl FromStr for Owner {
    type Err = OwnerError;

    fn from_str(text: &str) -> Result<Self, OwnerError> {
        let parts = text
            .split_once(':')
            .filter(|(_, group)| !group.contains(':'));
        let parsed = parts.and_then(|(user, group)| {
            Some(Self {
                user: Id::parse(user.as_bytes())?,
                group: Id::parse(group.as_bytes())?,
            })
        });
        parsed.ok_or_else(|| OwnerError {
            text: text.to_owned(),
        })
    }
}

/// Gives everything in the tree to `owner`. Access control lists keep whom they name; a directory that nobody described
/// ([`Node::is_implied`](crate::tree::Node::is_implied)) is not described by this.
///
/// Fails, with nothing changed, when a name has no number.
pub fn set_owner(tree: &mut Tree, owner: &Owner, names: &Names) -> Result<(), UnknownName> {
    let (uid, gid) = (owner.user.user(names)?, owner.group.group(names)?);
    for id in super::all_nodes(tree) {
        let meta = tree.metadata_mut(id);
        (meta.uid, meta.gid) = (uid, gid);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Metadata, NodeKind};

    #[test]
    fn owners_are_numbers_or_names() {
        let names = Names::from_files(b"web:x:33:33:::", b"web:x:34:");
        let mut tree = Tree::new(Metadata::default());
        let child = tree
            .add(Tree::ROOT, b"f", Metadata::default(), NodeKind::Fifo)
            .unwrap();
        for (text, expected) in [("7:8", (7, 8)), ("web:web", (33, 34)), ("root:0", (0, 0))] {
            set_owner(&mut tree, &text.parse().unwrap(), &names).unwrap();
            for id in [Tree::ROOT, child] {
                let meta = &tree.node(id).meta;
                assert_eq!((meta.uid, meta.gid), expected);
            }
        }
        let unknown = set_owner(&mut tree, &"5:nobody".parse().unwrap(), &names);
        let message = unknown.unwrap_err().to_string();
        assert!(message.contains("group \"nobody\" is not in the tree's own /etc/group"));
        assert_eq!(tree.node(child).meta.uid, 0);
    }

    #[test]
    fn what_nobody_described_stays_so() {
        let mut tree = Tree::with_implied_root(Metadata::default());
        set_owner(&mut tree, &"7:8".parse().unwrap(), &Names::default()).unwrap();
        let root = tree.node(Tree::ROOT);
        assert_eq!((root.meta.uid, root.is_implied()), (7, true));
    }

    #[test]
    fn what_is_no_owner_is_refused() {
        for text in [
            "",
            ":",
            "0",
            "0:",
            ":0",
            "0:0:0",
            "4294967295:0",
            "0:99999999999",
        ] {
            assert!(text.parse::<Owner>().is_err(), "{text}");
        }
    }
}
