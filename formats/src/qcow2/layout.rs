//! What the writers share: the header, tables of offsets, and reference counts.

use byteorder::BigEndian;
use bytes::Bytes;
use zerocopy::{FromZeros, IntoBytes};

use super::spec::{self, CLUSTER, Compression, ENTRIES, Header, REFCOUNTS, SECTOR};
use crate::error::PlaceError;
use crate::map::DiskMap;
use crate::table;

/// QEMU reads no L1 table of more than 32 MiB.
const MAX_DISK: u64 = ((32 << 20) / 8) * ENTRIES * CLUSTER;

/// Fails for disks that a file `format` cannot hold.
pub(super) fn check_size(disk: &DiskMap, format: &'static str) -> Result<(), PlaceError> {
    let reason = match disk.len() {
        0 => "an empty disk cannot be read by all programs",
        len if len > MAX_DISK => "2 PiB are the most",
        _ => return Ok(()),
    };
    Err(PlaceError::Size {
        format,
        size: disk.len(),
        reason,
    })
}

/// How many clusters each part of a file takes in which all touched clusters lie as they are.
pub(super) struct Layout {
    pub l1: u64,
    pub l2: u64,
    pub data: u64,
    pub refcount_table: u64,
    pub refcount_blocks: u64,
}

impl Layout {
    pub(super) fn new(disk: &DiskMap) -> Self {
        let count = |size| disk.block_runs(size).map(|run| run.end - run.start).sum();
        let l1 = table_clusters(l1_entries(disk.len()));
        let l2 = count(ENTRIES * CLUSTER);
        let data = count(CLUSTER);
        let (refcount_table, refcount_blocks) = refcount_clusters(1 + l1 + l2 + data);
        Self {
            l1,
            l2,
            data,
            refcount_table,
            refcount_blocks,
        }
    }

    /// All of them, and the header's.
    pub(super) fn clusters(&self) -> u64 {
        1 + self.refcount_table + self.refcount_blocks + self.l1 + self.l2 + self.data
    }
}

/// Entries of the L1 table of a disk of so many bytes: its L2 tables.
pub(super) fn l1_entries(disk: u64) -> u64 {
    disk.div_ceil(ENTRIES * CLUSTER)
}

/// Clusters that a table of so many offsets takes.
pub(super) fn table_clusters(entries: u64) -> u64 {
    entries.div_ceil(ENTRIES)
}

/// Where a header's tables are.
pub(super) struct Tables {
    /// Offset of the L1 table in bytes.
    pub l1: u64,
    /// Offset of the refcount table in bytes.
    pub refcount: u64,
    /// Clusters of the refcount table.
    pub refcount_clusters: u64,
}

/// The header for a disk of so many bytes, and the end of header extensions behind it.
///
/// The disk's size is rounded up to whole sectors.
pub(super) fn header(
    disk: u64,
    version: u32,
    compression: Compression,
    tables: &Tables,
) -> Result<Bytes, PlaceError> {
    let mut header = Header::new_zeroed();
    header.magic = spec::MAGIC;
    header.version.set(version);
    header.cluster_bits.set(spec::CLUSTER_BITS);
    header.size.set(disk.next_multiple_of(SECTOR));
    header.l1_entries.set(number(l1_entries(disk))?);
    header.l1_offset.set(tables.l1);
    header.refcount_offset.set(tables.refcount);
    let clusters = number(tables.refcount_clusters)?;
    header.refcount_clusters.set(clusters);
    let mut bytes = if version == spec::VERSION_2 {
        header.as_bytes()[..spec::V2_LEN].to_vec()
    } else {
        header.refcount_order.set(spec::REFCOUNT_ORDER);
        let end = compression.header_end();
        if !end.is_empty() {
            header.incompatible.set(spec::COMPRESSION_TYPE);
        }
        let len = size_of::<Header>() + end.len();
        header.header_len.set(number(len as u64)?);
        [header.as_bytes(), end].concat()
    };
    bytes.extend_from_slice(&[0; 8]);
    Ok(bytes.into())
}

/// Cluster-sized parts of a table of offsets that are not all zeros: number of the part, and bytes.
///
/// `entries` are the number and value of each entry that is not zero, ascending.
pub(super) fn parts(entries: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, Bytes)> {
    let mut parts: Vec<(u64, Bytes)> = Vec::new();
    let mut values: Vec<u64> = Vec::new();
    let mut entries = entries.peekable();
    while let Some((index, value)) = entries.next() {
        values.resize(slot(ENTRIES), 0);
        values[slot(index % ENTRIES)] = value;
        let part = index / ENTRIES;
        if entries
            .peek()
            .is_none_or(|(next, _)| next / ENTRIES != part)
        {
            parts.push((part, table::to_bytes::<BigEndian, u64>(&values)));
            values.clear();
        }
    }
    parts
}

/// Clusters of the refcount table and of refcount blocks that a file of `others` clusters besides
/// them needs: they count themselves.
pub(super) fn refcount_clusters(others: u64) -> (u64, u64) {
    let (mut table, mut blocks) = (0, 0);
    loop {
        let wanted = (others + table + blocks).div_ceil(REFCOUNTS);
        if wanted == blocks {
            return (table, blocks);
        }
        // Neither ever shrinks, so this ends.
        blocks = wanted;
        table = table_clusters(blocks);
    }
}

/// The refcount table for `blocks` blocks, the first of which lies at `first`.
pub(super) fn refcount_table(first: u64, blocks: u64) -> Bytes {
    let offsets: Vec<u64> = (0..blocks).map(|block| first + block * CLUSTER).collect();
    table::to_bytes::<BigEndian, u64>(&offsets)
}

/// An index within a cluster.
pub(super) fn slot(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn number(value: u64) -> Result<u32, PlaceError> {
    table::fitting(spec::NAME, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_counts_count_themselves_and_are_no_more_than_needed() {
        let edges = [1, REFCOUNTS, ENTRIES * REFCOUNTS, 2 * ENTRIES * REFCOUNTS];
        for edge in edges {
            for others in edge.saturating_sub(5).max(1)..edge + 5 {
                let (table, blocks) = refcount_clusters(others);
                let all = others + table + blocks;
                assert!(
                    blocks * REFCOUNTS >= all && table * ENTRIES >= blocks,
                    "{others}"
                );
                assert!((blocks - 1) * REFCOUNTS < all, "{others}");
                assert!((table - 1) * ENTRIES < blocks, "{others}");
            }
        }
    }

    #[test]
    fn parts_without_an_entry_are_left_out() {
        let parts = parts([(1, 7), (ENTRIES - 1, 8), (3 * ENTRIES, 9)].into_iter());
        let [(0, first), (3, second)] = &parts[..] else {
            panic!("{:?}", parts.iter().map(|part| part.0).collect::<Vec<_>>());
        };
        assert_eq!(first[8..16], 7_u64.to_be_bytes());
        assert_eq!(first[slot(CLUSTER) - 8..], 8_u64.to_be_bytes());
        assert_eq!(second[..8], 9_u64.to_be_bytes());
        assert!(second[8..].iter().all(|byte| *byte == 0));
    }
}
