//! Extent maps of virtual disks, and the image containers that hold them.
//!
//! # The way of a disk into a file
//!
//! 1. Somebody describes a disk as a [`map::DiskMap`]: extents of metadata in memory and of content
//!    that stays where it is.
//! 2. A container decides where each block of the disk lies in its file.
//! 3. The emitter walks the disk once, in ascending order, and moves the bytes.
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
//! | [`emit`] | one ascending pass over a map |
//! | [`output`] | files that appear when complete, and memory |
//! | [`read_at`] | reading at any offset: files, windows, adapters |
//! | [`host`] | the calls that differ between operating systems |
//! | [`error`] | one error type per area |
#![deny(missing_docs)]

pub mod emit;
pub mod error;
pub mod host;
pub mod image;
pub mod map;
pub mod output;
pub mod placement;
pub mod read_at;
