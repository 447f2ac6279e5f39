//! Places for the partitions, now that all sizes are known.

use super::error::PlanError;
use super::identity::Identity;
use super::resolve::Disk;
use super::volumes::Sizes;
use crate::layout::{
    DiskLayout, GptScheme, HybridEntry, LayoutError, LayoutRequest, PartitionRequest,
    PartitionSize, SchemeRequest,
};
use crate::spec::TableKind;

/// Gives every partition its place, now that all sizes are known.
pub(super) fn arrange(
    disk: &Disk,
    sized: &Sizes,
    identity: &Identity,
) -> Result<DiskLayout, PlanError> {
    let hybrid = disk.partitions.iter().filter_map(|partition| {
        Some(HybridEntry {
            number: partition.number,
            mbr_type: partition.hybrid?,
            active: partition.active,
        })
    });
    let scheme = match disk.table {
        TableKind::Gpt => SchemeRequest::Gpt(GptScheme {
            disk_guid: disk.guid.unwrap_or_else(|| identity.derive("disk")),
            entries: disk.entries,
            hybrid: hybrid.collect(),
        }),
        TableKind::Mbr => SchemeRequest::Mbr {
            signature: disk
                .signature
                .unwrap_or_else(|| identity.derive_u32("disk signature")),
        },
    };
    let partitions = disk.partitions.iter().zip(sized.sectors());
    let request = LayoutRequest {
        sector_size: disk.sector_size,
        scheme,
        partition_alignment: disk.partition_alignment,
        disk_alignment: disk.size_alignment,
        disk_sectors: disk.sectors,
        partitions: partitions
            .map(|(partition, size)| PartitionRequest {
                number: partition.number,
                label: partition.label.clone(),
                kind: partition.kind,
                guid: partition
                    .guid
                    .unwrap_or_else(|| identity.derive(&format!("partition {}", partition.number))),
                first: partition.first,
                size: size.map_or(PartitionSize::Rest, PartitionSize::Sectors),
                attributes: partition.attributes,
                // In a hybrid MBR the entry above says it.
                active: partition.active && disk.table == TableKind::Mbr,
            })
            .collect(),
    };
    request.arrange().map_err(|error| locate(disk, error))
}

/// A layout's error with the place of the field it is about.
fn locate(disk: &Disk, error: LayoutError) -> PlanError {
    let LayoutError::Partition { partition, .. } = &error else {
        return error.into();
    };
    let field = error.field();
    let found = disk
        .partitions
        .iter()
        .find(|wanted| wanted.number == partition.number);
    let Some(spec) = found.map(|wanted| &wanted.spec) else {
        return error.into();
    };
    let place = match field {
        "number" => spec.number.as_ref().map(|value| value.place.clone()),
        "label" => spec.label.as_ref().map(|value| value.place.clone()),
        "type" => spec.kind.as_ref().map(|value| value.place.clone()),
        "guid" => spec.guid.as_ref().map(|value| value.place.clone()),
        "first" => spec.first.as_ref().map(|value| value.place.clone()),
        "size" => spec.size.as_ref().map(|value| value.place.clone()),
        "attributes" => spec.attributes.as_ref().map(|value| value.place.clone()),
        _ => None,
    };
    let place = place.or_else(|| spec.number.as_ref().map(|value| value.place.clone()));
    match place {
        Some(place) => PlanError::At {
            place,
            field: field.to_owned(),
            source: Box::new(error.into()),
        },
        None => error.into(),
    }
}
