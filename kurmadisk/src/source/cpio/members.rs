//! The members of an archive, one after the other.

use std::ops::Range;

use kurmadisk_formats::map::DiskMap;

use super::super::forward::Forward;
use super::error::{CpioError, CpioFault};
use super::spec::{Format, Header, MAGIC, TRAILER};
use crate::tree::{LONGEST_PATH, file_type};

/// A member of an archive.
pub(super) struct Member {
    /// Its name, as the archive has it.
    pub(super) name: Vec<u8>,
    /// Where its header lies, in bytes.
    pub(super) offset: u64,
    pub(super) header: Header,
    /// Where its content lies, in bytes.
    content: Range<u64>,
    format: Format,
}

impl Member {
    pub(super) fn error(&self, source: CpioFault) -> CpioError {
        CpioError::Member {
            path: String::from_utf8_lossy(&self.name).into_owned(),
            offset: self.offset,
            source,
        }
    }
}

/// Reads members of archives that follow one another.
pub(super) struct Members<'a> {
    input: Forward<'a>,
    at: u64,
}

impl<'a> Members<'a> {
    pub(super) fn new(archive: &'a DiskMap) -> Self {
        Self {
            input: Forward::new(archive),
            at: 0,
        }
    }

    /// Goes on behind zeros; gives the offset of the first byte that is none, if there is any.
    pub(super) fn skip_zeros(&mut self) -> Result<Option<u64>, CpioError> {
        let map = self.input.map;
        while let Some(next) = map.pieces(self.at..map.len()).next() {
            self.at = next.start;
            let len = usize::try_from(next.len.min(512)).unwrap_or(512);
            let bytes = self.input.header(self.at, len).map_err(CpioError::Read)?;
            let bytes = bytes.unwrap_or_default();
            if let Some(found) = bytes.iter().position(|byte| *byte != 0) {
                self.at += found as u64;
                return Ok(Some(self.at));
            }
            self.at += len as u64;
        }
        Ok(None)
    }

    /// Whether a header begins here.
    pub(super) fn at_header(&mut self) -> Result<bool, CpioError> {
        let start = self.input.header(self.at, MAGIC).map_err(CpioError::Read)?;
        Ok(start.is_some_and(|start| Format::of(start).is_some()))
    }

    /// Where it goes on, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.at
    }

    /// Goes on behind something else.
    pub(super) fn skip(&mut self, len: u64) {
        self.at = self.at.saturating_add(len);
    }

    /// The next member; none at the trailer, which is taken.
    pub(super) fn next(&mut self) -> Result<Option<Member>, CpioError> {
        let offset = self.at.min(self.input.map.len());
        let fault = |source| CpioError::Archive { offset, source };
        if offset == self.input.map.len() {
            return Err(fault(CpioFault::NoTrailer));
        }
        let magic = self.piece(offset, MAGIC, "a header").map(Format::of)?;
        let format = magic.ok_or(fault(CpioFault::Magic))?;
        let len = format.header_len();
        let header = self.piece(offset, len, "a header")?;
        let header = format.parse(header).map_err(fault)?;
        let name_at = offset + len as u64;
        let name = self.name(name_at, &header)?;
        let name_end = align(name_at + header.name_len, offset, format);
        if name == TRAILER {
            self.at = align(name_end.saturating_add(header.size), offset, format);
            self.at = self.at.min(self.input.map.len());
            return Ok(None);
        }
        let content = name_end..name_end.saturating_add(header.size);
        let member = Member {
            name,
            offset,
            header,
            content,
            format,
        };
        if member.content.end > self.input.map.len() {
            let what = "its content";
            return Err(member.error(CpioFault::Truncated { what }));
        }
        self.at = align(member.content.end, offset, format);
        Ok(Some(member))
    }

    /// The content of a regular file. A sum that belongs to it is verified.
    pub(super) fn content(&self, member: &Member) -> Result<DiskMap, CpioError> {
        let range = member.content.clone();
        if member.format == Format::Crc && !range.is_empty() {
            let mut found = 0_u32;
            let add = |bytes: &[u8]| {
                found = bytes
                    .iter()
                    .fold(found, |sum, byte| sum.wrapping_add(u32::from(*byte)));
            };
            let read = self.input.each(range.clone(), add);
            read.map_err(CpioError::Read)?;
            let expected = member.header.sum;
            if found != expected {
                return Err(member.error(CpioFault::Sum { expected, found }));
            }
        }
        Ok(self.input.map.slice(range))
    }

    /// The target of a symbolic link, without the NUL that some archives have behind it.
    pub(super) fn target(&self, member: &Member) -> Result<Vec<u8>, CpioError> {
        debug_assert_eq!(member.header.file_type(), file_type::SYMLINK);
        let limit = LONGEST_PATH as u64;
        let len = member.header.size;
        let wrong = || member.error(CpioFault::SymlinkTarget { len, limit });
        if len > limit + 1 {
            return Err(wrong());
        }
        let target = self.input.bytes(member.content.start, len);
        let mut target = target.map_err(CpioError::Read)?.unwrap_or_default();
        if target.last() == Some(&0) {
            target.pop();
        }
        if target.is_empty() || target.len() > LONGEST_PATH || target.contains(&0) {
            return Err(wrong());
        }
        Ok(target)
    }

    /// Says that all was read.
    pub(super) fn close(self) -> Result<(), CpioError> {
        self.input.close().map_err(CpioError::Read)
    }

    /// A name, without the NULs behind it: more than one are used to align contents.
    fn name(&self, at: u64, header: &Header) -> Result<Vec<u8>, CpioError> {
        let limit = LONGEST_PATH as u64 + 1;
        let len = header.name_len;
        let fault = |source| CpioError::Archive { offset: at, source };
        if !(2..=limit).contains(&len) {
            return Err(fault(CpioFault::NameLength { len, limit }));
        }
        let name = self.input.bytes(at, len).map_err(CpioError::Read)?;
        let mut name = name.ok_or_else(|| fault(CpioFault::Truncated { what: "a name" }))?;
        if name.pop() != Some(0) {
            return Err(fault(CpioFault::NameEnd));
        }
        let end = name.iter().rposition(|byte| *byte != 0);
        name.truncate(end.map_or(0, |last| last + 1));
        Ok(name)
    }

    fn piece(&mut self, offset: u64, len: usize, what: &'static str) -> Result<&[u8], CpioError> {
        let piece = self.input.header(offset, len).map_err(CpioError::Read)?;
        piece.ok_or(CpioError::Archive {
            offset,
            source: CpioFault::Truncated { what },
        })
    }
}

/// `at`, moved on to where the next part of the member at `start` begins.
fn align(at: u64, start: u64, format: Format) -> u64 {
    let aligned = (at - start).checked_next_multiple_of(format.alignment());
    aligned.map_or(u64::MAX, |len| start.saturating_add(len))
}
