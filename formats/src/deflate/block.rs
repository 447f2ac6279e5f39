//! A block in the making: literals and matches, and the shortest way to write them.

use super::bits::Bits;
use super::finder::{LONGEST, MOST, Match};
use super::header::Header;
use super::huffman::Codes;
use super::split::Split;

/// Literals, the end of a block, and lengths (3.2.5); the last two are in the fixed codes alone.
pub(super) const SYMBOLS: usize = 288;
/// Distances (3.2.5).
pub(super) const DISTANCES: usize = 30;

const END: usize = 256;

/// The longest code of a literal, a length or a distance (3.2.7).
const MOST_BITS: u8 = 15;

/// Bits before any block: whether it is the last, and its kind (3.2.3).
const BEFORE: usize = 3;
const STORED: u8 = 0;
const FIXED: u8 = 1;
const DYNAMIC: u8 = 2;

/// The most bytes that are stored at a time (3.2.4), and the bits before them, with those up to a byte.
const MOST_STORED: usize = u16::MAX as usize;
const BEFORE_STORED: usize = BEFORE + 7 + 32;

/// What a length or a distance is written as: a symbol, and so many bits behind it (3.2.5).
#[derive(Clone, Copy, Debug)]
struct Slot {
    symbol: usize,
    count: u32,
    bits: usize,
}

impl Slot {
    /// Of a length from 3 on.
    #[inline]
    fn of_length(len: usize) -> Self {
        let n = len - 3;
        // Eight symbols for themselves, then four for each power of two; the longest has one for itself again.
        let count = (n | 4).ilog2() - 2;
        let symbol = END + 1 + 4 * count as usize + (n >> count);
        let (symbol, count) = if len == LONGEST {
            (END + 29, 0)
        } else {
            (symbol, count)
        };
        Self::with(symbol, count, n)
    }

    /// Of a distance from 1 on.
    #[inline]
    fn of_distance(distance: usize) -> Self {
        let n = distance - 1;
        // Four symbols for themselves, then two for each power of two.
        let count = (n | 2).ilog2() - 1;
        Self::with(2 * count as usize + (n >> count), count, n)
    }

    #[inline]
    fn with(symbol: usize, count: u32, number: usize) -> Self {
        let bits = number & ((1 << count) - 1);
        Self {
            symbol,
            count,
            bits,
        }
    }
}

/// The codes of a block.
pub(super) struct Book {
    pub symbols: Codes<SYMBOLS>,
    pub distances: Codes<DISTANCES>,
}

impl Book {
    /// The fixed one (3.2.6).
    fn fixed() -> Self {
        let mut symbols = [8; SYMBOLS];
        symbols[144..256].fill(9);
        symbols[256..280].fill(7);
        Self {
            symbols: Codes::from_lens(symbols),
            distances: Codes::from_lens([5; DISTANCES]),
        }
    }
}

/// Literals and matches, and how often each symbol occurs.
pub(super) struct Block {
    /// A literal's byte, or a match's distance with its length in the upper half.
    tokens: Vec<u32>,
    symbols: [u32; SYMBOLS],
    distances: [u32; DISTANCES],
    split: Split,
    fixed: Book,
}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            tokens: Vec::with_capacity(MOST),
            symbols: [0; SYMBOLS],
            distances: [0; DISTANCES],
            split: Split::default(),
            fixed: Book::fixed(),
        }
    }

    #[inline]
    pub(super) fn literal(&mut self, byte: u8) {
        self.tokens.push(byte.into());
        self.split.literal(byte);
        self.symbols[usize::from(byte)] += 1;
    }

    #[inline]
    pub(super) fn found(&mut self, found: Match) {
        let token = u32::from(found.len) << 16 | u32::from(found.distance);
        self.tokens.push(token);
        self.split.found(found.len);
        self.symbols[Slot::of_length(found.len.into()).symbol] += 1;
        self.distances[Slot::of_distance(found.distance.into()).symbol] += 1;
    }

    /// How often each byte is a literal.
    pub(super) fn literals(&self) -> &[u32] {
        &self.symbols[..END]
    }

    /// Whether the block should end, which has `len` bytes while `rest` follow.
    #[inline]
    pub(super) fn is_due(&mut self, len: usize, rest: usize) -> bool {
        self.split.is_due(self.tokens.len(), len, rest)
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.tokens.clear();
        self.symbols.fill(0);
        self.distances.fill(0);
        self.split = Split::default();
    }

    /// Writes the block, which stands for `data`, in the shortest way; nothing if it has no room.
    pub(super) fn write(&mut self, data: &[u8], last: bool, out: &mut Bits<'_>) -> Option<()> {
        self.symbols[END] = 1;
        let own = Book {
            symbols: Codes::of(&self.symbols, MOST_BITS),
            distances: Codes::of(&self.distances, MOST_BITS),
        };
        let header = Header::new(&own);
        let fixed = BEFORE + self.cost(&self.fixed);
        let dynamic = BEFORE + header.cost() + self.cost(&own);
        if stored_cost(data) < fixed.min(dynamic) {
            return store(data, last, out);
        }
        if out.room() < fixed.min(dynamic) {
            return None;
        }
        out.put(last, 1_u32);
        if dynamic < fixed {
            out.put(DYNAMIC, 2_u32);
            header.write(out);
            self.put(&own, out);
        } else {
            out.put(FIXED, 2_u32);
            self.put(&self.fixed, out);
        }
        Some(())
    }

    /// Bits of all tokens and of the end.
    fn cost(&self, book: &Book) -> usize {
        // Four symbols from 265 on have one bit behind them, the next four two; so have two distances from 4 on.
        let lengths = self.symbols[265..285].iter().zip(4_usize..);
        let lengths = lengths.map(|(count, n)| *count as usize * (n / 4));
        let distances = self.distances[4..].iter().zip(2_usize..);
        let distances = distances.map(|(count, n)| *count as usize * (n / 2));
        let symbols = book.symbols.cost(&self.symbols) + book.distances.cost(&self.distances);
        symbols + lengths.chain(distances).sum::<usize>()
    }

    /// Writes all tokens, and the end.
    fn put(&self, book: &Book, out: &mut Bits<'_>) {
        let mut lengths = [(0, 0); LONGEST + 1];
        for (len, place) in lengths.iter_mut().enumerate().skip(3) {
            let slot = Slot::of_length(len);
            let count = u32::from(book.symbols.lens[slot.symbol]);
            let bits = u64::from(book.symbols.bits[slot.symbol]) | (slot.bits as u64) << count;
            *place = (bits, count + slot.count);
        }
        for token in &self.tokens {
            let [low, high, len, more] = token.to_le_bytes();
            let len = usize::from(u16::from_le_bytes([len, more]));
            if len == 0 {
                let byte = usize::from(low);
                out.put(book.symbols.bits[byte], book.symbols.lens[byte]);
            } else {
                let (bits, count) = lengths[len];
                out.put(bits, count);
                let slot = Slot::of_distance(u16::from_le_bytes([low, high]).into());
                out.put(
                    book.distances.bits[slot.symbol],
                    book.distances.lens[slot.symbol],
                );
                out.put(slot.bits as u64, slot.count);
            }
            out.flush();
        }
        out.put(book.symbols.bits[END], book.symbols.lens[END]);
        out.flush();
    }
}

