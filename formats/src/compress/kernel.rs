//! Compressing what the Linux kernel unpacks itself: initial RAM filesystems.
//!
//! Its readers are stricter than the programs of the formats (`lib/decompress_*.c`, `lib/xz/`): xz has CRC-32 or
//! none as its checks, zstd is one frame whose window has 8 MiB at most, and lz4 is the frame that LZ4's
//! documentation calls legacy.

use std::fmt;
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::str::FromStr;

use super::codec::Codec;
use super::{Compressed, CompressionError, gzip, lz4, xz};
use crate::output::{Filled, Output};
use crate::zstd::{LEVEL, Stream};

/// Levels above look further back than the kernel's 8 MiB.
const ZSTD_LEVELS: (u32, u32) = (1, 19);

/// Compressed bytes that are gathered before they are written.
const GATHERED: usize = 256 << 10;

/// A compression that the Linux kernel reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KernelCompression {
    /// gzip: what every kernel reads.
    Gzip,
    /// zstd, since Linux 5.9: smaller and faster than gzip, compressed by one thread.
    Zstd,
    /// xz: smallest, and slowest by far.
    Xz,
    /// lz4: largest, and unpacked fastest.
    Lz4,
}

impl KernelCompression {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Zstd, Self::Xz, Self::Lz4];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
        }
    }

    /// The least level, and the most.
    #[must_use]
    pub fn levels(self) -> (u32, u32) {
        self.codec().map_or(ZSTD_LEVELS, |codec| codec.levels)
    }

    /// How its blocks are compressed; nothing where there is one frame only.
    fn codec(self) -> Option<&'static Codec> {
        match self {
            Self::Gzip => Some(&gzip::CODEC),
            Self::Zstd => None,
            Self::Xz => Some(&xz::KERNEL_CODEC),
            Self::Lz4 => Some(&lz4::CODEC),
        }
    }

    /// Fails for a level that it does not have.
    pub fn check_level(self, level: u32) -> Result<(), CompressionError> {
        let (least, most) = self.levels();
        if (least..=most).contains(&level) {
            return Ok(());
        }
        Err(CompressionError::KernelLevel {
            compression: self,
            level,
        })
    }

    /// An output that compresses, at the usual level if none is chosen, what is written to it from begin to end, into
    /// `out`. It is whole when [`set_len`](Output::set_len) has returned. Its bytes depend on content and level alone.
    ///
    /// Fails when the compression has no such level.
    pub fn output<'a>(
        self,
        out: impl Output + 'a,
        level: Option<u32>,
        threads: NonZero<usize>,
    ) -> Result<Box<dyn Output + 'a>, CompressionError> {
        if let Some(level) = level {
            self.check_level(level)?;
        }
        Ok(match self.codec() {
            Some(codec) => {
                let level = level.unwrap_or(codec.level);
                Box::new(Compressed::by_codec(out, codec, level, threads))
            }
            None => Box::new(Filled::new(Frame::new(out, level.unwrap_or(LEVEL)))),
        })
    }
}

impl fmt::Display for KernelCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for KernelCompression {
    type Err = CompressionError;

    fn from_str(name: &str) -> Result<Self, CompressionError> {
        let found = Self::ALL.into_iter().find(|known| known.name() == name);
        found.ok_or_else(|| CompressionError::UnknownToKernel {
            name: name.to_owned(),
        })
    }
}

/// One frame of zstd (RFC 8878), with a checksum.
struct Frame<O> {
    out: O,
    stream: Stream,
    gathered: Vec<u8>,
    written: u64,
}

impl<O: Output> Frame<O> {
    fn new(out: O, level: u32) -> Self {
        Self {
            out,
            stream: Stream::new(level),
            gathered: Vec::new(),
            written: 0,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_at(self.written, &self.gathered)?;
        self.written += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }
}

impl<O: Output> Output for Frame<O> {
    /// What is written follows what was, as [`Filled`] sees to.
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset == 0 {
            self.stream.begin()?;
        }
        let mut rest = data;
        while !rest.is_empty() {
            let taken = self.stream.write(&mut self.gathered, rest)?;
            if taken == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest = &rest[taken..];
            if self.gathered.len() >= GATHERED {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        self.stream.finish(&mut self.gathered)?;
        self.flush()?;
        self.out.set_len(self.written)
    }

    fn path(&self) -> &Path {
        self.out.path()
    }
}
