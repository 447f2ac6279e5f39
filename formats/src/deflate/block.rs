//! A block in the making: literals and matches, and the shortest way to write them.

use super::bits::{Bits, Piece};
use super::finder::{LONGEST, MOST, Match};
use super::header::Header;
use super::huffman::Codes;
use super::split::Split;

/// Literals, the end of a block, and lengths (3.2.5); the last two are in the fixed codes alone.
pub(super) const SYMBOLS: usize = 288;
/// Distances (3.2.5).
pub(super) const DISTANCES: usize = 30;

pub(super) const LITERALS: usize = 256;
const END: usize = 256;

/// The longest code of a distance (3.2.7).
const MOST_BITS: u8 = 15;

/// The longest code of a literal or a length; one bit less than there may be, so that four literals can be written at once.
const MOST_SYMBOL_BITS: u8 = 14;

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
    bits: u32,
}

impl Slot {
    /// Of a length from 3 on.
    #[inline]
    fn of_length(len: u16) -> Self {
        let n = u32::from(len) - 3;
        // Eight symbols for themselves, then four for each power of two; the longest has one for itself again.
        let count = (n | 4).ilog2() - 2;
        let symbol = END + 1 + (4 * count + (n >> count)) as usize;
        let (symbol, count) = if usize::from(len) == LONGEST {
            (END + 29, 0)
        } else {
            (symbol, count)
        };
        Self::with(symbol, count, n)
    }

    /// Of a distance from 1 on.
    #[inline]
    fn of_distance(distance: u16) -> Self {
        let n = u32::from(distance) - 1;
        // Four symbols for themselves, then two for each power of two.
        let count = (n | 2).ilog2() - 1;
        Self::with((2 * count + (n >> count)) as usize, count, n)
    }

    /// Its bits behind its symbol's code.
    #[inline]
    fn behind(self, code: Piece) -> Piece {
        Piece {
            bits: code.bits | self.bits << code.count,
            count: code.count + self.count,
        }
    }

