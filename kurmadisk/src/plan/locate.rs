//! Errors of layouts and filesystems, with the place of the value they are about.

use super::error::PlanError;
use super::resolve::{Disk, Partition};
use crate::fs::VolumeError;
use crate::fs::ext4::Ext4Error;
use crate::fs::fat::FatError;
use crate::layout::{DiskFault, LayoutError, PartitionFault};
use crate::spec::{Located, Place};

/// A layout's error with the place of the field it is about.
pub(super) fn layout_error(disk: &Disk, error: LayoutError) -> PlanError {
    let place = match &error {
        // What the disk's own size leaves too little of is no fault of the partition.
        LayoutError::Partition {
            fault: PartitionFault::RestEmpty,
            ..
        } => place(disk.size.as_ref()),
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
pub(super) fn volume_error(partition: &Partition, source: VolumeError) -> PlanError {
    let spec = partition.filesystem_spec();
    let label = || place(spec.label.as_ref()).or_else(|| place(partition.spec.label.as_ref()));
    let (field, own) = match &source {
        VolumeError::Ext4(Ext4Error::Label { .. })
        | VolumeError::Fat(FatError::Option { field: "label", .. }) => ("label", label()),
        VolumeError::Ext4(Ext4Error::Inodes { .. }) => ("inodes", place(spec.inodes.as_ref())),
        VolumeError::Ext4(Ext4Error::Option { field, .. }) => match *field {
            "bytes per inode" => ("bytes-per-inode", place(spec.bytes_per_inode.as_ref())),
            "reserved" => ("reserved", place(spec.reserved.as_ref())),
            "journal" => ("journal", place(spec.journal.as_ref())),
            _ => ("free", place(spec.free.as_ref())),
        },
        VolumeError::Fat(FatError::Option { field, .. }) => match *field {
            "sectors_per_cluster" => ("cluster-size", place(spec.cluster_size.as_ref())),
            _ => ("free", place(spec.free.as_ref())),
        },
        _ => ("size", None),
    };
    let (field, place) = match own {
        Some(own) => (field, Some(own)),
        None => ("size", place(partition.spec.size.as_ref())),
    };
    let error = PlanError::Volume {
        partition: partition.name(),
        source,
    };
    at(place, field, error)
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
            "size" => place(disk.size.as_ref()),
            "entries" => place(disk.spec.entries.as_ref()),
            "guid" => place(disk.spec.guid.as_ref()),
            "partition-alignment" => place(disk.spec.partition_alignment.as_ref()),
            "disk-alignment" => place(disk.spec.disk_alignment.as_ref()),
            _ => None,
        },
    }
}
