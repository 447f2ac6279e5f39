//! Trees from whatever people keep them in.
//!
//! An archive is an extent map too: a [`DiskMap`](crate::formats::map::DiskMap) of its bytes. What it
//! holds are slices of that map, so content stays where it is until the image is written; of what is
//! compressed, one uncompressed copy is made, and that is the map.
//!
//! | module | holds |
//! |---|---|
//! | `read` | [`read()`]: a tree from a path, whatever lies there |
//! | `archive` | an archive, opened to see which it is |
//! | `kind` | [`SourceKind`] |
//! | `error` | [`ReadError`] |
//! | [`cpio`] | trees from cpio archives, such as initial RAM filesystems |
//! | [`decompress`] | [`decompressed`](decompress::decompressed): archives without their compression |
//! | `disk` | trees from filesystems of disks and their images (feature `inspect`) |
//! | [`oci`] | trees from container images |
//! | [`scratch`] | where an uncompressed copy goes |
//! | `host_file` | [`host_file()`]: a file of the host as content |
//! | [`tar`] | trees from tar archives |
//! | `forward` | archives read from header to header |
//! | `names` | members' names as paths of a tree |
//! | `known` | the names of formats by their first bytes |

#[cfg(feature = "archives")]
mod archive;
#[cfg(feature = "archives")]
pub mod cpio;
#[cfg(feature = "archives")]
pub mod decompress;
#[cfg(feature = "inspect")]
pub mod disk;
mod error;
#[cfg(feature = "archives")]
mod forward;
mod host_file;
mod kind;
#[cfg(feature = "archives")]
mod known;
#[cfg(feature = "archives")]
mod names;
#[cfg(feature = "archives")]
pub mod oci;
mod read;
pub mod scratch;
#[cfg(feature = "archives")]
pub mod tar;

use std::path::PathBuf;

pub use error::ReadError;
pub use host_file::host_file;
pub use kind::{SourceKind, UnknownKind};
#[cfg(feature = "archives")]
pub use names::NameFault;
pub use read::{SourceTree, Wanted, read};

/// Where what is made while planning goes: the uncompressed copy of an archive, a large hash tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scratch {
    /// Into memory: for what is small.
    Memory,
    /// Into a file without a name in this folder; it is gone with the last map that refers to it.
    Folder(PathBuf),
}
