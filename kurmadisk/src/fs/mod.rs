//! Filesystems: each turns a [`Tree`](crate::tree::Tree) into an extent map, in two steps: plan
//! (sizes and places, no content read), then build (the map).

pub mod ext4;
pub mod fat;
mod size;
mod volume;

pub use size::{FreeSpace, VolumeSize};
pub use volume::{Volume, VolumeError};
