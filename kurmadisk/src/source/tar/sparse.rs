//! Sparse files in the five ways there are: GNU tar's own header (and star's, which is the same), and its PAX
//! records of versions 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files").

use kurmadisk_formats::map::{DiskMap, Extent};
use zerocopy::{FromBytes, IntoBytes};

use super::error::{TarError, TarFault};
use super::input::Blocks;
use super::pax::{LIMIT, decimal};
use super::spec::{BLOCK, GnuTail, Header, SparseBlock, SparseEntry, number};

/// What the records `GNU.sparse.*` say.
#[derive(Clone, Debug, Default)]
pub(super) struct SparseRecords {
    major: u64,
    minor: u64,
    size: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    /// Where data lies: offset and length in bytes, in turns.
    numbers: Vec<u64>,
    any: bool,
}

impl SparseRecords {
    /// Takes one record; none when it can't have that value.
    pub(super) fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        self.any = true;
        match key {
            b"major" => self.major = decimal(value)?,
            b"minor" => self.minor = decimal(value)?,
            b"size" | b"realsize" => self.size = Some(decimal(value)?),
            b"name" => self.name = (!value.is_empty()).then(|| value.to_vec()),
            // In version 0.0 these two occur once for each stretch of data.
            b"offset" if self.numbers.len().is_multiple_of(2) => self.numbers.push(decimal(value)?),
            b"numbytes" if !self.numbers.len().is_multiple_of(2) => {
                self.numbers.push(decimal(value)?);
            }
            b"offset" | b"numbytes" => return None,
            b"map" => {
                let numbers = value.split(|byte| *byte == b',').map(decimal);
                self.numbers = numbers.collect::<Option<_>>()?;
            }
            _ => {}
        }
        Some(())
    }

    /// Whether there were any.
    pub(super) fn any(&self) -> bool {
        self.any
    }

    /// The map of a file, whose stored data begins at `data`; and where that goes on behind the map.
    pub(super) fn map(
        self,
        blocks: &mut Blocks<'_>,
        data: Stored,
    ) -> Result<(SparseMap, Stored), SparseError> {
        let size = self.size.ok_or(wrong("the file's size is not given"))?;
        match (self.major, self.minor) {
            (0, _) => Ok((SparseMap::new(size, self.numbers)?, data)),
            (1, 0) => {
                let mut text = DataText::new(blocks, data);
                let count = text.number()?;
                let mut numbers = Vec::new();
                for _ in 0..count.checked_mul(2).ok_or(wrong("it is too long"))? {
                    numbers.push(text.number()?);
                }
                let rest = text.rest();
                Ok((SparseMap::new(size, numbers)?, rest))
            }
            _ => Err(wrong("its version is not known").into()),
        }
    }
}

/// Where a member's data lies in the archive, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    pub(super) start: u64,
    pub(super) len: u64,
}

/// A fault of the member, or of the archive.
pub(super) enum SparseError {
    Fault(TarFault),
    Archive(TarError),
}

