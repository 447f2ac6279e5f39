//! zstd's frames (RFC 8878): making them, and reading them.

use structured_zstd::encoding::{CompressionLevel, FrameCompressor};

/// The least level, and the most.
pub(crate) const LEVELS: (u32, u32) = (1, 22);

/// The level that is taken where none is chosen: that of the program zstd. By measurement on a system's files, level
/// 1 takes half the time for 4 to 14 % more bytes, in blocks of 64 KiB and of 4 MiB, level 5 twice the time for 3 % less.
pub(crate) const LEVEL: u32 = 3;

/// Compresses `data` into one frame, which says its size, with a checksum or without, in place of what is in
/// `frame`. What comes of it depends on the arguments alone.
pub(crate) fn frame(data: &[u8], level: u32, checksum: bool, frame: &mut Vec<u8>) {
    let mut compressor: FrameCompressor = FrameCompressor::new(level_of(level));
    compressor.set_content_checksum(checksum);
    compressor.compress_independent_frame_into(data, frame);
}

fn level_of(level: u32) -> CompressionLevel {
    i32::try_from(level).map_or(CompressionLevel::Best, CompressionLevel::from_level)
}

#[cfg(feature = "compress")]
pub(crate) use self::stream::Stream;

#[cfg(feature = "compress")]
mod stream {
    use std::io;

    use structured_zstd::encoding::CompressionContext;

    /// One frame with a checksum, piece by piece.
    ///
    /// All of it is concrete: the compressor is generic and takes minutes to compile, which a caller that is generic
    /// too would have every crate do that uses it.
    pub(crate) struct Stream(CompressionContext);

    impl Stream {
        pub(crate) fn new(level: u32) -> Self {
            Self(CompressionContext::new(super::level_of(level)))
        }

        /// Comes before the first piece.
        #[inline(never)]
        pub(crate) fn begin(&mut self) -> io::Result<()> {
            self.0.set_content_checksum(true)
        }

        /// Appends to `frame` what comes of the begin of `data`, and tells how much of that was taken.
        #[inline(never)]
        pub(crate) fn write(&mut self, frame: &mut Vec<u8>, data: &[u8]) -> io::Result<usize> {
            self.0.write(frame, data)
        }

        /// Appends the frame's end.
        #[inline(never)]
        pub(crate) fn finish(&mut self, frame: &mut Vec<u8>) -> io::Result<()> {
            self.0.finish_frame(frame)
        }
    }
}

#[cfg(feature = "qcow2-zstd")]
pub(crate) use self::decoder::Decoder;

#[cfg(feature = "qcow2-zstd")]
mod decoder {
    use std::io::Read;

    use structured_zstd::decoding::{FrameDecoder, StreamingDecoder};

    /// Frames that look further back are refused: the specification asks readers for no more.
    const WINDOW: u64 = 8 << 20;

    /// Uncompresses frames.
    pub(crate) struct Decoder(FrameDecoder);

    impl Decoder {
        pub(crate) fn new() -> Self {
            let mut decoder = FrameDecoder::new();
            // Below the library's own limit, so it can't fail.
            let _ = decoder.set_max_window_size(WINDOW);
            Self(decoder)
        }

        /// Fills `content` from the frames in `bytes`; whether there was enough in them. What follows is not looked at.
        pub(crate) fn fill(&mut self, bytes: &[u8], content: &mut [u8]) -> bool {
            let mut stream = StreamingDecoder::new_with_decoder(bytes, &mut self.0);
            stream.read_exact(content).is_ok()
        }
    }
}
