//! Which matches are taken, and where blocks end.

use std::ops::Range;

use super::Encode;
use super::bits::Bits;
use super::block::Block;
use super::finder::{Effort, Finder, MOST, Match};

/// Matches of three bytes that are further back take no less room than three literals.
const FAR: u16 = 8192;

/// Bytes after which it is judged again how long matches must be.
const AGAIN: usize = 10_000;

/// Bytes that are encoded before it is asked again whether the block should end.
const STEP: usize = 256;

/// How hard is tried.
#[derive(Clone, Copy)]
struct Level {
    effort: Effort,
    /// How many bytes a match may begin later, if it's a better one.
    ahead: usize,
}

impl Level {
    /// By its number from 1 to 9.
    fn numbered(level: u32) -> Self {
        let (ahead, depth, nice) = match level {
            0..=1 => (0, 4, 10),
            2 => (0, 8, 20),
            3 => (0, 16, 30),
            4 => (1, 16, 30),
            5 => (1, 35, 65),
            6 => (2, 50, 80),
            7 => (2, 100, 130),
            8 => (2, 300, 258),
            _ => (2, 1000, 258),
        };
        let effort = Effort { depth, nice };
        Self { effort, ahead }
    }
}

/// Makes deflate streams.
pub(super) struct Encoder {
    level: Level,
    finder: Finder,
    block: Block,
}

impl Encoder {
    pub(super) fn new(level: u32, window: usize) -> Self {
        Self {
            level: Level::numbered(level),
            finder: Finder::new(window),
            block: Block::new(),
        }
    }

    /// Fills the block that begins at `start`; where it ends.
    fn fill(&mut self, data: &[u8], start: usize) -> usize {
        let depth = self.level.effort.depth;
        let mut least = least_at_first(&data[start..], depth);
        let mut again = start + AGAIN;
        let mut at = start;
        while at < data.len() && !self.block.is_due(at, data.len() - at) {
            if at >= again {
                least = least_so_far(self.block.literals(), depth);
                again = at + (at - start);
            }
            at = self.encode(data, at..data.len().min(at + STEP), least);
        }
        at
    }

    /// Encodes what begins in a range, with matches of `least` bytes at least; where the last of it ends.
    fn encode(&mut self, data: &[u8], range: Range<usize>, least: u16) -> usize {
        let mut at = range.start;
        while at < range.end {
            let found = self.finder.longest(at, least - 1, self.level.effort);
            if found.len > 3 || (found.len == 3 && found.distance <= FAR) {
                at = self.take(data, at, found);
            } else {
                self.block.literal(data[at]);
                at += 1;
            }
        }
        at
    }

    /// Takes a match at `at`, or a better one that begins a little later; where it ends.
    fn take(&mut self, data: &[u8], mut at: usize, mut found: Match) -> usize {
        // Positions before this one are noted.
        let mut noted = at + 1;
        while usize::from(found.len) < self.level.effort.nice {
            let Some((ahead, better)) = self.better(at, found, &mut noted) else {
                break;
            };
            for byte in &data[at..at + ahead] {
                self.block.literal(*byte);
            }
            at += ahead;
            found = better;
        }
        self.block.found(at, found);
        let end = at + usize::from(found.len);
        self.finder.skip(noted, end);
        end
    }

    /// A better match that begins so many bytes later.
    fn better(&mut self, at: usize, found: Match, noted: &mut usize) -> Option<(usize, Match)> {
        let Effort { depth, nice } = self.level.effort;
        for ahead in 1..=self.level.ahead {
            if at + ahead >= self.finder.data().len() {
                break;
            }
            *noted = at + ahead + 1;
            let effort = Effort {
                depth: depth >> ahead,
                nice,
            };
            let next = self.finder.longest(at + ahead, found.len - 1, effort);
            if is_better(next, found, ahead) {
                return Some((ahead, next));
            }
        }
        None
    }
}

impl Encode for Encoder {
    fn stream(&mut self, data: &[u8], place: &mut [u8]) -> Option<usize> {
        if data.len() > MOST {
            return None;
        }
        self.finder.load(data);
        let mut out = Bits::new(place);
        let mut start = 0;
        loop {
            self.block.begin(start);
            let end = self.fill(data, start);
            self.block.write(data, end, &mut out)?;
            if end == data.len() {
                return Some(out.finish());
            }
            start = end;
        }
    }
}

/// Whether a match that begins so many bytes after another is worth the literals before it: by a guess of bits, of
/// which a longer match saves four for each byte, and a nearer one as many as its distance has less.
fn is_better(next: Match, found: Match, ahead: usize) -> bool {
    let Some(longer) = next.len.checked_sub(found.len) else {
        return false;
    };
    let saved = 4 * u32::from(longer) + found.distance.ilog2();
    saved > next.distance.ilog2() + if ahead == 1 { 2 } else { 6 }
}

/// The least length of matches that pays, where nothing was encoded yet: by how many different bytes there are, however
/// rare, as which of them will be literals is not known.
fn least_at_first(data: &[u8], depth: u32) -> u16 {
    let mut occurs = [false; 256];
    for byte in &data[..data.len().min(4096)] {
        occurs[usize::from(*byte)] = true;
    }
    least_match(occurs.iter().filter(|occurs| **occurs).count(), depth)
}

/// The least length of matches that pays, by how often each byte is a literal. Those that hardly are don't count.
fn least_so_far(literals: &[u32], depth: u32) -> u16 {
    let rare = literals.iter().sum::<u32>() / 1024;
    least_match(
        literals.iter().filter(|count| **count > rare).count(),
        depth,
    )
}

/// The least length of matches that pays where there are so many different literals: few take few bits.
fn least_match(literals: usize, depth: u32) -> u16 {
    let least = match literals {
        0..=5 => 9,
        6..=7 => 8,
        8..=9 => 7,
        10..=15 => 6,
        16..=45 => 5,
        46..=79 => 4,
        _ => 3,
    };
    // Who doesn't look long doesn't find the longer ones.
    match depth {
        0..=4 => least.min(4),
        5..=9 => least.min(5),
        10..=15 => least.min(7),
        _ => least,
    }
}
