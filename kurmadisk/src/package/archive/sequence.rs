//! A place as a writer.

use std::io::{self, Write};

use kurmadisk_formats::output::Output;

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
