//! What makes a disk boot: loaders, kernels and their texts, put into the trees of partitions.
//!
//! [`stage`] puts files into the tree of the EFI system partition, by what is given:
//!
//! | given | firmware starts (`/EFI/BOOT/BOOTX64.EFI`) | which starts |
//! |---|---|---|
//! | kernel | [`kurmaboot`] | the kernel of a slot |
//! | kernel, stub | a Unified Kernel Image | |
//! | kernel, boot manager | systemd-boot | the entry `/loader/entries/kurma-a.conf` |
//! | kernel, stub, boot manager | systemd-boot | the Unified Kernel Image `/EFI/Linux/kurma-a.efi` |
//! | kernel, GRUB | [GRUB](grub) | the kernel of a slot |
//!
//! With tries to be counted the last two are named `kurma-a+3`, as the boot manager renames them.
//!
//! `/kurmaos/vmlinuz-a`, `/kurmaos/initrd-a` and `/kurmaos/cmdline` (one line) are what kurmaboot reads, and
//! where an updater puts new ones. They lie there when it is the loader, when the disk has slots, when its
//! BIOS half starts the disk beside another loader for UEFI, and with GRUB. Elsewhere an entry of systemd-boot refers to
//! `/vmlinuz` and `/initrd`. Content at two paths is two references, and twice its size on the disk.
//!
//! The menu's title and a Unified Kernel Image's `.osrel` come from the root's os-release. One that is
//! no text (with a NUL in it) counts as none, for it is not what somebody asked for.
//!
//! [`stage_root`] is for disks without a boot partition.
//!
//! | file | holds |
//! |---|---|
//! | `stage` | [`stage`], [`stage_root`]: what comes where |
//! | [`kurmaboot`] | our own loader |
//! | [`uki`] | Unified Kernel Images |
//! | [`systemd_boot`] | the boot manager's configuration and entries |
//! | [`grub`] | GRUB, from the files of its installation |
//! | [`kernel`] | what a kernel's headers say, and what a file is that is none |
//! | `authenticode` | signatures of EFI programs (feature `secure-boot`) |
//! | [`pe`] | PE images: headers read, sections added |
//! | `text` | command lines and os-release |
//! | `in_memory` | bytes as content |

#[cfg(feature = "secure-boot")]
pub mod authenticode;
mod error;
pub mod grub;
mod in_memory;
pub mod kernel;
pub mod kurmaboot;
pub mod pe;
mod stage;
pub mod systemd_boot;
mod text;
pub mod uki;

use std::num::NonZero;

use kurmadisk_formats::map::DiskMap;
use serde::Serialize;

pub use error::{BootError, BootInput};
use grub::{Grub, PcCore};
pub use stage::{stage, stage_root};
pub use text::MAX_COMMAND_LINE;

/// What UEFI firmware for x86-64 starts when nobody told it otherwise (UEFI 2.10, §3.5.1.1).
pub const FALLBACK_PATH: &str = "/EFI/BOOT/BOOTX64.EFI";

/// What a disk shall boot.
#[derive(Clone, Debug, Default)]
pub struct BootFiles {
    /// The kernel, a bzImage; without it nothing else may be given.
    pub kernel: Option<DiskMap>,
    /// Its initrd.
    pub initrd: Option<DiskMap>,
    /// Its command line: at most [`MAX_COMMAND_LINE`] bytes, one line; empty for none.
    pub cmdline: String,
    /// The stub of a Unified Kernel Image.
    pub efi_stub: Option<DiskMap>,
    /// The boot manager systemd-boot.
    pub systemd_boot: Option<DiskMap>,
    /// GRUB; for the platforms that it has no folder of, the other loaders stay.
    pub grub: Option<Grub>,
    /// How often the boot manager tries the kernel before it prefers another entry; without it, it doesn't count.
    pub boot_tries: Option<NonZero<u8>>,
    /// Whether the layout has slots: those named `kurmaos`.
    pub slots: bool,
    /// Whether the layout has a place for the loader of BIOS machines.
    pub bios: bool,
    /// The text of the root's os-release file, for the boot manager's menu; with a NUL in it, it
    /// counts as none.
    pub os_release: Option<String>,
}

/// What firmware starts, and how the kernel comes to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BootMethod {
    /// UEFI firmware finds nothing to start.
    #[default]
    None,
    /// kurmaboot, and that the kernel of a slot.
    Kurmaboot,
    /// A Unified Kernel Image.
    UnifiedImage,
    /// systemd-boot, and that an entry of type 1.
    ManagedEntry,
    /// systemd-boot, and that a Unified Kernel Image.
    ManagedImage,
    /// GRUB, and that the kernel of a slot.
    Grub,
}

/// What was put into a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootSummary {
    /// What UEFI firmware starts.
    pub method: BootMethod,
    /// Whether a loader for BIOS machines finds what it needs in the tree.
    pub bios: bool,
    /// That loader, when it is GRUB; otherwise it is kurmaboot's BIOS half.
    pub pc_core: Option<PcCore>,
    /// The kernel's release, when its header tells.
    pub kernel_release: Option<String>,
    /// The files, in the order in which they were placed.
    pub files: Vec<StagedFile>,
}

/// A file that was put into a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedFile {
    /// Its path from the tree's root, with a leading slash.
    pub path: String,
    /// Bytes.
    pub len: u64,
}
