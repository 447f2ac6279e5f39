//! Zip archives (APPNOTE.TXT 6.3), written strictly forward: into a file, or through anything else that takes
//! bytes in their order.
//!
//! Every member is deflated, as only such ones end where a reader of a stream can see it; what is compressed
//! already goes in stored blocks. Sizes and checksums follow each member (4.3.9), and stand in the directory
//! at the end.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use kurmadisk_formats::output::{Forward, Output};
use rawzip::extra_fields::ExtraFieldId;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, DataDescriptorOutput, Header, ZipArchiveWriter, ZipEntryWriter};

use super::fault;
use super::sequence::Sequence;

/// A zip archive in the making. Its members are regular files with mode 0644 and one time.
#[derive(Debug)]
pub struct Zip<O: Output> {
    archive: ZipArchiveWriter<Sequence<O>>,
    path: PathBuf,
    time: UtcDateTime,
}

/// Sizes from this one on are written with 64 bits (4.5.3).
const ZIP64: u64 = 0xFFFF_FFFF;

impl<O: Output> Zip<O> {
    /// An empty archive in `out`, whose members have the time `time` (seconds since 1970).
    pub fn new(out: O, time: i64) -> Self {
        Self {
            path: out.path().to_path_buf(),
            archive: ZipArchiveWriter::new(Sequence::new(out)),
            time: UtcDateTime::from_unix(time),
        }
    }

    /// Adds a whole file.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut member = self.member(name, Some(bytes.len() as u64), Compression::default())?;
        member.write_at(0, bytes)?;
        member.set_len(bytes.len() as u64)?;
        member.finish().map(drop)
    }

    /// Begins a file that is written as an [`Output`], forward only. Its `len` in bytes, if it is known, is said
    /// before it where it needs 64 bits. Level 0 is for what is compressed already.
    pub fn member(
        &mut self,
        name: &str,
        len: Option<u64>,
        level: Compression,
    ) -> io::Result<ZipMember<'_, O>> {
        let mut file = self
            .archive
            .new_file(name)
            .compression_method(CompressionMethod::DEFLATE)
            .last_modified(self.time)
            .unix_permissions(0o100_644);
        if len.is_some_and(|len| len >= ZIP64) {
            // It tells who reads forward that the sizes behind the member have 64 bits.
            let sizes = [0; 16];
            file = file
                .extra_field(ExtraFieldId::ZIP64, &sizes, Header::LOCAL)
                .map_err(io::Error::other)?;
        }
        let (entry, _) = file.start().map_err(io::Error::other)?;
        let content = Content {
            deflate: DeflateEncoder::new(entry, level),
            checksum: crc32fast::Hasher::new(),
        };
        Ok(ZipMember {
            out: Forward::new(content, &self.path),
            len: None,
        })
    }

    /// Ends the archive with its directory, and gives back where it went.
    pub fn finish(self) -> io::Result<O> {
        self.archive.finish().map_err(io::Error::other)?.finish()
    }
}

/// A file of a zip archive while it is written; [`finish`](Self::finish) completes it.
#[derive(Debug)]
pub struct ZipMember<'a, O: Output> {
    out: Forward<Content<'a, O>>,
    /// The length it was given.
    len: Option<u64>,
}

/// What a member's bytes become: a deflated stream and a checksum.
#[derive(Debug)]
struct Content<'a, O: Output> {
    deflate: DeflateEncoder<ZipEntryWriter<'a, Sequence<O>>>,
    checksum: crc32fast::Hasher,
}

impl<O: Output> Write for Content<'_, O> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.deflate.write(data)?;
        self.checksum.update(&data[..written]);
        Ok(written)
    }

    /// Nothing: to flush what is deflated would make it longer.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<O: Output> Output for ZipMember<'_, O> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.out.write_at(offset, data)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.out.set_len(len)?;
        self.len = Some(len);
        Ok(())
    }

    fn path(&self) -> &Path {
        self.out.path()
    }
}

impl<O: Output> ZipMember<'_, O> {
    /// Completes the file, and tells its length in bytes.
    pub fn finish(self) -> io::Result<u64> {
        let len = self
            .len
            .ok_or_else(|| fault("a member was not completed"))?;
        let content = self.out.into_inner();
        let entry = content.deflate.finish()?;
        let checksum = content.checksum.finalize();
        let end = DataDescriptorOutput::new(checksum, len);
        entry.finish(end).map_err(io::Error::other)?;
        Ok(len)
    }
}
