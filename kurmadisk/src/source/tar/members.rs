//! The members of an archive, one after the other, with all that extended headers say of them.

use kurmadisk_formats::map::DiskMap;
use zerocopy::FromBytes;

use crate::tree::{DeviceNumber, Metadata, Timestamp};

use super::super::known::known_format;
use super::error::{TarError, TarFault};
use super::input::Blocks;
use super::pax::{Extended, LIMIT, lossy};
use super::sparse::{SparseError, SparseMap, Stored};
use super::spec::{BLOCK, Dialect, Header, number, text};

/// A member of an archive.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name, as the archive has it.
    pub(super) path: Vec<u8>,
    /// Where its header begins, with the extended ones that belong to it, in bytes.
    pub(super) offset: u64,
    pub(super) kind: MemberKind,
    pub(super) meta: Metadata,
}

/// What a member is.
#[derive(Debug)]
pub(super) enum MemberKind {
    Directory,
    File(DiskMap),
    /// A further name of `target`; with the length of its data, if it brings any.
    HardLink {
        target: Vec<u8>,
        len: Option<u64>,
    },
    Symlink(Vec<u8>),
    CharDevice(DeviceNumber),
    BlockDevice(DeviceNumber),
    Fifo,
}

impl Member {
    pub(super) fn error(&self, source: impl Into<TarFault>) -> TarError {
        member_error(&self.path, self.offset, source.into())
    }
}

fn member_error(path: &[u8], offset: u64, source: TarFault) -> TarError {
    TarError::Member {
        path: lossy(path),
        offset,
        source,
    }
}

/// Whether an archive must say where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It must: nothing else tells a complete archive from one cut between two members.
    Marked,
    /// It need not: a digest vouches for it.
    Any,
}

/// Reads an archive's members.
pub(super) struct Members<'a> {
    blocks: Blocks<'a>,
    at: u64,
    /// Where the last member's data ends, before what fills its last block.
    data_end: u64,
    global: Extended,
    end: End,
}

/// What stands before a member's own header.
#[derive(Default)]
struct Before {
    first: Option<u64>,
    extended: Option<Extended>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

/// A header with all that is said of its member.
struct Described {
    header: Header,
    path: Vec<u8>,
    link: Vec<u8>,
    extended: Extended,
    has_pax: bool,
}

impl<'a> Members<'a> {
    pub(super) fn new(archive: &'a DiskMap, end: End) -> Self {
        Self {
            blocks: Blocks::new(archive),
            at: 0,
            data_end: 0,
            global: Extended::default(),
            end,
        }
    }

    /// The next member; none at the archive's end.
    pub(super) fn next(&mut self) -> Result<Option<Member>, TarError> {
        let mut before = Before::default();
        loop {
            let offset = self.at;
            let Some(header) = self.header(&before)? else {
                return Ok(None);
            };
            let fault = |source| TarError::Archive { offset, source };
            match header.typeflag {
                b'x' | b'X' => {
                    let data = self.extension(offset, &header)?;
                    let global = &self.global;
                    let extended = before.extended.get_or_insert_with(|| global.clone());
                    extended.read(&data).map_err(fault)?;
                }
                b'g' => {
                    let data = self.extension(offset, &header)?;
                    self.global.read(&data).map_err(fault)?;
                    if self.global.is_of_one_member() {
                        return Err(fault(TarFault::Global));
                    }
                }
                b'L' => before.long_name = Some(text(&self.extension(offset, &header)?).to_vec()),
                b'K' => before.long_link = Some(text(&self.extension(offset, &header)?).to_vec()),
                // The volume's name is no member.
                b'V' => {
                    let len = size_field(&header).map_err(fault)?;
                    self.skip(offset + BLOCK, len)?;
                    continue;
                }
                _ => return self.member(offset, header, before).map(Some),
            }
            before.first.get_or_insert(offset);
        }
    }

    /// Says that all was read.
    pub(super) fn close(self) -> Result<(), TarError> {
        self.blocks.close()
    }

