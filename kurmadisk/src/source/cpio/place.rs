//! Members put into a tree.

use std::collections::HashMap;

use crate::tree::{Entries, Metadata, NodeId, NodeKind, Timestamp, Tree, file_type};

use super::super::names::{Parents, path_of};
use super::error::{CpioError, CpioFault};
use super::members::{Member, Members};
use super::spec::Header;

/// Puts the members of one archive into a tree.
pub(super) struct Placer<'t> {
    tree: &'t mut Tree,
    parents: Parents,
    /// Nodes from here on are of this archive; others were there before.
    first: usize,
    linked: HashMap<LinkKey, NodeId>,
}

/// What names of one file have in common.
#[derive(PartialEq, Eq, Hash)]
struct LinkKey {
    ino: u32,
    dev: (u32, u32),
    file_type: u32,
}

impl<'t> Placer<'t> {
    pub(super) fn new(tree: &'t mut Tree) -> Self {
        Self {
            parents: Parents::default(),
            first: tree.node_count(),
            linked: HashMap::new(),
            tree,
        }
    }

    pub(super) fn place(&mut self, member: &Member, members: &Members) -> Result<(), CpioError> {
        let kind = kind(member, members)?;
        let placed = self.put(member, kind);
        placed.map_err(|fault| member.error(fault))
    }

    fn put(&mut self, member: &Member, kind: NodeKind) -> Result<(), CpioFault> {
        let header = &member.header;
        let meta = metadata(header);
        let path = path_of(&member.name)?;
        let is_dir = matches!(kind, NodeKind::Directory(_));
        if path.is_empty() {
            if !is_dir {
                return Err(CpioFault::Root);
            }
            self.tree.set_metadata(Tree::ROOT, meta);
            return Ok(());
        }
        let (dir, name) = self.parents.of(self.tree, &path, meta.mtime)?;
        if let Some(there) = self.tree.child(dir, name) {
            if is_dir && matches!(self.tree.node(there).kind, NodeKind::Directory(_)) {
                self.tree.set_metadata(there, meta);
                return Ok(());
            }
            self.check_replaceable(there)?;
            self.tree.remove(dir, name);
            self.parents.forget();
        }
        let key = LinkKey {
            ino: header.ino,
            dev: header.dev,
            file_type: header.file_type(),
        };
        let shared = header.nlink > 1 && !is_dir;
        if shared
            && let Some(node) = self.linked.get(&key).copied()
            && self.joined(node, header, &kind)?
        {
            return Ok(self.tree.link(dir, name, node)?);
        }
        let node = self.tree.add(dir, name, meta, kind)?;
        if shared {
            self.linked.entry(key).or_insert(node);
        }
        Ok(())
    }

    /// Whether what an archive before this one has under a name can give way.
    fn check_replaceable(&self, there: NodeId) -> Result<(), CpioFault> {
        if there.index() >= self.first {
            return Err(CpioFault::Duplicate);
        }
        if !self.tree.entries(there).is_empty() {
            return Err(CpioFault::Directory);
        }
        Ok(())
    }

    /// Whether a further name of `node` is one. Any name may bring the content; mostly it is the last.
    fn joined(
        &mut self,
        node: NodeId,
        header: &Header,
        kind: &NodeKind,
    ) -> Result<bool, CpioFault> {
        match (&self.tree.node(node).kind, kind) {
            (NodeKind::File(known), NodeKind::File(content)) => {
                let (other, len) = (known.len(), content.len());
                if other != 0 && len != 0 && other != len {
                    let ino = header.ino;
                    return Err(CpioFault::LinkContent { ino, len, other });
                }
                if len != 0 {
                    self.tree.set_content(node, content.clone());
                }
                Ok(true)
            }
            // The kernel makes two of them. Where they are the same, they were one.
            (NodeKind::Symlink(known), NodeKind::Symlink(target)) => Ok(known == target),
            (NodeKind::CharDevice(known), NodeKind::CharDevice(device))
            | (NodeKind::BlockDevice(known), NodeKind::BlockDevice(device)) => Ok(known == device),
            _ => Ok(true),
        }
    }
}

fn kind(member: &Member, members: &Members) -> Result<NodeKind, CpioError> {
    let header = &member.header;
    if header.mode & !(file_type::MASK | 0o7777) != 0 {
        return Err(member.error(CpioFault::Mode { mode: header.mode }));
    }
    Ok(match header.file_type() {
        file_type::DIRECTORY => NodeKind::Directory(Entries::new()),
        file_type::REGULAR => NodeKind::File(members.content(member)?),
        file_type::SYMLINK => NodeKind::Symlink(members.target(member)?.into()),
        file_type::CHAR_DEVICE => NodeKind::CharDevice(header.device()),
        file_type::BLOCK_DEVICE => NodeKind::BlockDevice(header.device()),
        file_type::FIFO => NodeKind::Fifo,
        file_type::SOCKET => NodeKind::Socket,
        _ => return Err(member.error(CpioFault::Mode { mode: header.mode })),
    })
}

fn metadata(header: &Header) -> Metadata {
    // Linux has no permissions of symbolic links.
    let mode = match header.file_type() {
        file_type::SYMLINK => 0o777,
        _ => header.mode & 0o7777,
    };
    Metadata {
        mode: u16::try_from(mode).unwrap_or_default(),
        uid: header.uid,
        gid: header.gid,
        mtime: Timestamp {
            seconds: header.mtime.cast_signed(),
            nanos: 0,
        },
        ..Metadata::default()
    }
}
