//! The description's layers as one list of partitions.

use uuid::Uuid;

use super::error::PlanError;
use crate::layout::{Attributes, Lba, PartitionType, SectorSize, Size};
use crate::spec::{
    Content, FilesystemKind, FilesystemSpec, ImageSpec, Located, PartitionSpec, SizeSpec, TableKind,
};
use crate::tree::Timestamp;

/// Partitions begin at a multiple of this where nothing else is said.
const ALIGNMENT: Size = Size::Bytes(1 << 20);

/// A disk with every choice of the description made; sizes may still depend on contents.
#[derive(Debug)]
pub(super) struct Disk {
    pub name: String,
    pub seed: String,
    pub time: Timestamp,
    pub table: TableKind,
    pub sector_size: SectorSize,
    pub partition_alignment: u64,
    pub size_alignment: u64,
    /// In sectors, when the disk has a size of its own.
    pub sectors: Option<u64>,
    pub entries: u32,
    pub guid: Option<Uuid>,
    pub signature: Option<u32>,
    pub partitions: Vec<Partition>,
    /// All of it as it was written, for places in errors.
    pub spec: ImageSpec,
}

#[derive(Debug)]
pub(super) struct Partition {
    pub number: u32,
    pub label: String,
    pub kind: PartitionType,
    pub guid: Option<Uuid>,
    pub first: Option<Lba>,
    pub size: SizeSpec,
    pub attributes: Attributes,
    pub active: bool,
    pub hybrid: Option<u8>,
    pub content: Option<Content>,
    pub filesystem: Option<FilesystemKind>,
    /// As it was written, for what only the filesystem understands and for places in errors.
    pub spec: PartitionSpec,
}

impl Partition {
    /// As messages call it.
    pub fn name(&self) -> String {
        match self.label.as_str() {
            "" => self.number.to_string(),
            label => format!("{} ({label})", self.number),
        }
    }

    /// Whether a description means it by `wanted`, its label or number.
    pub fn is_called(&self, wanted: &str) -> bool {
        self.label == wanted || self.number.to_string() == wanted
    }

    /// Whether it has an ext4 filesystem that is never written to.
    pub fn is_read_only(&self) -> bool {
        let asked = self.spec.filesystem.read_only.as_ref();
        asked.is_some_and(|asked| asked.value)
    }

    pub fn filesystem_spec(&self) -> &FilesystemSpec {
        &self.spec.filesystem
    }
}

fn value<T: Clone>(located: Option<&Located<T>>) -> Option<T> {
    located.map(|located| located.value.clone())
}

pub(super) fn disk(spec: &ImageSpec) -> Result<Disk, PlanError> {
    if spec.partitions.is_empty() {
        let names = crate::spec::BUILT_IN_LAYOUTS
            .map(|(name, _)| name)
            .join(", ");
        return Err(PlanError::Value(format!(
            "the disk has no partitions; name a layout ({names}, or a file) or describe them"
        )));
    }
    let sector_size = match &spec.disk.sector_size {
        Some(size) => SectorSize::try_from(size.value)
            .map_err(|error| PlanError::Value(error.to_string()).at(size, "sector-size"))?,
        None => SectorSize::B512,
    };
    let alignment = |size: &Option<Located<Size>>, field| match size {
        Some(size) => whole_sectors(size, sector_size, field),
        None => Ok(ALIGNMENT.sectors(sector_size)),
    };
    let sectors = match value(spec.size.as_ref()) {
        Some(SizeSpec::Fixed(size)) => Some(size.sectors(sector_size)),
        _ => None,
    };
    // It becomes a part of a file's name.
    if let Some(name) = &spec.name
        && (name.value.is_empty() || name.value.contains(['/', '\\']))
    {
        let reason = format!("{:?} can't be a part of a file's name", name.value);
        return Err(PlanError::Value(reason).at(name, "name"));
    }
    let mut disk = Disk {
        name: value(spec.name.as_ref()).unwrap_or_else(|| "disk".to_owned()),
        seed: value(spec.seed.as_ref()).unwrap_or_default(),
        time: Timestamp {
            seconds: value(spec.source_date_epoch.as_ref()).unwrap_or(0),
            nanos: 0,
        },
        table: value(spec.disk.table.as_ref()).unwrap_or(TableKind::Gpt),
        sector_size,
        partition_alignment: alignment(&spec.disk.partition_alignment, "partition-alignment")?,
        size_alignment: alignment(&spec.disk.disk_alignment, "disk-alignment")?,
        sectors,
        entries: value(spec.disk.entries.as_ref()).unwrap_or(crate::layout::GPT_MIN_ENTRIES),
        guid: value(spec.disk.guid.as_ref()),
        signature: value(spec.disk.signature.as_ref()).map(|number| number.0),
        partitions: Vec::new(),
        spec: spec.clone(),
    };
    let mut next = 1;
    for partition in &spec.partitions {
        let partition = resolve_partition(partition, next, &disk)?;
        next = partition.number.saturating_add(1);
        disk.partitions.push(partition);
    }
    Ok(disk)
}

fn resolve_partition(spec: &PartitionSpec, next: u32, disk: &Disk) -> Result<Partition, PlanError> {
    let number = value(spec.number.as_ref()).unwrap_or(next);
    let label = value(spec.label.as_ref()).unwrap_or_default();
    let missing = |field| {
        PlanError::Value(format!("partition {number} has no {field}"))
            .near(spec.number.as_ref(), "number")
    };
    let grows = disk.sectors.is_some() && value(spec.grow.as_ref()).unwrap_or(false);
    let size = match value(spec.size.as_ref()) {
        _ if grows => SizeSpec::Rest,
        Some(size) => size,
        None => return Err(missing("size")),
    };
    let first = spec.first.as_ref();
    let first = first.map(|first| whole_sectors(first, disk.sector_size, "first"));
    Ok(Partition {
        number,
        label,
        kind: value(spec.kind.as_ref()).ok_or_else(|| missing("type"))?,
        guid: value(spec.guid.as_ref()),
        first: first.transpose()?.map(Lba),
        size,
        attributes: spec
            .attributes
            .as_ref()
            .map_or(Attributes::NONE, |names| names.value.0),
        active: value(spec.active.as_ref()).unwrap_or(false),
        hybrid: value(spec.hybrid.as_ref()).map(|number| number.0),
        content: value(spec.content.as_ref()),
        filesystem: value(spec.filesystem.kind.as_ref()),
        spec: spec.clone(),
    })
}

/// A place or a unit on the disk, which rounding would silently make another one.
pub(super) fn whole_sectors(
    size: &Located<Size>,
    sector_size: SectorSize,
    field: &str,
) -> Result<u64, PlanError> {
    match size.value {
        Size::Bytes(bytes) if !bytes.is_multiple_of(sector_size.bytes()) => {
            let reason = format!(
                "{} is no whole number of the disk's sectors of {} bytes",
                size.value,
                sector_size.bytes()
            );
            Err(PlanError::Value(reason).at(size, field))
        }
        size => Ok(size.sectors(sector_size)),
    }
}
