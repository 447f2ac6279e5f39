//! An entry as a [`PartitionSpec`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::super::located::Located;
use super::super::parse::SpecError;
use super::super::partition::{
    Binds, Content, ErrorsSpec, FilesystemKind, FilesystemSpec, PartitionSpec, ProfileSpec,
};
use super::super::value::Name;
use super::super::verity::VeritySpec;
use super::convert::{Units, bytes, fault, number};
use super::read::Entry;
use super::types;
use crate::layout::Size;

/// The keys of a partition.
const KEYS: [&str; 23] = [
    "num",
    "label",
    "type",
    "blocks",
    "size",
    "block_size",
    "fs_blocks",
    "fs_size",
    "fs_block_size",
    "fs_type",
    "fs_format",
    "fs_label",
    "fs_bytes_per_inode",
    "fs_inode_size",
    "fs_subvolume",
    "fs_compression",
    "fs_options",
    "features",
    "uuid",
    "part_alignment",
    "mount",
    "binds",
    "extract_blocks",
];
/// What `features` may have.
const FEATURES: [&str; 5] = ["hybrid", "prioritize", "verity", "expand", "last_partition"];

/// A partition, or space between partitions, with what is only known beside the others.
#[derive(Default)]
pub(super) struct Partition {
    /// None for space.
    pub spec: Option<PartitionSpec>,
    /// Its length.
    pub bytes: u64,
    pub is_esp: bool,
    pub is_kernel: bool,
    pub is_aligned: bool,
    pub is_hybrid: bool,
    pub is_prioritized: bool,
    pub is_last: bool,
}

/// The text under `key`.
fn text(entry: &Entry, key: &str) -> Result<Option<Located<String>>, SpecError> {
    let Some(given) = entry.get(key) else {
        return Ok(None);
    };
    match &given.value {
        Value::String(text) => Ok(Some(given.beside(text.clone()))),
        other => Err(fault(given, &format!("{key}: {other} is no text"))),
    }
}

/// The number under `key`, which has to fit in its field.
fn small<T: TryFrom<u64>>(entry: &Entry, key: &str) -> Result<Option<Located<T>>, SpecError> {
    let Some(given) = number(entry, key)? else {
        return Ok(None);
    };
    match T::try_from(given.value) {
        Ok(value) => Ok(Some(given.map(|_| value))),
        Err(_) => Err(fault(
            &given,
            &format!("{key}: {} is too large", given.value),
        )),
    }
}

/// What `entry` describes, if it is any part of the disk. What it says of filesystems of the partitions `formatted`
/// does not count.
pub(super) fn partition(
    entry: &Entry,
    units: &Units,
    formatted: &BTreeSet<u32>,
) -> Result<Option<Partition>, SpecError> {
    if let Some(given) = entry.get("num").filter(|num| num.value == "metadata") {
        return if entry.contains_key("external_gpt") {
            Err(fault(
                given,
                "num: a table that lies elsewhere (external_gpt) is not written",
            ))
        } else {
            Ok(None)
        };
    }
    for (key, value) in entry {
        if !KEYS.contains(&key.as_str()) {
            let known = KEYS.join(", ");
            return Err(fault(
                value,
                &format!("{key}: partitions have no such key; there are {known}"),
            ));
        }
    }
    let Some(kind) = text(entry, "type")? else {
        return Err(missing(entry, "type"));
    };
    let size = size(entry, units)?;
    let length = size.as_ref().map_or(0, |size| size.value);
    if kind.value == "blank" {
        // In lists it takes room.
        return Ok(units.is_list.then(|| Partition {
            bytes: length,
            ..Partition::default()
        }));
    }
    let Some(number) = small::<u32>(entry, "num")? else {
        return Err(missing(entry, "num"));
    };
    let Some(label) = text(entry, "label")? else {
        return Err(missing(entry, "label"));
    };
    let size = match size {
        Some(size) => size,
        // A partition that is only kept for later is as small as can be.
        None if units.is_list => label.beside(units.block),
        None => return Err(missing(entry, "blocks")),
    };
    let features = features(entry)?;
    let has = |name: &str| features.iter().any(|feature| feature == name);
    let mut spec = PartitionSpec {
        kind: Some(type_of(&kind)?),
        guid: guid(entry)?,
        size: Some(bytes(size.clone())),
        grow: has("expand").then(|| label.beside(true)),
        number: Some(number.clone()),
        ..PartitionSpec::default()
    };
    if !formatted.contains(&number.value) {
        spec.filesystem = filesystem(entry, units, size.value, kind.value == "efi")?;
    }
    let is_formatted = spec.filesystem.kind.is_some() || formatted.contains(&number.value);
    if has("verity") && is_formatted {
        protect(&mut spec, &label, &number, units);
    }
    mounts(entry, &mut spec, &label, is_formatted)?;
    let is_aligned = matches!(kind.value.as_str(), "data" | "rootfs") && size.value > units.block;
    spec.label = Some(label);
    Ok(Some(Partition {
        spec: Some(spec),
        bytes: size.value,
        is_esp: kind.value == "efi",
        is_kernel: kind.value == "kernel",
        is_aligned,
        is_hybrid: has("hybrid"),
        is_prioritized: has("prioritize"),
        is_last: has("last_partition"),
    }))
}

