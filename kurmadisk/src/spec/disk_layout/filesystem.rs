//! What an entry says of its filesystem.

use serde_json::Value;

use super::super::located::Located;
use super::super::parse::SpecError;
use super::super::partition::{ErrorsSpec, FilesystemKind, FilesystemSpec, ProfileSpec};
use super::convert::{fault, number};
use super::metadata::Units;
use super::partition::{small, text};
use super::read::Entry;
use crate::layout::Size;

/// The filesystem in a partition of so many bytes.
pub(super) fn filesystem(
    entry: &Entry,
    units: &Units,
    length: u64,
    is_esp: bool,
) -> Result<FilesystemSpec, SpecError> {
    let kind = match text(entry, "fs_type")? {
        Some(kind) => Some(kind),
        None => text(entry, "fs_format")?,
    };
    let Some(kind) = kind else {
        // How large a filesystem would be is said of partitions that an updater formats.
        return Ok(FilesystemSpec::default());
    };
    let mut spec = FilesystemSpec {
        label: text(entry, "fs_label")?,
        size: fs_size(entry, units, length)?,
        ..FilesystemSpec::default()
    };
    for key in ["fs_subvolume", "fs_compression"] {
        if let Some(given) = entry.get(key).filter(|_| kind.value != "btrfs") {
            return Err(fault(
                given,
                &format!("{key}: only btrfs has it, and this is {}", kind.value),
            ));
        }
    }
    if let Some(options) = entry
        .get("fs_options")
        .filter(|all| all.value.get(&kind.value).is_some())
    {
        let reason = format!(
            "fs_options: options of mkfs.{} are not heeded; leave them out",
            kind.value
        );
        return Err(fault(options, &reason));
    }
    match kind.value.as_str() {
        "ext2" => extended(entry, units, &kind, ProfileSpec::Ext2, &mut spec)?,
        "ext3" => extended(entry, units, &kind, ProfileSpec::Ext3, &mut spec)?,
        "ext4" => extended(entry, units, &kind, ProfileSpec::Ext4, &mut spec)?,
        "fat12" => fat(entry, &kind, Some(12), &mut spec)?,
        "fat16" => fat(entry, &kind, Some(16), &mut spec)?,
        "fat32" => fat(entry, &kind, Some(32), &mut spec)?,
        // In CoreOS' layouts the EFI system partition is FAT32, whatever its size.
        "vfat" | "fat" => fat(
            entry,
            &kind,
            (is_esp && !units.is_list).then_some(32),
            &mut spec,
        )?,
        other => {
            let number = entry
                .get("num")
                .map_or_else(String::new, |num| num.value.to_string());
            let reason = format!(
                "fs_type: {other} is not written here; give partition {number} another one in the configuration: \
                 [[partition]] number = {number}, filesystem = {{ type = \"ext4\" }}"
            );
            return Err(fault(&kind, &reason));
        }
    }
    Ok(spec)
}

/// A FAT filesystem.
fn fat(
    entry: &Entry,
    kind: &Located<String>,
    bits: Option<u8>,
    spec: &mut FilesystemSpec,
) -> Result<(), SpecError> {
    for key in ["fs_bytes_per_inode", "fs_inode_size"] {
        if let Some(given) = entry.get(key) {
            let reason = format!("{key}: only ext2, ext3 and ext4 have inodes");
            return Err(fault(given, &reason));
        }
    }
    spec.kind = Some(kind.beside(FilesystemKind::Fat));
    spec.fat_bits = bits.map(|bits| kind.beside(bits));
    Ok(())
}

/// The keys of ext2, ext3 and ext4, as the scripts of CoreOS give them to mke2fs.
fn extended(
    entry: &Entry,
    units: &Units,
    kind: &Located<String>,
    profile: ProfileSpec,
    spec: &mut FilesystemSpec,
) -> Result<(), SpecError> {
    spec.kind = Some(kind.beside(FilesystemKind::Ext4));
    spec.profile = Some(kind.beside(profile));
    let block = number(entry, "fs_block_size")?.unwrap_or_else(|| kind.beside(units.fs_block));
    spec.inode_size = small(entry, "fs_inode_size")?;
    spec.bytes_per_inode = small(entry, "fs_bytes_per_inode")?;
    if !units.is_list {
        let usual = u32::try_from(block.value)
            .ok()
            .map(|bytes| kind.beside(bytes));
        spec.bytes_per_inode = spec.bytes_per_inode.take().or(usual);
        spec.errors = Some(kind.beside(ErrorsSpec::RemountRo));
    }
    spec.block_size = Some(block.map(Size::Bytes));
    Ok(())
}

/// How much of its partition a filesystem takes, when that is not all.
fn fs_size(entry: &Entry, units: &Units, length: u64) -> Result<Option<Located<Size>>, SpecError> {
    let block = number(entry, "fs_block_size")?.map_or(units.fs_block, |size| size.value);
    if block == 0 {
        return Ok(None);
    }
    let given = match (entry.get("fs_blocks"), number(entry, "fs_size")?) {
        (Some(given), None) => {
            let blocks = blocks_of(given, length / block);
            let bytes = blocks.and_then(|blocks| blocks.checked_mul(block));
            let Some(bytes) = bytes else {
                let reason = format!("fs_blocks: {} is no number of blocks", given.value);
                return Err(fault(given, &reason));
            };
            given.beside(bytes)
        }
        (None, Some(size)) => size,
        (Some(_), Some(size)) => {
            return Err(fault(
                &size,
                "fs_size: there are fs_blocks too; give one of the two",
            ));
        }
        (None, None) => return Ok(None),
    };
    if given.value > length {
        let key = if entry.contains_key("fs_blocks") {
            "fs_blocks"
        } else {
            "fs_size"
        };
        let reason = format!(
            "{key}: the filesystem would be larger ({}) than its partition ({length})",
            given.value
        );
        return Err(fault(&given, &reason));
    }
    Ok((given.value < length).then(|| given.map(Size::Bytes)))
}

/// So many blocks: a number, a share of `all` such as `90%`, or with a minus so many fewer than all.
fn blocks_of(given: &Located<Value>, all: u64) -> Option<u64> {
    let text = match &given.value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    if let Some(percent) = text.strip_suffix('%') {
        let percent: u64 = percent.trim().parse().ok()?;
        return all.checked_mul(percent).map(|share| share / 100);
    }
    match text.strip_prefix('-') {
        Some(fewer) => all.checked_sub(fewer.parse().ok()?),
        None => text.parse().ok(),
    }
}
