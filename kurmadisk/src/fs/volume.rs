//! A planned filesystem, whichever it is.

use std::ops::Range;

use kurmadisk_formats::map::DiskMap;
use thiserror::Error;

use super::ext4::{Ext4Error, Ext4Plan};
use super::fat::{FatError, FatPlan, FatType};
use crate::tree::Tree;

/// A filesystem that is planned, and can be built.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Volume {
    /// FAT12, FAT16 or FAT32.
    Fat(FatPlan),
    /// ext4.
    Ext4(Box<Ext4Plan>),
}

/// A filesystem cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// A FAT volume.
    #[error(transparent)]
    Fat(#[from] FatError),
    /// An ext4 filesystem.
    #[error(transparent)]
    Ext4(#[from] Ext4Error),
}

impl Volume {
    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Fat(plan) => plan.size(),
            Self::Ext4(plan) => plan.size(),
        }
    }

    /// The type's usual name: `FAT32`, `ext4`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fat(plan) => match plan.fat_type() {
                FatType::Fat12 => "FAT12",
                FatType::Fat16 => "FAT16",
                FatType::Fat32 => "FAT32",
            },
            Self::Ext4(_) => "ext4",
        }
    }

    /// The label; empty for none.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::Fat(plan) => plan.label().unwrap_or_default(),
            Self::Ext4(plan) => &plan.options().label,
        }
    }

    /// What mounts it by identity: a UUID, or FAT's serial number as `1234-ABCD`.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::Fat(plan) => {
                let serial = plan.serial();
                format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff)
            }
            Self::Ext4(plan) => plan.options().uuid.to_string(),
        }
    }

    /// Bytes in the unit space is given out in: a block or cluster.
    #[must_use]
    pub fn block_size(&self) -> u64 {
        match self {
            Self::Fat(plan) => plan.cluster_size().into(),
            Self::Ext4(plan) => plan.options().block_size.bytes().into(),
        }
    }

    /// Bytes that are free.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        match self {
            Self::Fat(plan) => plan.free_bytes(),
            Self::Ext4(plan) => plan.free_blocks() * self.block_size(),
        }
    }

    /// Inodes in use, and in all; FAT has none.
    #[must_use]
    pub fn inodes(&self) -> Option<(u64, u64)> {
        match self {
            Self::Fat(_) => None,
            Self::Ext4(plan) => Some((plan.used_inodes(), plan.inodes())),
        }
    }

    /// The tree that is in it.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        match self {
            Self::Fat(plan) => plan.tree(),
            Self::Ext4(plan) => plan.tree(),
        }
    }

    /// The regular files: their paths, and the ranges of bytes their contents have from the volume's begin.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<Range<u64>>)> {
        match self {
            Self::Fat(plan) => plan.files().collect(),
            Self::Ext4(plan) => plan.files().collect(),
        }
    }

    /// The volume as an extent map.
    pub fn build(&self) -> Result<DiskMap, VolumeError> {
        match self {
            Self::Fat(plan) => Ok(plan.build()?),
            Self::Ext4(plan) => Ok(plan.build()?),
        }
    }
}