    fn header(&mut self, before: &Before) -> Result<Option<Header>, TarError> {
        let offset = self.at;
        let fault = |source| TarError::Archive { offset, source };
        let found = self.blocks.block(offset, "a header")?.copied();
        let dangling = before.first.is_some();
        let len = self.blocks.map.len();
        // Some writers of layers don't fill the last block.
        let complete = self.end == End::Any && !dangling && self.data_end <= len;
        if offset > len && !complete {
            return Err(TarError::Archive {
                offset: len,
                source: TarFault::Truncated {
                    what: "a member's data",
                },
            });
        }
        let Some(block) = found else {
            return match self.end {
                _ if dangling => Err(fault(TarFault::Truncated { what: "a member" })),
                End::Marked => Err(fault(TarFault::NoEnd)),
                End::Any => Ok(None),
            };
        };
        if block == [0; 512] {
            if dangling {
                return Err(fault(TarFault::Dangling));
            }
            self.check_end(offset + BLOCK)?;
            return Ok(None);
        }
        let header = Header::read_from_bytes(&block).map_err(|_| fault(TarFault::Checksum))?;
        match known_format(&block) {
            _ if header.is_valid() => Ok(Some(header)),
            Some(format) if offset == 0 => Err(fault(TarFault::Format { format })),
            _ => Err(fault(TarFault::Checksum)),
        }
    }

    /// What follows the first block of zeros, from `offset` on: another one, or nothing; and behind that
    /// no member. POSIX lets the rest of the last record be undefined.
    fn check_end(&mut self, offset: u64) -> Result<(), TarError> {
        let mut at = offset;
        while self.blocks.map.len().saturating_sub(at) >= BLOCK {
            let fault = |source| Err(TarError::Archive { offset: at, source });
            let Some(block) = self.blocks.block(at, "the end")?.copied() else {
                break;
            };
            if block != [0; 512] {
                let header = Header::read_from_bytes(&block);
                if header.is_ok_and(|header| header.is_valid()) {
                    return fault(TarFault::AfterEnd);
                }
                return if at == offset {
                    fault(TarFault::Checksum)
                } else {
                    Ok(())
                };
            }
            at += BLOCK;
        }
        Ok(())
    }

    /// The data of an extended header, whose own is at `offset`.
    fn extension(&mut self, offset: u64, header: &Header) -> Result<Vec<u8>, TarError> {
        let fault = |source| TarError::Archive { offset, source };
        let size = size_field(header).map_err(fault)?;
        if size > LIMIT {
            let limit = LIMIT;
            return Err(fault(TarFault::ExtendedSize { size, limit }));
        }
        let data = self
            .blocks
            .bytes(offset + BLOCK, size, "an extended header")?;
        self.skip(offset + BLOCK, size)?;
        Ok(data)
    }

    /// Goes on behind `len` bytes of data from `start` on.
    fn skip(&mut self, start: u64, len: u64) -> Result<(), TarError> {
        let end = start.checked_add(len);
        let next = end.and_then(|end| end.checked_next_multiple_of(BLOCK));
        self.data_end = end.unwrap_or(u64::MAX);
        self.at = next.ok_or(TarError::Archive {
            offset: start,
            source: TarFault::Truncated { what: "a member" },
        })?;
        Ok(())
    }

    fn member(&mut self, at: u64, header: Header, before: Before) -> Result<Member, TarError> {
        let has_pax = before.extended.is_some();
        let mut extended = before.extended.unwrap_or_else(|| self.global.clone());
        let path = extended.sparse.name.take().or(extended.path.take());
        let path = path.or(before.long_name).unwrap_or_else(|| header.path());
        let link = extended.linkpath.take().or(before.long_link);
        let link = link.unwrap_or_else(|| text(&header.linkname).to_vec());
        let offset = before.first.unwrap_or(at);
        let described = Described {
            header,
            path,
            link,
            extended,
            has_pax,
        };
        match self.kind(&described, at + BLOCK) {
            Ok((kind, meta)) => Ok(Member {
                path: described.path,
                offset,
                kind,
                meta,
            }),
            Err(SparseError::Fault(source)) => Err(member_error(&described.path, offset, source)),
            Err(SparseError::Archive(error)) => Err(error),
        }
    }

    /// What a member is, given where the data behind its header begins; goes on to the next.
    fn kind(
        &mut self,
        described: &Described,
        data: u64,
    ) -> Result<(MemberKind, Metadata), SparseError> {
        let Described { header, link, .. } = described;
        let mut meta = described.metadata()?;
        let mut len = 0;
        let kind = match header.typeflag {
            b'0' | 0 | b'7'
                if described.path.ends_with(b"/") && !described.extended.sparse.any() =>
            {
                len = described.size()?;
                MemberKind::Directory
            }
            b'0' | 0 | b'7' | b'S' => return Ok((self.file(described, data)?, meta)),
            b'1' => {
                let own = self.link_data(described, data)?;
                len = own.unwrap_or(0);
                let target = link.clone();
                MemberKind::HardLink { target, len: own }
            }
            b'2' => {
                if link.is_empty() || link.contains(&0) {
                    return Err(TarFault::SymlinkTarget.into());
                }
                // Linux has no permissions of links; systems that have them say so here.
                meta.mode = 0o777;
                MemberKind::Symlink(link.clone())
            }
            b'3' => MemberKind::CharDevice(described.device()?),
            b'4' => MemberKind::BlockDevice(described.device()?),
            b'5' => MemberKind::Directory,
            b'6' => MemberKind::Fifo,
            // A directory of an incremental archive; its data lists what was in it.
            b'D' => {
                len = described.size()?;
                MemberKind::Directory
            }
            other => {
                let typeflag = char::from(other);
                return Err(TarFault::Type { typeflag }.into());
            }
        };
        self.skip(data, len)?;
        Ok((kind, meta))
    }

