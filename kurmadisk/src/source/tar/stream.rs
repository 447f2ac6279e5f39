//! The members of an archive as their headers tell of them, read front to back.
//!
//! For who wants to know how an archive is written, not what tree is in it.

use std::io::{self, Read};

use zerocopy::FromBytes;

use super::error::{TarError, TarFault};
use super::pax::{Extended, LIMIT};
use super::spec::{BLOCK, Block, Dialect, GnuTail, Header, SparseBlock, number, text};

/// What an archive is read from.
pub(crate) trait Input: Read {
    /// Goes on `len` bytes further; may go past the end.
    fn skip(&mut self, len: u64) -> io::Result<()>;
}

/// How a header is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Seventh Edition Unix.
    V7,
    /// POSIX.
    Ustar,
    /// POSIX, with an extended header before it.
    Pax,
    /// GNU tar's own, which it calls `gnu` and `oldgnu`.
    Gnu,
}

impl Form {
    /// As people know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V7 => "v7",
            Self::Ustar => "ustar",
            Self::Pax => "pax",
            Self::Gnu => "gnu",
        }
    }
}

/// A member.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) name: Vec<u8>,
    pub(crate) form: Form,
    /// Whether it is a regular file.
    pub(crate) is_file: bool,
    /// Whether its data leaves out holes.
    pub(crate) is_sparse: bool,
    /// Where its own header is, in bytes.
    pub(crate) offset: u64,
    /// Where its data begins.
    pub(crate) data: u64,
    /// Bytes of data in the archive.
    pub(crate) len: u64,
    /// Bytes of the file.
    pub(crate) real_len: u64,
}

/// Reads an archive's members; what is in them is passed over.
pub(crate) struct Listing<I> {
    input: I,
    at: u64,
    /// What the last member's data leaves to be passed over.
    ahead: u64,
}

impl<I: Input> Listing<I> {
    pub(crate) fn new(input: I) -> Self {
        Self {
            input,
            at: 0,
            ahead: 0,
        }
    }

    /// The next member; none at the archive's end, or where its bytes end.
    pub(crate) fn next(&mut self) -> Result<Option<Listed>, TarError> {
        let (mut extended, mut long_name) = (None, None);
        loop {
            self.input.skip(self.ahead).map_err(TarError::Read)?;
            self.at = self.at.saturating_add(self.ahead);
            self.ahead = 0;
            let offset = self.at;
            let fault = |source| TarError::Archive { offset, source };
            let Some(block) = self.block("a header")? else {
                return Err(fault(TarFault::NoEnd));
            };
            if block == [0; 512] {
                return Ok(None);
            }
            let header = Header::read_from_bytes(&block).map_err(|_| fault(TarFault::Checksum))?;
            if !header.is_valid() {
                return Err(fault(TarFault::Checksum));
            }
            let size = number(&header.size).and_then(|size| u64::try_from(size).ok());
            let size = size.ok_or_else(|| fault(TarFault::Number { field: "size" }))?;
            match header.typeflag {
                b'x' | b'X' => {
                    let data = self.extension(size)?;
                    let records: &mut Extended = extended.get_or_insert_default();
                    records.read(&data).map_err(fault)?;
                }
                b'L' => long_name = Some(text(&self.extension(size)?).to_vec()),
                b'K' | b'g' => drop(self.extension(size)?),
                _ => {
                    return self
                        .member(&header, &block, size, extended, long_name)
                        .map(Some);
                }
            }
        }
    }

    /// Reads what is left, so that all of a compressed archive is checked.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        io::copy(&mut self.input, &mut io::sink()).map(drop)
    }

    fn member(
        &mut self,
        header: &Header,
        block: &Block,
        size: u64,
        extended: Option<Extended>,
        long_name: Option<Vec<u8>>,
    ) -> Result<Listed, TarError> {
        let offset = self.at - BLOCK;
        let form = match header.dialect() {
            _ if extended.is_some() => Form::Pax,
            Dialect::V7 => Form::V7,
            Dialect::Gnu => Form::Gnu,
            Dialect::Ustar | Dialect::Star => Form::Ustar,
        };
        let extended = extended.unwrap_or_default();
        let mut real_len = extended.realsize;
        if header.typeflag == b'S' {
            real_len = self.sparse_map(block)?.or(real_len);
        }
        let len = extended.size.unwrap_or(size);
        let name = extended.path.or(long_name);
        let padded = len.checked_next_multiple_of(BLOCK);
        self.ahead = padded.ok_or(TarError::Archive {
            offset,
            source: TarFault::Truncated { what: "a member" },
        })?;
        Ok(Listed {
            name: name.unwrap_or_else(|| header.path()),
            form,
            is_file: matches!(header.typeflag, b'0' | 0 | b'7' | b'S'),
            is_sparse: header.typeflag == b'S' || extended.sparse.any(),
            offset,
            data: self.at,
            len,
            real_len: real_len.unwrap_or(len),
        })
    }

    /// Passes over the blocks that continue a sparse map; the file's length, if it is told.
    fn sparse_map(&mut self, block: &Block) -> Result<Option<u64>, TarError> {
        let Ok(tail) = GnuTail::ref_from_bytes(&block[345..]) else {
            return Ok(None);
        };
        let mut more = tail.extended != 0;
        while more {
            let block = self.block("a sparse map")?;
            let block = block.ok_or(TarError::Archive {
                offset: self.at,
                source: TarFault::Truncated {
                    what: "a sparse map",
                },
            })?;
            more = SparseBlock::ref_from_bytes(&block).is_ok_and(|block| block.extended != 0);
        }
        Ok(number(&tail.realsize).and_then(|size| u64::try_from(size).ok()))
    }

    /// The data of an extended header.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        let offset = self.at;
        let fault = |source| TarError::Archive { offset, source };
        if size > LIMIT {
            let limit = LIMIT;
            return Err(fault(TarFault::ExtendedSize { size, limit }));
        }
        let mut data = Vec::new();
        let input = self.input.by_ref();
        let read = input.take(size).read_to_end(&mut data);
        self.at += read.map_err(TarError::Read)? as u64;
        if data.len() as u64 != size {
            return Err(fault(TarFault::Truncated {
                what: "an extended header",
            }));
        }
        self.ahead = size.next_multiple_of(BLOCK) - size;
        Ok(data)
    }

    /// The next block; none where the bytes end.
    fn block(&mut self, what: &'static str) -> Result<Option<Block>, TarError> {
        let mut block = Vec::with_capacity(512);
        let input = self.input.by_ref();
        let read = input.take(BLOCK).read_to_end(&mut block);
        let read = read.map_err(TarError::Read)?;
        let offset = self.at;
        self.at += read as u64;
        match (read, block.first_chunk()) {
            (0, _) => Ok(None),
            (_, Some(block)) => Ok(Some(*block)),
            _ => Err(TarError::Archive {
                offset,
                source: TarFault::Truncated { what },
            }),
        }
    }
}
