//! Finding strings that were there before, by chains of the positions whose next four bytes have one hash.
//!
//! Three bytes are looked up too, where they were last alone: they are worth it only if they are near. They are noted where
//! something was looked for, but not within a match: that would cost more time than it saves room.

use std::ops::Range;

/// The most bytes that are compressed at a time: positions are 16-bit numbers.
pub(crate) const MOST: usize = 1 << 16;

/// The longest match (3.2.5).
pub(super) const LONGEST: usize = 258;

/// Bytes behind the most data that may be looked at: the end of a match that would be longer than what is left.
const BEHIND: usize = 256 + WORD;

/// Bytes that are compared at a time.
const WORD: usize = size_of::<u32>();

const THREE_BITS: u32 = 15;
/// Two for each position: strings that share a hash are followed for nothing.
const FOUR_BITS: u32 = 17;

/// Of multiplicative hashing: the upper bits of the product depend on all.
const FACTOR: u32 = 0x9E37_79B1;

/// A string that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub len: u16,
    /// How far back.
    pub distance: u16,
}

impl Match {
    /// None: of all others the distance is one at least.
    pub(super) const NONE: Self = Self {
        len: 0,
        distance: 0,
    };
}

/// How long to look for a match.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Positions that are compared at most.
    pub depth: u32,
    /// A match of this length is good enough.
    pub nice: usize,
}

/// The data, and where its strings were noted.
///
/// Position 0 stands for none, so what begins there is not found again: the tables' cheapest beginning is zeros.
pub(super) struct Finder {
    bytes: Box<[u8; MOST + BEHIND]>,
    len: usize,
    /// As far back as matches may be.
    window: u16,
    /// For each hash of three bytes the last position that was asked for.
    three: Box<[u16; 1 << THREE_BITS]>,
    /// For each hash of four bytes its last position.
    four: Box<[u16; 1 << FOUR_BITS]>,
    /// For each position the one before with the same hash of four bytes. Some are left from other data, but no
    /// chain leads there.
    before: Box<[u16; MOST]>,
}

impl Finder {
    pub(super) fn new(window: usize) -> Self {
        Self {
            bytes: zeros(),
            len: 0,
            window: low_half(window),
            three: zeros(),
            four: zeros(),
            before: zeros(),
        }
    }

    /// Begins with other data, of [`MOST`] bytes at most.
    pub(super) fn load(&mut self, data: &[u8]) {
        self.len = data.len();
        self.bytes[..data.len()].copy_from_slice(data);
        // Hashes of the last bytes look further.
        self.bytes[data.len()..][..WORD].fill(0);
        self.three.fill(0);
        self.four.fill(0);
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The longest match of a position, if it is longer than `than`, which is two at least; otherwise [`Match::NONE`].
    /// Takes note of the position: each is asked for once.
    #[expect(clippy::inline_always, reason = "a call costs a tenth of the search")]
    #[inline(always)]
    pub(super) fn longest(&mut self, at: usize, than: u16, effort: Effort) -> Match {
        let most = (self.len - at).min(LONGEST);
        if most < WORD {
            return Match::NONE;
        }
        let here = low_half(at);
        let word = self.word(here, 0);
        let (three, four) = self.note(here, word);
        // Positions up to here are too far back, or none.
        let floor = here.saturating_sub(self.window + 1);
        if four > floor {
            let chain = floor + 1..four + 1;
            let found = self.follow(here, chain, than.into(), most, effort);
            if found.len > 0 {
                return found;
            }
        }
        if than < 3 && three > floor && self.word(three, 0) << 8 == word << 8 {
            let distance = here - three;
            return Match { len: 3, distance };
        }
        Match::NONE
    }

    /// The longest match among the positions of a chain, from the last back to the first, if it is longer than `than`.
    #[expect(clippy::inline_always, reason = "a call costs a tenth of the search")]
    #[inline(always)]
    fn follow(
        &self,
        here: u16,
        chain: Range<u16>,
        than: usize,
        most: usize,
        effort: Effort,
    ) -> Match {
        let word = self.word(here, 0);
        let (mut len, mut distance) = (than, 0);
        // A longer match has the same four bytes where the one before ended, and one more.
        let mut tail = low_byte(len.max(WORD - 1) - (WORD - 1));
        let mut tail_word = self.word(here, tail);
        let mut there = chain.end - 1;
        let mut depth = effort.depth;
        while depth > 0 && there >= chain.start {
            if self.word(there, tail) == tail_word && self.word(there, 0) == word {
                let same = self.same(there.into(), here.into(), most);
                if same > len {
                    (len, distance) = (same, here - there);
                    if len >= effort.nice.min(most) {
                        break;
                    }
                    tail = low_byte(len - (WORD - 1));
                    tail_word = self.word(here, tail);
                }
            }
            there = self.before[usize::from(there)];
            depth -= 1;
        }
        if distance == 0 {
            return Match::NONE;
        }
        let len = low_half(len);
        Match { len, distance }
    }

    /// Takes note of the positions of a range.
    pub(super) fn skip(&mut self, from: usize, to: usize) {
        let (bytes, four, before) = (&*self.bytes, &mut *self.four, &mut *self.before);
        for at in from..to.min(self.len.saturating_sub(WORD - 1)) {
            let here = low_half(at);
            note_four(four, before, here, word_of(bytes, here, 0));
        }
    }

    /// Takes note of a position; where the same three bytes were last, or others with their hash, and the same four.
    #[inline]
    fn note(&mut self, here: u16, word: u32) -> (u16, u16) {
        let three = (word << 8).wrapping_mul(FACTOR) >> (u32::BITS - THREE_BITS);
        let three = std::mem::replace(&mut self.three[three as usize], here);
        let four = note_four(&mut self.four, &mut self.before, here, word);
        (three, four)
    }

    #[inline]
    fn word(&self, at: u16, behind: u8) -> u32 {
        word_of(&self.bytes, at, behind)
    }

    /// How many bytes are the same at two positions, of `most`; the first four are.
    #[inline]
    fn same(&self, a: usize, b: usize, most: usize) -> usize {
        let (a, a_rest) = self.bytes[a + WORD..a + most].as_chunks();
        let (b, b_rest) = self.bytes[b + WORD..b + most].as_chunks();
        let mut len = WORD;
        for (a, b) in a.iter().zip(b) {
            let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
            if differ != 0 {
                return len + (differ.trailing_zeros() / 8) as usize;
            }
            len += size_of::<u64>();
        }
        let rest = a_rest.iter().zip(b_rest);
        len + rest.take_while(|(a, b)| a == b).count()
    }
}

/// Takes note of a position by its four bytes; where the same were last, or others with their hash.
#[inline]
fn note_four(
    four: &mut [u16; 1 << FOUR_BITS],
    before: &mut [u16; MOST],
    here: u16,
    word: u32,
) -> u16 {
    let hash = word.wrapping_mul(FACTOR) >> (u32::BITS - FOUR_BITS);
    let last = std::mem::replace(&mut four[hash as usize], here);
    before[usize::from(here)] = last;
    last
}

/// Four bytes, so many behind a position. The types' limits say that they are there.
#[inline]
fn word_of(bytes: &[u8; MOST + BEHIND], at: u16, behind: u8) -> u32 {
    let at = usize::from(at) + usize::from(behind);
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Zeros.
#[expect(
    clippy::unnecessary_box_returns,
    reason = "such large arrays should not be on the stack"
)]
fn zeros<const N: usize, T: Copy + Default>() -> Box<[T; N]> {
    let zeros = vec![T::default(); N].into_boxed_slice();
    zeros
        .try_into()
        .unwrap_or_else(|_| Box::new([T::default(); N]))
}

