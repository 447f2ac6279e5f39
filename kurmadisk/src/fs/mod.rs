//! Filesystems: each turns a [`Tree`](crate::tree::Tree) into an extent map, in two steps: plan
//! (sizes and places, no content read), then build (the map).

#[cfg(feature = "inspect")]
mod claims;
pub mod ext4;
pub mod fat;
#[cfg(feature = "inspect")]
mod paths;
mod size;
mod volume;

pub use size::{FreeSpace, VolumeSize};
pub use volume::{Volume, VolumeError};
