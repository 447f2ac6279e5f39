//! Assembles bootable disk images from trees, kernels and a description of the disk.
#![deny(missing_docs)]

pub mod boot;
pub mod fs;
pub mod layout;
pub mod table;
pub mod tree;
