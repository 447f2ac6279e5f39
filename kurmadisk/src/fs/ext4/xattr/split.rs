//! Which attributes lie in the inode, and which in the block.
//!
//! What is found in the inode costs no further read, and blocks that are alike are shared: so what decides
//! about access (`security.`) comes into the inode first, then what the fewest inodes have. When the others are
//! too many for the block, whatever fills the inode best is there instead.

use std::cmp::Reverse;

use super::{Attribute, Format, len};

/// Attributes of a node, divided; each part is sorted as [`Attribute::key`] says.
pub struct Split<'s, 'a> {
    pub inode: Vec<&'s Attribute<'a>>,
    pub block: Vec<&'s Attribute<'a>>,
}

/// Divides sorted attributes. `users` says how many inodes have an attribute.
///
/// None when there is no room for them.
pub fn split<'s, 'a>(
    attributes: &'s [Attribute<'a>],
    format: Format,
    users: impl Fn(&Attribute<'a>) -> u32,
) -> Option<Split<'s, 'a>> {
    let lens: Vec<usize> = attributes.iter().map(len).collect();
    let mut order: Vec<usize> = (0..attributes.len()).collect();
    order.sort_by_key(|at| {
        let attribute = &attributes[*at];
        (Reverse(attribute.is_security()), users(attribute), *at)
    });
    let total: usize = lens.iter().sum();
    let fits = |chosen: &[bool]| {
        let inside: usize = lens
            .iter()
            .zip(chosen)
            .filter(|(_, in_it)| **in_it)
            .map(|(len, _)| len)
            .sum();
        total - inside <= format.block_room()
    };
    let room = format.inode_room();
    let mut chosen = in_order(&order, &lens, room);
    if !fits(&chosen) {
        chosen = fullest(&order, &lens, room);
    }
    if !fits(&chosen) {
        return None;
    }
    let mut split = Split {
        inode: Vec::new(),
        block: Vec::new(),
    };
    for (attribute, in_inode) in attributes.iter().zip(chosen) {
        let part = if in_inode {
            &mut split.inode
        } else {
            &mut split.block
        };
        part.push(attribute);
    }
    Some(split)
}

/// One after the other, if there is still room for it.
fn in_order(order: &[usize], lens: &[usize], room: usize) -> Vec<bool> {
    let mut chosen = vec![false; lens.len()];
    let mut left = room;
    for at in order {
        if lens[*at] <= left {
            left -= lens[*at];
            chosen[*at] = true;
        }
    }
    chosen
}

/// Those that together leave the least room, of lengths that are multiples of four.
fn fullest(order: &[usize], lens: &[usize], room: usize) -> Vec<bool> {
    // By how much is filled, in fours: the last of those that fill it so far.
    let mut filled: Vec<Option<usize>> = vec![None; room / 4 + 1];
    for (rank, at) in order.iter().enumerate() {
        let len = lens[*at] / 4;
        for end in (len..filled.len()).rev() {
            let reached = end == len || filled[end - len].is_some();
            if reached && filled[end].is_none() {
                filled[end] = Some(rank);
            }
        }
    }
    let mut chosen = vec![false; lens.len()];
    let mut end = filled.iter().rposition(Option::is_some).unwrap_or(0);
    while end > 0
        && let Some(rank) = filled[end]
    {
        chosen[order[rank]] = true;
        end -= lens[order[rank]] / 4;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    const FORMAT: Format = Format {
        block_size: 1024,
        body: 96,
        allowed: true,
    };

    /// Attributes of these lengths, headers included.
    fn of(lens: &[(&'static str, usize)]) -> Vec<Attribute<'static>> {
        let mut attributes: Vec<_> = lens
            .iter()
            .map(|(name, len)| {
                let mut attribute = Attribute::new(name.as_bytes(), b"").unwrap();
                let value = len - super::len(&attribute);
                attribute.value = Cow::Owned(vec![7; value]);
                attribute
            })
            .collect();
        attributes.sort_by(|a, b| a.key().cmp(&b.key()));
        attributes
    }

    fn names(part: &[&Attribute<'static>]) -> Vec<&'static str> {
        let names = part.iter().map(|attribute| attribute.full_name);
        names
            .map(|name| std::str::from_utf8(name).unwrap())
            .collect()
    }

    fn divided(lens: &[(&'static str, usize)]) -> (Vec<&'static str>, Vec<&'static str>) {
        // As many have it as its name has bytes.
        let users =
            |attribute: &Attribute<'static>| u32::try_from(attribute.full_name.len()).unwrap();
        let all = of(lens);
        let split = split(&all, FORMAT, users).unwrap();
        (names(&split.inode), names(&split.block))
    }

    #[test]
    fn what_fits_lies_in_the_inode() {
        assert_eq!(FORMAT.inode_room(), 88);
        let lens = [("user.b", 24), ("user.a", 40), ("security.x", 24)];
        let (inode, block) = divided(&lens);
        assert_eq!(inode, ["user.a", "user.b", "security.x"]);
        assert!(block.is_empty());
    }

    #[test]
    fn security_and_what_few_have_come_first() {
        let lens = [("user.a", 44), ("security.capability", 48)];
        let (inode, block) = divided(&lens);
        assert_eq!(
            (inode, block),
            (vec!["security.capability"], vec!["user.a"])
        );
        let lens = [("user.mmm", 60), ("user.a", 60), ("user.bbb", 60)];
        let (inode, block) = divided(&lens);
        assert_eq!(
            (inode, block),
            (vec!["user.a"], vec!["user.bbb", "user.mmm"])
        );
    }

    #[test]
    fn the_inode_is_filled_best_when_the_block_is_too_small() {
        let room = FORMAT.block_room();
        assert_eq!(room, 1024 - 36);
        // The first takes 60 of 88 bytes, those after it all of them.
        let lens = [
            ("security.x", 60),
            ("user.aa", 44),
            ("user.bb", 44),
            ("user.rest", room - 60),
        ];
        let (inode, block) = divided(&lens);
        assert_eq!(inode, ["user.aa", "user.bb"]);
        assert_eq!(block, ["user.rest", "security.x"]);
        let mut more = lens;
        more[3].1 += 4;
        assert!(split(&of(&more), FORMAT, |_| 1).is_none());
        // Without room in the inode all is in the block.
        let short = Format { body: 0, ..FORMAT };
        assert!(
            split(&of(&[("user.a", room)]), short, |_| 1)
                .unwrap()
                .inode
                .is_empty()
        );
        assert!(split(&of(&[("user.a", room + 4)]), short, |_| 1).is_none());
    }

    #[test]
    fn nothing_fills_it_better() {
        for seed in 0..2000_usize {
            let lens: Vec<usize> = (0..6)
                .map(|at| 20 + 4 * (seed * 31 / (at * 7 + 1) % 17))
                .collect();
            let order: Vec<usize> = (0..6).map(|at| (at + seed) % 6).collect();
            let sum = |chosen: &[bool]| -> usize {
                lens.iter()
                    .zip(chosen)
                    .filter(|(_, in_it)| **in_it)
                    .map(|(len, _)| len)
                    .sum()
            };
            let best = (0..64_usize)
                .map(|set| sum(&(0..6).map(|at| set >> at & 1 == 1).collect::<Vec<_>>()))
                .filter(|sum| *sum <= 88)
                .max();
            assert_eq!(Some(sum(&fullest(&order, &lens, 88))), best, "{lens:?}");
        }
    }
}