fn missing(entry: &Entry, key: &str) -> SpecError {
    match entry.get("num").or_else(|| entry.values().next()) {
        Some(near) => fault(near, &format!("the partition has no {key}")),
        None => SpecError::Syntax {
            place: crate::place::Place::Caller,
            reason: "a partition has no keys at all".to_owned(),
        },
    }
}

/// The partition's length in bytes.
fn size(entry: &Entry, units: &Units) -> Result<Option<Located<u64>>, SpecError> {
    if let Some(given) = number(entry, "block_size")?.filter(|size| size.value != units.block) {
        let reason = format!(
            "block_size: a partition has the disk's blocks, of {} bytes",
            units.block
        );
        return Err(fault(&given, &reason));
    }
    let (blocks, size) = (number(entry, "blocks")?, number(entry, "size")?);
    match (blocks, size) {
        (Some(_), Some(size)) => Err(fault(
            &size,
            "size: there are blocks too; give one of the two",
        )),
        (Some(blocks), None) => match blocks.value.checked_mul(units.block) {
            Some(bytes) => Ok(Some(blocks.map(|_| bytes))),
            None => Err(fault(&blocks, "blocks: more than 2^64 bytes")),
        },
        (None, Some(size)) if !size.value.is_multiple_of(units.block) => {
            let reason = format!("size: no whole number of blocks of {} bytes", units.block);
            Err(fault(&size, &reason))
        }
        (None, size) => Ok(size),
    }
}

fn type_of(kind: &Located<String>) -> Result<Located<crate::layout::PartitionType>, SpecError> {
    match types::named(&kind.value) {
        Ok(found) => Ok(kind.beside(found)),
        Err(error) => Err(fault(kind, &format!("type: {error}"))),
    }
}

fn features(entry: &Entry) -> Result<Vec<String>, SpecError> {
    let Some(given) = entry.get("features") else {
        return Ok(Vec::new());
    };
    let names: Result<Vec<String>, _> = serde_json::from_value(given.value.clone());
    let names = names.map_err(|_| fault(given, "features: it is a list of names"))?;
    match names.iter().find(|name| !FEATURES.contains(&name.as_str())) {
        Some(name) => {
            let known = FEATURES.join(", ");
            Err(fault(
                given,
                &format!("features: {name:?} is not known; there are {known}"),
            ))
        }
        None => Ok(names),
    }
}

/// The partition's own GUID. `random` is derived from the image's identity, and so is `clear`, for a partition needs
/// one.
fn guid(entry: &Entry) -> Result<Option<Located<Uuid>>, SpecError> {
    let Some(given) = text(entry, "uuid")? else {
        return Ok(None);
    };
    if given.value == "random" || given.value == "clear" {
        return Ok(None);
    }
    match Uuid::try_parse(&given.value) {
        Ok(uuid) => Ok(Some(given.map(|_| uuid))),
        Err(_) => Err(fault(
            &given,
            &format!("uuid: {:?} is no UUID", given.value),
        )),
    }
}

