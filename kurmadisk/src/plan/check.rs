//! Descriptions that say what could have no effect are refused, so that nobody relies on it.

use super::error::PlanError;
use super::resolve::{Disk, Partition};
use super::verity;
use crate::spec::{FilesystemKind, Located, SizeSpec, TableKind};

/// Refuses what this disk could not heed.
pub(super) fn disk(disk: &Disk) -> Result<(), PlanError> {
    if let Some(size) = &disk.spec.size
        && size.value == SizeSpec::Rest
    {
        let reason = "a disk has a size, or \"auto\"; \"rest\" is for its partitions";
        return useless(Some(size), "size", reason);
    }
    match disk.table {
        TableKind::Gpt => gpt(disk)?,
        TableKind::Mbr => mbr(disk)?,
    }
    verity::check(disk)?;
    contents(disk)?;
    disk.partitions.iter().try_for_each(filesystem)
}

fn useless<T>(given: Option<&Located<T>>, field: &str, reason: &str) -> Result<(), PlanError> {
    match given {
        Some(given) => Err(PlanError::Value(reason.to_owned()).at(given, field)),
        None => Ok(()),
    }
}

fn gpt(disk: &Disk) -> Result<(), PlanError> {
    let signature = disk.spec.disk.signature.as_ref();
    useless(signature, "signature", "an MBR has one; a GPT has a guid")?;
    let lost = disk
        .partitions
        .iter()
        .find(|partition| partition.active && partition.hybrid.is_none());
    let reason = "only an MBR marks partitions; for a hybrid one beside this GPT give hybrid too";
    useless(
        lost.and_then(|partition| partition.spec.active.as_ref()),
        "active",
        reason,
    )
}

fn mbr(disk: &Disk) -> Result<(), PlanError> {
    let spec = &disk.spec.disk;
    useless(
        spec.guid.as_ref(),
        "guid",
        "a GPT has one; an MBR has a signature",
    )?;
    let reason = "a GPT's number can be chosen; an MBR has four, and logical ones";
    useless(spec.entries.as_ref(), "entries", reason)?;
    for Partition { spec, .. } in &disk.partitions {
        let reason = "a plain MBR lists every partition; this is for a GPT's";
        useless(spec.hybrid.as_ref(), "hybrid", reason)?;
        let reason = "partitions of an MBR have none; this is for a GPT's";
        useless(spec.guid.as_ref(), "guid", reason)?;
    }
    Ok(())
}

/// A filesystem's keys are for it, and not for the other one or for none.
fn filesystem(partition: &Partition) -> Result<(), PlanError> {
    let spec = partition.filesystem_spec();
    for (field, place, of) in spec.keys() {
        let Some(place) = place else { continue };
        let reason = match (partition.filesystem, of) {
            (None, _) => "without a filesystem type the partition stays empty; give it one",
            (Some(FilesystemKind::Fat), Some(FilesystemKind::Ext4)) => {
                "this is for ext4, and the filesystem is FAT"
            }
            (Some(FilesystemKind::Ext4), Some(FilesystemKind::Fat)) => {
                "this is for FAT, and the filesystem is ext4"
            }
            _ => continue,
        };
        return Err(PlanError::Value(reason.to_owned()).at_place(place.clone(), field));
    }
    if partition.is_read_only() {
        for (field, place) in spec.room_keys() {
            let Some(place) = place else { continue };
            let reason = "a read-only filesystem has no room for changes; leave this out";
            return Err(PlanError::Value(reason.to_owned()).at_place(place.clone(), field));
        }
    }
    if spec.inodes.is_some() {
        let reason = "inodes says how many there are; give one of the two";
        useless(spec.bytes_per_inode.as_ref(), "bytes-per-inode", reason)?;
    }
    if partition.spec.size.as_ref().map(|size| size.value) == Some(SizeSpec::Auto) {
        let reason = "the partition is sized for its filesystem; give the partition a size, or leave this out";
        useless(spec.size.as_ref(), "size", reason)?;
    } else {
        let reason = "this counts where the partition has size = \"auto\"; leave it out";
        useless(spec.free.as_ref(), "free", reason)?;
    }
    Ok(())
}

/// Each content goes into one partition, and into a filesystem there; a size that depends on the
/// content needs one too.
fn contents(disk: &Disk) -> Result<(), PlanError> {
    for (index, partition) in disk.partitions.iter().enumerate() {
        if partition.filesystem.is_none() {
            if let Some(content) = &partition.spec.content {
                let reason = "content needs a filesystem; give it a filesystem type".to_owned();
                return Err(PlanError::Value(reason).at(content, "content"));
            }
            let reason = "a tree needs a filesystem; give it a filesystem type";
            useless(partition.spec.mount.as_ref(), "mount", reason)?;
            useless(partition.spec.binds.as_ref(), "binds", reason)?;
            if partition.size == SizeSpec::Auto && partition.spec.verity.data.is_none() {
                let reason = "without a filesystem there is nothing to size it by".to_owned();
                return Err(PlanError::Value(reason).near(partition.spec.size.as_ref(), "size"));
            }
        }
        let same = disk.partitions[..index]
            .iter()
            .find(|other| other.content.is_some() && other.content == partition.content);
        if let (Some(other), Some(content)) = (same, &partition.spec.content) {
            let reason = format!("partition {} has this content already", other.name());
            return Err(PlanError::Value(reason).at(content, "content"));
        }
    }
    Ok(())
}
