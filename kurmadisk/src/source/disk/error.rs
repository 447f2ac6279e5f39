//! What can be wrong with a disk whose files are wanted.

use std::path::PathBuf;

use kurmadisk_formats::error::OpenError;
use thiserror::Error;

#[cfg(feature = "archives")]
use super::super::decompress::DecompressError;
use crate::fs::ext4::Ext4ReadError;
use crate::fs::fat::FatReadError;

/// No tree could be made of a disk.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The file cannot be opened; it is named.
    #[error(transparent)]
    File(OpenError),
    /// It is no image that can be read.
    #[error("{}", path.display())]
    Open {
        /// The image file or block device.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// It is compressed, and cannot be uncompressed.
    #[cfg(feature = "archives")]
    #[error("{}", path.display())]
    Decompress {
        /// The compressed file.
        path: PathBuf,
        /// Why.
        source: DecompressError,
    },
    /// It is an archive.
    #[cfg(feature = "archives")]
    #[error("{} is a {format} archive; unpack it, and give the image that was in it", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Its format.
        format: &'static str,
    },
    /// Something is wrong with what is in it.
    #[error("{}", path.display())]
    Image {
        /// The image file or block device.
        path: PathBuf,
        /// What is wrong.
        source: DiskFault,
    },
}

/// What is wrong with a disk.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiskFault {
    /// There is no partition to choose from.
    #[error("the disk has no partition table; leave the partition {partition:?} out")]
    NoTable {
        /// The partition that was asked for.
        partition: String,
    },
    /// The disk has no partition of that number or label.
    #[error("no partition has the number or label {partition:?}; there are {candidates}")]
    NoSuch {
        /// The partition that was asked for.
        partition: String,
        /// Those there are.
        candidates: String,
    },
    /// Several have that label.
    #[error("several partitions have the label {label:?}; give the number of one: {candidates}")]
    Ambiguous {
        /// The label.
        label: String,
        /// Those that have it.
        candidates: String,
    },
    /// Several partitions have a filesystem.
    #[error("several partitions have a filesystem; give the number or label of one: {candidates}")]
    Several {
        /// Those that have one.
        candidates: String,
    },
    /// No partition has a filesystem that can be read.
    #[error("no partition has an ext2, ext3, ext4 or FAT filesystem; there are {candidates}")]
    None {
        /// All partitions.
        candidates: String,
    },
    /// What is there is no such filesystem.
    #[error("{place} has no ext2, ext3, ext4 or FAT filesystem, but is {content}")]
    Content {
        /// The partition, or the disk.
        place: String,
        /// What is there: `squashfs`, `empty`, `unknown`, and what is wrong with it.
        content: String,
    },
    /// An ext2, ext3 or ext4 filesystem.
    #[error(transparent)]
    Ext4(#[from] Ext4ReadError),
    /// A FAT volume.
    #[error(transparent)]
    Fat(#[from] FatReadError),
}
