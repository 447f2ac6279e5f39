//! Places that take bytes at ascending offsets, and writers that take them one after another: each as the other.

use std::io::{self, Write};

use kurmadisk_formats::output::Output;

use super::fault;

/// A writer into a place, from its beginning on.
#[derive(Debug)]
pub(super) struct Sequence<O> {
    out: O,
    at: u64,
}

impl<O: Output> Sequence<O> {
    pub(super) fn new(out: O) -> Self {
        Self { out, at: 0 }
    }

    /// Ends the place where the last byte was written.
    pub(super) fn finish(mut self) -> io::Result<O> {
        self.out.set_len(self.at)?;
        Ok(self.out)
    }
}

impl<O: Output> Write for Sequence<O> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.out.write_at(self.at, data)?;
        self.at += data.len() as u64;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes at ascending offsets as one row: what is skipped becomes zeros, and nothing goes back.
#[derive(Debug)]
pub(super) struct Row<W> {
    writer: W,
    at: u64,
    complete: bool,
}

/// Zeros written at once, in bytes.
const ZEROS: &[u8] = &[0; 64 << 10];

impl<W: Write> Row<W> {
    pub(super) fn new(writer: W) -> Self {
        Self {
            writer,
            at: 0,
            complete: false,
        }
    }

    pub(super) fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fill_to(offset)?;
        self.writer.write_all(data)?;
        self.at += data.len() as u64;
        Ok(())
    }

    pub(super) fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.fill_to(len)?;
        self.complete = true;
        Ok(())
    }

    fn fill_to(&mut self, offset: u64) -> io::Result<()> {
        let Some(mut gap) = offset.checked_sub(self.at) else {
            return Err(fault(
                "what goes back can't be written here; take an image that is written forward",
            ));
        };
        while gap > 0 {
            let len = usize::try_from(gap).map_or(ZEROS.len(), |gap| gap.min(ZEROS.len()));
            self.writer.write_all(&ZEROS[..len])?;
            gap -= len as u64;
        }
        self.at = offset;
        Ok(())
    }

    /// The writer, and the length in bytes once it was set.
    pub(super) fn finish(self) -> (W, Option<u64>) {
        (self.writer, self.complete.then_some(self.at))
    }
}
