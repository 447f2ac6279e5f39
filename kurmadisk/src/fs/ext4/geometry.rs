//! Where the tables and backups of a divided filesystem lie.

use std::ops::Range;

use super::division::{Division, InodeDemand};
use super::error::Ext4Error;

/// Where one group's bitmaps and inode table lie, as block numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTables {
    pub block_bitmap: u64,
    pub inode_bitmap: u64,
    pub inode_table: u64,
}

/// A filesystem's groups with the places of all that they need.
#[derive(Clone, Debug)]
pub struct Geometry {
    pub division: Division,
    pub tables: Vec<GroupTables>,
    /// Blocks taken by the boot block, superblocks, descriptors, bitmaps and inode tables: ascending, disjoint.
    pub taken: Vec<Range<u64>>,
    /// The next larger number of blocks that could all be used.
    pub next_size: u64,
}

impl Geometry {
    /// Places the tables of a division. A last group that has no room for them is left out.
    ///
    /// Fails with the number of blocks needed when they don't fit into a single group.
    pub fn new(division: Division, demand: InodeDemand) -> Result<Self, Ext4Error> {
        let mut division = division;
        let mut next_size = division.blocks + 1;
        loop {
            let (tables, taken) = place_tables(&division);
            let needed = taken.last().map_or(0, |range| range.end);
            if needed <= division.blocks {
                return Ok(Self {
                    division,
                    tables,
                    taken,
                    next_size,
                });
            }
            next_size = needed;
            division = match division.without_last_group(demand) {
                Some(smaller) => smaller?,
                None => {
                    return Err(Ext4Error::TooSmall {
                        blocks: division.blocks,
                        block_size: division.shape.block_size.bytes(),
                        needed,
                    });
                }
            };
        }
    }
}

/// Places all tables, with `flex_bg` those of 16 groups together at the front of the first of them; they may end
/// beyond the filesystem. Gives them and everything that is taken.
fn place_tables(division: &Division) -> (Vec<GroupTables>, Vec<Range<u64>>) {
    let backups: Vec<_> = division
        .shape
        .backup_groups(division.groups)
        .into_iter()
        .filter_map(|group| division.backup(group))
        .collect();
    let per_flex = division.shape.groups_per_flex();
    let mut taken = backups.clone();
    if division.first_data_block() > 0 {
        taken.push(0..division.first_data_block());
    }
    let mut tables = Vec::new();
    for first in (0..division.groups).step_by(per_flex as usize) {
        let count = (division.groups - first).min(per_flex);
        let mut cursor = Cursor {
            next: division.group_start(first),
            backups: &backups,
            taken: &mut taken,
        };
        let block_bitmaps: Vec<_> = (0..count).map(|_| cursor.place(1)).collect();
        let inode_bitmaps: Vec<_> = (0..count).map(|_| cursor.place(1)).collect();
        for (block_bitmap, inode_bitmap) in block_bitmaps.into_iter().zip(inode_bitmaps) {
            let inode_table = cursor.place(division.table_blocks());
            tables.push(GroupTables {
                block_bitmap,
                inode_bitmap,
                inode_table,
            });
        }
    }
    taken.sort_unstable_by_key(|range| range.start);
    (tables, join(taken))
}

/// Places tables one after the other, around the backups in their way.
struct Cursor<'a> {
    next: u64,
    backups: &'a [Range<u64>],
    taken: &'a mut Vec<Range<u64>>,
}

impl Cursor<'_> {
    fn place(&mut self, blocks: u64) -> u64 {
        let first = self
            .backups
            .partition_point(|backup| backup.end <= self.next);
        for backup in &self.backups[first..] {
            if backup.start >= self.next + blocks {
                break;
            }
            self.next = backup.end;
        }
        let start = self.next;
        self.next += blocks;
        self.taken.push(start..self.next);
        start
    }
}

