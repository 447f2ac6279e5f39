//! Why a layout can't be.

use std::fmt;

use thiserror::Error;

use super::{GPT_MAX_ENTRIES, GPT_MIN_ENTRIES, Lba};

/// A layout breaks a rule: which partition or the disk, which field, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A field of a partition.
    #[error("partition {partition}: {}: {fault}", fault.field())]
    Partition {
        /// Which partition.
        partition: PartitionName,
        /// What is wrong with it.
        fault: PartitionFault,
    },
    /// A field of the disk.
    #[error("disk: {}: {_0}", _0.field())]
    Disk(DiskFault),
}

impl LayoutError {
    /// The field that is wrong, by its name in a configuration file.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Partition { fault, .. } => fault.field(),
            Self::Disk(fault) => fault.field(),
        }
    }
}

impl From<DiskFault> for LayoutError {
    fn from(fault: DiskFault) -> Self {
        Self::Disk(fault)
    }
}

/// A partition as errors call it: `6 (ROOT)`, or `6` when it has no label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionName {
    /// Its number.
    pub number: u32,
    /// Its label, empty for none.
    pub label: String,
}

impl fmt::Display for PartitionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.label.is_empty() {
            write!(f, "{}", self.number)
        } else {
            write!(f, "{} ({})", self.number, self.label.escape_debug())
        }
    }
}

/// What is wrong with a partition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PartitionFault {
    /// Numbers begin at 1.
    #[error("partitions are numbered from 1")]
    NumberZero,
    /// The table has no such entry.
    #[error("the table has no entry above {highest}")]
    NumberTooHigh {
        /// The highest number it has.
        highest: u32,
    },
    /// Two partitions have one number, or one has the extended partition's.
    #[error("the number is taken already")]
    NumberTaken,
    /// Logical partitions are numbered by their place in a chain.
    #[error("logical partitions are numbered without a gap, in the order on disk; here {expected}")]
    LogicalOutOfOrder {
        /// The number that must stand here.
        expected: u32,
    },
    /// Logical partitions need one of the four primary slots for their container.
    #[error("a logical partition needs one free primary number of 1 to 4 for its container")]
    NoSlotForExtended,
    /// The name field of an entry holds 36 units.
    #[error("{units} UTF-16 units; a GPT holds 36")]
    LabelTooLong {
        /// How many the label has.
        units: usize,
    },
    /// A NUL ends the name on disk.
    #[error("a label can't contain a NUL character")]
    LabelWithNul,
    /// The type has no code for this kind of table.
    #[error("the type has no code in {table}; give one as {written}")]
    TypeWithoutCode {
        /// `a GPT` or `an MBR`.
        table: &'static str,
        /// How to write such a code.
        written: &'static str,
    },
    /// A type code that means "unused", "extended" or "protective".
    #[error("the table itself needs this type code; choose another")]
    TypeReserved,
    /// All bits zero.
    #[error("the partition's GUID is all zeros")]
    GuidNil,
    /// Two partitions have one GUID.
    #[error("partition {other} has the same GUID")]
    GuidTaken {
        /// The other partition.
        other: PartitionName,
    },
    /// It begins within the table.
    #[error("LBA {first}: the table fills the disk up to LBA {lowest}")]
    StartTooLow {
        /// Where it begins.
        first: Lba,
        /// The first usable sector.
        lowest: Lba,
    },
    /// No room for the boot record that precedes each logical partition.
    #[error("LBA {first}: no free sector before it for its extended boot record")]
    NoRoomForBootRecord {
        /// Where it begins.
        first: Lba,
    },
    /// Two partitions claim the same sectors.
    #[error("LBA {first}: overlaps partition {other}, which ends before LBA {other_end}")]
    Overlap {
        /// Where it begins.
        first: Lba,
        /// The other partition.
        other: PartitionName,
        /// The first sector behind that.
        other_end: Lba,
    },
    /// No sectors at all.
    #[error("a partition needs at least one sector")]
    NoSectors,
    /// It reaches into the backup table or past the disk's end.
    #[error("it ends before LBA {end}, but partitions must end by LBA {limit}")]
    BeyondEnd {
        /// The first sector behind the partition.
        end: Lba,
        /// The first sector that is not for partitions.
        limit: Lba,
    },
    /// It reaches past its container.
    #[error("it ends before LBA {end}, but the extended partition ends before LBA {limit}")]
    BeyondExtended {
        /// The first sector behind the partition.
        end: Lba,
        /// The first sector behind the extended partition.
        limit: Lba,
    },
    /// An MBR has 32 bits for each.
    #[error("an MBR holds first LBA and length up to 4294967295 sectors; use a GPT")]
    Beyond32Bits,
    /// Only one partition can take what the others leave.
    #[error("partition {other} takes the rest of the disk already; give a size")]
    SecondRest {
        /// The other partition.
        other: PartitionName,
    },
    /// The rest of a disk whose size follows from its partitions.
    #[error("the rest of the disk needs a disk size; give one, or give the partition a size")]
    RestWithoutDisk,
    /// The others leave nothing.
    #[error("the other partitions leave nothing of the disk; make it larger")]
    RestEmpty,
    /// An MBR has no attribute bits.
    #[error("an MBR stores no attributes; use a GPT, or leave them out")]
    AttributesOnMbr,
    /// A GPT has no active flag.
    #[error("a GPT has no active flag; use the legacy-boot attribute or a hybrid MBR entry")]
    ActiveOnGpt,
}

