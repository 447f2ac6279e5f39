//! Compressed bytes in order, as decoders want them.

use std::io::{self, BufRead, Read};

use kurmadisk_formats::map::{DiskMap, MapReader};
use kurmadisk_formats::read_at::ReadAt;
use sha2::{Digest, Sha256};

/// Bytes read at once.
const PIECE: usize = 256 << 10;

/// Reads a map from its begin to its end, and knows what decoders don't tell: where they are, whether
/// they asked for more than there is, and whether it was the archive that couldn't be read.
pub(super) struct Input<'a> {
    map: MapReader<'a>,
    buf: Vec<u8>,
    /// What of `buf` was handed out.
    used: usize,
    /// Offset of the end of `buf` in the map, in bytes.
    end: u64,
    ended: bool,
    failed: Option<io::Error>,
    /// Of all up to `end`, where it is asked for.
    digest: Option<Sha256>,
}

impl<'a> Input<'a> {
    pub(super) fn new(map: &'a DiskMap, digest: Option<Sha256>) -> Self {
        Self {
            map: map.reader(),
            buf: Vec::new(),
            used: 0,
            end: 0,
            ended: false,
            failed: None,
            digest,
        }
    }

    /// Bytes taken so far.
    pub(super) fn offset(&self) -> u64 {
        self.end - (self.buf.len() - self.used) as u64
    }

    /// Whether more was asked for than there is.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Why the archive itself couldn't be read, if that happened.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// The next `len` bytes, or as many as there are; they are not taken.
    pub(super) fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        if self.buf.len() - self.used < len {
            self.buf.drain(..self.used);
            self.used = 0;
            self.append()?;
        }
        let there = &self.buf[self.used..];
        Ok(&there[..len.min(there.len())])
    }

    /// Says that all was read: the last chance to notice that the archive changed meanwhile. Gives the digest of
    /// what was read, if it was asked for.
    pub(super) fn close(self) -> io::Result<Option<[u8; 32]>> {
        self.map.close().map_err(io::Error::other)?;
        Ok(self.digest.map(|digest| digest.finalize().into()))
    }

    fn append(&mut self) -> io::Result<()> {
        let left = usize::try_from(self.map.len() - self.end).unwrap_or(PIECE);
        let start = self.buf.len();
        self.buf.resize(start + left.min(PIECE), 0);
        self.map
            .read_exact_at(self.end, &mut self.buf[start..])
            .inspect_err(|_| self.buf.truncate(start))?;
        if let Some(digest) = &mut self.digest {
            digest.update(&self.buf[start..]);
        }
        self.end += (self.buf.len() - start) as u64;
        Ok(())
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.buf.len() {
            self.buf.clear();
            self.used = 0;
            if let Err(error) = self.append() {
                let told = io::Error::from(error.kind());
                self.failed = Some(error);
                return Err(told);
            }
            self.ended |= self.buf.is_empty();
        }
        Ok(&self.buf[self.used..])
    }

    fn consume(&mut self, len: usize) {
        self.used = self.buf.len().min(self.used + len);
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut len = 0;
        // Filled as far as possible: not all decoders come back for what is missing.
        while len < buf.len() {
            let there = self.fill_buf()?;
            if there.is_empty() {
                break;
            }
            let now = there.len().min(buf.len() - len);
            buf[len..len + now].copy_from_slice(&there[..now]);
            self.consume(now);
            len += now;
        }
        Ok(len)
    }
}
