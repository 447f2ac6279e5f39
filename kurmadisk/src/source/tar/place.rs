//! Members put into a tree.

use std::collections::{HashMap, HashSet};

use crate::tree::{Entries, NodeId, NodeKind, Tree};

use super::super::names::{Parents, path_of};
use super::TarMode;
use super::error::{TarError, TarFault};
use super::members::{Member, MemberKind, Members};
use super::pax::lossy;
use super::whiteout::{self, LayerName};

/// Puts members into a tree, one after the other.
pub(super) struct Placer<'t> {
    tree: &'t mut Tree,
    mode: TarMode,
    parents: Parents,
}

impl<'t> Placer<'t> {
    pub(super) fn new(tree: &'t mut Tree, mode: TarMode) -> Self {
        Self {
            tree,
            mode,
            parents: Parents::default(),
        }
    }

    pub(super) fn place(&mut self, member: &Member) -> Result<(), TarFault> {
        let path = checked_path(&member.path, self.mode)?;
        if self.mode == TarMode::Layer && whiteout::classify(&path)? != LayerName::Ordinary {
            return Ok(());
        }
        let kind = match &member.kind {
            MemberKind::HardLink { target, len } => return self.link(&path, member, target, *len),
            MemberKind::Directory => NodeKind::Directory(Entries::new()),
            MemberKind::File(content) => NodeKind::File(content.clone()),
            MemberKind::Symlink(target) => NodeKind::Symlink(target.as_slice().into()),
            MemberKind::CharDevice(device) => NodeKind::CharDevice(*device),
            MemberKind::BlockDevice(device) => NodeKind::BlockDevice(*device),
            MemberKind::Fifo => NodeKind::Fifo,
        };
        let is_dir = matches!(kind, NodeKind::Directory(_));
        if path.is_empty() {
            if !is_dir {
                return Err(TarFault::Root);
            }
            self.tree.set_metadata(Tree::ROOT, member.meta.clone());
            return Ok(());
        }
        let (dir, name) = self.parents.of(self.tree, &path, member.meta.mtime)?;
        match self.tree.child(dir, name) {
            None => {
                self.tree.add(dir, name, member.meta.clone(), kind)?;
            }
            Some(there) if is_dir && self.is_dir(there) => {
                self.tree.set_metadata(there, member.meta.clone());
            }
            Some(_) if self.mode == TarMode::Whole => return Err(TarFault::Duplicate),
            Some(_) => {
                self.parents.forget();
                self.tree.put(dir, name, member.meta.clone(), kind)?;
            }
        }
        Ok(())
    }

    fn link(
        &mut self,
        path: &[u8],
        member: &Member,
        target: &[u8],
        len: Option<u64>,
    ) -> Result<(), TarFault> {
        let shown = || lossy(target);
        let there = checked_path(target, self.mode)
            .map_err(|_| TarFault::LinkTarget { target: shown() })?;
        if there == path {
            return Err(TarFault::LinkSelf);
        }
        let missing = || TarFault::LinkMissing { target: shown() };
        let node = self.tree.lookup(&there).ok_or_else(missing)?;
        let size = match &self.tree.node(node).kind {
            NodeKind::Directory(_) => return Err(TarFault::LinkDirectory { target: shown() }),
            NodeKind::File(content) => content.len(),
            _ => 0,
        };
        if let Some(len) = len.filter(|len| *len != size) {
            let target = shown();
            return Err(TarFault::LinkContent { target, len });
        }
        if path.is_empty() {
            return Err(TarFault::Root);
        }
        let (dir, name) = self.parents.of(self.tree, path, member.meta.mtime)?;
        if self.tree.child(dir, name).is_some() {
            if self.mode == TarMode::Whole {
                return Err(TarFault::Duplicate);
            }
            self.parents.forget();
            self.tree.remove(dir, name);
        }
        self.tree.link(dir, name, node)?;
        Ok(())
    }

    fn is_dir(&self, node: NodeId) -> bool {
        matches!(self.tree.node(node).kind, NodeKind::Directory(_))
    }
}

/// A member's name as a path from the root; empty for the root itself.
pub(super) fn checked_path(name: &[u8], mode: TarMode) -> Result<Vec<u8>, TarFault> {
    if mode == TarMode::Whole && name.starts_with(b"/") {
        return Err(TarFault::Absolute);
    }
    Ok(path_of(name)?)
}

/// The error of a member, with what the rest of the archive tells of a hard link whose target is missing.
pub(super) fn explained(fault: TarFault, member: &Member, mut members: Members<'_>) -> TarError {
    let (TarFault::LinkMissing { target: shown }, MemberKind::HardLink { target, .. }) =
        (&fault, &member.kind)
    else {
        return member.error(fault);
    };
    // Only names matter here, so what is wrong further on doesn't.
    let path = |name: &[u8]| checked_path(name, TarMode::Layer).unwrap_or_default();
    let mut later: HashMap<Vec<u8>, Option<Vec<u8>>> = HashMap::new();
    while let Ok(Some(next)) = members.next() {
        let link = match &next.kind {
            MemberKind::HardLink { target, .. } => Some(path(target)),
            _ => None,
        };
        later.insert(path(&next.path), link);
    }
    let own = path(&member.path);
    let mut seen = HashSet::new();
    let mut at = path(target);
    let target = shown.clone();
    if !later.contains_key(&at) {
        return member.error(fault);
    }
    while seen.insert(at.clone()) {
        match later.get(&at) {
            Some(Some(next)) if *next == own => {
                return member.error(TarFault::LinkLoop { target });
            }
            Some(Some(next)) => at.clone_from(next),
            _ => break,
        }
    }
    member.error(TarFault::LinkForward { target })
}
