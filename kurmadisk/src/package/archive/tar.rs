//! Tar archives in any place for files: what is written into a member goes straight to where it lies there.

use std::io;
use std::ops::Range;
use std::path::Path;

use kurmadisk_formats::output::Output;
use zerocopy::{FromZeros, IntoBytes};

use super::fault;
use super::sparse::Stretches;
use crate::source::tar::spec::{
    BLOCK, Block, GnuTail, Header, SparseBlock, SparseEntry, put_number,
};

/// Where GNU tar's own fields begin in a header, in bytes.
const GNU_TAIL: usize = 345;

/// A regular file of POSIX's format, and one of GNU's with a sparse map.
const REGULAR: u8 = b'0';
const SPARSE: u8 = b'S';

/// A tar archive in the making. Its members are regular files of root's, with one time and, unless they are given
/// [another](Self::set_mode), mode 0644.
///
/// Headers are those of POSIX `ustar`, as OVF asks for; a size from 8 GiB on is in base 256, as every program
/// reads it. Members are written one after another; into a place that can go back, also those whose size is
/// known only at their end.
#[derive(Debug)]
pub struct Tar<O> {
    out: O,
    /// Where the next header goes, in bytes.
    at: u64,
    /// Seconds since 1970.
    time: i64,
    /// Permission bits of members.
    mode: u32,
}

/// The place of a member's content that is written later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room(Range<u64>);

impl<O: Output> Tar<O> {
    /// An empty archive in `out`, whose members have the time `time` (seconds since 1970).
    pub fn new(out: O, time: i64) -> Self {
        let mode = 0o644;
        Self {
            out,
            at: 0,
            time,
            mode,
        }
    }

    /// Gives the members that follow these permission bits.
    pub fn set_mode(&mut self, mode: u32) {
        self.mode = mode & 0o7777;
    }

    /// Adds a whole file.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let room = self.reserve(name, bytes.len() as u64)?;
        self.fill(&room, bytes)
    }

    /// Adds a file of `len` bytes, whose content comes later, by [`fill`](Self::fill).
    pub fn reserve(&mut self, name: &str, len: u64) -> io::Result<Room> {
        let header = self.header(name, len)?;
        self.out.write_at(self.at, header.as_bytes())?;
        let start = self.at + BLOCK;
        self.at = behind(start, len)?;
        Ok(Room(start..start + len))
    }

    /// Writes the content of a [reserved](Self::reserve) file, which must fill it.
    pub fn fill(&mut self, room: &Room, bytes: &[u8]) -> io::Result<()> {
        let Range { start, end } = room.0;
        if bytes.len() as u64 != end - start {
            let len = bytes.len();
            return Err(fault(format!("{len} bytes for a file of {}", end - start)));
        }
        self.out.write_at(start, bytes)
    }

    /// Begins a file that is written as an [`Output`]. Without its `len` in bytes the header is written after
    /// it, so the archive's place must be able to go back.
    pub fn member(&mut self, name: &str, len: Option<u64>) -> io::Result<TarMember<'_, O>> {
        let header = self.header(name, len.unwrap_or(0))?;
        if len.is_some() {
            self.out.write_at(self.at, header.as_bytes())?;
        }
        Ok(TarMember {
            start: self.at + BLOCK,
            expected: len,
            name: name.to_owned(),
            len: None,
            tar: self,
        })
    }

    /// Begins a file of `len` bytes that has data only in `data`: ascending, disjoint, each beginning at a whole
    /// block of 512 bytes and ending at one or at the file's end. GNU's old sparse format.
    pub fn sparse(
        &mut self,
        name: &str,
        len: u64,
        data: Vec<Range<u64>>,
    ) -> io::Result<SparseMember<'_, O>> {
        let stored = data.iter().map(|range| range.end - range.start).sum();
        let mut map: Vec<(u64, u64)> = data
            .iter()
            .map(|range| (range.start, range.end - range.start))
            .collect();
        // As GNU tar does it: where nothing follows the last data, an entry of no length says where the file ends.
        if data.last().is_none_or(|last| last.end < len) {
            map.push((len, 0));
        }
        let blocks = self.sparse_header(name, len, stored, &map)?;
        self.out.write_at(self.at, &blocks)?;
        let start = self.at + blocks.len() as u64;
        self.at = behind(start, stored)?;
        Ok(SparseMember {
            out: &mut self.out,
            stretches: Stretches::new(data, len),
            start,
        })
    }

    /// Ends the archive, and gives back where it went.
    pub fn finish(mut self) -> io::Result<O> {
        let end = [0; 2 * size_of::<Block>()];
        self.out.write_at(self.at, &end)?;
        self.out.set_len(self.at + end.len() as u64)?;
        Ok(self.out)
    }

    /// A header but for its checksum.
    fn unsealed(&self, name: &str, len: u64) -> io::Result<Header> {
        let mut header = Header::new_zeroed();
        put_name(&mut header, name)?;
        header
            .mode
            .copy_from_slice(format!("{:07o}\0", self.mode).as_bytes());
        header.uid = *b"0000000\0";
        header.gid = *b"0000000\0";
        put_number(&mut header.size, signed(len)?);
        put_number(&mut header.mtime, self.time);
        header.typeflag = REGULAR;
        header.magic = *b"ustar\0";
        header.version = *b"00";
        header.devmajor = *b"0000000\0";
        header.devminor = *b"0000000\0";
        Ok(header)
    }

    fn header(&self, name: &str, len: u64) -> io::Result<Header> {
        let mut header = self.unsealed(name, len)?;
        header.seal();
        Ok(header)
    }

    /// A sparse file's header, with the blocks that continue its map.
    fn sparse_header(
        &self,
        name: &str,
        len: u64,
        stored: u64,
        map: &[(u64, u64)],
    ) -> io::Result<Vec<u8>> {
        let mut header = self.unsealed(name, stored)?;
        if name.len() > header.name.len() {
            return Err(fault(format!("{name}: too long for a sparse file's name")));
        }
        header.typeflag = SPARSE;
        header.magic = *b"ustar ";
        header.version = *b" \0";
        // GNU has no device numbers for what is no device.
        header.devmajor = [0; 8];
        header.devminor = [0; 8];
        let mut tail = GnuTail::new_zeroed();
        let (first, rest) = map.split_at(map.len().min(tail.sparse.len()));
        put_map(&mut tail.sparse, first)?;
        tail.extended = (!rest.is_empty()).into();
        put_number(&mut tail.realsize, signed(len)?);
        header.as_mut_bytes()[GNU_TAIL..].copy_from_slice(tail.as_bytes());
        header.seal();
        let mut blocks = header.as_bytes().to_vec();
        let mut chunks = rest
            .chunks(SparseBlock::new_zeroed().sparse.len())
            .peekable();
        while let Some(chunk) = chunks.next() {
            let mut block = SparseBlock::new_zeroed();
            put_map(&mut block.sparse, chunk)?;
            block.extended = chunks.peek().is_some().into();
            blocks.extend_from_slice(block.as_bytes());
        }
        Ok(blocks)
    }
}

