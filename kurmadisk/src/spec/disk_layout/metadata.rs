//! What counts for all partitions of a file.

use super::super::image::{DiskSpec, TableKind};
use super::super::located::Located;
use super::super::parse::SpecError;
use super::convert::{fault, number};
use super::read::{Entry, LayoutFile};
use crate::layout::Size;

/// Keys that say something.
const KEYS: [&str; 8] = [
    "block_size",
    "fs_block_size",
    "part_alignment",
    "alignment",
    "disk_alignment",
    "fs_align",
    "primary_entry_array_lba",
    "primary_entry_array_padding_bytes",
];
/// Keys that are about installers.
const IGNORED: [&str; 4] = [
    "rootdev_base",
    "rootdev_partition",
    "rootdev_usb",
    "rootdev_vm",
];

/// What counts for all partitions.
pub(super) struct Units {
    /// Bytes in a block of the disk.
    pub block: u64,
    /// Bytes in a block of a filesystem.
    pub fs_block: u64,
    /// What filesystems are aligned to, in bytes.
    pub fs_align: Option<u64>,
    /// Whether the layout is a list.
    pub is_list: bool,
}

/// Refuses keys that there are not, and values that can't be.
fn check(metadata: &Entry) -> Result<(), SpecError> {
    let is_known = |key: &str| KEYS.contains(&key) || IGNORED.contains(&key);
    if let Some((key, value)) = metadata.iter().find(|(key, _)| !is_known(key)) {
        let known = KEYS.join(", ");
        let reason = format!("{key}: metadata has no such key; there are {known}");
        return Err(fault(value, &reason));
    }
    for key in [
        "block_size",
        "fs_block_size",
        "part_alignment",
        "alignment",
        "disk_alignment",
        "fs_align",
    ] {
        if let Some(given) = number(metadata, key)?.filter(|given| given.value == 0) {
            return Err(fault(&given, &format!("{key}: it can't be 0")));
        }
    }
    for (key, usual) in [
        ("primary_entry_array_lba", 2),
        ("primary_entry_array_padding_bytes", 0),
    ] {
        if let Some(given) = number(metadata, key)?.filter(|given| given.value != usual) {
            let reason =
                format!("{key}: the table's entries always lie behind its header; leave it out");
            return Err(fault(&given, &reason));
        }
    }
    Ok(())
}

/// The disk, and the units of its partitions.
pub(super) fn disk(file: &LayoutFile) -> Result<(DiskSpec, Units), SpecError> {
    let metadata = &file.metadata;
    check(metadata)?;
    let block_size = number(metadata, "block_size")?;
    let block = block_size.as_ref().map_or(512, |size| size.value);
    let fs_block = number(metadata, "fs_block_size")?.map_or(4096, |size| size.value);
    let in_blocks = |given: Located<u64>| given.map(Size::Sectors);
    let alignment = match number(metadata, "part_alignment")? {
        Some(alignment) => Some(alignment),
        None => number(metadata, "alignment")?,
    };
    let alignment = alignment.map(in_blocks);
    let fs_align = number(metadata, "fs_align")?;
    let packed = (file.is_list && alignment.is_none()).then(|| Located {
        value: Size::Sectors(1),
        place: file.place.clone(),
    });
    let disk = DiskSpec {
        table: Some(Located {
            value: TableKind::Gpt,
            place: file.place.clone(),
        }),
        sector_size: block_size,
        partition_alignment: alignment.or(packed),
        disk_alignment: number(metadata, "disk_alignment")?.map(in_blocks),
        ..DiskSpec::default()
    };
    let units = Units {
        block,
        fs_block,
        fs_align: fs_align.map(|align| align.value),
        is_list: file.is_list,
    };
    Ok((disk, units))
}
