//! The attributes of all nodes of a tree, decided once for all sizes that are tried.

use std::collections::{BTreeMap, HashMap};

use super::encode::{self, Content};
use super::split::split;
use super::{Attribute, Format, len};
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::error::Ext4Error;
use crate::fs::ext4::numbers::Numbers;
use crate::tree::{NodeId, NodeKind, Tree, Xattrs, lossy};

/// Inodes that one block serves, at most (`EXT4_XATTR_REFCOUNT_MAX`).
const MOST_USERS: u32 = 1024;

/// What the nodes of a tree have for attributes, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    format: Option<Format>,
    nodes: BTreeMap<NodeId, Held>,
    /// The ends of inodes.
    bodies: Vec<Vec<u8>>,
    contents: Vec<Content>,
    blocks: Vec<Block>,
}

/// What one node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    /// Which of the bodies.
    body: usize,
    /// Which of the blocks.
    block: Option<usize>,
}

/// A block that inodes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    /// Which of the contents.
    content: usize,
    users: u32,
}

/// The attributes of an inode.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stored<'a> {
    /// What lies behind the inode's fields.
    pub body: &'a [u8],
    /// The block that has the others.
    pub block: Option<u64>,
}

/// Attributes that some nodes have, all of them the same.
struct Set<'a> {
    attributes: Vec<Attribute<'a>>,
    /// The first of the nodes.
    first: NodeId,
    users: u32,
}

/// Which of the sets a node has, in the order of the inodes.
type SetOfNodes = Vec<(NodeId, usize)>;

impl Attributes {
    /// Decides on the attributes of `tree`; blocks come in the order of the inodes.
    ///
    /// Fails with the path of what can't have such attributes, or not so many.
    pub fn new(tree: &Tree, numbers: &Numbers, format: Format) -> Result<Self, Ext4Error> {
        let (sets, of) = sets(tree, numbers, format)?;
        let users = users(&sets);
        let mut table = Self {
            format: Some(format),
            ..Self::default()
        };
        let mut known: HashMap<Content, usize> = HashMap::new();
        let mut content_of = Vec::with_capacity(sets.len());
        for set in &sets {
            let count = |attribute: &Attribute<'_>| users.get(&counted(attribute)).copied();
            let divided = split(&set.attributes, format, |attribute| {
                count(attribute).unwrap_or(0)
            });
            let divided = divided
                .ok_or_else(|| refusal(tree, set.first, no_room(&set.attributes, format)))?;
            table.bodies.push(encode::body(&divided.inode, format));
            content_of.push((!divided.block.is_empty()).then(|| {
                let content = encode::content(&divided.block, format);
                *known.entry(content).or_insert_with_key(|content| {
                    table.contents.push(content.clone());
                    table.contents.len() - 1
                })
            }));
        }
        table.share(&of, &content_of);
        Ok(table)
    }

    /// Gives each node its part of a block.
    fn share(&mut self, of: &[(NodeId, usize)], content_of: &[Option<usize>]) {
        let mut open: Vec<Option<usize>> = vec![None; self.contents.len()];
        for (id, set) in of {
            let block = content_of[*set].map(|content| {
                let last = open[content].filter(|block| self.blocks[*block].users < MOST_USERS);
                let block = last.unwrap_or_else(|| {
                    self.blocks.push(Block { content, users: 0 });
                    self.blocks.len() - 1
                });
                open[content] = Some(block);
                self.blocks[block].users += 1;
                block
            });
            self.nodes.insert(*id, Held { body: *set, block });
        }
    }

    /// How many blocks there are.
    pub fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// The attributes of a node; `places` are those of the blocks.
    pub fn of(&self, id: NodeId, places: &[u64]) -> Stored<'_> {
        let held = self.nodes.get(&id);
        held.map_or_else(Stored::default, |held| Stored {
            body: &self.bodies[held.body],
            block: held.block.map(|block| places[block]),
        })
    }

    /// The bytes of block number `index`, which lies at `place`; `seed` is the filesystem's.
    pub fn block(&self, index: usize, place: u64, seed: Checksum) -> Vec<u8> {
        let block = self.blocks[index];
        let format = self
            .format
            .expect("a table with blocks was made with a format");
        self.contents[block.content].block(place, block.users, format, seed)
    }
}

