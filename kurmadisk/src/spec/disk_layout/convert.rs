//! A layout's entries as an [`ImageSpec`].

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::image::ImageSpec;
use super::super::located::Located;
use super::super::parse::SpecError;
use super::super::partition::{Content, PartitionSpec};
use super::super::value::{AttributeNames, Number, SizeSpec};
use super::metadata::{Units, disk};
use super::partition::{Partition, partition};
use super::read::{Entry, LayoutFile};
use crate::layout::{AttributeFlag, Attributes, Size};

/// MBR type under which a hybrid MBR lists the EFI system partition: FAT32, by LBA.
const HYBRID: u8 = 0x0c;
/// Where the first partition of a ChromiumOS layout begins, in bytes.
const FIRST: u64 = 32 << 10;
/// The slots of ChromiumOS' kernels by number, the one that starts first.
const KERNELS: [u32; 3] = [2, 4, 6];
/// The highest priority and number of tries.
const MOST: u8 = 15;

/// The value under `key`, as a number of bytes, or of whatever has no unit.
pub(super) fn number(entry: &Entry, key: &str) -> Result<Option<Located<u64>>, SpecError> {
    let Some(given) = entry.get(key) else {
        return Ok(None);
    };
    let read = match &given.value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => match text.parse::<Size>() {
            Ok(Size::Bytes(bytes)) => Some(bytes),
            _ => None,
        },
        _ => None,
    };
    let number =
        read.ok_or_else(|| fault(given, &format!("{key}: {} is no number", given.value)))?;
    Ok(Some(given.beside(number)))
}

/// An error about a value.
pub(super) fn fault<T>(given: &Located<T>, reason: &str) -> SpecError {
    SpecError::Syntax {
        place: given.place.clone(),
        reason: reason.to_owned(),
    }
}

pub(super) fn convert(
    file: &LayoutFile,
    entries: &[Entry],
    is_base: bool,
    formatted: &BTreeSet<u32>,
) -> Result<ImageSpec, SpecError> {
    let (disk, units) = disk(file)?;
    let mut partitions = Vec::new();
    for entry in entries {
        let found = partition(entry, &units, formatted)?;
        partitions.extend(found);
    }
    if file.is_list {
        // What is to be last is.
        partitions.sort_by_key(|partition| partition.has("last_partition"));
        place(&mut partitions, &units);
        prioritize_kernels(&mut partitions, is_base)?;
    }
    prioritize(&mut partitions)?;
    mark_hybrid(file, &mut partitions);
    let mut partitions: Vec<_> = partitions
        .into_iter()
        .filter_map(|partition| partition.spec)
        .collect();
    give_root(&mut partitions);
    Ok(ImageSpec {
        disk,
        partitions,
        ..ImageSpec::default()
    })
}

/// Says where the partitions of a list begin: each where the one before ends, but for filesystems that are aligned.
/// What follows one that grows lies at the disk's end.
fn place(partitions: &mut [Partition], units: &Units) {
    let mut at = FIRST;
    for partition in partitions {
        if let (true, Some(align)) = (partition.is_aligned, units.fs_align) {
            at = at.checked_next_multiple_of(align).unwrap_or(at);
        }
        if let Some(spec) = &mut partition.spec
            && let Some(size) = &spec.size
        {
            spec.first = Some(size.beside(Size::Sectors(at / units.block)));
            if spec.grow.is_some() {
                return;
            }
        }
        at = at.saturating_add(partition.bytes);
    }
}

/// Adds to a partition's attributes what `change` makes of them.
fn attribute(
    spec: &mut PartitionSpec,
    change: impl FnOnce(Attributes) -> Option<Attributes>,
) -> Result<(), SpecError> {
    let Some(label) = spec.label.as_ref() else {
        return Ok(());
    };
    let place = label.place.clone();
    let own = spec
        .attributes
        .as_ref()
        .map_or(Attributes::NONE, |names| names.value.0);
    let Some(changed) = change(own) else {
        let reason = format!("features: more than {MOST} partitions are prioritized");
        return Err(SpecError::Syntax { place, reason });
    };
    let value = AttributeNames(changed);
    spec.attributes = Some(Located { value, place });
    Ok(())
}

/// Gives the partitions that are to be prioritized descending priorities, down to 1.
fn prioritize(partitions: &mut [Partition]) -> Result<(), SpecError> {
    let slots = partitions
        .iter_mut()
        .rev()
        .filter(|partition| partition.has("prioritize"));
    for (priority, partition) in (1..).zip(slots) {
        if let Some(spec) = &mut partition.spec {
            attribute(spec, |own| {
                let own = own.with_priority(priority).ok()?;
                Some(own.with(AttributeFlag::Successful))
            })?;
        }
    }
    Ok(())
}

/// ChromiumOS' kernels: the first one starts first. Others can be tried where all are installed, in the layout
/// `base`.
fn prioritize_kernels(partitions: &mut [Partition], is_base: bool) -> Result<(), SpecError> {
    for partition in partitions
        .iter_mut()
        .filter(|partition| partition.kind == "kernel")
    {
        let Some(spec) = &mut partition.spec else {
            continue;
        };
        let number = spec.number.as_ref().map(|number| number.value);
        let Some(slot) = KERNELS.iter().position(|slot| Some(*slot) == number) else {
            continue;
        };
        let priority = if slot == 0 { MOST } else { 0 };
        let tries = if slot == 0 || is_base { MOST } else { 0 };
        attribute(spec, |own| {
            own.with_priority(priority).ok()?.with_tries(tries).ok()
        })?;
    }
    Ok(())
}

/// Lists the partition that asks for it, or the EFI system partition if the file does, in a hybrid MBR.
fn mark_hybrid(file: &LayoutFile, partitions: &mut [Partition]) {
    let for_all = file
        .hybrid_mbr
        .as_ref()
        .is_some_and(|all| all.value == Value::Bool(true));
    let wanted = partitions
        .iter_mut()
        .find(|partition| partition.has("hybrid") || (for_all && partition.kind == "efi"));
    let Some(partition) = wanted else { return };
    let by_feature = partition.has("hybrid");
    let Some(spec) = &mut partition.spec else {
        return;
    };
    let Some(near) = spec.label.clone() else {
        return;
    };
    spec.hybrid = Some(near.beside(Number(HYBRID)));
    spec.active = Some(near.beside(true));
    if by_feature {
        let own = spec
            .attributes
            .as_ref()
            .map_or(Attributes::NONE, |names| names.value.0);
        let marked = AttributeNames(own.with(AttributeFlag::LegacyBoot));
        spec.attributes = Some(near.beside(marked));
    }
}

/// Where no partition is mounted on `/`, the root tree goes to the one whose label says so.
fn give_root(partitions: &mut [PartitionSpec]) {
    let has = |spec: &PartitionSpec, content| {
        spec.content
            .as_ref()
            .is_some_and(|own| own.value == content)
    };
    if partitions.iter().any(|spec| has(spec, Content::Root)) {
        return;
    }
    for label in ["ROOT", "ROOT-A", "STATE"] {
        let found = partitions.iter_mut().find(|spec| {
            let is_called = spec.label.as_ref().is_some_and(|own| own.value == label);
            is_called && spec.filesystem.kind.is_some() && spec.content.is_none()
        });
        if let Some(spec) = found {
            spec.content = spec.label.as_ref().map(|label| label.beside(Content::Root));
            return;
        }
    }
}

/// A size of so many bytes.
pub(super) fn bytes(given: Located<u64>) -> Located<SizeSpec> {
    given.map(|bytes| SizeSpec::Fixed(Size::Bytes(bytes)))
}
