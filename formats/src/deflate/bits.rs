//! Bits in the order of deflate: the lowest of a byte first (3.1.1).

/// Bits that are written together, and how many.
#[derive(Clone, Copy, Default)]
pub(super) struct Piece {
    pub bits: u32,
    pub count: u32,
}

impl Piece {
    /// The lowest `count` bits; the others must be zero.
    pub(super) fn new(bits: impl Into<u32>, count: u32) -> Self {
        let bits = bits.into();
        Self { bits, count }
    }
}

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

    /// Appends bits. No more than 56 go between two calls of [`flush`](Self::flush).
    #[inline]
    pub(super) fn put(&mut self, piece: Piece) {
        self.held |= u64::from(piece.bits) << self.count;
        self.count += piece.count;
    }

    /// Appends a number of so many bits.
    pub(super) fn put_number(&mut self, number: usize, count: u32) {
        self.held |= (number as u64) << self.count;
        self.count += count;
    }

    /// Writes all whole bytes; less than eight bits are held then. What lies behind them in the slice may change.
    #[inline]
    pub(super) fn flush(&mut self) {
        let whole = (self.count / 8) as usize;
        let rest = &mut self.out[self.at..];
        if let Some(place) = rest.first_chunk_mut() {
            *place = self.held.to_le_bytes();
        } else {
            write_last(self.held, &mut rest[..whole]);
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
        self.put(Piece::new(0_u8, self.to_byte()));
        self.flush();
        self.at
    }
}

/// Writes some of the bytes that are held, where no more have room. By itself, so that the writer stays in registers.
#[cold]
fn write_last(held: u64, place: &mut [u8]) {
    let len = place.len();
    place.copy_from_slice(&held.to_le_bytes()[..len]);
}