    fn file(&mut self, described: &Described, data: u64) -> Result<MemberKind, SparseError> {
        let extended = &described.extended;
        let len = described.size()?;
        let archive = self.blocks.map;
        let check = |start: u64| match start.checked_add(len) {
            Some(end) if end <= archive.len() => Ok(Stored { start, len }),
            _ => Err(TarFault::Truncated {
                what: "a file's content",
            }),
        };
        let content = if described.header.typeflag == b'S' {
            let realsize = extended.realsize;
            let header = data - BLOCK;
            let (map, start) =
                SparseMap::of_header(&mut self.blocks, &described.header, header, realsize)?;
            let stored = check(start)?;
            self.skip(start, len)?;
            map.content(archive, stored)?
        } else {
            let stored = check(data)?;
            self.skip(data, len)?;
            if extended.sparse.any() {
                let (map, stored) = extended.sparse.clone().map(&mut self.blocks, stored)?;
                map.content(archive, stored)?
            } else {
                archive.slice(stored.start..stored.start + len)
            }
        };
        Ok(MemberKind::File(content))
    }

    /// How many bytes of data follow the header of a hard link. Only POSIX archives have any, and of older
    /// ones some say a size all the same: there the next block tells.
    fn link_data(&mut self, described: &Described, data: u64) -> Result<Option<u64>, SparseError> {
        let len = described.size()?;
        let dialect = described.header.dialect();
        if len == 0 || matches!(dialect, Dialect::Gnu | Dialect::V7) {
            return Ok(None);
        }
        if !described.has_pax {
            let next = self.blocks.block(data, "a header")?.copied();
            let is_header = next.is_none_or(|next| {
                let header = Header::read_from_bytes(&next);
                next == [0; 512] || header.is_ok_and(|header| header.is_valid())
            });
            if is_header {
                return Ok(None);
            }
        }
        match data.checked_add(len) {
            Some(end) if end <= self.blocks.map.len() => Ok(Some(len)),
            _ => Err(TarFault::Truncated {
                what: "a hard link's content",
            }
            .into()),
        }
    }
}

impl Described {
    fn size(&self) -> Result<u64, TarFault> {
        self.extended
            .size
            .map_or_else(|| size_field(&self.header), Ok)
    }

    fn metadata(&self) -> Result<Metadata, TarFault> {
        let (header, extended) = (&self.header, &self.extended);
        let mode = number(&header.mode).ok_or(TarFault::Number { field: "mode" })? & 0o7777;
        let mode = u16::try_from(mode).map_err(|_| TarFault::Number { field: "mode" })?;
        let acl = extended.access.as_ref();
        let mtime = match extended.mtime {
            Some(mtime) => mtime,
            None => Timestamp {
                seconds: number(&header.mtime).ok_or(TarFault::Number { field: "mtime" })?,
                nanos: 0,
            },
        };
        Ok(Metadata {
            mode: acl.map_or(mode, |acl| acl.applied_to(mode)),
            uid: field(extended.uid, &header.uid, "uid")?,
            gid: field(extended.gid, &header.gid, "gid")?,
            mtime,
            xattrs: extended.xattrs.clone(),
            flags: extended.flags,
        })
    }

    fn device(&self) -> Result<DeviceNumber, TarFault> {
        let (header, extended) = (&self.header, &self.extended);
        Ok(DeviceNumber {
            major: field(extended.devmajor, &header.devmajor, "devmajor")?,
            minor: field(extended.devminor, &header.devminor, "devminor")?,
        })
    }
}

fn field(given: Option<u32>, field: &[u8], name: &'static str) -> Result<u32, TarFault> {
    given
        .or_else(|| number(field).and_then(|value| u32::try_from(value).ok()))
        .ok_or(TarFault::Number { field: name })
}

fn size_field(header: &Header) -> Result<u64, TarFault> {
    let size = number(&header.size).and_then(|size| u64::try_from(size).ok());
    size.ok_or(TarFault::Number { field: "size" })
}
