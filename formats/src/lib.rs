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
//! a [`read_at::ReadAt`] again, and [`open::ImageStore`] as a map, to be written in another format.
//!
//! This crate knows no partition table and no filesystem.
//!
//! # Files
//!
//! | module | holds |
//! |---|---|
//! | [`map`] | extents, their sources, and the map of a disk |
//! | [`image`] | the formats by name, and the one way to write each |
//! | [`open`] | opening an image again: its disk, its allocation, what it says of itself |
//! | [`lint`] | what platforms will refuse of an image |
//! | [`emit`] | a map's bytes as they are, and progress |
//! | [`output`] | files that appear when complete, pipes, and memory |
//! | `compress` | an output that compresses whatever is written to it |
//! | `update` | images brought up to date, and maps of their blocks |
//! | [`read_at`] | reading at any offset: files, windows, adapters |
//! | [`write_at`] | writing in place, in an order |
//! | [`host`] | the calls that differ between operating systems |
//! | [`shares`] | work on a list, shared by several threads |
//! | [`error`] | one error type per area |
//!
//! The containers themselves are private: `raw`, `vdi`, `vhd`, `vhdx`, `vmdk` and `qcow2`, each with the on-disk structures
//! in its `spec`, and the writer apart from the reader. They share:
//!
//! | module | holds |
//! |---|---|
//! | `placement` | where a container puts the disk's bytes |
//! | `table` | tables of block numbers |
//! | `runs` | reading a disk that lies in runs of blocks |
//! | `image_files` | the files that an image lies in |
//! | `blocks` | a disk's blocks in batches, to be compressed |
//! | `window` | one ascending pass over a disk, window by window |
//! | `read_ahead` | windows read by a thread while others are written |
//! | `copy` | long files, which the host copies by itself |
//! | `writer` | what takes the windows: files decided in advance, in one piece or several |
//! | `parts` | images of several files |
//! | `pool` | work in several threads, results in order |
//! | `deflate` | deflate streams of blocks |
//! | `zstd` | zstd's frames |
//! | `incompressible` | telling content that is not worth deflating |
//! | `buffer` | memory that begins at a page |
//!
//! Formats stand on `format` (what a format's module offers) and `opened` (an image open for reading; an
//! `image_store` makes a content of one); `image` and `open` list them. A new format is one more such module, with a `Format` in `image` and a
//! signature in `open`.
//!
//! # Example
//!
//! ```
//! # #[cfg(feature = "vdi")] {
//! use std::ops::ControlFlow;
//!
//! use kurmadisk_formats::image::{ImageFormat, ImageOptions};
//! use kurmadisk_formats::map::DiskMap;
//! use kurmadisk_formats::output::NewFile;
//! use kurmadisk_formats::read_at::ReadAt;
//! use uuid::Uuid;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let mut disk = DiskMap::new(64 << 20);
//! disk.insert_bytes(1 << 20, &b"hello"[..])?;
//!
//! let identity = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"https://example.org/hello");
//! let options = ImageOptions::new(identity, "hello.vdi");
//! let path = folder.path().join("hello.vdi");
//! let mut file = NewFile::create(&path)?;
//! ImageFormat::Vdi.write(&disk, &options, &mut file, &mut |_| ControlFlow::Continue(()))?;
//! file.commit()?;
//!
//! let image = kurmadisk_formats::open::open(&path)?;
//! let mut found = [0; 5];
//! image.read_exact_at(1 << 20, &mut found)?;
//! assert_eq!(&found, b"hello");
//! # Ok(()) }
//! # main().unwrap() }
//! ```
#![deny(missing_docs)]

#[cfg(feature = "_compressed-blocks")]
mod blocks;
mod buffer;
mod choice;
#[cfg(feature = "compress")]
pub mod compress;
mod copy;
#[cfg(feature = "_compressed-blocks")]
#[cfg_attr(
    all(feature = "libdeflate", not(feature = "qcow2-compressed")),
    expect(dead_code, reason = "our own encoder is only for clusters then")
)]
mod deflate;
pub mod emit;
pub mod error;
mod format;
pub mod host;
pub mod image;
mod image_files;
mod image_store;
#[cfg(any(feature = "compress", feature = "_compressed-blocks"))]
mod incompressible;
pub mod lint;
pub mod map;
pub mod open;
mod opened;
pub mod output;
#[cfg(feature = "vmdk")]
mod parts;
mod placement;
#[cfg(any(feature = "compress", feature = "_compressed-blocks"))]
mod pool;
#[cfg(feature = "qcow2")]
mod qcow2;
mod raw;
mod read_ahead;
pub mod read_at;
#[cfg(any(
    feature = "qcow2",
    feature = "vdi",
    feature = "vhd",
    feature = "vhdx",
    feature = "vmdk"
))]
mod runs;
pub mod shares;
#[cfg(any(
    feature = "qcow2",
    feature = "vdi",
    feature = "vhd",
    feature = "vhdx",
    feature = "vmdk"
))]
mod table;
#[cfg(feature = "update")]
pub mod update;
#[cfg(feature = "vdi")]
mod vdi;
#[cfg(feature = "vhd")]
mod vhd;
#[cfg(feature = "vhdx")]
mod vhdx;
#[cfg(feature = "vmdk")]
mod vmdk;
mod window;
pub mod write_at;
mod writer;
#[cfg(any(feature = "compress", feature = "qcow2-zstd"))]
mod zstd;
