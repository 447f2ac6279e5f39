//! Where a block should end, as what follows is of another kind.
//!
//! A block has codes of its own, which take some dozens of bytes; data that changes is worth others.

use super::block::{LITERALS, SYMBOLS};

/// Kinds of literals, and of matches.
const KINDS: usize = 10;

/// The symbol of matches of nine bytes; those of shorter ones are less (3.2.5).
const LONG_MATCH: usize = 263;

/// So many literals and matches are judged at a time.
const JUDGED: usize = 512;

/// Shorter blocks don't pay.
const LEAST: usize = 5000;

/// Of so many bytes a block is long: it takes less difference to end it the longer it is.
const LONG: usize = 4096;

/// Counts of kinds in a block, and of tokens, when it was judged last.
#[derive(Default)]
pub(super) struct Split {
    counts: [u32; KINDS],
    tokens: usize,
}

impl Split {
    /// Whether the block of so many tokens should end, whose symbols occur so often, which has `len` bytes while `rest`
    /// follow.
    #[inline]
    pub(super) fn is_due(
        &mut self,
        tokens: usize,
        symbols: &[u32; SYMBOLS],
        len: usize,
        rest: usize,
    ) -> bool {
        let ripe = tokens >= self.tokens + JUDGED && len >= LEAST && rest >= LEAST;
        ripe && self.judge(tokens, kinds(symbols), len)
    }

    fn judge(&mut self, tokens: usize, counts: [u32; KINDS], len: usize) -> bool {
        let (before, count) = (self.tokens as u64, (tokens - self.tokens) as u64);
        if before > 0 {
            // Shares of the kinds before and since, with both counts multiplied out.
            let differ = self.counts.iter().zip(&counts).map(|(then, all)| {
                let since = u64::from(all - then);
                (u64::from(*then) * count).abs_diff(since * before)
            });
            let mut limit = count * 2 / 5 * before;
            if len < 2 * LEAST {
                limit += limit * (2 * LEAST - len) as u64 / (2 * LEAST) as u64;
            }
            if differ.sum::<u64>() + (len / LONG) as u64 * before >= limit {
                return true;
            }
        }
        (self.counts, self.tokens) = (counts, tokens);
        false
    }
}

/// How often each kind occurs. That of a literal is told by its two upper bits, as of letters and numbers, and its lowest;
/// that of a match by whether it is long.
fn kinds(symbols: &[u32; SYMBOLS]) -> [u32; KINDS] {
    let mut kinds = [0; KINDS];
    let (literals, matches) = symbols.split_at(LITERALS);
    for (kinds, literals) in kinds.chunks_exact_mut(2).zip(literals.chunks_exact(64)) {
        for pair in literals.chunks_exact(2) {
            kinds[0] += pair[0];
            kinds[1] += pair[1];
        }
    }
    let (short, long) = matches.split_at(LONG_MATCH - LITERALS);
    kinds[8] = short.iter().sum();
    kinds[9] = long.iter().sum();
    kinds
}
