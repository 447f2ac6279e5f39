//! Extent maps of virtual disks, and the image containers that hold them.
//!
//! # The way of a disk into a file
//!
//! 1. Somebody describes a disk as a [`map::DiskMap`]: extents of metadata in memory and of content
//!    that stays where it is.
//! 2. A container decides where each block of the disk lies in its file.
//! 3. The emitter walks the disk once, in ascending order, and moves the bytes.
//!
//! And back: [`open::open`] finds out what a file is, checks it, and gives the virtual disk in it as
//! a [`read_at::ReadAt`] again.
//!
//! This crate knows no partition table and no filesystem.
//!
//! # Files
//!
//! | module | holds |
//! |---|---|
//! | [`map`] | extents, their sources, and the map of a disk |
//! | [`placement`] | where a container puts the disk's bytes: the file as an extent map again |
//! | [`image`] | the formats by name, and the one way to write each |
//! | [`open`] | opening an image again: its disk, its allocation, what it says of itself |
//! | [`emit`] | one ascending pass over a map |
//! | [`output`] | files that appear when complete, and memory |
//! | [`read_at`] | reading at any offset: files, windows, adapters |
//! | [`host`] | the calls that differ between operating systems |
//! | [`error`] | one error type per area |
//!
//! The containers themselves are private: `raw`, `vdi` and `vmdk`, each with the on-disk structures
//! in its `spec`, the writer's decisions apart from the reader. They share `table` (tables of block
//! numbers), `runs` (reading a disk that lies in runs of blocks) `ordered` (work in several
//! threads, results in order) and `incompressible` (content not worth deflating).
#![deny(missing_docs)]

pub mod emit;
pub mod error;
pub mod host;
pub mod image;
#[cfg(feature = "vmdk-stream")]
mod incompressible;
pub mod map;
pub mod open;
#[cfg(feature = "vmdk-stream")]
mod ordered;
pub mod output;
pub mod placement;
mod raw;
pub mod read_at;
#[cfg(any(feature = "vdi", feature = "vmdk"))]
mod runs;
#[cfg(any(feature = "vdi", feature = "vmdk"))]
mod table;
#[cfg(feature = "vdi")]
mod vdi;
#[cfg(feature = "vmdk")]
mod vmdk;
