//! Reading a disk whose grains are compressed.

use std::io;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use flate2::{Decompress, FlushDecompress, Status};
use zerocopy::FromBytes;

use super::spec::{GrainMarker, SECTOR};
use crate::read_at::{ReadAt, range_end};
use crate::runs::{Overlap, merged};

/// A grain that an image has: its number on the disk, and the sector of its marker.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoredGrain {
    pub number: u64,
    pub sector: u32,
}

/// A disk of compressed grains; what no grain covers reads as zeros.
///
/// The grain that was read last stays inflated, so a forward pass inflates each once.
pub(super) struct GrainReader<R> {
    file: R,
    len: u64,
    /// Bytes of a grain.
    grain: u64,
    /// Ascending by number.
    grains: Vec<StoredGrain>,
    /// Where anything begins in the file that a grain must end before, in sectors, ascending.
    limits: Vec<u32>,
    last: Mutex<Inflated>,
}

struct Inflated {
    number: Option<u64>,
    compressed: Vec<u8>,
    /// One byte longer than a grain, to notice streams that hold more.
    data: Vec<u8>,
    inflate: Decompress,
}

impl<R: ReadAt> GrainReader<R> {
    /// A disk of `len` bytes; `grains` ascend by number, and `grain` (bytes) was found reasonable.
    ///
    /// Fails when two grains begin at one sector.
    pub(super) fn new(
        file: R,
        len: u64,
        grain: u64,
        grains: Vec<StoredGrain>,
    ) -> Result<Self, Overlap> {
        let mut limits: Vec<u32> = grains.iter().map(|grain| grain.sector).collect();
        limits.sort_unstable();
        if let Some(pair) = limits.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Overlap(u64::from(pair[0]) * SECTOR));
        }
        Ok(Self {
            file,
            len,
            grain,
            grains,
            limits,
            last: Mutex::new(Inflated {
                number: None,
                compressed: Vec::new(),
                data: Vec::new(),
                inflate: Decompress::new(true),
            }),
        })
    }

    /// The ranges of the disk that grains cover.
    pub(super) fn allocated(&self) -> Vec<Range<u64>> {
        merged(self.grains.iter().map(|grain| {
            let start = grain.number * self.grain;
            start..(start + self.grain).min(self.len)
        }))
    }

    /// Inflates `grain` into `last`.
    fn inflate(&self, grain: StoredGrain, last: &mut Inflated) -> io::Result<()> {
        let start = u64::from(grain.sector) * SECTOR;
        let bad = |what: &str| {
            let message = format!("the grain at offset {start} {what}");
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let mut head = [0; size_of::<GrainMarker>()];
        self.file.read_exact_at(start, &mut head)?;
        let marker = GrainMarker::read_from_bytes(&head).map_err(|_| bad("has no marker"))?;
        if marker.lba.get() != grain.number * (self.grain / SECTOR) {
            return Err(bad("belongs to another place of the disk"));
        }
        let data = start + head.len() as u64;
        let next = self.limits.partition_point(|limit| *limit <= grain.sector);
        let limit = self
            .limits
            .get(next)
            .map_or(self.file.len(), |next| u64::from(*next) * SECTOR);
        let size = u64::from(marker.size.get());
        if size == 0 || data + size > limit || size > 2 * self.grain {
            return Err(bad("claims to be longer than there is room"));
        }
        last.number = None;
        // Both bounded by the size of a grain.
        last.compressed
            .resize(usize::try_from(size).map_err(io::Error::other)?, 0);
        let grain_len = usize::try_from(self.grain).map_err(io::Error::other)?;
        last.data.resize(grain_len + 1, 0);
        self.file.read_exact_at(data, &mut last.compressed)?;
        last.inflate.reset(true);
        let status = last
            .inflate
            .decompress(&last.compressed, &mut last.data, FlushDecompress::Finish)
            .map_err(|_| bad("is no zlib stream"))?;
        let wanted = self.grain.min(self.len - grain.number * self.grain);
        let inflated = last.inflate.total_out();
        if status != Status::StreamEnd || !(wanted..=self.grain).contains(&inflated) {
            return Err(bad("does not inflate to a grain"));
        }
        last.number = Some(grain.number);
        Ok(())
    }
}

impl<R: ReadAt> ReadAt for GrainReader<R> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = range_end(self.len, offset, buf)?;
        buf.fill(0);
        let first = self
            .grains
            .partition_point(|grain| (grain.number + 1) * self.grain <= offset);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        for grain in &self.grains[first..] {
            let start = grain.number * self.grain;
            if start >= end {
                break;
            }
            if last.number != Some(grain.number) {
                self.inflate(*grain, &mut last)?;
            }
            let (from, to) = (start.max(offset), (start + self.grain).min(end));
            let place = |at: u64, base: u64| usize::try_from(at - base).map_err(io::Error::other);
            buf[place(from, offset)?..place(to, offset)?]
                .copy_from_slice(&last.data[place(from, start)?..place(to, start)?]);
        }
        Ok(())
    }
}
