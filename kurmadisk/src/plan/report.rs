//! A plan as people and programs read it.

use serde::Serialize;

use super::{Plan, PlannedHashes, PlannedPartition};
use crate::boot::BootMethod;
use crate::layout::{DiskLayout, EntryReport, Scheme};
use crate::verity::HashAreaReport;

/// Everything a plan says, ready for JSON. Offsets and sizes are in bytes unless named otherwise.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanReport {
    /// The image's name.
    pub name: String,
    /// The image's identity.
    pub identity: String,
    /// `gpt` or `mbr`.
    pub table: &'static str,
    /// The disk's GUID, or an MBR's signature.
    pub disk_id: String,
    /// Bytes in a sector.
    pub sector_size: u64,
    /// The disk's length in sectors.
    pub sectors: u64,
    /// The disk's length.
    pub size: u64,
    /// What UEFI firmware starts: `none`, `kurmaboot`, `unified-image`, `managed-entry`,
    /// `managed-image` or `grub`.
    pub boot: BootMethod,
    /// Whether BIOS machines start it.
    pub boot_by_bios: bool,
    /// What BIOS machines start: `kurmaboot` or `grub`; left out when they start nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bios_loader: Option<&'static str>,
    /// The kernel's release, when its header tells.
    pub kernel_release: Option<String>,
    /// The partitions, in their order on disk.
    pub partitions: Vec<PartitionReport>,
}

/// A partition of a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartitionReport {
    /// Its entry in the table; the fields stand beside `filesystem` in JSON.
    #[serde(flatten)]
    pub entry: EntryReport,
    /// The filesystem, if it has one.
    pub filesystem: Option<VolumeReport>,
    /// The hash tree, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verity: Option<HashesReport>,
}

/// A hash tree of a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HashesReport {
    /// Number of the partition whose filesystem it protects.
    pub data_partition: u32,
    /// The rest; its fields stand beside `data-partition` in JSON.
    #[serde(flatten)]
    pub area: HashAreaReport,
}

impl HashesReport {
    fn new(hashes: &PlannedHashes) -> Self {
        let root = Some(hashes.area.root_hash);
        let size = hashes.area.map.len();
        Self {
            data_partition: hashes.data_partition,
            area: HashAreaReport::new(&hashes.options, root, hashes.data_len, hashes.offset, size),
        }
    }
}

/// A filesystem of a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VolumeReport {
    /// `ext4`, `FAT32`…
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its label.
    pub label: String,
    /// UUID or serial number.
    pub id: String,
    /// Its length.
    pub size: u64,
    /// Bytes in a block or cluster.
    pub block_size: u64,
    /// What is free.
    pub free: u64,
    /// Inodes in all; FAT has none.
    pub inodes: Option<u64>,
    /// Inodes in use.
    pub inodes_used: Option<u64>,
    /// The regular files and their places; left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileReport>,
}

/// Where a file's content lies.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileReport {
    /// Path in its filesystem.
    pub path: String,
    /// Offset on the disk and length of each piece; the last may reach past the file's end.
    pub ranges: Vec<(u64, u64)>,
}

impl Plan {
    /// The plan as data; `with_files` adds where each regular file lies.
    #[must_use]
    pub fn report(&self, with_files: bool) -> PlanReport {
        let layout = &self.layout;
        let (table, disk_id) = match &layout.scheme {
            Scheme::Gpt(gpt) => ("gpt", gpt.disk_guid.to_string()),
            Scheme::Mbr(mbr) => ("mbr", format!("{:#010x}", mbr.signature)),
        };
        let partitions = self.partitions.iter();
        PlanReport {
            name: self.name.clone(),
            identity: self.identity.to_string(),
            table,
            disk_id,
            sector_size: layout.sector_size.bytes(),
            sectors: layout.sectors,
            size: layout.len_bytes(),
            boot: self.boot.method,
            boot_by_bios: self.boot.bios,
            bios_loader: self.boot.bios.then_some(match self.boot.pc_core {
                Some(_) => "grub",
                None => "kurmaboot",
            }),
            kernel_release: self.boot.kernel_release.clone(),
            partitions: partitions
                .map(|planned| partition(layout, planned, with_files))
                .collect(),
        }
    }
}

fn partition(layout: &DiskLayout, planned: &PlannedPartition, with_files: bool) -> PartitionReport {
    let entry = &planned.entry;
    let range = layout.byte_range(entry);
    let filesystem = planned.volume.as_ref().map(|volume| {
        let inodes = volume.inodes();
        let files = if with_files {
            volume.files()
        } else {
            Vec::new()
        };
        let on_disk = |ranges: Vec<std::ops::Range<u64>>| {
            ranges
                .into_iter()
                .map(|own| (range.start + own.start, own.end - own.start))
                .collect()
        };
        VolumeReport {
            kind: volume.kind(),
            label: volume.label().to_owned(),
            id: volume.identity(),
            size: volume.size(),
            block_size: volume.block_size(),
            free: volume.free_bytes(),
            inodes: inodes.map(|(_, all)| all),
            inodes_used: inodes.map(|(used, _)| used),
            files: files
                .into_iter()
                .map(|(path, ranges)| FileReport {
                    path,
                    ranges: on_disk(ranges),
                })
                .collect(),
        }
    });
    PartitionReport {
        entry: layout.report(entry),
        filesystem,
        verity: planned.hashes.as_ref().map(HashesReport::new),
    }
}
