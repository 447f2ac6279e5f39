//! Block after block around what is taken.

use std::ops::Range;

/// Hands out the free blocks of a filesystem in ascending order, leaving none out.
///
/// So what is in use is always everything below the cursor plus what was taken from the start, and
/// no bitmap needs to be kept.
pub struct Allocator<'a> {
    next: u64,
    taken: &'a [Range<u64>],
}

impl<'a> Allocator<'a> {
    /// Starts below `taken`, which must be ascending and disjoint. There is no upper end: who plans
    /// compares [`Self::next`] with the filesystem's size when all is placed.
    pub fn new(taken: &'a [Range<u64>]) -> Self {
        let mut allocator = Self { next: 0, taken };
        allocator.skip_taken();
        allocator
    }

    /// The first block that is neither taken nor handed out.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Hands out up to `most` blocks (not zero) in one piece.
    pub fn take(&mut self, most: u64) -> Range<u64> {
        let free = self.taken.first().map_or(u64::MAX, |range| range.start) - self.next;
        let start = self.next;
        self.next += most.min(free);
        let run = start..self.next;
        self.skip_taken();
        run
    }

    fn skip_taken(&mut self) {
        while let Some((range, rest)) = self.taken.split_first()
            && range.start <= self.next
        {
            self.next = self.next.max(range.end);
            self.taken = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_given_out_around_what_is_taken() {
        let taken = [0..3, 5..6, 6..8, 20..30];
        let mut allocator = Allocator::new(&taken);
        assert_eq!(allocator.next(), 3);
        assert_eq!(allocator.take(10), 3..5);
        assert_eq!(allocator.next(), 8);
        assert_eq!(allocator.take(4), 8..12);
        assert_eq!(allocator.take(8), 12..20);
        // What follows is past the taken range already.
        assert_eq!(allocator.next(), 30);
        assert_eq!(allocator.take(1 << 40), 30..30 + (1 << 40));
    }

    #[test]
    fn without_anything_taken_all_is_one_piece() {
        let mut allocator = Allocator::new(&[]);
        assert_eq!(allocator.take(1000), 0..1000);
        assert_eq!(allocator.next(), 1000);
    }
}