/// Joins sorted ranges that touch.
fn join(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::ext4::division::Shape;
    use crate::fs::ext4::features::Profile;
    use crate::fs::ext4::options::BlockSize;

    fn shape(block_size: BlockSize) -> Shape {
        Shape {
            block_size,
            inode_size: 256,
            features: Profile::default().features(),
        }
    }

    fn geometry(block_size: BlockSize, blocks: u64, least: u64) -> Geometry {
        let demand = InodeDemand {
            least,
            per_bytes: None,
        };
        let division = Division::new(shape(block_size), blocks, demand).unwrap();
        Geometry::new(division, demand).unwrap()
    }

    /// Tables and copies are disjoint, in the filesystem and, all together, what is taken.
    fn check(geometry: &Geometry) {
        let division = &geometry.division;
        assert_eq!(geometry.tables.len(), division.groups as usize);
        let tables = geometry.tables.iter().flat_map(|tables| {
            let table = tables.inode_table..tables.inode_table + division.table_blocks();
            let bitmap = |block| block..block + 1;
            [
                bitmap(tables.block_bitmap),
                bitmap(tables.inode_bitmap),
                table,
            ]
        });
        let copies = (0..division.groups).filter_map(|group| division.backup(group));
        let mut parts: Vec<_> = tables.chain(copies).collect();
        parts.push(0..division.first_data_block());
        parts.retain(|part| !part.is_empty());
        parts.sort_unstable_by_key(|part| part.start);
        assert!(parts.windows(2).all(|two| two[0].end <= two[1].start));
        assert!(parts.iter().all(|part| part.end <= division.blocks));
        assert_eq!(join(parts), geometry.taken);
        assert!(
            geometry
                .taken
                .windows(2)
                .all(|two| two[0].end < two[1].start)
        );
        let sum: u64 = geometry
            .taken
            .iter()
            .map(|range| range.end - range.start)
            .sum();
        assert_eq!(sum, division.metadata_blocks());
    }

    #[test]
    fn tables_and_copies_are_disjoint_and_known() {
        for block_size in [BlockSize::B1024, BlockSize::B2048, BlockSize::B4096] {
            let group = u64::from(block_size.bytes()) * 8;
            for groups in [1, 2, 15, 16, 17, 18, 33, 48, 49, 50, 250, 400] {
                for last in [60, 1000, group] {
                    let blocks =
                        u64::from(block_size == BlockSize::B1024) + (groups - 1) * group + last;
                    // One inode for many, and as many as the bitmaps have bits for.
                    for least in [11, groups * group / 16, (groups - 1) * group] {
                        let demand = InodeDemand {
                            least,
                            per_bytes: None,
                        };
                        let division = Division::new(shape(block_size), blocks, demand).unwrap();
                        match Geometry::new(division, demand) {
                            Ok(geometry) => check(&geometry),
                            Err(error) => assert!(groups < 3, "{error}"),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_last_group_without_room_for_its_tables_is_left_out() {
        // The 17th group is the first of 16 and has all of its tables itself.
        let group = 32768;
        let full = 16 * group;
        let tables = 2 + 512;
        let with = |rest| geometry(BlockSize::B4096, full + rest, 17 * 8192);
        assert_eq!(with(tables).division.groups, 17);
        let without = with(tables - 1);
        assert_eq!(without.division.groups, 16);
        assert_eq!(without.division.blocks, full);
        assert_eq!(without.next_size, full + tables);
        check(&without);
    }

    #[test]
    fn the_only_group_must_hold_its_tables() {
        let demand = InodeDemand {
            least: 8192,
            per_bytes: None,
        };
        let division = Division::new(shape(BlockSize::B1024), 2000, demand).unwrap();
        let error = Geometry::new(division, demand).unwrap_err();
        let Ext4Error::TooSmall { needed, .. } = error else {
            panic!("{error}");
        };
        // Boot block, superblock, descriptors, bitmaps, inode table.
        assert_eq!(needed, 1 + 1 + 1 + 2 + 2048);
        check(&geometry(BlockSize::B1024, needed, 8192));
    }
}
