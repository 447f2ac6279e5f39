//! The table of clusters, and the chains in it.

use std::io;
use std::ops::Range;

use kurmadisk_formats::read_at::ReadAt;

use super::boot::{BootSector, Geometry};
use super::error::FatFault;
use crate::fs::claims::{Claims, Taken};
use crate::fs::fat::FatType;
use crate::fs::fat::spec::{ENTRY_LEN, FIRST_CLUSTER, MAX_ENTRIES};

/// Of `BPB_ExtFlags`: the copies of the table do not mirror each other, and which one counts.
const ONE_TABLE: u16 = 0x80;
const WHICH_TABLE: u16 = 0xf;
/// FAT32 uses so many bits of an entry.
const FAT32_MASK: u32 = 0x0fff_ffff;
/// Bytes of the table that are read at once; whole entries of every type.
const PIECE: u64 = 3 << 12;

/// Entry number `index` of (a piece of) a table, if that is as long.
pub(crate) fn entry(fat_type: FatType, table: &[u8], index: usize) -> Option<u32> {
    match fat_type {
        FatType::Fat12 => {
            // Two entries share three bytes, and the second begins in the middle of the second byte.
            let at = index / 2 * 3 + index % 2;
            let bits = u16::from_le_bytes(table.get(at..at + 2)?.try_into().ok()?);
            Some(u32::from(match index % 2 {
                0 => bits & 0xfff,
                _ => bits >> 4,
            }))
        }
        FatType::Fat16 => {
            let bytes = table.get(2 * index..2 * index + 2)?;
            Some(u16::from_le_bytes(bytes.try_into().ok()?).into())
        }
        FatType::Fat32 => {
            let bytes = table.get(4 * index..4 * index + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?) & FAT32_MASK)
        }
    }
}

/// Whether the volume was unmounted cleanly, or nobody keeps count: Linux says so in the boot sector, Windows in
/// the upper bits of the table's second entry ("FAT Data Structure"), and `fsck.fat` heeds and clears both.
pub(crate) fn is_clean(
    volume: &dyn ReadAt,
    boot: &BootSector,
    geometry: &Geometry,
) -> io::Result<bool> {
    let clean = match geometry.fat_type {
        FatType::Fat12 => return Ok(boot.is_clean()),
        FatType::Fat16 => 1 << 15,
        FatType::Fat32 => 1 << 27,
    };
    let mut begin = [0; 8];
    volume.read_exact_at(place(boot, geometry).start, &mut begin)?;
    let second = entry(geometry.fat_type, &begin, 1);
    Ok(boot.is_clean() && second.is_none_or(|second| second & clean != 0))
}

/// Where the table that counts lies on the volume, in bytes.
fn place(boot: &BootSector, geometry: &Geometry) -> Range<u64> {
    place_of(geometry, copies(boot, geometry).start)
}

/// The copies of the table that are kept alike, the one that counts first.
pub(in crate::fs::fat) fn copies(boot: &BootSector, geometry: &Geometry) -> Range<u64> {
    let flags = boot.fat32.fat32.flags.get();
    let active = u64::from(flags & WHICH_TABLE);
    let is_fat32 = geometry.fat_type == FatType::Fat32;
    // What does not exist is taken for the first, as the copies are as a rule alike.
    if flags & ONE_TABLE != 0 && is_fat32 && active < geometry.tables {
        active..active + 1
    } else {
        0..geometry.tables
    }
}

/// Where a copy of the table lies on the volume, in bytes.
pub(in crate::fs::fat) fn place_of(geometry: &Geometry, copy: u64) -> Range<u64> {
    let len = geometry.table_sectors * geometry.sector_size;
    let start = geometry.reserved * geometry.sector_size + copy * len;
    start..start + len
}

/// The table, read piece by piece as it is needed.
pub(in crate::fs::fat) struct Table {
    fat_type: FatType,
    /// Where it lies on the volume, in bytes.
    place: Range<u64>,
    /// The first number that is no cluster's.
    end: u32,
    claims: Claims,
    /// A piece, by its number.
    last: Option<(u64, Vec<u8>)>,
}

/// Clusters in one piece, by their numbers.
pub(in crate::fs::fat) type Run = Range<u32>;

