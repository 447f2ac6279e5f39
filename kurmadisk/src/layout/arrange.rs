//! From wanted partitions to their places.

use uuid::Uuid;

use super::{
    Attributes, DiskFault, DiskLayout, ExtendedPartition, GptScheme, LayoutError, Lba, MbrScheme,
    PartitionFault, PartitionName, PartitionType, PlacedPartition, Scheme, SectorSize,
};

/// The disk that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutRequest {
    /// Size of the disk's sectors.
    pub sector_size: SectorSize,
    /// Which kind of table.
    pub scheme: SchemeRequest,
    /// Partitions begin at a multiple of this many sectors, unless they say where; 1 for anywhere.
    pub partition_alignment: u64,
    /// The disk's length is a multiple of this many sectors; 1 for any.
    pub disk_alignment: u64,
    /// The disk's length in sectors, rounded up to `disk_alignment`; without it the disk is as long as
    /// its table and partitions need.
    pub disk_sectors: Option<u64>,
    /// The partitions, in their order on disk.
    pub partitions: Vec<PartitionRequest>,
}

/// The kind of table that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemeRequest {
    /// GUID partition table.
    Gpt(GptScheme),
    /// Plain MBR; the container of partitions 5 and up is added where one is needed.
    Mbr {
        /// The disk's signature.
        signature: u32,
    },
}

/// A partition that is wanted; the fields mean what they mean in [`PlacedPartition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRequest {
    /// Number, from 1 on.
    pub number: u32,
    /// Name.
    pub label: String,
    /// Type.
    pub kind: PartitionType,
    /// The partition's own GUID; an MBR doesn't store it.
    pub guid: Uuid,
    /// First sector; without it the next aligned one behind everything listed before.
    pub first: Option<Lba>,
    /// Length.
    pub size: PartitionSize,
    /// Attribute bits.
    pub attributes: Attributes,
    /// Whether an MBR marks it active.
    pub active: bool,
}

/// The length of a wanted partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionSize {
    /// This many sectors.
    Sectors(u64),
    /// What the other partitions leave of the disk, rounded down to the partition alignment. One
    /// partition of a disk can have it, and the disk needs a size.
    Rest,
}

impl LayoutRequest {
    /// Gives every partition its place.
    ///
    /// Fails when the result would break a rule of [`DiskLayout::check`], and for a rest that isn't
    /// there.
    pub fn arrange(&self) -> Result<DiskLayout, LayoutError> {
        if self.partition_alignment == 0 {
            return Err(DiskFault::PartitionAlignmentZero.into());
        }
        if self.disk_alignment == 0 {
            return Err(DiskFault::DiskAlignmentZero.into());
        }
        let scheme = self.empty_scheme();
        let wanted = self
            .disk_sectors
            .map(|sectors| round_up(sectors, self.disk_alignment))
            .transpose()?;
        let head = scheme.head_sectors(self.sector_size);
        let tail = scheme.tail_sectors(self.sector_size);
        let rest_limit = self.rest_limit(wanted, tail)?;
        let mut placer = Placer {
            request: self,
            cursor: head,
            extended: None,
        };
        let partitions = self
            .partitions
            .iter()
            .map(|partition| placer.place(partition, rest_limit))
            .collect::<Result<Vec<_>, _>>()?;
        // Even an empty table has one sector that partitions may use.
        let used = placer.cursor.max(head + 1);
        let needed = used.checked_add(tail).ok_or(DiskFault::TooLarge)?;
        let sectors = match wanted {
            Some(sectors) if sectors < needed => {
                return Err(DiskFault::TooSmall { sectors, needed }.into());
            }
            Some(sectors) => sectors,
            None => round_up(needed, self.disk_alignment)?,
        };
        let layout = DiskLayout {
            sector_size: self.sector_size,
            sectors,
            scheme: with_extended(scheme, placer.extended),
            partitions,
        };
        layout.check()?;
        Ok(layout)
    }

    fn empty_scheme(&self) -> Scheme {
        match &self.scheme {
            SchemeRequest::Gpt(gpt) => Scheme::Gpt(gpt.clone()),
            SchemeRequest::Mbr { signature } => Scheme::Mbr(MbrScheme {
                signature: *signature,
                extended: None,
            }),
        }
    }

    /// Where a partition of [`PartitionSize::Rest`] must end: what is listed behind it is packed
    /// against the disk's end.
    ///
    /// 0 when no partition takes the rest.
    fn rest_limit(&self, disk: Option<u64>, tail: u64) -> Result<u64, LayoutError> {
        let mut rests = (0..).zip(&self.partitions).filter(|(_, p)| p.takes_rest());
        let Some((at, rest)) = rests.next() else {
            return Ok(0);
        };
        if let Some((_, second)) = rests.next() {
            let other = rest.name();
            return Err(second.fault(PartitionFault::SecondRest { other }));
        }
        let disk = disk.ok_or_else(|| rest.fault(PartitionFault::RestWithoutDisk))?;
        let mut limit = disk.saturating_sub(tail);
        for partition in self.partitions.iter().skip(at + 1).rev() {
            limit = match (partition.first, partition.size) {
                (Some(first), _) => limit.min(first.0),
                (None, PartitionSize::Sectors(sectors)) => {
                    self.round_down(limit.saturating_sub(sectors))
                }
                (None, PartitionSize::Rest) => limit,
            };
            limit = limit.saturating_sub(self.lead(partition));
        }
        Ok(self.round_down(limit))
    }

