//! FAT volumes, judged by fsck.fat, mtools, 7-Zip, the Linux kernel and the `fatfs` crate.

mod content;
mod firmware;
mod kernel;
mod layout;
mod limits;
mod metadata;
mod mkfs;
mod names;
mod partition;
mod random;
#[path = "../recorder/mod.rs"]
mod recorder;
mod refusals;
mod sizes;
mod support;
mod update;