/// The filesystem in a partition of so many bytes.
fn filesystem(
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
    let set = |found| Some(kind.beside(found));
    match kind.value.as_str() {
        "ext2" | "ext3" | "ext4" => {
            let profile = match kind.value.as_str() {
                "ext2" => ProfileSpec::Ext2,
                "ext3" => ProfileSpec::Ext3,
                _ => ProfileSpec::Ext4,
            };
            spec.kind = set(FilesystemKind::Ext4);
            spec.profile = Some(kind.beside(profile));
            extended(entry, units, &kind, &mut spec)?;
        }
        "vfat" | "fat" | "fat12" | "fat16" | "fat32" => {
            for key in ["fs_bytes_per_inode", "fs_inode_size"] {
                if let Some(given) = entry.get(key) {
                    return Err(fault(
                        given,
                        &format!("{key}: only ext2, ext3 and ext4 have inodes"),
                    ));
                }
            }
            spec.kind = set(FilesystemKind::Fat);
            let bits = match kind.value.as_str() {
                "fat12" => Some(12),
                "fat16" => Some(16),
                "fat32" => Some(32),
                // In CoreOS' layouts the EFI system partition is FAT32, whatever its size.
                _ => (is_esp && !units.is_list).then_some(32),
            };
            spec.fat_bits = bits.map(|bits| kind.beside(bits));
        }
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

/// The keys of ext2, ext3 and ext4, as the scripts of `CoreOS` give them to mke2fs.
fn extended(
    entry: &Entry,
    units: &Units,
    kind: &Located<String>,
    spec: &mut FilesystemSpec,
) -> Result<(), SpecError> {
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
        let reason = format!(
            "the filesystem would be larger ({}) than its partition ({length})",
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

/// A filesystem that hashes vouch for, which lie behind it.
fn protect(
    spec: &mut PartitionSpec,
    label: &Located<String>,
    number: &Located<u32>,
    units: &Units,
) {
    let block = || Some(label.beside(Size::Bytes(units.fs_block)));
    spec.filesystem.read_only = Some(label.beside(true));
    // It is as large as its content, and has nothing to be made room for.
    spec.filesystem.size = None;
    spec.filesystem.bytes_per_inode = None;
    spec.verity = VeritySpec {
        data: Some(label.beside(Name(number.value.to_string()))),
        data_block_size: block(),
        hash_block_size: block(),
        ..VeritySpec::default()
    };
}

/// What of the root tree goes into the partition.
fn mounts(
    entry: &Entry,
    spec: &mut PartitionSpec,
    label: &Located<String>,
    is_formatted: bool,
) -> Result<(), SpecError> {
    if !is_formatted {
        return Ok(());
    }
    let mount = text(entry, "mount")?;
    let is_root = mount.as_ref().is_some_and(|mount| mount.value == "/");
    let is_esp = entry.get("type").is_some_and(|kind| kind.value == "efi");
    let content = match label.value.as_str() {
        _ if is_esp => Some(Content::Esp),
        _ if is_root => Some(Content::Root),
        "OEM" => Some(Content::Oem),
        _ => None,
    };
    spec.content = content.map(|content| label.beside(content));
    spec.mount = mount.filter(|mount| mount.value.starts_with('/') && mount.value != "/");
    let Some(given) = entry.get("binds") else {
        return Ok(());
    };
    let binds: Result<BTreeMap<String, String>, _> = serde_json::from_value(given.value.clone());
    let binds = binds.map_err(|_| {
        fault(
            given,
            "binds: it is an object of paths: { \"from\": \"/to\" }",
        )
    })?;
    spec.binds = (!binds.is_empty()).then(|| given.beside(Binds(binds)));
    Ok(())
}