impl From<TarFault> for SparseError {
    fn from(fault: TarFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<TarError> for SparseError {
    fn from(error: TarError) -> Self {
        Self::Archive(error)
    }
}

fn wrong(reason: &'static str) -> TarFault {
    TarFault::Sparse { reason }
}

/// Decimal numbers with an end of line each, in blocks at the begin of a member's data.
struct DataText<'b, 'a> {
    blocks: &'b mut Blocks<'a>,
    data: Stored,
    at: u64,
}

impl<'b, 'a> DataText<'b, 'a> {
    fn new(blocks: &'b mut Blocks<'a>, data: Stored) -> Self {
        Self {
            blocks,
            data,
            at: 0,
        }
    }

    fn number(&mut self) -> Result<u64, SparseError> {
        let mut digits = Vec::new();
        loop {
            if self.at >= self.data.len.min(LIMIT) {
                return Err(wrong("it does not end").into());
            }
            let offset = self.data.start + self.at;
            let block = self
                .blocks
                .block(offset - self.at % BLOCK, "a sparse map")?;
            let byte = block
                .and_then(|block| block.get(usize::try_from(self.at % BLOCK).ok()?))
                .ok_or(wrong("it does not end"))?;
            self.at += 1;
            match byte {
                b'\n' => {
                    return Ok(decimal(&digits).ok_or(wrong("it has something that is no number"))?);
                }
                _ if digits.len() == 20 => {
                    return Err(wrong("it has something that is no number").into());
                }
                digit => digits.push(*digit),
            }
        }
    }

    fn rest(&self) -> Stored {
        let used = self.at.next_multiple_of(BLOCK).min(self.data.len);
        Stored {
            start: self.data.start + used,
            len: self.data.len - used,
        }
    }
}

/// Where a sparse file has data.
pub(super) struct SparseMap {
    size: u64,
    /// Offsets and lengths in bytes, in turns.
    numbers: Vec<u64>,
}

impl SparseMap {
    fn new(size: u64, numbers: Vec<u64>) -> Result<Self, TarFault> {
        if !numbers.len().is_multiple_of(2) {
            return Err(wrong("a stretch of data has no length"));
        }
        Ok(Self { size, numbers })
    }

    /// The map in a GNU header at `offset` and the blocks that continue it, and where the data begins.
    pub(super) fn of_header(
        blocks: &mut Blocks<'_>,
        header: &Header,
        offset: u64,
        realsize: Option<u64>,
    ) -> Result<(Self, u64), SparseError> {
        let (_, tail) =
            GnuTail::ref_from_suffix(header.as_bytes()).map_err(|_| wrong("it is too short"))?;
        let size = match realsize {
            Some(size) => size,
            None => unsigned(&tail.realsize)?,
        };
        let mut numbers = Vec::new();
        take(&tail.sparse, &mut numbers)?;
        let mut more = tail.extended != 0;
        let mut at = offset + BLOCK;
        while more {
            let truncated = || TarError::Archive {
                offset: at,
                source: TarFault::Truncated {
                    what: "a sparse map",
                },
            };
            let block = blocks.block(at, "a sparse map")?.ok_or_else(truncated)?;
            let (block, _) = SparseBlock::ref_from_prefix(block).map_err(|_| truncated())?;
            take(&block.sparse, &mut numbers)?;
            more = block.extended != 0;
            at += BLOCK;
        }
        Ok((Self { size, numbers }, at))
    }

    /// The file's content: its data where the map says, and holes elsewhere.
    pub(super) fn content(&self, archive: &DiskMap, data: Stored) -> Result<DiskMap, TarFault> {
        let mut content = DiskMap::new(self.size);
        let (mut free_from, mut used) = (0, 0);
        for pair in self.numbers.chunks_exact(2) {
            let (start, len) = (pair[0], pair[1]);
            if start < free_from {
                return Err(wrong("its stretches of data are not in order, or overlap"));
            }
            let end = start.checked_add(len).filter(|end| *end <= self.size);
            free_from = end.ok_or(wrong("it reaches past the file's end"))?;
            if len > data.len - used {
                return Err(wrong("it says more data than the archive has"));
            }
            let from = data.start + used;
            for piece in archive.pieces(from..from + len) {
                let piece = Extent {
                    start: piece.start - from + start,
                    ..piece
                };
                let inserted = content.insert(piece);
                inserted
                    .map_err(|_| wrong("its stretches of data are not in order, or overlap"))?;
            }
            used += len;
        }
        if used < data.len {
            return Err(wrong("it says less data than the archive has"));
        }
        Ok(content)
    }
}

/// Adds the entries that are used; the first empty one ends the list.
fn take(entries: &[SparseEntry], numbers: &mut Vec<u64>) -> Result<(), TarFault> {
    let used = entries.iter().take_while(|entry| entry.len[0] != 0);
    for entry in used {
        numbers.push(unsigned(&entry.offset)?);
        numbers.push(unsigned(&entry.len)?);
    }
    Ok(())
}

fn unsigned(field: &[u8]) -> Result<u64, TarFault> {
    let value = number(field).and_then(|value| u64::try_from(value).ok());
    value.ok_or(wrong("it has something that is no number"))
}
