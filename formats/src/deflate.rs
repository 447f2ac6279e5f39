//! Deflate streams (RFC 1951) of blocks, each by itself.

use flate2::{Compress, Compression, FlushCompress, Status};

/// Makes streams that refer to nothing outside of themselves; one compressor serves all of them.
pub(crate) struct Deflater {
    make: fn(Compression) -> Compress,
    level: Compression,
    compress: Compress,
}

impl Deflater {
    /// Streams at `level`, by what `make` makes for it.
    pub(crate) fn new(level: u32, make: fn(Compression) -> Compress) -> Self {
        let level = Compression::new(level);
        Self {
            make,
            level,
            compress: make(level),
        }
    }

    /// Writes the stream of `data` into `place`; its length, if it fits.
    pub(crate) fn stream(&mut self, data: &[u8], place: &mut [u8]) -> Option<usize> {
        let status = self.compress.compress(data, place, FlushCompress::Finish);
        let len = usize::try_from(self.compress.total_out());
        if let Ok(Status::StreamEnd) = status {
            self.compress.reset();
            return len.ok();
        }
        // A reset forgets what was written, but not everything else: at level 1 zlib-rs 0.6.8 continues the block
        // that had no room, in the next stream, or panics.
        self.compress = (self.make)(self.level);
        None
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Decompress, FlushDecompress};

    use super::*;

    #[test]
    fn what_had_no_room_does_not_spoil_what_follows() {
        // Values from 144 on have nine bits in the codes that are fixed, which level 1 uses.
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_le_bytes()[6] | 0x90
        };
        let data: Vec<u8> = std::iter::repeat_with(&mut next).take(65_536).collect();
        for level in 1..=9 {
            let mut deflater = Deflater::new(level, |level| Compress::new(level, true));
            let mut place = vec![0; 80_000];
            for _ in 0..3 {
                assert_eq!(deflater.stream(&data, &mut place[..20_000]), None);
                let len = deflater.stream(&data, &mut place).unwrap();
                let mut back = vec![0; data.len()];
                let mut inflate = Decompress::new(true);
                inflate
                    .decompress(&place[..len], &mut back, FlushDecompress::Finish)
                    .unwrap();
                assert!(back == data, "level {level}");
            }
        }
    }
}
