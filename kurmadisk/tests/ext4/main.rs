//! ext4, judged by e2fsck, dumpe2fs, debugfs, the kernel and the `ext4-view` crate.

mod growth;
mod kernel;
mod limits;
mod nodes;
mod options;
mod random;
mod refusals;
mod sizes;
mod sizing;
mod support;