/// A position, a distance or a length, as they are kept: all are below [`MOST`].
#[expect(
    clippy::cast_possible_truncation,
    reason = "a check for each position would cost time"
)]
fn low_half(number: usize) -> u16 {
    number as u16
}

/// Where the end of a match begins: [`LONGEST`] at most, less what a word has.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a check for each match would cost time"
)]
fn low_byte(number: usize) -> u8 {
    number as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deflate::tests::noise;

    const WINDOW: usize = 1 << 15;

    const EFFORT: Effort = Effort {
        depth: 100,
        nice: LONGEST,
    };

    /// What is found at `at`, when all before was noted.
    fn found(window: usize, data: &[u8], at: usize, than: u16) -> Match {
        let mut finder = Finder::new(window);
        finder.load(data);
        finder.skip(0, at);
        finder.longest(at, than, EFFORT)
    }

    /// Noise, and at the end the ten bytes from position 100 on.
    fn repeated(len: usize) -> Vec<u8> {
        let mut data = noise(len);
        data.copy_within(100..110, len - 10);
        data
    }

    #[test]
    fn a_match_is_as_far_as_the_window_at_most() {
        let data = repeated(5010);
        let expected = Match {
            len: 10,
            distance: 4900,
        };
        assert_eq!(found(4900, &data, 5000, 9), expected);
        assert_eq!(found(4899, &data, 5000, 9), Match::NONE);
        assert_eq!(found(4900, &data, 5000, 10), Match::NONE);
    }

    #[test]
    fn the_longest_is_found_and_not_beyond_the_end() {
        let data = b".abcd-abcdef-abcdefabcdefgabcd".repeat(30);
        let at = 30 * 29;
        let whole = found(WINDOW, &data, at, 2);
        assert_eq!((whole.len, whole.distance % 30), (30, 0));
        let data = vec![b'x'; 1000];
        let run = found(WINDOW, &data, 10, 2);
        assert_eq!((run.len.into(), run.distance), (LONGEST, 1));
        assert_eq!(found(WINDOW, &data, 996, 2).len, 4);
        assert_eq!(found(WINDOW, &data, 997, 2), Match::NONE);
    }

    #[test]
    fn three_bytes_are_found_where_they_were_last_looked_for() {
        let data = b"?abc1abc2...abc3zzzz";
        let found = |before: &[usize], than| {
            let mut finder = Finder::new(WINDOW);
            finder.load(data);
            for at in before {
                finder.longest(*at, 2, EFFORT);
            }
            finder.skip(6, 12);
            finder.longest(12, than, EFFORT)
        };
        let three = |distance| Match { len: 3, distance };
        assert_eq!(found(&[1, 5], 2), three(7));
        assert_eq!(found(&[1], 2), three(11));
        assert_eq!(found(&[], 2), Match::NONE);
        assert_eq!(found(&[1, 5], 3), Match::NONE);
    }
}
