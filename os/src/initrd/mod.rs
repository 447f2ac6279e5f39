//! Initial RAM filesystems.
//!
//! A description ([`InitrdSpec`]) becomes a tree, the tree an archive in the kernel's format with content by reference,
//! and archives one behind the other, each compressed in its own way, the file. Nothing is run to find out what
//! programs and modules need.
//!
//! | module | holds |
//! |---|---|
//! | `spec` | [`InitrdSpec`]: what is written |
//! | `build` | [`InitrdSpec::build`], [`append`]: archives in their order |
//! | `contents` | what a description asks for, put into a tree |
//! | `stage` | the tree, put together as the sysroot is |
//! | `sysroot` | the system that programs and modules come from |
//! | `elf` | what programs need to run |
//! | `modules` | kernel modules, and the lists by which they are found |
//! | `busybox` | the names that a busybox goes by |
//! | `microcode` | the archive that the kernel reads before all else |
//! | `release` | os-release and lsb-release |
//! | `udev` | rules, and the programs that they run |
//! | `cpio` | a tree as an archive |
//! | `write` | archives as a file |
//! | `inspect` | [`inspect`]: what an initrd holds |
//! | `diff` | [`diff`]: what is different between two |
//! | `error` | [`InitrdError`] and what it is made of |

mod build;
mod busybox;
mod contents;
mod cpio;
mod diff;
mod elf;
mod error;
mod inspect;
mod microcode;
mod modules;
mod release;
mod spec;
mod stage;
mod sysroot;
mod udev;
mod write;

pub use build::{Addition, BuildOptions, Report, SegmentReport, append};
pub use diff::{DiffOptions, Difference, diff};
pub use error::{ArchiveError, ElfError, InitrdError, ModuleError, SysrootError};
pub use inspect::{EntryReport, InitrdReport, PieceReport, inspect};
pub use spec::{
    BinaryEntry, BusyboxSpec, DirectoryEntry, FileEntry, InitrdCompression, InitrdSpec, LinkEntry,
    ModulesSpec, NodeEntry, NodeType, ReleaseSpec, TreeEntry,
};
