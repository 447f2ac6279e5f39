//! Where a block should end, as what follows is of another kind.
//!
//! A block has codes of its own, which take some dozens of bytes; data that changes is worth others.

/// Kinds of literals, and of matches.
const KINDS: usize = 10;

/// So many literals and matches are judged at a time.
const JUDGED: usize = 512;

/// Shorter blocks don't pay.
const LEAST: usize = 5000;

/// Of so many bytes a block is long: it takes less difference to end it the longer it is.
const LONG: usize = 4096;

/// Counts of kinds in a block.
#[derive(Default)]
pub(super) struct Split {
    counts: [u32; KINDS],
    /// The same of what was not judged yet.
    new: [u32; KINDS],
    /// Tokens that are judged.
    judged: usize,
}

impl Split {
    /// Counts a literal: its kind is told by its two upper bits, as of letters and numbers, and its lowest.
    #[inline]
    pub(super) fn literal(&mut self, byte: u8) {
        self.new[usize::from((byte >> 5) & 6 | byte & 1)] += 1;
    }

    /// Counts a match: its kind is whether it is long.
    #[inline]
    pub(super) fn found(&mut self, len: u16) {
        self.new[8 + usize::from(len >= 9)] += 1;
    }

    /// Whether the block of so many tokens should end, which has `len` bytes while `rest` follow.
    #[inline]
    pub(super) fn is_due(&mut self, tokens: usize, len: usize, rest: usize) -> bool {
        let ripe = tokens >= self.judged + JUDGED && len >= LEAST && rest >= LEAST;
        ripe && self.judge(tokens, len)
    }

    fn judge(&mut self, tokens: usize, len: usize) -> bool {
        let new = std::mem::take(&mut self.new);
        let (before, count) = (self.judged as u64, (tokens - self.judged) as u64);
        if before > 0 {
            // Shares of the kinds, with both counts multiplied out.
            let kinds = self.counts.iter().zip(&new);
            let differ =
                kinds.map(|(a, b)| (u64::from(*a) * count).abs_diff(u64::from(*b) * before));
            let mut limit = count * 2 / 5 * before;
            if len < 2 * LEAST {
                limit += limit * (2 * LEAST - len) as u64 / (2 * LEAST) as u64;
            }
            if differ.sum::<u64>() + (len / LONG) as u64 * before >= limit {
                return true;
            }
        }
        for (all, new) in self.counts.iter_mut().zip(new) {
            *all += new;
        }
        self.judged = tokens;
        false
    }
}
