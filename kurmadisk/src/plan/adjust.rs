//! What is changed of the partitions' trees when everything is in them.

use std::path::PathBuf;

use super::contents::{GatheredTrees, find};
use super::error::PlanError;
use super::resolve::{Disk, Partition};
use crate::adjust::overrides::Overrides;
use crate::adjust::selinux::FileContexts;
use crate::adjust::{Names, clamp_times};
use crate::spec::{Content, FilesystemKind, ImageSpec, Located, OverrideSpec};
use crate::tree::{Entries, Metadata, NodeKind, Timestamp, Tree};

/// Labels by the policy, then overrides, then the clamp of times, which none of those escapes.
pub(super) fn adjust(
    spec: &ImageSpec,
    disk: &Disk,
    gathered: &mut GatheredTrees,
) -> Result<(), PlanError> {
    let root = find(disk, Content::Root);
    let Some(root) = root else {
        return no_root(spec).and_then(|()| of_partitions(spec, disk, gathered, None));
    };
    if let (Some(path), Some(tree)) = (&spec.file_contexts, &mut gathered[root]) {
        label(path, &disk.partitions[root], tree, disk)?;
    }
    of_partitions(spec, disk, gathered, Some(root))
}

/// The same for a root tree without a disk around it.
pub(super) fn alone(spec: &ImageSpec, tree: &mut Tree, time: Timestamp) -> Result<(), PlanError> {
    if let Some(path) = &spec.file_contexts {
        contexts(path)?.label(tree);
    }
    apply(&of_image(spec)?, tree, time)?;
    if spec.source_date_epoch.is_some() {
        clamp_times(tree, time);
    }
    Ok(())
}

/// Refuses what is for the root partition where there is none.
fn no_root(spec: &ImageSpec) -> Result<(), PlanError> {
    let refusal = || {
        let reason = "this is for the root partition, and the layout has none (content = \"root\")";
        PlanError::Value(reason.to_owned())
    };
    if let Some(paths) = &spec.overrides {
        return Err(refusal().at(paths, "overrides"));
    }
    if let Some(path) = &spec.file_contexts {
        return Err(refusal().at(path, "file-contexts"));
    }
    match spec.own_overrides.first() {
        Some(first) => Err(refusal().at(&first.path, "override")),
        None => Ok(()),
    }
}

fn of_partitions(
    spec: &ImageSpec,
    disk: &Disk,
    gathered: &mut GatheredTrees,
    root: Option<usize>,
) -> Result<(), PlanError> {
    for (index, (partition, tree)) in disk.partitions.iter().zip(gathered).enumerate() {
        let own = &partition.spec.overrides;
        let Some(tree) = tree else {
            if let Some(first) = own.first() {
                let reason = "without a filesystem there is nothing to override";
                return Err(PlanError::Value(reason.to_owned()).at(&first.path, "override"));
            }
            continue;
        };
        let mut overrides = Overrides::default();
        if root == Some(index) {
            check_fat(partition, &spec.own_overrides)?;
            overrides.extend(of_image(spec)?);
        }
        check_fat(partition, own)?;
        overrides.extend(Overrides::from_specs(own)?);
        apply(&overrides, tree, disk.time)?;
        if spec.source_date_epoch.is_some() {
            clamp_times(tree, disk.time);
        }
    }
    Ok(())
}

/// FAT has no owners and no attributes.
fn check_fat(partition: &Partition, overrides: &[OverrideSpec]) -> Result<(), PlanError> {
    if partition.filesystem != Some(FilesystemKind::Fat) {
        return Ok(());
    }
    match overrides.iter().find(|each| each.needs_inodes()) {
        Some(found) => {
            let reason = "the filesystem is FAT, which has no owners, attributes and labels";
            Err(PlanError::Value(reason.to_owned()).at(&found.path, "override"))
        }
        None => Ok(()),
    }
}

fn label(
    path: &Located<PathBuf>,
    partition: &Partition,
    tree: &mut Tree,
    disk: &Disk,
) -> Result<(), PlanError> {
    if partition.filesystem != Some(FilesystemKind::Ext4) {
        let reason = "the root filesystem is FAT, which has no labels".to_owned();
        return Err(PlanError::Value(reason).at(path, "file-contexts"));
    }
    let contexts = contexts(path)?;
    let wanted = partition.filesystem_spec().lost_found.as_ref();
    if wanted.is_none_or(|wanted| wanted.value) && !partition.is_read_only() {
        add_lost_found(tree, disk)?;
    }
    contexts.label(tree);
    Ok(())
}

fn contexts(path: &Located<PathBuf>) -> Result<FileContexts, PlanError> {
    FileContexts::read(&path.value)
        .map_err(|error| PlanError::from(error).at(path, "file-contexts"))
}

/// The filesystem would add it without a label.
fn add_lost_found(tree: &mut Tree, disk: &Disk) -> Result<(), PlanError> {
    const NAME: &[u8] = b"lost+found";
    if tree.child(Tree::ROOT, NAME).is_none() {
        let meta = Metadata {
            mode: 0o700,
            mtime: disk.time,
            ..Metadata::default()
        };
        tree.add(Tree::ROOT, NAME, meta, NodeKind::Directory(Entries::new()))?;
    }
    Ok(())
}

/// The overrides of files, then those of the description itself.
fn of_image(spec: &ImageSpec) -> Result<Overrides, PlanError> {
    let mut overrides = Overrides::default();
    if let Some(paths) = &spec.overrides {
        for path in &paths.value.0 {
            let read = Overrides::read(path);
            overrides.extend(read.map_err(|error| PlanError::from(error).at(paths, "overrides"))?);
        }
    }
    overrides.extend(Overrides::from_specs(&spec.own_overrides)?);
    Ok(overrides)
}

fn apply(overrides: &Overrides, tree: &mut Tree, time: Timestamp) -> Result<(), PlanError> {
    if overrides.is_empty() {
        return Ok(());
    }
    let names = Names::for_ids(tree, overrides.ids())?;
    Ok(overrides.apply(tree, &names, time)?)
}
