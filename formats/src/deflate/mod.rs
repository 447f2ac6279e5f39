//! Deflate streams (RFC 1951) of blocks of a disk, each by itself.
//!
//! The encoder is our own, as no library of pure Rust makes streams as small in that time
//! (`docs/dependencies.md`). A block is whole in memory and no longer than [`MOST`], which saves it what a stream of
//! unknown length costs: there is no window that slides, and positions are 16-bit numbers.
//!
//! With the feature `libdeflate` that library makes the streams that may refer as far back as deflate can; it
//! has no smaller window.
//!
//! Numbers of sections are those of RFC 1951.

mod bits;
mod block;
mod encoder;
mod finder;
mod header;
mod huffman;
#[cfg(feature = "libdeflate")]
mod libdeflate;
mod split;
#[cfg(test)]
mod tests;
#[cfg(feature = "vmdk-stream")]
mod zlib;

#[cfg(any(feature = "qcow2-compressed", not(feature = "libdeflate")))]
use encoder::Encoder;
use finder::MOST;

use crate::window::BLOCK;

#[cfg(feature = "vmdk-stream")]
pub(crate) use zlib::stored_zlib_stream;

const _: () = assert!(BLOCK <= MOST);

/// The level that is taken where none is chosen, by measurement on a Debian disk: the lowest whose streams are
/// shorter than those of zlib's level 6.
pub(crate) const LEVEL: u32 = 4;

/// As far back as deflate can refer.
const WINDOW: usize = 32 << 10;

/// What makes a stream of a block.
trait Encode: Send {
    /// Writes the stream of `data`, [`MOST`] bytes at most, into `place`; its length, if it fits.
    fn stream(&mut self, data: &[u8], place: &mut [u8]) -> Option<usize>;
}

/// Makes streams that refer to nothing outside of themselves; one serves all blocks.
pub(crate) struct Deflater {
    encoder: Box<dyn Encode>,
}

impl Deflater {
    /// Streams at a level from 1 to 9.
    #[cfg(feature = "vmdk-stream")]
    pub(crate) fn new(level: u32) -> Self {
        #[cfg(feature = "libdeflate")]
        let encoder = libdeflate::Encoder::new(level);
        #[cfg(not(feature = "libdeflate"))]
        let encoder = Encoder::new(level, WINDOW);
        Self {
            encoder: Box::new(encoder),
        }
    }

    /// The same, which refer no more than `window` bytes back.
    #[cfg(feature = "qcow2-compressed")]
    pub(crate) fn with_window(level: u32, window: usize) -> Self {
        let encoder = Encoder::new(level, window.min(WINDOW));
        Self {
            encoder: Box::new(encoder),
        }
    }

    /// Writes the stream of `data`, [`MOST`] bytes at most, into `place`; its length, if it fits.
    pub(crate) fn stream(&mut self, data: &[u8], place: &mut [u8]) -> Option<usize> {
        self.encoder.stream(data, place)
    }
}
