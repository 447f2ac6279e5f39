//! FAT volumes, judged by fsck.fat, mtools and the `fatfs` crate.

mod content;
mod layout;
mod limits;
mod random;
mod refusals;
mod sizes;
mod support;