/// Bits of `data` as it is, at most.
fn stored_cost(data: &[u8]) -> usize {
    data.len().div_ceil(MOST_STORED).max(1) * BEFORE_STORED + data.len() * 8
}

/// Writes `data` as it is; nothing if it has no room.
pub(super) fn store(data: &[u8], last: bool, out: &mut Bits<'_>) -> Option<()> {
    if out.room() < stored_cost(data) {
        return None;
    }
    let mut rest = data;
    loop {
        let (piece, behind) = rest.split_at(rest.len().min(MOST_STORED));
        rest = behind;
        out.put(last && rest.is_empty(), 1_u32);
        out.put(STORED, 2_u32);
        out.put(0_u8, out.to_byte());
        let len = u16::try_from(piece.len()).unwrap_or(u16::MAX);
        out.put(len, 16_u32);
        out.put(!len, 16_u32);
        out.bytes(piece);
        if rest.is_empty() {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least length of each symbol from 257 on, from the table of 3.2.5.
    const LENGTHS: [usize; 29] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
        131, 163, 195, 227, 258,
    ];

    /// The least distance of each symbol, from the table of 3.2.5.
    const LEAST: [usize; DISTANCES] = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
        2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
    ];

    #[test]
    fn lengths_and_distances_are_those_of_the_specification() {
        for len in 3..=LONGEST {
            let slot = Slot::of_length(len);
            let symbol = LENGTHS.partition_point(|least| *least <= len) - 1;
            assert_eq!(slot.symbol, 257 + symbol, "{len}");
            assert_eq!(slot.bits, len - LENGTHS[symbol]);
            assert_eq!(slot.count as usize, (symbol % 28).saturating_sub(4) / 4);
        }
        for distance in 1..=32_768 {
            let slot = Slot::of_distance(distance);
            let symbol = LEAST.partition_point(|least| *least <= distance) - 1;
            assert_eq!(slot.symbol, symbol, "{distance}");
            assert_eq!(slot.bits, distance - LEAST[symbol]);
            assert_eq!(slot.count as usize, symbol.saturating_sub(2) / 2);
        }
    }

    #[test]
    fn a_block_takes_what_it_costs() {
        let mut block = Block::new();
        let mut place = [0; 4000];
        for n in 0..2000_u16 {
            block.literal(n.to_le_bytes()[0]);
            block.found(Match {
                len: 3 + n % 256,
                distance: 1 + n * 16,
            });
        }
        block.symbols[END] = 1;
        for book in [
            Book::fixed(),
            Book {
                symbols: Codes::of(&block.symbols, MOST_BITS),
                distances: Codes::of(&block.distances, MOST_BITS),
            },
        ] {
            let mut out = Bits::new(&mut place);
            let room = out.room();
            if block.cost(&book) < room {
                block.put(&book, &mut out);
                assert_eq!(room - out.room(), block.cost(&book));
            }
        }
    }
}
