//! The rules of a layout.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::{GPT_MAX_ENTRIES, GPT_MIN_ENTRIES, MBR_MAX_NUMBER};
use super::{
    Attributes, DiskFault, DiskLayout, ExtendedPartition, GptScheme, LayoutError, Lba, MbrScheme,
    PartitionFault, PartitionName, PlacedPartition, Scheme,
};

/// UTF-16 units of the name field of a GPT entry.
const LABEL_UNITS: usize = 36;

/// MBR types that make an entry something else than a partition: unused, extended (four spellings)
/// and protective.
const RESERVED_MBR_TYPES: [u8; 7] = [0x00, 0x05, 0x0f, 0x85, 0xc5, 0xd5, 0xee];

impl DiskLayout {
    /// Whether a table can be made of this layout; if not, the first reason.
    pub fn check(&self) -> Result<(), LayoutError> {
        self.faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// Everything that is wrong with this layout.
    #[must_use]
    pub fn faults(&self) -> Vec<LayoutError> {
        let mut faults = Faults::default();
        self.check_disk(&mut faults);
        self.check_numbers(&mut faults);
        self.check_places(&mut faults);
        match &self.scheme {
            Scheme::Gpt(gpt) => self.check_gpt(gpt, &mut faults),
            Scheme::Mbr(mbr) => self.check_mbr(mbr, &mut faults),
        }
        faults.0
    }

    fn check_disk(&self, faults: &mut Faults) {
        if self.sectors.checked_mul(self.sector_size.bytes()).is_none() {
            faults.disk(DiskFault::TooLarge);
        }
        // A GPT without one usable sector is a header that contradicts itself.
        let needed = self.first_usable().0 + self.scheme.tail_sectors(self.sector_size) + 1;
        if self.sectors < needed {
            faults.disk(DiskFault::TooSmall {
                sectors: self.sectors,
                needed,
            });
        }
    }

    fn check_numbers(&self, faults: &mut Faults) {
        let (highest, extended) = match &self.scheme {
            Scheme::Gpt(gpt) => (gpt.entries, None),
            Scheme::Mbr(mbr) => (MBR_MAX_NUMBER, mbr.extended),
        };
        let mut taken: BTreeSet<u32> = extended.iter().map(|e| e.number).collect();
        for partition in &self.partitions {
            if partition.number == 0 {
                faults.partition(partition, PartitionFault::NumberZero);
            } else if partition.number > highest {
                faults.partition(partition, PartitionFault::NumberTooHigh { highest });
            } else if !taken.insert(partition.number) {
                faults.partition(partition, PartitionFault::NumberTaken);
            }
        }
    }

    fn check_places(&self, faults: &mut Faults) {
        let (lowest, limit) = (self.first_usable(), self.usable_end());
        for partition in &self.partitions {
            let first = partition.first;
            if partition.sectors == 0 {
                faults.partition(partition, PartitionFault::NoSectors);
            }
            if first < lowest {
                faults.partition(partition, PartitionFault::StartTooLow { first, lowest });
            }
            if partition.end() > limit {
                let end = partition.end();
                faults.partition(partition, PartitionFault::BeyondEnd { end, limit });
            }
        }
        self.check_overlaps(faults);
    }

    fn check_overlaps(&self, faults: &mut Faults) {
        let mut sorted: Vec<&PlacedPartition> = self.partitions.iter().collect();
        sorted.sort_by_key(|partition| (partition.first, partition.number));
        let mut furthest: Option<&PlacedPartition> = None;
        for partition in sorted {
            if let Some(other) = furthest.filter(|other| partition.first < other.end()) {
                faults.partition(
                    partition,
                    PartitionFault::Overlap {
                        first: partition.first,
                        other: PartitionName::of(other),
                        other_end: other.end(),
                    },
                );
            }
            if furthest.is_none_or(|other| other.end() < partition.end()) {
                furthest = Some(partition);
            }
        }
    }

    fn check_gpt(&self, gpt: &GptScheme, faults: &mut Faults) {
        if !(GPT_MIN_ENTRIES..=GPT_MAX_ENTRIES).contains(&gpt.entries) {
            faults.disk(DiskFault::Entries {
                entries: gpt.entries,
            });
        }
        if gpt.disk_guid.is_nil() {
            faults.disk(DiskFault::GuidNil);
        }
        let mut guids = BTreeMap::new();
        for partition in &self.partitions {
            if let Some(fault) = gpt_entry_fault(partition) {
                faults.partition(partition, fault);
            }
            if partition.guid.is_nil() {
                faults.partition(partition, PartitionFault::GuidNil);
            } else if let Some(other) = guids.insert(partition.guid, partition) {
                let other = PartitionName::of(other);
                faults.partition(partition, PartitionFault::GuidTaken { other });
            }
        }
        self.check_hybrid(gpt, faults);
    }

    fn check_hybrid(&self, gpt: &GptScheme, faults: &mut Faults) {
        let count = gpt.hybrid.len();
        if count > 3 {
            faults.disk(DiskFault::HybridTooMany { count });
        }
        let mut seen = BTreeSet::new();
        for entry in &gpt.hybrid {
            let number = entry.number;
            match self.partition(number) {
                Some(partition) if seen.insert(number) => {
                    if !fits_32_bits(partition) {
                        faults.disk(DiskFault::HybridBeyond32Bits { number });
                    }
                }
                _ => faults.disk(DiskFault::HybridPartition { number }),
            }
            let mbr_type = entry.mbr_type;
            if RESERVED_MBR_TYPES.contains(&mbr_type) {
                faults.disk(DiskFault::HybridType { number, mbr_type });
            }
        }
    }

    fn check_mbr(&self, mbr: &MbrScheme, faults: &mut Faults) {
        for partition in &self.partitions {
            if let Some(fault) = mbr_entry_fault(partition) {
                faults.partition(partition, fault);
            }
        }
        match &mbr.extended {
            Some(extended) => self.check_extended(extended, faults),
            None => {
                for partition in self.logical() {
                    faults.partition(partition, PartitionFault::NoSlotForExtended);
                }
            }
        }
    }

    fn check_extended(&self, extended: &ExtendedPartition, faults: &mut Faults) {
        let ExtendedPartition {
            number,
            first,
            sectors,
        } = *extended;
        let end = extended.end();
        let fits = (1..=4).contains(&number)
            && first >= self.first_usable()
            && sectors > 0
            && end <= self.usable_end()
            && u32::try_from(first.0).is_ok()
            && u32::try_from(sectors).is_ok();
        if !fits {
            faults.disk(DiskFault::Extended {
                number,
                first,
                sectors,
            });
        }
        for partition in &self.partitions {
            let primary = !PlacedPartition::is_logical_number(partition.number);
            if primary && partition.first < end && first < partition.end() {
                let fault = PartitionFault::Overlap {
                    first: partition.first,
                    other: PartitionName {
                        number,
                        label: "extended".into(),
                    },
                    other_end: end,
                };
                faults.partition(partition, fault);
            }
        }
        self.check_chain(extended, faults);
    }

    /// Each logical partition needs a free sector behind the one before it for its boot record.
    fn check_chain(&self, extended: &ExtendedPartition, faults: &mut Faults) {
        let mut free_from = extended.first;
        for (expected, partition) in (5..).zip(self.logical()) {
            let (first, end) = (partition.first, partition.end());
            if partition.number != expected {
                faults.partition(partition, PartitionFault::LogicalOutOfOrder { expected });
            }
            if first <= free_from {
                faults.partition(partition, PartitionFault::NoRoomForBootRecord { first });
            }
            let limit = extended.end();
            if end > limit {
                faults.partition(partition, PartitionFault::BeyondExtended { end, limit });
            }
            free_from = free_from.max(end);
        }
    }

    /// The logical partitions of an MBR disk, in the order on disk.
    pub(crate) fn logical(&self) -> Vec<&PlacedPartition> {
        let mut logical: Vec<_> = self
            .partitions
            .iter()
            .filter(|p| PlacedPartition::is_logical_number(p.number))
            .collect();
        logical.sort_by_key(|partition| partition.first);
        logical
    }
}

impl ExtendedPartition {
    /// The first sector behind it; saturates.
    pub(crate) fn end(&self) -> Lba {
        Lba(self.first.0.saturating_add(self.sectors))
    }
}

impl PartitionName {
    pub(super) fn of(partition: &PlacedPartition) -> Self {
        Self {
            number: partition.number,
            label: partition.label.clone(),
        }
    }
}

#[derive(Default)]
struct Faults(Vec<LayoutError>);

impl Faults {
    fn partition(&mut self, partition: &PlacedPartition, fault: PartitionFault) {
        self.0.push(LayoutError::Partition {
            partition: PartitionName::of(partition),
            fault,
        });
    }

