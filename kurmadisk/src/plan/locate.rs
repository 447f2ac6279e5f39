//! Errors of layouts and filesystems, with the place of the value they are about.

use super::error::PlanError;
use super::resolve::{Disk, Partition};
use crate::fs::VolumeError;
use crate::fs::ext4::{Ext4Error, FeatureError};
use crate::fs::fat::FatError;
use crate::layout::{DiskFault, LayoutError, PartitionFault};
use crate::spec::{Content, FileSpec, Located, Place};

/// A layout's error with the place of the field it is about.
pub(super) fn layout_error(disk: &Disk, error: LayoutError) -> PlanError {
    let place = match &error {
        // What the disk's own size leaves too little of is no fault of the partition.
        LayoutError::Partition {
            fault: PartitionFault::RestEmpty,
            ..
        } => place(disk.spec.size.as_ref()),
        LayoutError::Partition { partition, fault } => disk
            .partitions
            .iter()
            .find(|wanted| wanted.number == partition.number)
            .and_then(|wanted| partition_place(wanted, fault.field())),
        LayoutError::Disk(fault) => disk_place(disk, fault),
    };
    // It names the field itself.
    at(place, "", error.into())
}

/// A filesystem's error with the place of the field it is about.
pub(super) fn volume_error(disk: &Disk, partition: &Partition, source: VolumeError) -> PlanError {
    let (field, place) = match &source {
        VolumeError::Ext4(error) => ext4_place(disk, partition, error),
        VolumeError::Fat(error) => fat_place(disk, partition, error),
    };
    let error = PlanError::Volume {
        partition: partition.name(),
        source,
    };
    at(place, field, error)
}

/// A field, and where it was written if it was.
type Found = (&'static str, Option<Place>);

fn ext4_place(disk: &Disk, partition: &Partition, error: &Ext4Error) -> Found {
    let spec = partition.filesystem_spec();
    match error {
        Ext4Error::Label { .. } => label(partition),
        Ext4Error::Inodes { .. } => ("inodes", place(spec.inodes.as_ref())),
        Ext4Error::TooSmall { .. }
        | Ext4Error::TooLarge { .. }
        | Ext4Error::Features(FeatureError::Blocks { .. }) => size(partition),
        Ext4Error::Features(FeatureError::NoJournal) => ("journal", place(spec.journal.as_ref())),
        Ext4Error::Features(_) => {
            let features = place(spec.features.as_ref());
            (
                "features",
                features.or_else(|| place(spec.profile.as_ref())),
            )
        }
        Ext4Error::MountOptions { .. } => ("mount-options", place(spec.mount_options.as_ref())),
        Ext4Error::Option { field, .. } => match *field {
            "bytes per inode" => ("bytes-per-inode", place(spec.bytes_per_inode.as_ref())),
            "free inodes" => ("free-inodes", place(spec.free_inodes.as_ref())),
            "reserved" => ("reserved", place(spec.reserved.as_ref())),
            "journal" => ("journal", place(spec.journal.as_ref())),
            _ => ("free", place(spec.free.as_ref())),
        },
        Ext4Error::Time { .. } => (
            "source-date-epoch",
            place(disk.spec.source_date_epoch.as_ref()),
        ),
        Ext4Error::Entry { path, .. } => content(disk, partition, path),
        Ext4Error::Map(_) => ("", None),
    }
}

fn fat_place(disk: &Disk, partition: &Partition, error: &FatError) -> Found {
    let spec = partition.filesystem_spec();
    match error {
        FatError::Option { field, .. } => match *field {
            "label" => label(partition),
            "sectors_per_cluster" => ("cluster-size", place(spec.cluster_size.as_ref())),
            "data_alignment" => ("data-alignment", place(spec.data_alignment.as_ref())),
            _ => ("free", place(spec.free.as_ref())),
        },
        FatError::Name { path, .. }
        | FatError::Twins { path, .. }
        | FatError::Kind { path, .. }
        | FatError::FileTooLarge { path, .. }
        | FatError::DirectoryTooLarge { path, .. } => content(disk, partition, path),
        FatError::TooSmall { .. } | FatError::TooMuch { .. } | FatError::Unsuitable { .. } => {
            size(partition)
        }
        FatError::Map(_) => ("", None),
    }
}

fn size(partition: &Partition) -> Found {
    ("size", place(partition.spec.size.as_ref()))
}

fn label(partition: &Partition) -> Found {
    let own = place(partition.filesystem_spec().label.as_ref());
    (
        "label",
        own.or_else(|| place(partition.spec.label.as_ref())),
    )
}

/// What brought the entry at `path` into the partition: a file of the description that lies there
/// or below, or else the folder.
fn content(disk: &Disk, partition: &Partition, path: &str) -> Found {
    let lies_there = |file: &&FileSpec| {
        let rest = file.path.value.trim_start_matches('/');
        let rest = rest.strip_prefix(path.trim_start_matches('/'));
        partition.is_called(&file.partition.value.0)
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if path != "/"
        && let Some(file) = disk.spec.files.iter().find(lies_there)
    {
        return ("path", Some(file.path.place.clone()));
    }
    match partition.content {
        Some(Content::Root) => ("root", disk.spec.root.place().cloned()),
        Some(Content::Oem) => ("oem", disk.spec.oem.place().cloned()),
        Some(Content::Esp) | None => ("", None),
    }
}

fn at(place: Option<Place>, field: &str, error: PlanError) -> PlanError {
    match place {
        Some(place) => PlanError::At {
            place,
            field: field.to_owned(),
            source: Box::new(error),
        },
        None => error,
    }
}

fn place<T>(value: Option<&Located<T>>) -> Option<Place> {
    value.map(|value| value.place.clone())
}

/// Where a partition's field was written; its number's place where the field was left out.
fn partition_place(partition: &Partition, field: &str) -> Option<Place> {
    let spec = &partition.spec;
    let own = match field {
        "label" => place(spec.label.as_ref()),
        "type" => place(spec.kind.as_ref()),
        "guid" => place(spec.guid.as_ref()),
        "first" => place(spec.first.as_ref()),
        "size" => place(spec.size.as_ref()),
        "attributes" => place(spec.attributes.as_ref()),
        "active" => place(spec.active.as_ref()),
        _ => None,
    };
    own.or_else(|| place(spec.number.as_ref()))
}

fn disk_place(disk: &Disk, fault: &DiskFault) -> Option<Place> {
    let hybrid = |number: u32| {
        let partition = disk.partitions.iter().find(|each| each.number == number)?;
        place(partition.spec.hybrid.as_ref())
    };
    match fault {
        DiskFault::HybridPartition { number }
        | DiskFault::HybridBeyond32Bits { number }
        | DiskFault::HybridType { number, .. } => hybrid(*number),
        _ => match fault.field() {
            "size" => place(disk.spec.size.as_ref()),
            "entries" => place(disk.spec.disk.entries.as_ref()),
            "guid" => place(disk.spec.disk.guid.as_ref()),
            "partition-alignment" => place(disk.spec.disk.partition_alignment.as_ref()),
            "disk-alignment" => place(disk.spec.disk.disk_alignment.as_ref()),
            _ => None,
        },
    }
}