    #[inline]
    fn with(symbol: usize, count: u32, number: u32) -> Self {
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

/// A match, and how many literals are before it.
#[derive(Clone, Copy)]
struct Sequence {
    literals: usize,
    found: Match,
}

/// What is written for the literals and matches of a block: codes, and what follows those of lengths and distances.
struct Pieces {
    literals: [Piece; LITERALS],
    /// By length; the end for none.
    lengths: [Piece; LONGEST + 1],
    /// By their symbols, for which bits are to follow.
    distances: [Piece; DISTANCES],
}

impl Pieces {
    fn of(book: &Book) -> Self {
        let mut lengths = [book.symbols.piece(END); LONGEST + 1];
        for (len, place) in (0..).zip(&mut lengths).skip(3) {
            let slot = Slot::of_length(len);
            *place = slot.behind(book.symbols.piece(slot.symbol));
        }
        Self {
            literals: std::array::from_fn(|literal| book.symbols.piece(literal)),
            lengths,
            distances: std::array::from_fn(|symbol| book.distances.piece(symbol)),
        }
    }

    #[inline]
    fn put_literals(&self, literals: &[u8], out: &mut Bits<'_>) {
        let (fours, rest) = literals.as_chunks::<4>();
        for four in fours {
            for literal in four {
                out.put(self.literals[usize::from(*literal)]);
            }
            out.flush();
        }
        for literal in rest {
            out.put(self.literals[usize::from(*literal)]);
        }
        out.flush();
    }
}

/// Literals and matches, and how often each symbol occurs.
pub(super) struct Block {
    /// Where it begins in the data.
    start: usize,
    sequences: Vec<Sequence>,
    /// Where the last match ends, and how many bytes all have: the others are literals.
    matched_to: usize,
    matched: usize,
    symbols: [u32; SYMBOLS],
    distances: [u32; DISTANCES],
    split: Split,
    fixed: Book,
}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            start: 0,
            sequences: Vec::with_capacity(MOST / 3),
            matched_to: 0,
            matched: 0,
            symbols: [0; SYMBOLS],
            distances: [0; DISTANCES],
            split: Split::default(),
            fixed: Book::fixed(),
        }
    }

    /// Forgets all, and begins at `start`.
    pub(super) fn begin(&mut self, start: usize) {
        self.start = start;
        self.sequences.clear();
        self.matched_to = start;
        self.matched = 0;
        self.symbols.fill(0);
        self.distances.fill(0);
        self.split = Split::default();
    }

    #[inline]
    pub(super) fn literal(&mut self, byte: u8) {
        self.symbols[usize::from(byte)] += 1;
    }

    /// A match at `at`, before which all behind the last one were literals.
    #[inline]
    pub(super) fn found(&mut self, at: usize, found: Match) {
        let len = usize::from(found.len);
        let literals = at - self.matched_to;
        self.sequences.push(Sequence { literals, found });
        self.matched_to = at + len;
        self.matched += len;
        self.symbols[Slot::of_length(found.len).symbol] += 1;
        self.distances[Slot::of_distance(found.distance).symbol] += 1;
    }

    /// How often each byte is a literal.
    pub(super) fn literals(&self) -> &[u32] {
        &self.symbols[..LITERALS]
    }

    /// Whether the block should end at `at`, with `rest` bytes behind.
    #[inline]
    pub(super) fn is_due(&mut self, at: usize, rest: usize) -> bool {
        let len = at - self.start;
        let tokens = len - self.matched + self.sequences.len();
        self.split.is_due(tokens, &self.symbols, len, rest)
    }

    /// Writes the block, up to the `end` in the data, in the shortest way; nothing if it has no room.
    pub(super) fn write(&mut self, data: &[u8], end: usize, out: &mut Bits<'_>) -> Option<()> {
        let last = end == data.len();
        let data = &data[self.start..end];
        self.symbols[END] = 1;
        let own = Book {
            symbols: Codes::of(&self.symbols, MOST_SYMBOL_BITS),
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
        out.put(Piece::new(last, 1));
        if dynamic < fixed {
            out.put(Piece::new(DYNAMIC, 2));
            header.write(out);
            self.put(data, &own, out);
        } else {
            out.put(Piece::new(FIXED, 2));
            self.put(data, &self.fixed, out);
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

    /// Writes all literals, which are those of `data`, and matches, and the end.
    fn put(&self, data: &[u8], book: &Book, out: &mut Bits<'_>) {
        let pieces = Pieces::of(book);
        let mut rest = data;
        let end = Sequence {
            literals: data.len() - (self.matched_to - self.start),
            found: Match::NONE,
        };
        for Sequence { literals, found } in self.sequences.iter().chain([&end]) {
            let (before, behind) = rest.split_at(*literals);
            pieces.put_literals(before, out);
            let len = usize::from(found.len);
            rest = &behind[len..];
            out.put(pieces.lengths[len]);
            if found.distance > 0 {
                let slot = Slot::of_distance(found.distance);
                out.put(slot.behind(pieces.distances[slot.symbol]));
            }
            out.flush();
        }
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
        out.put(Piece::new(last && rest.is_empty(), 1));
        out.put(Piece::new(STORED, 2));
        out.put(Piece::new(0_u8, out.to_byte()));
        let len = u16::try_from(piece.len()).unwrap_or(u16::MAX);
        out.put(Piece::new(len, 16));
        out.put(Piece::new(!len, 16));
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
    const LEAST_LENGTHS: [u16; 29] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
        131, 163, 195, 227, 258,
    ];

    /// The least distance of each symbol, from the table of 3.2.5.
    const LEAST_DISTANCES: [u16; DISTANCES] = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
        2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
    ];

    #[test]
    fn lengths_and_distances_are_those_of_the_specification() {
        for len in 3..=258 {
            let slot = Slot::of_length(len);
            let symbol = LEAST_LENGTHS.partition_point(|least| *least <= len) - 1;
            assert_eq!(slot.symbol, 257 + symbol, "{len}");
            assert_eq!(slot.bits, u32::from(len - LEAST_LENGTHS[symbol]));
            assert_eq!(slot.count as usize, (symbol % 28).saturating_sub(4) / 4);
        }
        for distance in 1..=32_768 {
            let slot = Slot::of_distance(distance);
            let symbol = LEAST_DISTANCES.partition_point(|least| *least <= distance) - 1;
            assert_eq!(slot.symbol, symbol, "{distance}");
            assert_eq!(slot.bits, u32::from(distance - LEAST_DISTANCES[symbol]));
            assert_eq!(slot.count as usize, symbol.saturating_sub(2) / 2);
        }
    }

    #[test]
    fn a_block_takes_what_it_costs() {
        let mut block = Block::new();
        let mut place = vec![0; 32_000];
        let mut data = Vec::new();
        for n in 0..2000_u16 {
            for byte in &n.to_le_bytes().repeat(5)[..usize::from(n % 10)] {
                block.literal(*byte);
                data.push(*byte);
            }
            let len = 3 + n % 256;
            let distance = 1 + n * 16;
            block.found(data.len(), Match { len, distance });
            data.resize(data.len() + usize::from(len), 0);
        }
        block.symbols[END] = 1;
        for book in [
            Book::fixed(),
            Book {
                symbols: Codes::of(&block.symbols, MOST_SYMBOL_BITS),
                distances: Codes::of(&block.distances, MOST_BITS),
            },
        ] {
            let mut out = Bits::new(&mut place);
            let room = out.room();
            block.put(&data, &book, &mut out);
            assert_eq!(room - out.room(), block.cost(&book));
        }
    }
}
