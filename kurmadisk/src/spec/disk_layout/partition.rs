//! An entry as a [`PartitionSpec`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::super::located::Located;
use super::super::parse::SpecError;
use super::super::partition::{Binds, Content, PartitionSpec};
use super::super::value::Name;
use super::super::verity::VeritySpec;
use super::convert::{bytes, fault, number};
use super::filesystem::filesystem;
use super::metadata::Units;
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
    /// The name of its type.
    pub kind: String,
    /// Whether a filesystem's alignment is its.
    pub is_aligned: bool,
    features: Vec<String>,
}

impl Partition {
    /// Whether it has this feature.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|own| own == feature)
    }
}

/// The text under `key`.
pub(super) fn text(entry: &Entry, key: &str) -> Result<Option<Located<String>>, SpecError> {
    let Some(given) = entry.get(key) else {
        return Ok(None);
    };
    match &given.value {
        Value::String(text) => Ok(Some(given.beside(text.clone()))),
        other => Err(fault(given, &format!("{key}: {other} is no text"))),
    }
}

/// The number under `key`, which has to fit in its field.
pub(super) fn small<T: TryFrom<u64>>(
    entry: &Entry,
    key: &str,
) -> Result<Option<Located<T>>, SpecError> {
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
    if is_about_flash(entry)? {
        return Ok(None);
    }
    check_keys(entry)?;
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
    let mut partition = Partition {
        spec: None,
        bytes: size.value,
        is_aligned: matches!(kind.value.as_str(), "data" | "rootfs") && size.value > units.block,
        features: features(entry)?,
        kind: kind.value.clone(),
    };
    let mut spec = PartitionSpec {
        kind: Some(type_of(&kind)?),
        guid: guid(entry)?,
        size: Some(bytes(size)),
        grow: partition.has("expand").then(|| label.beside(true)),
        number: Some(number.clone()),
        ..PartitionSpec::default()
    };
    let is_given = formatted.contains(&number.value);
    if !is_given {
        spec.filesystem = filesystem(entry, units, partition.bytes, kind.value == "efi")?;
    }
    let is_formatted = is_given || spec.filesystem.kind.is_some();
    if partition.has("verity") && is_formatted {
        protect(&mut spec, &label, &number, units);
    }
    if is_formatted {
        mounts(entry, &mut spec, &label)?;
    }
    spec.label = Some(label);
    partition.spec = Some(spec);
    Ok(Some(partition))
}

/// Whether an entry is no partition, but tells of flash memory that the disk is on.
fn is_about_flash(entry: &Entry) -> Result<bool, SpecError> {
    let Some(given) = entry.get("num").filter(|num| num.value == "metadata") else {
        return Ok(false);
    };
    if entry.contains_key("external_gpt") {
        let reason = "num: a table that lies elsewhere (external_gpt) is not written";
        return Err(fault(given, reason));
    }
    Ok(true)
}

/// Refuses keys that there are not.
fn check_keys(entry: &Entry) -> Result<(), SpecError> {
    let unknown = entry.iter().find(|(key, _)| !KEYS.contains(&key.as_str()));
    let Some((key, value)) = unknown else {
        return Ok(());
    };
    let known = KEYS.join(", ");
    let reason = format!("{key}: partitions have no such key; there are {known}");
    Err(fault(value, &reason))
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
) -> Result<(), SpecError> {
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
