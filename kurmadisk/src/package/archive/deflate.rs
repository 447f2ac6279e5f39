//! Deflated streams (RFC 1951) with the checksum of what is in them.

use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use flate2::Compression as Level;
use flate2::write::DeflateEncoder;
use kurmadisk_formats::compress::{Compressed, Compression};
use kurmadisk_formats::output::{Forward, Output};

use super::fault;

/// How a member's bytes become a deflated stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// They are deflated.
    Deflate,
    /// They lie in stored blocks, for they are compressed already.
    Store,
}

/// A stream in the making, which is written forward.
pub(super) struct Stream<W: Write> {
    kind: Kind<W>,
    /// The length in bytes that it was given.
    len: Option<u64>,
}

enum Kind<W: Write> {
    Deflated(Box<Compressed<Unwrapped<W>>>),
    Stored(Box<Forward<Encoder<W>>>),
}

impl<W: Write> Stream<W> {
    /// A stream into `writer`, which messages call `path`, deflated by so many threads.
    pub(super) fn new(
        writer: W,
        path: &Path,
        packing: Packing,
        threads: NonZero<usize>,
    ) -> io::Result<Self> {
        let kind = match packing {
            Packing::Deflate => {
                let out = Unwrapped::new(writer, path);
                let gzip = Compressed::new(out, Compression::Gzip, None, threads);
                Kind::Deflated(Box::new(gzip.map_err(io::Error::other)?))
            }
            Packing::Store => {
                let forward = Forward::new(Encoder::new(writer), path);
                Kind::Stored(Box::new(forward))
            }
        };
        Ok(Self { kind, len: None })
    }

    /// The writer again, the CRC-32 of all bytes, and their number.
    pub(super) fn finish(self) -> io::Result<(W, u32, u64)> {
        let len = self
            .len
            .ok_or_else(|| fault("a member was not completed"))?;
        let (writer, checksum) = match self.kind {
            Kind::Deflated(gzip) => gzip.into_inner().finish()?,
            Kind::Stored(forward) => forward.into_inner().finish()?,
        };
        Ok((writer, checksum, len))
    }
}

impl<W: Write> Output for Stream<W> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        match &mut self.kind {
            Kind::Deflated(gzip) => gzip.write_at(offset, data),
            Kind::Stored(forward) => forward.write_at(offset, data),
        }
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        match &mut self.kind {
            Kind::Deflated(gzip) => gzip.set_len(len)?,
            Kind::Stored(forward) => forward.set_len(len)?,
        }
        self.len = Some(len);
        Ok(())
    }

    fn path(&self) -> &Path {
        match &self.kind {
            Kind::Deflated(gzip) => gzip.path(),
            Kind::Stored(forward) => forward.path(),
        }
    }
}

/// A stream of stored blocks.
struct Encoder<W: Write> {
    deflate: DeflateEncoder<W>,
    checksum: crc32fast::Hasher,
}

impl<W: Write> Encoder<W> {
    fn new(writer: W) -> Self {
        Self {
            deflate: DeflateEncoder::new(writer, Level::none()),
            checksum: crc32fast::Hasher::new(),
        }
    }

    fn finish(self) -> io::Result<(W, u32)> {
        Ok((self.deflate.finish()?, self.checksum.finalize()))
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.deflate.write(data)?;
        self.checksum.update(&data[..written]);
        Ok(written)
    }

    /// Nothing: to flush the stream would make it longer.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes the deflated stream out of a gzip member (RFC 1952, section 2.3): ten bytes stand before it, which say
/// that nothing else does, and eight behind it, the first four of them the checksum.
struct Unwrapped<W> {
    writer: W,
    path: PathBuf,
    header: Vec<u8>,
    /// The last bytes so far.
    trailer: Vec<u8>,
}

/// Magic bytes, the method, and no flags.
const GZIP: [u8; 4] = [0x1F, 0x8B, 8, 0];
const HEADER: usize = 10;
const TRAILER: usize = 8;

impl<W: Write> Unwrapped<W> {
    fn new(writer: W, path: &Path) -> Self {
        Self {
            writer,
            path: path.to_path_buf(),
            header: Vec::new(),
            trailer: Vec::new(),
        }
    }

    fn finish(self) -> io::Result<(W, u32)> {
        match self.trailer.first_chunk::<4>() {
            Some(checksum) if self.header.starts_with(&GZIP) => {
                Ok((self.writer, u32::from_le_bytes(*checksum)))
            }
            _ => Err(fault("a member was not deflated")),
        }
    }
}

impl<W: Write> Output for Unwrapped<W> {
    /// What comes lies right behind what came.
    fn write_at(&mut self, _: u64, data: &[u8]) -> io::Result<()> {
        let (header, data) = data.split_at(data.len().min(HEADER - self.header.len()));
        self.header.extend_from_slice(header);
        self.trailer.extend_from_slice(data);
        let end = self.trailer.len().saturating_sub(TRAILER);
        self.writer.write_all(&self.trailer[..end])?;
        self.trailer.drain(..end);
        Ok(())
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_read_as_they_were_written() {
        let data = b"some text, ".repeat(300_000);
        for packing in [Packing::Deflate, Packing::Store] {
            let threads = NonZero::new(3).unwrap();
            let mut stream = Stream::new(Vec::new(), Path::new("x"), packing, threads).unwrap();
            stream.write_at(5, &data).unwrap();
            stream.set_len(4_000_000).unwrap();
            let (bytes, checksum, len) = stream.finish().unwrap();
            let mut expected = vec![0; 4_000_000];
            expected[5..5 + data.len()].copy_from_slice(&data);
            assert_eq!(len, 4_000_000);
            assert_eq!(checksum, crc32fast::hash(&expected));
            let mut found = Vec::new();
            let mut decoder = flate2::write::DeflateDecoder::new(&mut found);
            decoder.write_all(&bytes).unwrap();
            decoder.finish().unwrap();
            assert!(found == expected);
            assert_eq!(bytes.len() < 100_000, packing == Packing::Deflate);
        }
    }
}
