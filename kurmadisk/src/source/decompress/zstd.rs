//! zstd's frames (RFC 8878), up to what is none.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use structured_zstd::decoding::{ContentChecksum, FrameDecoder, StreamingDecoder};

use super::Compression;
use super::input::Input;

/// The content of frames that follow one another.
pub(super) struct Frames<'i, 'a> {
    decoder: StreamingDecoder<UpToFrames<'i, 'a>, FrameDecoder>,
    /// Whether a frame ended, and nothing behind it was read yet.
    between: Rc<Cell<bool>>,
}

impl<'i, 'a> Frames<'i, 'a> {
    /// Takes windows of up to `window` bytes.
    pub(super) fn new(input: &'i mut Input<'a>, window: u64) -> io::Result<Self> {
        let mut decoder = FrameDecoder::new();
        decoder.set_content_checksum(ContentChecksum::Verify);
        decoder
            .set_max_window_size(window)
            .map_err(io::Error::other)?;
        let between = Rc::new(Cell::new(false));
        let source = UpToFrames {
            input,
            between: Rc::clone(&between),
            ended: false,
        };
        Ok(Self {
            decoder: StreamingDecoder::new_with_decoder(source, decoder),
            between,
        })
    }
}

impl Read for Frames<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.decoder
            .read_reporting_frames(buf, |_| self.between.set(true))
    }
}

/// Ends where no frame follows another one: the decoder would take that for damage.
struct UpToFrames<'i, 'a> {
    input: &'i mut Input<'a>,
    between: Rc<Cell<bool>>,
    ended: bool,
}

impl Read for UpToFrames<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // What can't be read is left to the reading proper.
        if self.between.take()
            && let Ok(next) = self.input.peek(4)
        {
            self.ended = Compression::of(next) != Some(Compression::Zstd);
        }
        if self.ended {
            return Ok(0);
        }
        self.input.read(buf)
    }
}
