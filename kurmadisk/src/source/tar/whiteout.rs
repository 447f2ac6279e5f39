//! What a layer takes away from those below it: OCI image specification, "Whiteouts".

use kurmadisk_formats::map::DiskMap;

use crate::tree::{NodeId, Tree, split_path};

use super::TarMode;
use super::error::{TarError, TarFault};
use super::members::{End, Members};
use super::place::checked_path;

/// What a name means in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LayerName<'p> {
    /// Itself.
    Ordinary,
    /// That this name is gone from the directory.
    Whiteout { dir: &'p [u8], name: &'p [u8] },
    /// That all is gone from this directory.
    Opaque { dir: &'p [u8] },
    /// The bookkeeping of AUFS.
    Ignored,
}

/// What `path`, as [`checked_path`] gives it, means in a layer.
pub(super) fn classify(path: &[u8]) -> Result<LayerName<'_>, TarFault> {
    let (dir, last) = split_path(path);
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    if last == b".wh..wh..opq" {
        return Ok(LayerName::Opaque { dir });
    }
    let mut parts = path.split(|byte| *byte == b'/');
    if parts.clone().any(|part| part.starts_with(b".wh..wh.")) {
        return Ok(LayerName::Ignored);
    }
    match last.strip_prefix(b".wh.") {
        Some(b"" | b"." | b"..") => Err(TarFault::Whiteout),
        Some(name) => Ok(LayerName::Whiteout { dir, name }),
        None if parts.any(|part| part.starts_with(b".wh.")) => Err(TarFault::Whiteout),
        None => Ok(LayerName::Ordinary),
    }
}

/// Takes away from `tree`, which holds the layers below, what the layer says. So its own members, added
/// after that, are never meant.
pub(super) fn apply(archive: &DiskMap, tree: &mut Tree) -> Result<(), TarError> {
    let mut members = Members::new(archive, End::Any);
    while let Some(member) = members.next()? {
        let error = |fault| member.error(fault);
        let path = checked_path(&member.path, TarMode::Layer).map_err(error)?;
        match classify(&path).map_err(error)? {
            LayerName::Whiteout { dir, name } => {
                if let Some(dir) = tree.lookup(dir) {
                    tree.remove(dir, name);
                }
            }
            LayerName::Opaque { dir } => {
                if let Some(dir) = tree.lookup(dir) {
                    empty(tree, dir);
                }
            }
            LayerName::Ordinary | LayerName::Ignored => {}
        }
    }
    Ok(())
}

fn empty(tree: &mut Tree, dir: NodeId) {
    let names: Vec<_> = tree
        .entries(dir)
        .iter()
        .map(|entry| entry.name.to_vec())
        .collect();
    for name in names {
        tree.remove(dir, &name);
    }
}
