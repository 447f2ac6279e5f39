//! Places for the partitions, now that all sizes are known.

use super::error::PlanError;
use super::identity::Identity;
use super::locate;
use super::resolve::Disk;
use super::verity::Protections;
use super::volumes::Sizes;
use crate::layout::{
    DiskLayout, GptScheme, HybridEntry, LayoutRequest, PartitionRequest, PartitionSize,
    SchemeRequest,
};
use crate::spec::TableKind;

/// Gives every partition its place, now that all sizes are known.
pub(super) fn arrange(
    disk: &Disk,
    sized: &Sizes,
    protections: &Protections,
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
    let partitions = disk.partitions.iter().zip(sized.sectors()).enumerate();
    let request = LayoutRequest {
        sector_size: disk.sector_size,
        scheme,
        partition_alignment: disk.partition_alignment,
        disk_alignment: disk.size_alignment,
        disk_sectors: disk.sectors,
        partitions: partitions
            .map(|(index, (partition, size))| PartitionRequest {
                number: partition.number,
                label: partition.label.clone(),
                kind: partition.kind,
                guid: partition
                    .guid
                    .or_else(|| protections.guid(index))
                    .unwrap_or_else(|| identity.partition(partition.number)),
                first: partition.first,
                size: size.map_or(PartitionSize::Rest, PartitionSize::Sectors),
                attributes: partition.attributes,
                // In a hybrid MBR the entry above says it.
                active: partition.active && disk.table == TableKind::Mbr,
            })
            .collect(),
    };
    request
        .arrange()
        .map_err(|error| locate::layout_error(disk, error))
}
