//! Bits in the order of deflate: the lowest of a byte first (3.1.1).

/// Writes bits into a slice.
///
/// Who writes asks for [`room`](Self::room) first: without it, this panics.
pub(super) struct Bits<'a> {
    out: &'a mut [u8],
    at: usize,
    /// Bits that are not written yet, and how many.
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(out: &'a mut [u8]) -> Self {
        Self {
            out,
            at: 0,
            held: 0,
            count: 0,
        }
    }

    /// Bits that there still is room for.
    pub(super) fn room(&self) -> usize {
        (self.out.len() - self.at) * 8 - self.count as usize
    }

    /// Bits until a byte is full.
    pub(super) fn to_byte(&self) -> u32 {
        self.count.wrapping_neg() % 8
    }

    /// Appends the lowest `count` bits; the others must be zero. No more than 56 go between two calls of
    /// [`flush`](Self::flush).
    #[inline]
    pub(super) fn put(&mut self, bits: impl Into<u64>, count: impl Into<u32>) {
        self.held |= bits.into() << self.count;
        self.count += count.into();
    }

    /// Writes all whole bytes; less than eight bits are held then. What lies behind them in the slice may change.
    #[inline]
    pub(super) fn flush(&mut self) {
        let whole = (self.count / 8) as usize;
        let bytes = self.held.to_le_bytes();
        if let Some(place) = self.out[self.at..].first_chunk_mut() {
            *place = bytes;
        } else {
            self.out[self.at..self.at + whole].copy_from_slice(&bytes[..whole]);
        }
        self.at += whole;
        self.held >>= self.count / 8 * 8;
        self.count %= 8;
    }

    /// Appends whole bytes, where a byte begins.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.flush();
        self.out[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// Fills the last byte with zeros; how many bytes there are.
    pub(super) fn finish(mut self) -> usize {
        self.put(0_u64, self.to_byte());
        self.flush();
        self.at
    }
}
