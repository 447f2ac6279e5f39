//! Why a table can't be written or read, and what is wrong with one that can.

use std::fmt;
use std::io;

use kurmadisk_formats::error::MapError;
use thiserror::Error;

use super::BOOT_CODE_LEN;
use crate::layout::{LayoutError, Lba};

/// A partition table can't be written or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TableError {
    /// The layout breaks a rule.
    #[error("the partition layout is not possible")]
    Layout(#[from] LayoutError),
    /// The boot code is longer than its place.
    #[error("boot code of {len} bytes; the boot record has room for {BOOT_CODE_LEN}")]
    BootCodeTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The table's pieces don't fit on the disk.
    #[error("the partition table does not fit on the disk")]
    Map(#[from] MapError),
    /// A value doesn't fit into its field on disk; a checked layout has none of those.
    #[error("partition table field {field}: {value} does not fit")]
    FieldOverflow {
        /// The field's name in the specification.
        field: &'static str,
        /// The value.
        value: u64,
    },
    /// The disk can't be read.
    #[error("cannot read the disk at byte {offset}")]
    Io {
        /// Where, in bytes.
        offset: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No table is there: neither a GPT nor an MBR.
    #[error("no partition table: neither a GPT nor a valid MBR")]
    NoTable,
    /// The MBR says there is a GPT, but neither copy can be used.
    #[error("the MBR announces a GPT, but its primary copy {primary} and its backup {backup}")]
    BothCopiesBad {
        /// What is wrong with the copy behind the MBR.
        primary: CopyFault,
        /// What is wrong with the copy at the disk's end.
        backup: CopyFault,
    },
}

/// What is wrong with one copy of a GPT.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CopyFault {
    /// The signature `EFI PART` isn't where the header belongs.
    #[error("is missing")]
    Missing,
    /// The header doesn't fit its checksum.
    #[error("has a wrong header checksum")]
    HeaderChecksum,
    /// The entries don't fit the checksum in the header.
    #[error("has a wrong checksum of its entries")]
    EntriesChecksum,
    /// The header says it lies elsewhere.
    #[error("says it lies at LBA {0}")]
    WrongLba(Lba),
    /// Entries of a size nobody writes, or too many of them.
    #[error("has {entries} entries of {entry_size} bytes, which kurmadisk does not read")]
    Unsupported {
        /// Number of entries.
        entries: u32,
        /// Size of one in bytes.
        entry_size: u32,
    },
    /// The entries would lie past the disk's end.
    #[error("puts its entries at LBA {0}, past the end of the disk")]
    EntriesOutOfDisk(Lba),
    /// These sectors of the disk can't be read.
    #[error("cannot be read ({0})")]
    Unreadable(io::ErrorKind),
}

/// One of the two copies of a GPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GptCopyName {
    /// Behind the MBR.
    Primary,
    /// At the disk's end.
    Backup,
}

impl fmt::Display for GptCopyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        })
    }
}

/// Something wrong with a table that could be read nevertheless.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TableProblem {
    /// One copy of the GPT is bad; the other one was taken.
    #[error("the {copy} GPT {fault}")]
    Copy {
        /// Which copy.
        copy: GptCopyName,
        /// What is wrong with it.
        fault: CopyFault,
    },
    /// Both copies are valid, but not the same; the primary was taken.
    #[error("the two copies of the GPT differ")]
    CopiesDiffer,
    /// The backup isn't at the disk's end, as after the disk grew.
    #[error("the backup GPT lies at LBA {lba}, the disk ends at LBA {last}")]
    BackupMisplaced {
        /// Where the primary says it lies.
        lba: Lba,
        /// The disk's last sector.
        last: Lba,
    },
    /// No MBR entry protects the GPT.
    #[error("no MBR entry of type 0xee protects the GPT")]
    NotProtected,
    /// An entry of a hybrid MBR is no partition of the GPT.
    #[error("MBR entry {slot} is no partition of the GPT")]
    HybridUnmatched {
        /// The MBR's slot, 1 to 4.
        slot: u32,
    },
    /// A GPT entry ends before it begins, and was left out.
    #[error("GPT entry {number} ends before it begins")]
    Reversed {
        /// The entry's number.
        number: u32,
    },
    /// A GPT lies on the disk, but the MBR doesn't announce it; the MBR was taken.
    #[error("a GPT lies on the disk, but the MBR does not announce it")]
    StaleGpt,
    /// The MBR has a second extended partition, which was left out.
    #[error("MBR entry {slot} is a second extended partition")]
    SecondExtended {
        /// The MBR's slot, 1 to 4.
        slot: u32,
    },
    /// The chain of extended boot records ends in something else; what came before was taken.
    #[error("the extended boot record at LBA {lba} {fault}")]
    BrokenChain {
        /// Where the bad record lies.
        lba: Lba,
        /// What is wrong with it.
        fault: ChainFault,
    },
    /// The table breaks a rule.
    #[error("{0}")]
    Layout(LayoutError),
}

/// What is wrong with an extended boot record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChainFault {
    /// It is not a boot record.
    #[error("is not a boot record")]
    NotARecord,
    /// It was reached before: the chain is a loop.
    #[error("was reached before")]
    Loop,
    /// It lies outside the extended partition or the disk.
    #[error("lies outside the extended partition")]
    Outside,
    /// There are more partitions than numbers.
    #[error("is one too many")]
    TooMany,
    /// These sectors of the disk can't be read.
    #[error("cannot be read ({0})")]
    Unreadable(io::ErrorKind),
}
