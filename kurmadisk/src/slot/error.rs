//! Why slots can't be read, changed or filled.

use std::io;

use thiserror::Error;

use crate::boot::kernel::KernelFault;
use crate::fs::fat::update::FatUpdateError;
use crate::layout::AttributeError;
use crate::table::TableError;

/// Slots can't be read or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SlotError {
    /// The partition table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// An MBR has no slots.
    #[error("the disk has an MBR; only a GPT has slots")]
    NoGpt,
    /// No slot is called so.
    #[error("the disk has no slot {wanted:?}; there are {there}")]
    NoSlot {
        /// The letter that was asked for.
        wanted: char,
        /// The letters and labels of those there are.
        there: String,
    },
    /// Two slots have the same letter, and so the same files.
    #[error("the slots {} and {} share the files of letter {letter:?}; give one another label", labels[0], labels[1])]
    SharedFiles {
        /// The letter.
        letter: char,
        /// Their labels.
        labels: [String; 2],
    },
    /// Files are installed that the loader boots without slots, and attributes of one are given.
    #[error(
        "the disk has no slots, so the files of slot a have no priority, tries or success; leave these out"
    )]
    NoAttributes,
    /// A value that the attributes can't hold.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// No kernel that could be booted.
    #[error("the kernel cannot be installed")]
    Kernel(#[source] KernelFault),
    /// A kernel that kurmaboot refuses.
    #[error(
        "the kernel cannot be installed: by BIOS this disk starts only Linux 3.8 and newer (boot protocol 2.12)"
    )]
    OldKernel,
    /// The loader would find no boot partition.
    #[error(
        "the disk has no boot partition: neither an EFI system partition of a GPT nor an active one of an MBR"
    )]
    NoBootPartition,
    /// The boot partition is mounted.
    #[error(
        "partition {number}, the boot partition, is mounted or in use otherwise; unmount it first"
    )]
    InUse {
        /// Its number.
        number: u32,
    },
    /// The files of the boot partition can't be replaced; nothing was written.
    #[error("partition {number}, the boot partition")]
    Files {
        /// Its number.
        number: u32,
        /// Why.
        #[source]
        source: FatUpdateError,
    },
    /// The files of the boot partition could not be written.
    #[error("partition {number}, the boot partition, was not written completely; {}; install again",
        if *disabled { "the slot has priority 0" } else { "old or new files are booted" }
    )]
    Unfinished {
        /// Its number.
        number: u32,
        /// Whether the slot was given priority 0 before.
        disabled: bool,
        /// Why.
        #[source]
        source: FatUpdateError,
    },
    /// The disk can't be read or written to.
    #[error("cannot {what} the disk")]
    Io {
        /// `open` or `write to`.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}
