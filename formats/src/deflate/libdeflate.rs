//! libdeflate, a library in C, as the encoder.

use libdeflater::{CompressionLvl, Compressor};

use super::{Encode, MOST};

/// Makes deflate streams with a window of 32 KiB.
pub(super) struct Encoder {
    compressor: Compressor,
}

impl Encoder {
    /// At a level from 1 to 9, of which the usual makes streams as short as those of zlib's level 6: that is
    /// libdeflate's 5, and so on.
    pub(super) fn new(level: u32) -> Self {
        let level = i32::try_from(level).map_or(9, |level| level + i32::from(level > 3));
        Self {
            compressor: Compressor::new(CompressionLvl::new(level).unwrap_or_default()),
        }
    }
}

impl Encode for Encoder {
    fn stream(&mut self, data: &[u8], place: &mut [u8]) -> Option<usize> {
        let fits = data.len() <= MOST;
        fits.then(|| self.compressor.deflate_compress(data, place).ok())?
    }
}
