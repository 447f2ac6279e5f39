//! Block lists (`ifork.rst`, "Direct/Indirect Block Addressing"): twelve block numbers in the inode, then lists
//! of them, lists of lists, and lists of those.

use super::extents::BlockRun;
use super::features::{Feature, Features};

/// How an inode tells where its blocks lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// By a tree of extents.
    Extents,
    /// Block by block.
    Blocks,
}

impl Mapping {
    pub fn new(features: Features) -> Self {
        if features.has(Feature::Extent) {
            Self::Extents
        } else {
            Self::Blocks
        }
    }
}

/// Block numbers the inode itself holds.
pub const DIRECT: u64 = 12;
/// Lists below lists, at most.
const DEEPEST: u32 = 3;

/// The most blocks a content may have, holes among them.
pub fn most_blocks(block_size: usize) -> u64 {
    let per = per_list(block_size);
    DIRECT + per + per.pow(2) + per.pow(3)
}

/// Numbers in a list.
fn per_list(block_size: usize) -> u64 {
    block_size as u64 / 4
}

/// How many lists a content with blocks in these runs needs, which ascend.
pub fn list_blocks(runs: &[BlockRun], block_size: usize) -> usize {
    let mut walk = Walk::new(block_size);
    let mut lists = 0;
    for run in runs {
        let mut logical = u64::from(run.logical);
        let end = logical + u64::from(run.len);
        while logical < end {
            let path = walk.path(logical);
            lists += path.map_or(0, |path| walk.open(path).count());
            logical = walk.next_list(logical);
        }
    }
    lists
}

/// The inode's `i_block`, and all lists as (block number, bytes).
///
/// `places` are the blocks for those lists, as many as [`list_blocks`] says.
pub fn lists(
    runs: &[BlockRun],
    places: &[u64],
    block_size: usize,
) -> ([u8; 60], Vec<(u64, Vec<u8>)>) {
    let mut root = [0; 60];
    let mut lists: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut walk = Walk::new(block_size);
    // The list that is open at each level, the one of contents' blocks first.
    let mut current = [0; DEEPEST as usize];
    for run in runs {
        for offset in 0..u64::from(run.len) {
            let (logical, block) = (u64::from(run.logical) + offset, run.start + offset);
            let Some(path) = walk.path(logical) else {
                put(&mut root, logical, block);
                continue;
            };
            for level in walk.open(path) {
                let number = places[lists.len()];
                if level == path.depth {
                    put(&mut root, DIRECT - 1 + u64::from(path.depth), number);
                } else {
                    let above = &mut lists[current[level as usize]].1;
                    put(above, walk.slot(path, level + 1), number);
                }
                current[level as usize - 1] = lists.len();
                lists.push((number, vec![0; block_size]));
            }
            put(&mut lists[current[0]].1, walk.slot(path, 1), block);
        }
    }
    (root, lists)
}

/// Block numbers have 32 bits in a filesystem without extents.
fn put(list: &mut [u8], slot: u64, block: u64) {
    let at = usize::try_from(slot).expect("a list has at most 1024 numbers") * 4;
    list[at..at + 4].copy_from_slice(&block.to_le_bytes()[..4]);
}

/// The way from the inode to a block.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Path {
    /// Lists on it.
    depth: u32,
    /// The block's number among those that are as deep.
    index: u64,
}

/// Goes through a content's blocks in ascending order.
struct Walk {
    per_list: u64,
    /// The last block that was reached through a list.
    last: Option<Path>,
}

impl Walk {
    fn new(block_size: usize) -> Self {
        Self {
            per_list: per_list(block_size),
            last: None,
        }
    }

    /// The way to a block; none where the inode itself holds its number.
    fn path(&self, logical: u64) -> Option<Path> {
        let mut index = logical.checked_sub(DIRECT)?;
        let mut depth = 1;
        while depth < DEEPEST && index >= self.per_list.pow(depth) {
            index -= self.per_list.pow(depth);
            depth += 1;
        }
        Some(Path { depth, index })
    }

    /// The levels of the lists that begin with this block, the upper ones first; level 1 lists blocks of the
    /// content.
    fn open(&mut self, path: Path) -> impl Iterator<Item = u32> + use<> {
        let (last, per_list) = (self.last.replace(path), self.per_list);
        let begins = move |level: &u32| {
            let list = |path: Path| (path.depth, path.index / per_list.pow(*level));
            last.is_none_or(|last| list(last) != list(path))
        };
        (1..=path.depth).rev().filter(begins)
    }

    /// Where in the list of that level the way goes on.
    fn slot(&self, path: Path, level: u32) -> u64 {
        path.index / self.per_list.pow(level - 1) % self.per_list
    }

    /// The first block behind `logical` that another list of blocks holds.
    fn next_list(&self, logical: u64) -> u64 {
        match logical.checked_sub(DIRECT) {
            None => DIRECT,
            Some(index) => DIRECT + (index / self.per_list + 1) * self.per_list,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(list: &[u8], slot: u64) -> u64 {
        let at = usize::try_from(slot * 4).unwrap();
        u32::from_le_bytes(list[at..at + 4].try_into().unwrap()).into()
    }

    /// Follows the lists as the documentation describes them.
    fn lookup(root: &[u8], lists: &[(u64, Vec<u8>)], logical: u64, per: u64) -> u64 {
        if logical < 12 {
            return word(root, logical);
        }
        let mut index = logical - 12;
        let mut depth = 1;
        while index >= per.pow(depth) {
            index -= per.pow(depth);
            depth += 1;
        }
        let mut number = word(root, u64::from(11 + depth));
        for level in (0..depth).rev() {
            let Some((_, list)) = lists.iter().find(|(block, _)| *block == number) else {
                return 0;
            };
            number = word(list, index / per.pow(level) % per);
        }
        number
    }

    fn run(logical: u32, start: u64, len: u32) -> BlockRun {
        BlockRun {
            logical,
            start,
            len,
        }
    }

    #[test]
    fn every_block_is_found_and_every_list_is_counted() {
        // Lists of four, so that all depths are short: 12, 4, 16 and 64 blocks.
        let (block_size, per) = (16, 4);
        let cases = [
            vec![],
            vec![run(0, 100, 12)],
            vec![run(11, 100, 2)],
            vec![run(0, 100, 96)],
            vec![run(3, 100, 20), run(40, 200, 1), run(41, 300, 9)],
            vec![run(95, 100, 1)],
            vec![
                run(14, 100, 1),
                run(15, 90, 1),
                run(16, 80, 1),
                run(31, 70, 2),
            ],
        ];
        for runs in cases {
            let count = list_blocks(&runs, block_size);
            let places: Vec<u64> = (1000..).take(count).collect();
            let (root, lists) = lists(&runs, &places, block_size);
            let numbers: Vec<u64> = lists.iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers, places);
            for logical in 0..most_blocks(block_size) {
                let run = runs.iter().find(|run| {
                    (u64::from(run.logical)..u64::from(run.logical + run.len)).contains(&logical)
                });
                let expected = run.map_or(0, |run| run.start + logical - u64::from(run.logical));
                assert_eq!(lookup(&root, &lists, logical, per), expected);
            }
        }
    }

    #[test]
    fn the_largest_content_is_known() {
        assert_eq!(most_blocks(1024), 12 + 256 + (1 << 16) + (1 << 24));
        // All lists of a full one: each of the lists of lists has a list above it.
        let runs = [run(0, 0, 96)];
        assert_eq!(list_blocks(&runs, 16), 1 + (1 + 4) + (1 + 4 + 16));
    }
}
