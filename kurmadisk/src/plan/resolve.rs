//! The description's layers as one list of partitions.

use uuid::Uuid;

use super::error::PlanError;
use crate::layout::{Attributes, Lba, PartitionType, SectorSize, Size};
use crate::spec::{
    Content, DiskSpec, FilesystemKind, FilesystemSpec, ImageSpec, Located, PartitionSpec, SizeSpec,
    TableKind,
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
    /// The size and the rest of the disk as they were written, for places in errors.
    pub size: Option<Located<SizeSpec>>,
    pub spec: DiskSpec,
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
    let alignment =
        |size: Option<&Located<Size>>| value(size).unwrap_or(ALIGNMENT).sectors(sector_size);
    let sectors = match value(spec.size.as_ref()) {
        Some(SizeSpec::Fixed(size)) => Some(size.sectors(sector_size)),
        _ => None,
    };
    let layout = value(spec.layout.as_ref());
    let layout_name = layout
        .as_deref()
        .map(std::path::Path::new)
        .and_then(|path| path.file_stem());
    let mut disk = Disk {
        name: value(spec.name.as_ref())
            .or_else(|| Some(layout_name?.to_string_lossy().into_owned()))
            .unwrap_or_else(|| "disk".to_owned()),
        seed: value(spec.seed.as_ref()).unwrap_or_default(),
        time: Timestamp {
            seconds: value(spec.source_date_epoch.as_ref()).unwrap_or(0),
            nanos: 0,
        },
        table: value(spec.disk.table.as_ref()).unwrap_or(TableKind::Gpt),
        sector_size,
        partition_alignment: alignment(spec.disk.partition_alignment.as_ref()),
        size_alignment: alignment(spec.disk.disk_alignment.as_ref()),
        sectors,
        entries: value(spec.disk.entries.as_ref()).unwrap_or(crate::layout::GPT_MIN_ENTRIES),
        guid: value(spec.disk.guid.as_ref()),
        signature: value(spec.disk.signature.as_ref()),
        partitions: Vec::new(),
        size: spec.size.clone(),
        spec: spec.disk.clone(),
    };
    let mut next = 1;
    for partition in &spec.partitions {
        let partition = resolve_partition(partition, next, sectors.is_some())?;
        next = partition.number.saturating_add(1);
        disk.partitions.push(partition);
    }
    check_contents(&disk)?;
    Ok(disk)
}

fn resolve_partition(
    spec: &PartitionSpec,
    next: u32,
    disk_has_size: bool,
) -> Result<Partition, PlanError> {
    let number = value(spec.number.as_ref()).unwrap_or(next);
    let label = value(spec.label.as_ref()).unwrap_or_default();
    let missing = |field| {
        PlanError::Value(format!("partition {number} has no {field}"))
            .near(spec.number.as_ref(), "number")
    };
    let grows = disk_has_size && value(spec.grow.as_ref()).unwrap_or(false);
    let size = match value(spec.size.as_ref()) {
        _ if grows => SizeSpec::Rest,
        Some(size) => size,
        None => return Err(missing("size")),
    };
    let first = match &spec.first {
        Some(Located {
            value: Size::Sectors(sectors),
            ..
        }) => Some(Lba(*sectors)),
        Some(Located {
            value: Size::Bytes(bytes),
            ..
        }) if bytes % 512 == 0 => Some(Lba(bytes / 512)),
        Some(first) => {
            let reason = "a partition begins at a whole sector".to_owned();
            return Err(PlanError::Value(reason).at(first, "first"));
        }
        None => None,
    };
    Ok(Partition {
        number,
        label,
        kind: value(spec.kind.as_ref()).ok_or_else(|| missing("type"))?,
        guid: value(spec.guid.as_ref()),
        first,
        size,
        attributes: spec
            .attributes
            .as_ref()
            .map_or(Attributes::NONE, |names| names.value.0),
        active: value(spec.active.as_ref()).unwrap_or(false),
        hybrid: value(spec.hybrid.as_ref()),
        content: value(spec.content.as_ref()),
        filesystem: value(spec.filesystem.kind.as_ref()),
        spec: spec.clone(),
    })
}

/// Each content goes into one partition, and into a filesystem there; a size that depends on the
/// content needs one too.
fn check_contents(disk: &Disk) -> Result<(), PlanError> {
    for (index, partition) in disk.partitions.iter().enumerate() {
        if disk.table == TableKind::Mbr
            && let Some(hybrid) = &partition.spec.hybrid
        {
            let reason = "a plain MBR lists every partition; this is for a GPT's".to_owned();
            return Err(PlanError::Value(reason).at(hybrid, "hybrid"));
        }
        if partition.filesystem.is_none() {
            if let Some(content) = &partition.spec.content {
                let reason = "content needs a filesystem; give it a filesystem type".to_owned();
                return Err(PlanError::Value(reason).at(content, "content"));
            }
            if partition.size == SizeSpec::Auto {
                let reason = "without a filesystem there is nothing to size it by".to_owned();
                return Err(PlanError::Value(reason).near(partition.spec.size.as_ref(), "size"));
            }
        }
        let same = disk.partitions[..index]
            .iter()
            .find(|other| other.content.is_some() && other.content == partition.content);
        if let (Some(other), Some(content)) = (same, &partition.spec.content) {
            let reason = format!("partition {} has this content already", other.name());
            return Err(PlanError::Value(reason).at(content, "content"));
        }
    }
    Ok(())
}