fn put_map(entries: &mut [SparseEntry], map: &[(u64, u64)]) -> io::Result<()> {
    for (entry, (offset, len)) in entries.iter_mut().zip(map) {
        put_number(&mut entry.offset, signed(*offset)?);
        put_number(&mut entry.len, signed(*len)?);
    }
    Ok(())
}

fn put_name(header: &mut Header, name: &str) -> io::Result<()> {
    if fit_name(header, name.as_bytes()) {
        return Ok(());
    }
    Err(fault(format!("{name}: too long for a tar archive")))
}

/// Puts in a name of at most 100 bytes, or one that can be divided at a `/`: at most 155 bytes before it. Tells whether
/// it is such a one.
pub(super) fn fit_name(header: &mut Header, name: &[u8]) -> bool {
    if name.len() <= header.name.len() {
        header.name[..name.len()].copy_from_slice(name);
        return true;
    }
    let mut slashes = (1..name.len().min(header.prefix.len() + 1)).rev();
    let split = slashes.find(|at| name[*at] == b'/');
    match split.map(|at| (&name[..at], &name[at + 1..])) {
        Some((prefix, rest)) if (1..=header.name.len()).contains(&rest.len()) => {
            header.prefix[..prefix.len()].copy_from_slice(prefix);
            header.name[..rest.len()].copy_from_slice(rest);
            true
        }
        _ => false,
    }
}

/// Where the header after a content of `len` bytes at `start` goes.
fn behind(start: u64, len: u64) -> io::Result<u64> {
    let end = start.checked_add(len);
    let next = end.and_then(|end| end.checked_next_multiple_of(BLOCK));
    next.ok_or_else(|| fault("the archive is too long"))
}

fn signed(value: u64) -> io::Result<i64> {
    i64::try_from(value).map_err(|_| fault("the archive is too long"))
}

/// A file of a tar archive while it is written; [`finish`](Self::finish) completes it.
#[derive(Debug)]
pub struct TarMember<'a, O> {
    tar: &'a mut Tar<O>,
    name: String,
    /// Where the content begins, in bytes.
    start: u64,
    /// The length its header says already.
    expected: Option<u64>,
    /// The length it was given.
    len: Option<u64>,
}

impl<O: Output> Output for TarMember<'_, O> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let end = offset + data.len() as u64;
        if self.expected.is_some_and(|expected| end > expected) {
            return Err(fault("a member is longer than was predicted"));
        }
        self.tar.out.write_at(self.start + offset, data)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.len = Some(len);
        Ok(())
    }

    fn path(&self) -> &Path {
        self.tar.out.path()
    }
}

impl<O: Output> TarMember<'_, O> {
    /// Completes the file, and tells its length in bytes.
    pub fn finish(self) -> io::Result<u64> {
        let len = self
            .len
            .ok_or_else(|| fault("a member was not completed"))?;
        match self.expected {
            Some(expected) if expected == len => {}
            Some(expected) => {
                let message = format!("a member of {len} bytes was predicted to have {expected}");
                return Err(fault(message));
            }
            None => {
                let header = self.tar.header(&self.name, len)?;
                self.tar
                    .out
                    .write_at(self.start - BLOCK, header.as_bytes())?;
            }
        }
        self.tar.at = behind(self.start, len)?;
        Ok(len)
    }
}

/// A sparse file of a tar archive while it is written: its data lies there without its holes.
#[derive(Debug)]
pub struct SparseMember<'a, O> {
    out: &'a mut O,
    stretches: Stretches,
    /// Where the data begins, in bytes.
    start: u64,
}

impl<O: Output> Output for SparseMember<'_, O> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        for piece in self.stretches.pieces(offset, data)? {
            self.out.write_at(self.start + piece.packed, piece.data)?;
        }
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.stretches.check_len(len)
    }

    fn path(&self) -> &Path {
        self.out.path()
    }
}
