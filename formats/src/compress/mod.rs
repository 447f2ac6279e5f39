//! Compressing an image's file while it is written: `disk.raw.gz`, `.zst`, `.xz`.
//!
//! A file is cut into blocks, which threads compress on their own; each block's compressed form is complete in
//! itself. So the bytes depend neither on the threads nor on how the file is written, and blocks of zeros, of
//! which a disk has many, are compressed once and repeated.
//!
//! | file | holds |
//! |---|---|
//! | `compressed` | the output that cuts, compresses and writes |
//! | `codec` | what a format offers to it |
//! | `gzip` | one member, its blocks joined by empty stored ones |
//! | `zstd` | a frame for each block |
//! | `xz` | one stream with a block for each block, and the index |
//! | `lz4` | the legacy frame with a block for each block |
//! | `kernel` | [`KernelCompression`]: what the Linux kernel reads |

mod codec;
mod compressed;
mod gzip;
mod kernel;
mod lz4;
mod xz;
mod zstd;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use thiserror::Error;

pub use self::compressed::Compressed;
pub use self::kernel::KernelCompression;

use self::codec::Codec;

/// A format of compressed files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// gzip (RFC 1952): what everything reads.
    Gzip,
    /// zstd (RFC 8878): smaller and much faster than gzip.
    Zstd,
    /// xz: smallest, and slowest by far.
    Xz,
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gzip, Self::Zstd, Self::Xz];

    fn codec(self) -> &'static Codec {
        match self {
            Self::Gzip => &gzip::CODEC,
            Self::Zstd => &zstd::CODEC,
            Self::Xz => &xz::CODEC,
        }
    }

    /// The ending of a file's name without the dot, by which users name it too: `gz`, `zst`, `xz`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.codec().name
    }

    /// The compression that the ending of a file's name stands for, in capital letters or small ones.
    #[must_use]
    pub fn by_ending(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        ending.parse().ok()
    }

    /// The least level, and the most: compressors make an effort that grows with it.
    #[must_use]
    pub fn levels(self) -> (u32, u32) {
        self.codec().levels
    }

    /// Fails for a level that it does not have.
    pub fn check_level(self, level: u32) -> Result<(), CompressionError> {
        let (least, most) = self.levels();
        if (least..=most).contains(&level) {
            return Ok(());
        }
        Err(CompressionError::Level {
            compression: self,
            level,
        })
    }

    /// The level that is taken where none is chosen.
    #[must_use]
    pub fn default_level(self) -> u32 {
        self.codec().level
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(name: &str) -> Result<Self, CompressionError> {
        let found = Self::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| CompressionError::Unknown {
            name: name.to_owned(),
        })
    }
}

/// A compression that can't be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// A name that is no compression's.
    #[error("{name:?} is no compression; there are: {}", names())]
    Unknown {
        /// The name.
        name: String,
    },
    /// A level that the compression does not have.
    #[error("{compression} has no level {level}; it has those from {} to {}", .compression.levels().0, .compression.levels().1)]
    Level {
        /// The compression.
        compression: Compression,
        /// The level.
        level: u32,
    },
    /// A name that is no compression's the kernel reads.
    #[error(
        "{name:?} is no compression that the kernel reads here; there are: gzip, zstd, xz, lz4"
    )]
    UnknownToKernel {
        /// The name.
        name: String,
    },
    /// A level that the compression does not have, or that the kernel can't read.
    #[error("{compression} for the kernel has no level {level}; it has those from {} to {}", .compression.levels().0, .compression.levels().1)]
    KernelLevel {
        /// The compression.
        compression: KernelCompression,
        /// The level.
        level: u32,
    },
}

fn names() -> String {
    Compression::ALL.map(Compression::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_ending_names_its_compression() {
        for (name, expected) in [
            ("disk.raw.gz", Some(Compression::Gzip)),
            ("a folder/DISK.RAW.ZST", Some(Compression::Zstd)),
            ("disk.xz", Some(Compression::Xz)),
            ("gz", None),
            ("disk.gz.raw", None),
            ("disk.raw.bz2", None),
        ] {
            assert_eq!(Compression::by_ending(Path::new(name)), expected, "{name}");
        }
        assert_eq!("zst".parse(), Ok(Compression::Zstd));
        assert_eq!(
            "zstd".parse::<Compression>().unwrap_err().to_string(),
            "\"zstd\" is no compression; there are: gz, zst, xz"
        );
    }
}
