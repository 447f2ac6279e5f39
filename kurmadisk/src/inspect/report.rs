//! What inspecting finds, as people and programs read it.

use kurmadisk_formats::open::Fact;
use serde::{Serialize, Serializer};

use crate::layout::EntryReport;
use crate::verity::HashAreaReport;

/// Everything an image tells of itself, ready for JSON. Offsets and sizes are in bytes unless named
/// otherwise.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageReport {
    /// The file around the disk.
    pub container: ContainerReport,
    /// The disk in it; its fields stand beside `container` in JSON.
    #[serde(flatten)]
    pub disk: DiskReport,
}

/// The file around a disk.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContainerReport {
    /// The format by name: `raw`, `vdi`…
    pub format: &'static str,
    /// Length of the file, or of all files that it lies in.
    pub file_size: u64,
    /// How much of the disk the file holds content for.
    pub allocated: u64,
    /// What else the format says, such as UUIDs: an object in JSON, with `-` for spaces in names.
    #[serde(serialize_with = "facts")]
    pub facts: Vec<Fact>,
}

/// A disk and what is on it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiskReport {
    /// The disk's length.
    pub size: u64,
    /// The partition table, if there is one that can be read.
    pub table: Option<TableReport>,
    /// The partitions, in the order of their numbers.
    pub partitions: Vec<PartitionReport>,
    /// What lies on a disk without partition table; its fields stand beside `partitions` in JSON.
    #[serde(flatten)]
    pub content: Option<Content>,
    /// Everything that is wrong; empty for a sound disk.
    pub problems: Vec<Problem>,
}

/// A partition table.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TableReport {
    /// `gpt` or `mbr`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The disk's GUID, or an MBR's signature.
    pub id: String,
    /// Bytes in a sector.
    pub sector_size: u64,
    /// The disk's length in sectors.
    pub sectors: u64,
    /// How many entries a GPT has room for.
    pub entries: Option<u32>,
    /// The partitions of a GPT that the MBR lists too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hybrid: Vec<HybridReport>,
    /// The container of an MBR's logical partitions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended: Option<ExtendedReport>,
}

/// A partition of a GPT that the MBR lists too.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HybridReport {
    /// Its number in the GPT.
    pub number: u32,
    /// Its type in the MBR, as `0x0c`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is marked active.
    pub active: bool,
}

/// The container of an MBR's logical partitions.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExtendedReport {
    /// Its slot, 1 to 4.
    pub number: u32,
    /// First sector.
    pub first: u64,
    /// Length in sectors.
    pub sectors: u64,
}

/// A partition.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartitionReport {
    /// Its entry in the table; the fields stand beside those of its content in JSON.
    #[serde(flatten)]
    pub entry: EntryReport,
    /// What lies in it; its fields stand beside the others in JSON.
    #[serde(flatten)]
    pub content: Content,
}

/// What lies in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Content {
    /// What it is: `FAT32`, `ext4`, `squashfs`…; `empty` when its first 128 KiB are zeros,
    /// `unknown`, or `unreadable`.
    #[serde(rename = "content")]
    pub kind: &'static str,
    /// What a FAT or ext2, 3, 4 filesystem says of itself.
    pub filesystem: Option<FilesystemReport>,
    /// A hash area of dm-verity that is in it, or behind its filesystem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verity: Option<HashAreaReport>,
}

/// A filesystem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FilesystemReport {
    /// `FAT12`, `FAT16`, `FAT32`, `ext2`, `ext3`, `ext4`, or `ext journal` for an external one.
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
    /// Number of blocks or clusters.
    pub blocks: u64,
    /// What is free, if the filesystem knows.
    pub free: Option<u64>,
    /// Inodes in all; FAT has none.
    pub inodes: Option<u64>,
    /// Inodes in use.
    pub inodes_used: Option<u64>,
    /// Whether it was unmounted cleanly and no error is on record.
    pub clean: bool,
    /// What only FAT has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fat: Option<FatReport>,
    /// What only ext2, 3, 4 have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ext: Option<ExtReport>,
}

/// What only FAT has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FatReport {
    /// Bytes in a sector.
    pub sector_size: u64,
    /// Sectors before the first table.
    pub reserved_sectors: u64,
    /// Copies of the table.
    pub tables: u64,
    /// Sectors of one table.
    pub table_sectors: u64,
    /// Entries of the root directory; 0 on FAT32.
    pub root_entries: u64,
    /// Sectors before the volume, as it believes.
    pub hidden_sectors: u64,
}

/// What only ext2, 3, 4 have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExtReport {
    /// Features by the names of e2fsprogs; what has no name as `compat-0x10` and the like.
    pub features: Vec<String>,
    /// Where the journal is: `internal` or `external`.
    pub journal: Option<&'static str>,
    /// The journal's length, if the superblock repeats it.
    pub journal_size: Option<u64>,
    /// What the kernel does on errors: `continue`, `remount-ro` or `panic`.
    pub errors: &'static str,
    /// What only root may fill.
    pub reserved: u64,
    /// Bytes of an inode.
    pub inode_size: u64,
    /// When it was made, in seconds since 1970.
    pub made: Option<i64>,
    /// When it was mounted last, in seconds since 1970.
    pub mounted: Option<i64>,
    /// Where it was mounted last.
    pub mounted_on: Option<String>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Problem {
    /// Number of the partition; none for the disk and its table.
    pub partition: Option<u32>,
    /// What is wrong.
    pub problem: String,
}

impl Problem {
    pub(super) fn of_disk(problem: String) -> Self {
        Self {
            partition: None,
            problem,
        }
    }
}

impl Content {
    pub(super) const EMPTY: Self = Self::named("empty");
    pub(super) const UNKNOWN: Self = Self::named("unknown");
    pub(super) const UNREADABLE: Self = Self::named("unreadable");

    pub(super) const fn named(kind: &'static str) -> Self {
        Self {
            kind,
            filesystem: None,
            verity: None,
        }
    }

    /// Whether something was recognised.
    #[must_use]
    pub fn is_known(&self) -> bool {
        ![Self::EMPTY, Self::UNKNOWN, Self::UNREADABLE].contains(self)
    }
}

fn facts<S: Serializer>(facts: &[Fact], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        facts
            .iter()
            .map(|fact| (fact.name.replace(' ', "-"), &fact.value)),
    )
}
