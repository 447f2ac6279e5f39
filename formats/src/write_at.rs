//! Writing in place, to a disk that exists.

use std::fs::File;
use std::io;

use crate::host;

/// A disk that can be written to at any offset.
pub trait WriteAt {
    /// Writes all of `bytes` from `offset` on.
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written before is on the disk: a power cut takes nothing of it any more.
    fn flush(&self) -> io::Result<()>;
}

impl WriteAt for File {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        host::write_all_at(self, offset, bytes)
    }

    fn flush(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Bytes that go to a place on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskWrite {
    /// Offset on the disk.
    pub offset: u64,
    /// What goes there.
    pub bytes: Vec<u8>,
}

/// Does the writes in their order, each on the disk before the next.
pub fn write_in_order(disk: &dyn WriteAt, writes: &[DiskWrite]) -> io::Result<()> {
    for write in writes {
        disk.write_all_at(write.offset, &write.bytes)?;
        disk.flush()?;
    }
    Ok(())
}
