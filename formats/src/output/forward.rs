//! Outputs that are written from begin to end.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Output;

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Writes zeros where nothing was written, so that what is behind it gets every byte, in order.
#[derive(Debug)]
pub struct Filled<O> {
    out: O,
    /// All before it is written.
    at: u64,
}

impl<O: Output> Filled<O> {
    /// Begins at the begin of `out`.
    pub fn new(out: O) -> Self {
        Self { out, at: 0 }
    }

    /// What is behind it.
    pub fn into_inner(self) -> O {
        self.out
    }

    /// Writes zeros up to `end` (an offset in bytes), if all before it is not written already.
    pub fn fill(&mut self, end: u64) -> io::Result<()> {
        while self.at < end {
            let zeros = zeros(end - self.at);
            self.out.write_at(self.at, zeros)?;
            self.at += zeros.len() as u64;
        }
        Ok(())
    }
}

impl<O: Output> Output for Filled<O> {
    /// Fails when it lies before what is written.
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset < self.at {
            return Err(backwards(self.out.path(), offset));
        }
        self.fill(offset)?;
        self.out.write_at(offset, data)?;
        self.at += data.len() as u64;
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.fill(len)?;
        self.out.set_len(len)
    }

    fn part(&mut self, name: &str) -> io::Result<Box<dyn Output + Send>> {
        Ok(Box::new(Filled::new(self.out.part(name)?)))
    }

    fn path(&self) -> &Path {
        self.out.path()
    }
}

/// A pipe, or anything else that only takes one byte after the other; what is skipped is sent as zeros.
#[derive(Debug)]
pub struct Forward<W> {
    writer: W,
    path: PathBuf,
    at: u64,
}

impl<W: Write> Forward<W> {
    /// Begins with the next byte of `writer`, which messages call `path`.
    pub fn new(writer: W, path: impl Into<PathBuf>) -> Self {
        Self {
            writer,
            path: path.into(),
            at: 0,
        }
    }

    /// The writer, which got everything so far.
    pub fn into_inner(self) -> W {
        self.writer
    }

    fn fill(&mut self, end: u64) -> io::Result<()> {
        while self.at < end {
            let zeros = zeros(end - self.at);
            self.writer.write_all(zeros)?;
            self.at += zeros.len() as u64;
        }
        Ok(())
    }
}

impl<W: Write> Output for Forward<W> {
    /// Fails when it lies before what is written.
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset < self.at {
            return Err(backwards(&self.path, offset));
        }
        self.fill(offset)?;
        self.writer.write_all(data)?;
        self.at += data.len() as u64;
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.fill(len)?;
        self.writer.flush()
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// `len` zeros, or as many as there are at once.
fn zeros(len: u64) -> &'static [u8] {
    let len = usize::try_from(len).map_or(ZEROS.len(), |len| len.min(ZEROS.len()));
    &ZEROS[..len]
}

/// Writing before what is written already.
pub(crate) fn backwards(path: &Path, offset: u64) -> io::Error {
    let path = path.display();
    let reason = format!("{path} is written from begin to end, and can't go back to byte {offset}");
    io::Error::new(io::ErrorKind::Unsupported, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_is_written() {
        let mut filled = Filled::new(Vec::new());
        filled.write_at(70_000, b"a").unwrap();
        filled.fill(70_003).unwrap();
        filled.fill(5).unwrap();
        filled.write_at(70_004, b"b").unwrap();
        assert!(filled.write_at(70_004, b"c").is_err());
        filled.set_len(70_010).unwrap();
        let mut expected = vec![0; 70_010];
        expected[70_000] = b'a';
        expected[70_004] = b'b';
        assert!(filled.into_inner() == expected);

        let mut sent = Vec::new();
        let mut pipe = Forward::new(&mut sent, "pipe");
        pipe.write_at(70_000, b"a").unwrap();
        pipe.write_at(70_004, b"b").unwrap();
        let error = pipe.write_at(0, b"c").unwrap_err().to_string();
        assert!(error.contains("pipe") && error.contains("byte 0"));
        pipe.set_len(70_010).unwrap();
        assert!(pipe.part("more").is_err());
        assert!(sent == expected);
    }
}
