//! How a block says its codes: by their lengths, in runs, with codes of their own (3.2.7).

use super::bits::{Bits, Piece};
use super::block::Book;
use super::huffman::Codes;

/// Lengths of codes, and what repeats them.
const SYMBOLS: usize = 19;
const AGAIN: u8 = 16;
const ZEROS: u8 = 17;
const MANY_ZEROS: u8 = 18;

/// The longest code of a length.
const MOST_BITS: u8 = 7;

/// The order in which lengths of the lengths' codes are written.
const ORDER: [usize; SYMBOLS] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// A length of codes, or what repeats it with the number of times.
struct Run {
    symbol: u8,
    /// Bits behind the symbol, and how many.
    bits: usize,
    count: u8,
}

/// What stands before the tokens of a block.
pub(super) struct Header {
    /// How many lengths there are of literals and lengths, and of distances.
    symbols: usize,
    distances: usize,
    /// How many of [`ORDER`].
    lens: usize,
    codes: Codes<SYMBOLS>,
    runs: Vec<Run>,
}

impl Header {
    pub(super) fn new(book: &Book) -> Self {
        let symbols = used(book.symbols.lens, 257);
        let distances = used(book.distances.lens, 1);
        let all = [
            &book.symbols.lens[..symbols],
            &book.distances.lens[..distances],
        ]
        .concat();
        let mut runs = Vec::with_capacity(all.len());
        for run in all.chunk_by(|a, b| a == b) {
            repeat(run[0], run.len(), &mut runs);
        }
        let mut counts = [0; SYMBOLS];
        for run in &runs {
            counts[usize::from(run.symbol)] += 1;
        }
        let codes = Codes::of(&counts, MOST_BITS);
        Self {
            symbols,
            distances,
            lens: used(ORDER.map(|symbol| codes.lens[symbol]), 4),
            codes,
            runs,
        }
    }

    /// Its bits.
    pub(super) fn cost(&self) -> usize {
        let runs = self.runs.iter().map(|run| {
            usize::from(self.codes.lens[usize::from(run.symbol)]) + usize::from(run.count)
        });
        14 + 3 * self.lens + runs.sum::<usize>()
    }

    pub(super) fn write(&self, out: &mut Bits<'_>) {
        out.put_number(self.symbols - 257, 5);
        out.put_number(self.distances - 1, 5);
        out.put_number(self.lens - 4, 4);
        out.flush();
        for symbol in &ORDER[..self.lens] {
            out.put(Piece::new(self.codes.lens[*symbol], 3));
            out.flush();
        }
        for run in &self.runs {
            out.put(self.codes.piece(run.symbol.into()));
            out.put_number(run.bits, run.count.into());
            out.flush();
        }
    }
}

/// How many lengths are written: `least`, or up to the last code.
fn used<const N: usize>(lens: [u8; N], least: usize) -> usize {
    let last = lens.iter().rposition(|len| *len > 0);
    last.map_or(least, |last| least.max(last + 1))
}

/// Says a length `times` times.
fn repeat(len: u8, mut times: usize, runs: &mut Vec<Run>) {
    let run = |symbol, bits, count| Run {
        symbol,
        bits,
        count,
    };
    if len == 0 {
        while times >= 11 {
            let many = times.min(138);
            runs.push(run(MANY_ZEROS, many - 11, 7));
            times -= many;
        }
        if times >= 3 {
            runs.push(run(ZEROS, times - 3, 3));
            times = 0;
        }
    } else if times >= 4 {
        runs.push(run(len, 0, 0));
        times -= 1;
        while times >= 3 {
            let some = times.min(6);
            runs.push(run(AGAIN, some - 3, 2));
            times -= some;
        }
    }
    runs.extend((0..times).map(|_| run(len, 0, 0)));
}
