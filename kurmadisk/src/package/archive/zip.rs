//! Zip archives (APPNOTE.TXT 6.3), written strictly forward: into a file, or through anything else that takes
//! bytes in their order.
//!
//! Every member is deflated, as only such ones end where a reader of a stream can see it; what is compressed
//! already goes in stored blocks. Sizes and checksums follow each member (4.3.9), and stand in the directory
//! at the end.

use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use kurmadisk_formats::output::Output;
use rawzip::extra_fields::ExtraFieldId;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, DataDescriptorOutput, Header, ZipArchiveWriter, ZipEntryWriter};

use super::deflate::{Packing, Stream};
use super::sequence::Sequence;

/// A zip archive in the making. Its members are regular files with mode 0644 and one time.
#[derive(Debug)]
pub struct Zip<O: Output> {
    archive: ZipArchiveWriter<Sequence<O>>,
    path: PathBuf,
    time: UtcDateTime,
    threads: NonZero<usize>,
}

/// Sizes from this one on are written with 64 bits (4.5.3).
const ZIP64: u64 = 0xFFFF_FFFF;

impl<O: Output> Zip<O> {
    /// An empty archive in `out`, whose members have the time `time` (seconds since 1970), and are deflated by so many
    /// threads.
    pub fn new(out: O, time: i64, threads: NonZero<usize>) -> Self {
        Self {
            path: out.path().to_path_buf(),
            archive: ZipArchiveWriter::new(Sequence::new(out)),
            time: UtcDateTime::from_unix(time),
            threads,
        }
    }

    /// Adds a whole file.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut member = self.member(name, Some(bytes.len() as u64), Packing::Deflate)?;
        member.write_at(0, bytes)?;
        member.set_len(bytes.len() as u64)?;
        member.finish().map(drop)
    }

    /// Begins a file that is written as an [`Output`], forward only. Its `len` in bytes, if it is known, is said
    /// before it where it needs 64 bits.
    pub fn member(
        &mut self,
        name: &str,
        len: Option<u64>,
        packing: Packing,
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
        let stream = Stream::new(entry, &self.path, packing, self.threads)?;
        Ok(ZipMember { stream })
    }

    /// Ends the archive with its directory, and gives back where it went.
    pub fn finish(self) -> io::Result<O> {
        self.archive.finish().map_err(io::Error::other)?.finish()
    }
}

/// A file of a zip archive while it is written; [`finish`](Self::finish) completes it.
pub struct ZipMember<'a, O: Output> {
    stream: Stream<ZipEntryWriter<'a, Sequence<O>>>,
}

impl<O: Output> Output for ZipMember<'_, O> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.stream.write_at(offset, data)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.stream.set_len(len)
    }

    fn path(&self) -> &Path {
        self.stream.path()
    }
}

impl<O: Output> ZipMember<'_, O> {
    /// Completes the file, and tells its length in bytes.
    pub fn finish(self) -> io::Result<u64> {
        let (entry, checksum, len) = self.stream.finish()?;
        let end = DataDescriptorOutput::new(checksum, len);
        entry.finish(end).map_err(io::Error::other)?;
        Ok(len)
    }
}
