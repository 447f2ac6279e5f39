//! Assembles bootable disk images: partition tables, filesystems and boot files, in one pass, into
//! the container a hypervisor wants. No root, no loop device, no mkfs.
//!
//! # From a description to an image
//!
//! ```text
//!  ImageSpec ──▶ Plan ──▶ DiskMap ──▶ ImageFormat ──▶ file
//!   what the      every     extents:     one ascending
//!   user wrote    choice    metadata and  pass
//!                 made      references
//! ```
//!
//! 1. [`spec`]: the description, in layers, each value with its place. [`Builder`] writes one in Rust.
//! 2. [`plan`]: sizes, identifiers, times, and the place of every block; only names and metadata are
//!    read.
//! 3. [`Plan::disk_map`]: the disk as extents. File content is referred to, not copied.
//! 4. [`Plan::write`]: the bytes move, once, straight into the image.
//!
//! # Files
//!
//! | module | holds |
//! |---|---|
//! | [`spec`] | what the user wrote |
//! | [`plan`] | what that means, to the last byte |
//! | [`layout`] | partitions: sizes, types, arithmetic |
//! | [`table`] | GPT and MBR, written and read |
//! | [`tree`] | trees of files |
//! | [`source`] | trees from folders, archives, container images and disks |
//! | [`adjust`] | owners, modes, labels and more, changed by rules |
//! | [`fs`] | FAT and ext4 |
//! | [`boot`] | what makes a disk boot |
//! | `package` | disks with the machines around them, as platforms take them (feature `packages`) |
//! | `slot` | the slots of a disk, looked at and changed (feature `inspect`) |
//! | `inspect` | what an image says of itself (feature `inspect`) |
//! | `verify` | what platforms will refuse of an image or package (feature `verify`) |
//! | `place` | [where something is written](spec::Place), for errors |
//! | `assemble` | the plan as one map, and as an image |
//! | [`verity`] | hash trees that vouch for filesystems |
//! | `builder` | [`Builder`] |
//!
//! The library never prints, exits, or reads clock, randomness or environment: the same inputs give
//! the same bytes.
#![deny(missing_docs)]

pub mod adjust;
mod assemble;
pub mod boot;
mod builder;
pub mod fs;
#[cfg(feature = "inspect")]
pub mod inspect;
pub mod layout;
#[cfg(feature = "packages")]
pub mod package;
mod place;
pub mod plan;
#[cfg(feature = "inspect")]
pub mod slot;
pub mod source;
pub mod spec;
pub mod table;
pub mod tree;
#[cfg(feature = "verify")]
pub mod verify;
pub mod verity;

pub use assemble::AssembleError;
pub use builder::Builder;
pub use kurmadisk_formats as formats;
pub use kurmadisk_formats::emit::Progress;
pub use kurmadisk_formats::image::{FormatChoice, ImageFormat, ImageOptions, PredictedSize};
pub use plan::{Plan, PlanError};
pub use source::host_file;
