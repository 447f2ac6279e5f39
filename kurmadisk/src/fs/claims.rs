//! Which blocks or clusters of a filesystem that is read belong to whom: no two may own one.
//!
//! This also bounds what reading costs: whatever a damaged filesystem says, nothing in it is gone through
//! twice.

use std::collections::BTreeMap;
use std::ops::Range;

/// Ranges of blocks with their owners.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// By its first block: where a range ends, and whose it is.
    ranges: BTreeMap<u64, (u64, u32)>,
}

/// A block is another's already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The block.
    pub block: u64,
    /// Whose it is.
    pub owner: u32,
}

impl Claims {
    /// Says that `range` belongs to `owner`. Fails when any block of it was claimed before, by whomever.
    pub(super) fn claim(&mut self, range: Range<u64>, owner: u32) -> Result<(), Taken> {
        if range.is_empty() {
            return Ok(());
        }
        // Ranges are disjoint, so the last one that begins before the end is the only one to look at.
        if let Some((start, (end, other))) = self.ranges.range_mut(..range.end).next_back() {
            if *end > range.start {
                return Err(Taken {
                    block: range.start.max(*start),
                    owner: *other,
                });
            }
            if *end == range.start && *other == owner {
                *end = range.end;
                return Ok(());
            }
        }
        self.ranges.insert(range.start, (range.end, owner));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_taken_is_found(
            claims in prop::collection::vec((0..200_u64, 0..12_u64, 0..3_u32), 0..60),
        ) {
            let mut all = Claims::default();
            let mut owners: HashMap<u64, u32> = HashMap::new();
            for (start, len, owner) in claims {
                let range = start..start + len;
                let taken = range.clone().any(|block| owners.contains_key(&block));
                match all.claim(range.clone(), owner) {
                    Ok(()) => {
                        prop_assert!(!taken);
                        owners.extend(range.map(|block| (block, owner)));
                    }
                    Err(Taken { block, owner }) => {
                        prop_assert!(range.contains(&block));
                        prop_assert_eq!(owners.get(&block), Some(&owner));
                    }
                }
            }
        }
    }
}
