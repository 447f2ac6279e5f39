//! How clusters are compressed: deflate, or zstd.

use flate2::{Decompress, FlushDecompress};

use super::spec::Compression;
use crate::deflate::{self, Deflater};
#[cfg(feature = "qcow2-zstd")]
use crate::zstd;

/// As far back as a deflate stream may refer: QEMU promises its readers no more, though many would take it.
const WINDOW: usize = 4096;

impl Compression {
    /// The level that is taken where none is chosen.
    fn level(self) -> u32 {
        match self {
            Self::Deflate => deflate::LEVEL,
            #[cfg(feature = "qcow2-zstd")]
            Self::Zstd => zstd::LEVEL,
        }
    }
}

/// Compresses clusters, each by itself.
pub(super) enum Compressor {
    Deflate(Deflater),
    #[cfg(feature = "qcow2-zstd")]
    Zstd {
        level: u32,
        /// The last frame.
        frame: Vec<u8>,
    },
}

impl Compressor {
    pub(super) fn new(compression: Compression, level: Option<u32>) -> Self {
        let level = level.unwrap_or_else(|| compression.level());
        match compression {
            Compression::Deflate => Self::Deflate(Deflater::with_window(level, WINDOW)),
            #[cfg(feature = "qcow2-zstd")]
            Compression::Zstd => Self::Zstd {
                level,
                frame: Vec::new(),
            },
        }
    }

    /// Writes the stream of `data` into `place`; its length, if it fits.
    pub(super) fn stream(&mut self, data: &[u8], place: &mut [u8]) -> Option<usize> {
        match self {
            Self::Deflate(deflater) => deflater.stream(data, place),
            #[cfg(feature = "qcow2-zstd")]
            Self::Zstd { level, frame } => {
                zstd::frame(data, *level, false, frame);
                place.get_mut(..frame.len())?.copy_from_slice(frame);
                Some(frame.len())
            }
        }
    }
}

/// Uncompresses clusters.
pub(super) enum Decompressor {
    Deflate(Decompress),
    #[cfg(feature = "qcow2-zstd")]
    Zstd(Box<zstd::Decoder>),
}

impl Decompressor {
    pub(super) fn new(compression: Compression) -> Self {
        match compression {
            // Any window: some programs use more than the 4 KiB that are usual.
            Compression::Deflate => Self::Deflate(Decompress::new(false)),
            #[cfg(feature = "qcow2-zstd")]
            Compression::Zstd => Self::Zstd(Box::new(zstd::Decoder::new())),
        }
    }

    /// Fills `cluster` from `stream`; whether there was enough in it.
    ///
    /// What follows the stream belongs to others. A stream that holds more than a cluster is taken, as QEMU takes
    /// one of deflate.
    pub(super) fn fill(&mut self, stream: &[u8], cluster: &mut [u8]) -> bool {
        match self {
            Self::Deflate(inflate) => {
                inflate.reset(false);
                let done = inflate.decompress(stream, cluster, FlushDecompress::Finish);
                done.is_ok() && inflate.total_out() == cluster.len() as u64
            }
            #[cfg(feature = "qcow2-zstd")]
            Self::Zstd(decoder) => decoder.fill(stream, cluster),
        }
    }
}