impl PartitionFault {
    /// The field that is wrong, by its name in a configuration file.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::NumberZero
            | Self::NumberTooHigh { .. }
            | Self::NumberTaken
            | Self::LogicalOutOfOrder { .. }
            | Self::NoSlotForExtended => "number",
            Self::LabelTooLong { .. } | Self::LabelWithNul => "label",
            Self::TypeWithoutCode { .. } | Self::TypeReserved => "type",
            Self::GuidNil | Self::GuidTaken { .. } => "guid",
            Self::StartTooLow { .. } | Self::NoRoomForBootRecord { .. } | Self::Overlap { .. } => {
                "first"
            }
            Self::NoSectors
            | Self::BeyondEnd { .. }
            | Self::BeyondExtended { .. }
            | Self::Beyond32Bits
            | Self::SecondRest { .. }
            | Self::RestWithoutDisk
            | Self::RestEmpty => "size",
            Self::AttributesOnMbr => "attributes",
            Self::ActiveOnGpt => "active",
        }
    }
}

/// What is wrong with the disk as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DiskFault {
    /// The partitions and the table don't fit.
    #[error("{sectors} sectors, but table and partitions need {needed}")]
    TooSmall {
        /// The disk's length in sectors.
        sectors: u64,
        /// What is needed, in sectors.
        needed: u64,
    },
    /// More bytes than 64 bits count.
    #[error("table and partitions reach past 2^64 bytes")]
    TooLarge,
    /// The number of entries is out of bounds.
    #[error("{entries}; a GPT has {GPT_MIN_ENTRIES} to {GPT_MAX_ENTRIES} entries")]
    Entries {
        /// The number asked for.
        entries: u32,
    },
    /// All bits zero.
    #[error("the disk's GUID is all zeros")]
    GuidNil,
    /// Nothing can be a multiple of zero.
    #[error("partitions can't be aligned to 0 sectors; 1 means no alignment")]
    PartitionAlignmentZero,
    /// Nothing can be a multiple of zero.
    #[error("a disk's size can't be a multiple of 0 sectors; 1 means any size")]
    DiskAlignmentZero,
    /// One of the four slots protects the GPT.
    #[error("{count} entries; the MBR has room for three beside the protective one")]
    HybridTooMany {
        /// The number asked for.
        count: usize,
    },
    /// No such partition, or the partition twice.
    #[error("partition {number} must exist, and be listed once")]
    HybridPartition {
        /// The partition's number.
        number: u32,
    },
    /// The MBR's 32 bits can't hold the partition's place.
    #[error("partition {number} lies beyond the 2^32 sectors an MBR can address")]
    HybridBeyond32Bits {
        /// The partition's number.
        number: u32,
    },
    /// A type byte that means "unused", "extended" or "protective".
    #[error("partition {number}: type 0x{mbr_type:02x} has a meaning of its own in an MBR")]
    HybridType {
        /// The partition's number.
        number: u32,
        /// The type byte.
        mbr_type: u8,
    },
    /// The extended partition is no place for logical ones.
    #[error("slot {number}, LBA {first}, {sectors} sectors: outside the disk or its slots")]
    Extended {
        /// Its slot.
        number: u32,
        /// Its first sector.
        first: Lba,
        /// Its length in sectors.
        sectors: u64,
    },
}

impl DiskFault {
    /// The field that is wrong, by its name in a configuration file.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::TooSmall { .. } | Self::TooLarge => "size",
            Self::Entries { .. } => "entries",
            Self::GuidNil => "guid",
            Self::PartitionAlignmentZero => "partition-alignment",
            Self::DiskAlignmentZero => "disk-alignment",
            Self::HybridTooMany { .. }
            | Self::HybridPartition { .. }
            | Self::HybridBeyond32Bits { .. }
            | Self::HybridType { .. } => "hybrid",
            Self::Extended { .. } => "extended",
        }
    }
}