/// The different sets of attributes, and which of them each node has, in the order of the inodes.
fn sets<'a>(
    tree: &'a Tree,
    numbers: &Numbers,
    format: Format,
) -> Result<(Vec<Set<'a>>, SetOfNodes), Ext4Error> {
    let mut known: HashMap<&Xattrs, usize> = HashMap::new();
    let mut sets: Vec<Set<'a>> = Vec::new();
    let mut of = Vec::new();
    for id in &numbers.order {
        let node = tree.node(*id);
        let xattrs = &node.meta.xattrs;
        if xattrs.is_empty() {
            continue;
        }
        if !format.allowed {
            let reason =
                "it has extended attributes, which need the feature ext_attr; leave out ^ext_attr";
            return Err(refusal(tree, *id, reason.to_owned()));
        }
        let set = if let Some(set) = known.get(xattrs) {
            *set
        } else {
            let attributes = read(xattrs).map_err(|reason| refusal(tree, *id, reason))?;
            sets.push(Set {
                attributes,
                first: *id,
                users: 0,
            });
            known.insert(xattrs, sets.len() - 1);
            sets.len() - 1
        };
        sets[set].users += 1;
        if let Some(reason) = kind_fault(&node.kind, &sets[set].attributes) {
            return Err(refusal(tree, *id, reason));
        }
        of.push((*id, set));
    }
    Ok((sets, of))
}

fn read(xattrs: &Xattrs) -> Result<Vec<Attribute<'_>>, String> {
    let mut attributes = xattrs
        .iter()
        .map(|(name, value)| Attribute::new(name, value))
        .collect::<Result<Vec<_>, _>>()?;
    attributes.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(attributes)
}

/// What Linux does not let a node of this kind have.
fn kind_fault(kind: &NodeKind, attributes: &[Attribute<'_>]) -> Option<String> {
    let is_directory = matches!(kind, NodeKind::Directory(_));
    let is_file = matches!(kind, NodeKind::File(_));
    let is_symlink = matches!(kind, NodeKind::Symlink(_));
    let (found, whose) = attributes.iter().find_map(|attribute| {
        if attribute.is_default_acl() && !is_directory {
            Some((attribute, "directories"))
        } else if attribute.is_acl() && is_symlink {
            Some((attribute, "what is no symbolic link"))
        } else if attribute.is_user() && !is_directory && !is_file {
            Some((attribute, "regular files and directories"))
        } else {
            None
        }
    })?;
    let name = lossy(found.full_name);
    Some(format!(
        "Linux gives the extended attribute {name:?} to {whose} only; leave it out"
    ))
}

/// What is the same in two sets.
fn counted<'a>(attribute: &'a Attribute<'_>) -> (u8, &'a [u8], &'a [u8]) {
    (attribute.index, attribute.name, &attribute.value)
}

/// How many nodes have an attribute with such a value.
fn users<'s>(sets: &'s [Set<'_>]) -> HashMap<(u8, &'s [u8], &'s [u8]), u32> {
    let mut users = HashMap::new();
    for set in sets {
        for attribute in &set.attributes {
            *users.entry(counted(attribute)).or_insert(0) += set.users;
        }
    }
    users
}

/// What to say of attributes that are too many or too large.
fn no_room(attributes: &[Attribute<'_>], format: Format) -> String {
    let total: usize = attributes.iter().map(len).sum();
    let (inode, block) = (format.inode_room(), format.block_room());
    let larger = if format.has_larger_blocks() {
        ", or use larger blocks"
    } else {
        ""
    };
    let room = format!("there is room for {inode} in the inode and {block} in a block");
    let largest = attributes.iter().max_by_key(|attribute| len(attribute));
    let (name, value, most) = largest.map_or_else(Default::default, |found| {
        (lossy(found.full_name), found.value.len(), len(found))
    });
    if most > block.max(inode) {
        return format!(
            "the extended attribute {name:?} of {value} bytes takes {most} with its name, and {room}; leave it \
             out{larger}"
        );
    }
    let count = attributes.len();
    format!(
        "its {count} extended attributes take {total} bytes with their names, {most} of them {name:?}, and \
         {room}; leave some out{larger}"
    )
}

fn refusal(tree: &Tree, id: NodeId, reason: String) -> Ext4Error {
    Ext4Error::Entry {
        path: tree.path_of(id),
        reason,
    }
}
