//! Parts of the root tree that go into partitions of their own, as they are mounted in the running system.

use super::contents::{GatheredTrees, find};
use super::error::PlanError;
use super::resolve::{Disk, Partition};
use crate::spec::{Content, Located};
use crate::tree::Metadata;

/// A directory of the root tree, and where what is in it goes.
struct Move<'a> {
    /// The directory, as it was written.
    path: &'a str,
    /// The partition.
    to: usize,
    /// The directory there.
    at: String,
}

/// Moves what the description's `mount` and `binds` say out of the root tree. Its directories stay, empty, for the
/// partitions to be mounted on.
pub(super) fn divide(
    disk: &Disk,
    trees: &mut GatheredTrees,
    made: &Metadata,
) -> Result<(), PlanError> {
    let Some(root) = find(disk, Content::Root) else {
        return Ok(());
    };
    let mut moves = moves(disk)?;
    // What is mounted within another one goes first.
    moves.sort_by_key(|step| std::cmp::Reverse(names(step.path).count()));
    for step in moves {
        let Some(tree) = trees[root].as_mut() else {
            return Ok(());
        };
        let partition = &disk.partitions[step.to];
        let failed = |error| PlanError::Tree(error).near(written(partition), "mount");
        let Some(part) = tree.take(step.path.as_bytes()).map_err(&failed)? else {
            continue;
        };
        if let Some(own) = trees[step.to].as_mut() {
            let at = own.make_dirs(step.at.as_bytes(), made);
            let at = at.map_err(&failed)?;
            own.overlay(at, &part).map_err(failed)?;
        }
    }
    Ok(())
}

fn moves(disk: &Disk) -> Result<Vec<Move<'_>>, PlanError> {
    let mut moves: Vec<Move<'_>> = Vec::new();
    for (to, partition) in disk.partitions.iter().enumerate() {
        let mount = partition.spec.mount.as_ref();
        let mount = mount.map(|mount| (mount.value.as_str(), String::new()));
        let binds = partition.spec.binds.iter().flat_map(|binds| &binds.value.0);
        let binds = binds.map(|(from, path)| (path.as_str(), from.clone()));
        for (path, at) in mount.into_iter().chain(binds) {
            let field = if at.is_empty() { "mount" } else { "binds" };
            let refused =
                |reason: String| Err(PlanError::Value(reason).near(written(partition), field));
            if !path.starts_with('/') || names(path).next().is_none() {
                return refused(format!("{path:?} is no path below /, such as \"/usr\""));
            }
            if let Some(other) = moves.iter().find(|other| names(other.path).eq(names(path))) {
                let other = disk.partitions[other.to].name();
                return refused(format!(
                    "what is in {path} goes to partition {other} already"
                ));
            }
            moves.push(Move { path, to, at });
        }
    }
    Ok(moves)
}

/// The names in a path; slashes at its end, or one after the other, make none.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

/// Something of the partition that has a place.
fn written(partition: &Partition) -> Option<&Located<String>> {
    partition
        .spec
        .mount
        .as_ref()
        .or(partition.spec.label.as_ref())
}