    fn disk(&mut self, fault: DiskFault) {
        self.0.push(fault.into());
    }
}

fn gpt_entry_fault(partition: &PlacedPartition) -> Option<PartitionFault> {
    let units = partition.label.encode_utf16().count();
    if units > LABEL_UNITS {
        return Some(PartitionFault::LabelTooLong { units });
    }
    if partition.label.contains('\0') {
        return Some(PartitionFault::LabelWithNul);
    }
    match partition.kind.guid() {
        None => Some(PartitionFault::TypeWithoutCode {
            table: "a GPT",
            written: "a GUID",
        }),
        Some(guid) if guid.is_nil() => Some(PartitionFault::TypeReserved),
        Some(_) => partition.active.then_some(PartitionFault::ActiveOnGpt),
    }
}

fn mbr_entry_fault(partition: &PlacedPartition) -> Option<PartitionFault> {
    if partition.attributes != Attributes::NONE {
        return Some(PartitionFault::AttributesOnMbr);
    }
    match partition.kind.mbr() {
        None => Some(PartitionFault::TypeWithoutCode {
            table: "an MBR",
            written: "0x83",
        }),
        Some(code) if RESERVED_MBR_TYPES.contains(&code) => Some(PartitionFault::TypeReserved),
        Some(_) => (!fits_32_bits(partition)).then_some(PartitionFault::Beyond32Bits),
    }
}

fn fits_32_bits(partition: &PlacedPartition) -> bool {
    u32::try_from(partition.first.0).is_ok() && u32::try_from(partition.sectors).is_ok()
}