    /// Sectors to keep free before `partition` for its extended boot record.
    fn lead(&self, partition: &PartitionRequest) -> u64 {
        if self.is_logical(partition) {
            self.partition_alignment
        } else {
            0
        }
    }

    fn is_logical(&self, partition: &PartitionRequest) -> bool {
        matches!(self.scheme, SchemeRequest::Mbr { .. })
            && PlacedPartition::is_logical_number(partition.number)
    }

    fn round_down(&self, sectors: u64) -> u64 {
        sectors - sectors % self.partition_alignment
    }

    /// The lowest primary number that no partition has.
    fn free_slot(&self) -> Option<u32> {
        (1..=4).find(|slot| self.partitions.iter().all(|p| p.number != *slot))
    }
}

impl PartitionRequest {
    fn takes_rest(&self) -> bool {
        self.size == PartitionSize::Rest
    }

    fn name(&self) -> PartitionName {
        PartitionName {
            number: self.number,
            label: self.label.clone(),
        }
    }

    fn fault(&self, fault: PartitionFault) -> LayoutError {
        LayoutError::Partition {
            partition: self.name(),
            fault,
        }
    }
}

/// Places partitions one after the other.
struct Placer<'a> {
    request: &'a LayoutRequest,
    /// The first sector behind everything placed so far.
    cursor: u64,
    /// The extended partition up to the last logical one placed so far, if any.
    extended: Option<ExtendedPartition>,
}

impl Placer<'_> {
    fn place(
        &mut self,
        partition: &PartitionRequest,
        rest_limit: u64,
    ) -> Result<PlacedPartition, LayoutError> {
        let first = match partition.first {
            Some(first) => first.0,
            None => self.next_free(partition)?,
        };
        let sectors = match partition.size {
            PartitionSize::Sectors(sectors) => sectors,
            PartitionSize::Rest => rest_limit
                .checked_sub(first)
                .filter(|sectors| *sectors > 0)
                .ok_or_else(|| partition.fault(PartitionFault::RestEmpty))?,
        };
        let end = first.checked_add(sectors).ok_or(DiskFault::TooLarge)?;
        if self.request.is_logical(partition) {
            self.contain(partition, first, end)?;
        }
        self.cursor = self.cursor.max(end);
        Ok(PlacedPartition {
            number: partition.number,
            label: partition.label.clone(),
            kind: partition.kind,
            guid: partition.guid,
            first: Lba(first),
            sectors,
            attributes: partition.attributes,
            active: partition.active,
        })
    }

    /// The next aligned sector, with room for a boot record before it if the partition needs one.
    fn next_free(&self, partition: &PartitionRequest) -> Result<u64, LayoutError> {
        let alignment = self.request.partition_alignment;
        if !self.request.is_logical(partition) {
            return round_up(self.cursor, alignment);
        }
        if self.extended.is_none() {
            // The container begins aligned, and its first boot record fills the first unit.
            let container = round_up(self.cursor, alignment)?;
            return Ok(container
                .checked_add(alignment)
                .ok_or(DiskFault::TooLarge)?);
        }
        let behind = self.cursor.checked_add(1).ok_or(DiskFault::TooLarge)?;
        round_up(behind, alignment)
    }

    /// Stretches the extended partition over a logical one in sectors `first..end`.
    fn contain(
        &mut self,
        partition: &PartitionRequest,
        first: u64,
        end: u64,
    ) -> Result<(), LayoutError> {
        let (number, begin) = if let Some(extended) = self.extended {
            (extended.number, extended.first.0)
        } else {
            let slot = self.request.free_slot();
            let unit_before = first.saturating_sub(self.request.partition_alignment);
            (
                slot.ok_or_else(|| partition.fault(PartitionFault::NoSlotForExtended))?,
                unit_before.max(self.cursor),
            )
        };
        self.extended = Some(ExtendedPartition {
            number,
            first: Lba(begin),
            sectors: end.saturating_sub(begin),
        });
        Ok(())
    }
}

fn with_extended(scheme: Scheme, extended: Option<ExtendedPartition>) -> Scheme {
    match scheme {
        Scheme::Gpt(_) => scheme,
        Scheme::Mbr(mbr) => Scheme::Mbr(MbrScheme { extended, ..mbr }),
    }
}

fn round_up(sectors: u64, alignment: u64) -> Result<u64, LayoutError> {
    sectors
        .checked_next_multiple_of(alignment)
        .ok_or_else(|| DiskFault::TooLarge.into())
}
