//! ext4, judged by e2fsck, dumpe2fs, debugfs, the kernel and the `ext4-view` crate.

mod diff;
mod features;
mod flags;
mod growth;
mod htree;
mod huge;
mod inode_size;
mod kernel;
mod limits;
mod made;
mod mke2fs;
mod nodes;
mod options;
mod random;
mod read_only;
mod refusals;
mod sizes;
mod sizing;
mod support;
mod xattr_edges;
mod xattrs;
