//! Addresses and sizes in sectors, as types, so that sectors and bytes never mix.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The address of a sector: its number from the disk's begin, in the disk's own sector size.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Lba(pub u64);

impl Lba {
    /// The sector `sectors` behind this one, if there is such an address.
    #[must_use]
    pub fn checked_add(self, sectors: u64) -> Option<Self> {
        self.0.checked_add(sectors).map(Self)
    }

    /// The sector's offset on the disk in bytes, if 64 bits hold it.
    #[must_use]
    pub fn byte_offset(self, sector_size: SectorSize) -> Option<u64> {
        self.0.checked_mul(sector_size.bytes())
    }
}

impl fmt::Display for Lba {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The size of a disk's sectors (logical blocks).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(into = "u64", try_from = "u64")]
pub enum SectorSize {
    /// 512 bytes: what nearly every virtual disk has.
    #[default]
    B512,
    /// 4096 bytes: "4K native" disks.
    B4096,
}

impl SectorSize {
    /// Every sector size, the usual one first.
    pub const ALL: [Self; 2] = [Self::B512, Self::B4096];

    /// Bytes of one sector.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::B512 => 512,
            Self::B4096 => 4096,
        }
    }
}

impl fmt::Display for SectorSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}

impl From<SectorSize> for u64 {
    fn from(size: SectorSize) -> Self {
        size.bytes()
    }
}

impl TryFrom<u64> for SectorSize {
    type Error = SectorSizeError;

    fn try_from(bytes: u64) -> Result<Self, Self::Error> {
        Self::ALL
            .into_iter()
            .find(|size| size.bytes() == bytes)
            .ok_or(SectorSizeError { bytes })
    }
}

/// A sector size no disk of ours has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sector size {bytes}: a disk has sectors of 512 or 4096 bytes")]
pub struct SectorSizeError {
    /// The size that was asked for, in bytes.
    pub bytes: u64,
}
