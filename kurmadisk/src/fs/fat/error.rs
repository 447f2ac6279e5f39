//! What can keep a tree from becoming a FAT volume.

use kurmadisk_formats::error::MapError;
use thiserror::Error;

use super::FatType;

/// A FAT volume could not be planned or built.
///
/// Paths are those of the tree, from `/`; sizes are in bytes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FatError {
    /// An option has a value FAT does not know.
    #[error("{field} = {value}: {problem}")]
    Option {
        /// The field of [`FatOptions`](super::FatOptions) or the size.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it and what would be right.
        problem: &'static str,
    },
    /// A name FAT cannot store.
    #[error("{path}: {problem}; rename it or leave it out")]
    Name {
        /// The entry; bytes that are not UTF-8 are shown as `U+FFFD`.
        path: String,
        /// What is wrong with the name.
        problem: &'static str,
    },
    /// Two names of a directory differ in nothing but upper and lower case.
    #[error("{path} and {other:?} are one name to FAT, which ignores case; rename one of them")]
    Twins {
        /// The second entry.
        path: String,
        /// The name of the first one.
        other: String,
    },
    /// Something other than a file or directory.
    #[error("{path} is a {kind}, which FAT cannot hold; leave it out, or put a regular file there")]
    Kind {
        /// The entry.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A file longer than the 32 bits of its size field.
    #[error(
        "{path} has {len} bytes, and FAT holds files of at most 4294967295; split it or use ext4"
    )]
    FileTooLarge {
        /// The file.
        path: String,
        /// Its length.
        len: u64,
    },
    /// A directory with more entries than one can have.
    #[error(
        "{path} needs {entries} directory entries (a long name takes several), {limit} is the limit; \
         spread its files over several directories"
    )]
    DirectoryTooLarge {
        /// The directory.
        path: String,
        /// Entries of 32 bytes it needs.
        entries: u64,
        /// Most it may have.
        limit: u32,
    },
    /// The volume is too small for its content.
    #[error(
        "the content needs a FAT volume of {needed} bytes, and this one has {given}, {} too few; enlarge it or \
         leave something out",
        needed.saturating_sub(*given)
    )]
    TooSmall {
        /// The next larger size that suffices.
        needed: u64,
        /// The size asked for.
        given: u64,
    },
    /// The content does not fit any volume of the wanted type and cluster size.
    #[error(
        "no {fat_type} volume can hold the content{}; let the type or the cluster size be chosen",
        of_clusters(*sectors_per_cluster)
    )]
    TooMuch {
        /// The type.
        fat_type: FatType,
        /// The cluster size, if it was asked for.
        sectors_per_cluster: Option<u32>,
    },
    /// The size is outside of what the wanted type and cluster size allow.
    #[error(
        "a volume of {given} bytes cannot be {fat_type}{}, which needs {smallest} to {largest} bytes; \
         change the size, the type or the cluster size",
        of_clusters(*sectors_per_cluster)
    )]
    Unsuitable {
        /// The type asked for, or the largest when none was.
        fat_type: FatType,
        /// The cluster size, if it was asked for.
        sectors_per_cluster: Option<u32>,
        /// The size asked for.
        given: u64,
        /// The smallest size.
        smallest: u64,
        /// The largest size.
        largest: u64,
    },
    /// The parts of the volume collide: a fault of the plan's own arithmetic.
    #[error("the parts of the volume do not fit together")]
    Map(#[from] MapError),
}

fn of_clusters(sectors: Option<u32>) -> String {
    sectors.map_or_else(String::new, |sectors| {
        format!(" with {sectors} sectors per cluster")
    })
}
