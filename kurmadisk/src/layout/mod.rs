//! Where partitions lie: sizes, types, attributes, and the arithmetic that places them.
//!
//! Pure values: nothing here reads a file or knows how a table looks on disk.
//!
//! A [`LayoutRequest`] says which partitions are wanted, [`LayoutRequest::arrange`] gives each its
//! first LBA, and the resulting [`DiskLayout`] is what [`table`](crate::table) writes and what it
//! gives back when it reads a disk.
//!
//! | file | holds |
//! |---|---|
//! | `units` | [`Lba`], [`SectorSize`] |
//! | `size` | [`Size`] and [`ByteSize`]: sizes as people write them |
//! | `partition_type` | [`PartitionType`]: by name, GUID or MBR type byte |
//! | `attributes` | [`Attributes`]: the 64 attribute bits of a GPT entry |
//! | `disk` | [`DiskLayout`] and its parts |
//! | `arrange` | from a request to a layout |
//! | `check` | every rule a layout must obey |
//! | `report` | [`EntryReport`]: a partition in words |
//! | `error` | [`LayoutError`] |

mod arrange;
mod attributes;
mod check;
mod disk;
mod error;
pub(crate) mod nearest;
mod partition_type;
mod report;
mod size;
mod units;

pub use arrange::{LayoutRequest, PartitionRequest, PartitionSize, SchemeRequest};
pub use attributes::{AttributeError, AttributeFlag, Attributes};
pub use disk::{
    DiskLayout, ExtendedPartition, GPT_MAX_ENTRIES, GPT_MIN_ENTRIES, GptScheme, HybridEntry,
    MBR_MAX_NUMBER, MbrScheme, PlacedPartition, Scheme,
};
pub use error::{DiskFault, LayoutError, PartitionFault, PartitionName};
pub use partition_type::{PartitionType, PartitionTypeError};
pub use report::EntryReport;
pub use size::{ByteSize, Size, SizeError};
pub use units::{Lba, SectorSize, SectorSizeError};
