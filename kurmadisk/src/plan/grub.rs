//! GRUB as a description asks for it.

use super::contents::{find, host_text};
use super::error::PlanError;
use super::resolve::Disk;
use crate::boot::BootError;
use crate::boot::grub::{DEFAULT_PREFIX, Folder, Grub, Platform, Slot};
use crate::layout::PartitionType;
use crate::spec::{Content, GrubSpec, Located, TableKind};

/// What is to be installed; none without a folder, or on a disk without a boot partition, which is told later.
pub(super) fn installation(
    spec: &GrubSpec,
    disk: &Disk,
    has_bios: bool,
) -> Result<Option<Grub>, PlanError> {
    let Some(path) = &spec.folder else {
        return match key_without_folder(spec) {
            Some(error) => Err(error),
            None => Ok(None),
        };
    };
    let number = |content| find(disk, content).map(|index| disk.partitions[index].number);
    let config = spec.config.as_ref();
    let config = config.map(|path| host_text(path, "config", "a configuration"));
    let slots = disk.partitions.iter();
    let slots = slots.filter(|partition| partition.kind == PartitionType::KURMAOS_SLOT);
    Ok(Some(Grub {
        folders: folders(spec, path, has_bios)?,
        modules: spec
            .modules
            .as_ref()
            .map_or_else(Vec::new, |modules| modules.value.clone()),
        prefix: prefix(spec.prefix.as_ref())?,
        config: config.transpose()?,
        has_gpt: disk.table == TableKind::Gpt,
        boot_partition: number(Content::Esp).unwrap_or_default(),
        oem_partition: number(Content::Oem),
        slots: slots
            .filter_map(|partition| Slot::new(&partition.label, partition.number))
            .collect(),
    }))
}

/// Keys that could have no effect.
fn key_without_folder(spec: &GrubSpec) -> Option<PlanError> {
    let keys = [
        ("platforms", spec.platforms.as_ref().map(|key| &key.place)),
        ("modules", spec.modules.as_ref().map(|key| &key.place)),
        ("prefix", spec.prefix.as_ref().map(|key| &key.place)),
        ("config", spec.config.as_ref().map(|key| &key.place)),
    ];
    let (field, place) = keys
        .into_iter()
        .find_map(|(field, place)| Some((field, place?)))?;
    let reason =
        "this is for GRUB, and there is none; give its folder, with --grub or `grub.folder`";
    Some(PlanError::Value(reason.to_owned()).at_place(place.clone(), field))
}

/// The folders of the platforms that are asked for; else of those that are there and of use.
fn folders(
    spec: &GrubSpec,
    path: &Located<std::path::PathBuf>,
    has_bios: bool,
) -> Result<Vec<Folder>, PlanError> {
    let open = |platform| {
        let folder = Folder::open(&path.value, platform).map_err(BootError::Grub);
        folder.map_err(|error| PlanError::from(error).at(path, "folder"))
    };
    let is_of_use = |platform| platform != Platform::I386Pc || has_bios;
    let missing = |names: &str| {
        let reason = format!(
            "{} has no folder {names}; name the one that has, such as /usr/lib/grub",
            path.value.display()
        );
        PlanError::Value(reason)
    };
    let Some(asked) = &spec.platforms else {
        let there = Platform::ALL
            .into_iter()
            .filter(|platform| is_of_use(*platform));
        let found = there.filter_map(|platform| open(platform).transpose());
        let found: Vec<_> = found.collect::<Result<_, _>>()?;
        if found.is_empty() {
            let names = Platform::ALL.map(Platform::name).join(", ");
            return Err(missing(&names).at(path, "folder"));
        }
        return Ok(found);
    };
    let mut platforms = asked.value.clone();
    platforms.sort_unstable();
    platforms.dedup();
    if platforms.is_empty() {
        let reason = "an empty list; name a platform, or leave the key out".to_owned();
        return Err(PlanError::Value(reason).at(asked, "platforms"));
    }
    let folders = platforms.into_iter().map(|platform| {
        if !is_of_use(platform) {
            let reason = "i386-pc: the disk has no place for a loader of BIOS machines, which is a partition of type \
                          bios-boot or the gap behind an MBR; leave it out, or use another layout";
            return Err(PlanError::Value(reason.to_owned()).at(asked, "platforms"));
        }
        open(platform)?.ok_or_else(|| missing(platform.name()).at(asked, "platforms"))
    });
    folders.collect()
}

/// An absolute path without a slash at its end.
fn prefix(given: Option<&Located<String>>) -> Result<String, PlanError> {
    let Some(given) = given else {
        return Ok(DEFAULT_PREFIX.to_owned());
    };
    let names = given.value.strip_prefix('/').unwrap_or_default();
    let is_plain =
        |name: &str| !name.is_empty() && name.chars().all(|char| char.is_ascii_graphic());
    if names
        .split('/')
        .all(|name| is_plain(name) && ![".", ".."].contains(&name))
    {
        return Ok(given.value.clone());
    }
    let reason = format!(
        "{:?} is no absolute path of plain ASCII names; write it as {DEFAULT_PREFIX:?}",
        given.value
    );
    Err(PlanError::Value(reason).at(given, "prefix"))
}