impl Table {
    pub(in crate::fs::fat) fn new(boot: &BootSector, geometry: &Geometry) -> Self {
        let end = geometry.clusters + u64::from(FIRST_CLUSTER);
        Self {
            fat_type: geometry.fat_type,
            place: place(boot, geometry),
            end: u32::try_from(end).unwrap_or(u32::MAX),
            claims: Claims::default(),
            last: None,
        }
    }

    /// The clusters from `first` on, at most `most` of them, which belong to nobody else; fewer where the chain
    /// ends before.
    pub(in crate::fs::fat) fn chain(
        &mut self,
        volume: &dyn ReadAt,
        first: u32,
        most: u32,
    ) -> Result<Vec<Run>, FatFault> {
        let mut runs = Vec::new();
        let mut found = 0;
        let mut next = Some(first);
        while let Some(start) = next.filter(|_| found < most) {
            let mut run = start..start;
            // One that goes on where it is can be no loop.
            while next == Some(run.end) && found < most {
                self.check(run.end)?;
                run.end += 1;
                found += 1;
                next = self.next(volume, run.end - 1)?;
            }
            let blocks = run.start.into()..run.end.into();
            let claimed = self.claims.claim(blocks, 0);
            claimed.map_err(|Taken { block, .. }| FatFault::Twice { cluster: block })?;
            runs.push(run);
        }
        Ok(runs)
    }

    /// The bytes of a directory that begins with `cluster`, and its clusters.
    pub(in crate::fs::fat) fn directory(
        &mut self,
        volume: &dyn ReadAt,
        geometry: &Geometry,
        cluster: u32,
    ) -> Result<(Vec<Run>, Vec<u8>), FatFault> {
        let most = u64::from(MAX_ENTRIES) * u64::from(ENTRY_LEN);
        let clusters = most.div_ceil(geometry.cluster_size());
        let limit = u32::try_from(clusters).unwrap_or(u32::MAX);
        let runs = self.chain(volume, cluster, limit + 1)?;
        if runs.iter().map(|run| run.end - run.start).sum::<u32>() > limit {
            return Err(FatFault::Long { most: MAX_ENTRIES });
        }
        let mut bytes = Vec::new();
        for run in &runs {
            let place = geometry.place(run);
            let at = bytes.len();
            let len = usize::try_from(place.end - place.start).map_err(io::Error::other)?;
            bytes.resize(at + len, 0);
            volume.read_exact_at(place.start, &mut bytes[at..])?;
        }
        Ok((runs, bytes))
    }

    fn check(&self, cluster: u32) -> Result<(), FatFault> {
        if (FIRST_CLUSTER..self.end).contains(&cluster) {
            Ok(())
        } else {
            Err(FatFault::Range { cluster })
        }
    }

    /// The cluster behind another; none at the end of a chain.
    fn next(&mut self, volume: &dyn ReadAt, cluster: u32) -> Result<Option<u32>, FatFault> {
        let value = self.value(volume, cluster)?;
        let bits = self.fat_type.bits().min(28);
        let largest = (1 << bits) - 1;
        let fault = |what| Err(FatFault::Chain { cluster, what });
        // The largest eight values mean the end, the one below a bad cluster ("FAT Data Structure").
        match value {
            0 => fault("free"),
            value if value >= largest - 7 => Ok(None),
            value if value == largest - 8 => fault("bad"),
            value => Ok(Some(value)),
        }
    }

    fn value(&mut self, volume: &dyn ReadAt, cluster: u32) -> Result<u32, FatFault> {
        let bits = u64::from(self.fat_type.bits());
        let per_piece = PIECE * 8 / bits;
        let (number, index) = (
            u64::from(cluster) / per_piece,
            u64::from(cluster) % per_piece,
        );
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            let start = self.place.start + number * PIECE;
            let len = PIECE.min(self.place.end.saturating_sub(start));
            let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
            volume.read_exact_at(start, &mut bytes)?;
            self.last = Some((number, bytes));
        }
        let bytes = self.last.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        let index = usize::try_from(index).map_err(io::Error::other)?;
        entry(self.fat_type, bytes, index).ok_or(FatFault::Range { cluster })
    }
}
