//! Tests of the whole crate through its public interface.
//!
//! | file | proves |
//! |---|---|
//! | `support` | (disks, their images, comparing both) |
//! | `deflate` | (how far back a stream refers) |
//! | `map` | extent maps against a plain array of bytes |
//! | `emit` | large, ascending writes; progress; stopping; failing sources |
//! | `output` | files appear complete or not at all |
//! | `copy` | long files that the host copies by itself |
//! | `file_store` | files that vanish, change or are something else |
//! | `image_store` | the disk in an image as content, and images that change |
//! | `containers` | what single formats say of their disks, and the most they hold; foreign images read |
//! | `torture` | the cases that writers of disk images are known to fail at |
//! | `random` | random disks through every writer, to every reader |
//! | `several` | several images from one read; pipes |
//! | `extents` | VMDKs in several files: those of qemu, and descriptors that lie |
//! | `split` | VMDKs in several files, as they are written |
//! | `stream` | the marker sequence of streamOptimized files |
//! | `qcow2` | the tables of qcow2 files; those of qemu in all variants |
//! | `qcow2_zstd` | qcow2 files compressed with zstd, frame by frame; those of qemu |
//! | `vhd` | the structures of VHD files, sizes, bitmaps; images of qemu |
//! | `vhdx` | the structures of VHDX files, sizes; images of qemu |
//! | `compress` | compressed files against the programs of their formats, however they are written |
//! | `lint` | what platforms refuse: each rule by an image that breaks it |
//! | `hostile` | damaged images: an error or wrong bytes, never a panic |

mod compress;
mod containers;
mod copy;
mod deflate;
mod emit;
mod extents;
mod file_store;
mod hostile;
#[cfg(unix)]
mod image_store;
mod lint;
mod map;
mod output;
mod qcow2;
mod qcow2_zstd;
mod random;
mod several;
mod split;
mod stream;
mod support;
mod torture;
mod vhd;
mod vhdx;
