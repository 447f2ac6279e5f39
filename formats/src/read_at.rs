//! Reading at any offset.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use crate::host;
use crate::map::FileStamp;

/// Something of a known length that can be read at any offset.
#[expect(
    clippy::len_without_is_empty,
    reason = "a disk of no bytes is nobody's question"
)]
pub trait ReadAt: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Fills `buf` with the bytes from `offset` on.
    ///
    /// Fails with [`io::ErrorKind::UnexpectedEof`] when they reach past the end.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;
}

/// The offset behind a range that is to fill `buf`, if that lies within `len` bytes.
pub(crate) fn range_end(len: u64, offset: u64, buf: &[u8]) -> io::Result<u64> {
    match offset.checked_add(buf.len() as u64) {
        Some(end) if end <= len => Ok(end),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_exact_at(offset, buf)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Box<T> {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_exact_at(offset, buf)
    }
}

/// A file or block device of the host, with its length; copies share one descriptor.
#[derive(Clone, Debug)]
pub struct FileReader {
    file: Arc<File>,
    len: u64,
}

impl FileReader {
    /// Takes an open file or block device; its length is found by seeking to its end.
    pub fn new(mut file: File) -> io::Result<Self> {
        let len = file.seek(SeekFrom::End(0))?;
        let file = Arc::new(file);
        Ok(Self { file, len })
    }

    /// What the file is now, to recognise it by.
    pub fn stamp(&self) -> io::Result<FileStamp> {
        host::stamp(&self.file)
    }
}

impl ReadAt for FileReader {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        host::read_exact_at(&self.file, offset, buf)
    }
}

impl ReadAt for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(buf.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }
}

/// A range of another reader, such as a partition of a disk.
#[derive(Clone, Copy, Debug)]
pub struct Window<R> {
    inner: R,
    start: u64,
    len: u64,
}

impl<R: ReadAt> Window<R> {
    /// The `len` bytes of `inner` from `start` on.
    ///
    /// Fails when they reach past its end.
    pub fn new(inner: R, start: u64, len: u64) -> io::Result<Self> {
        match start.checked_add(len) {
            Some(end) if end <= inner.len() => Ok(Self { inner, start, len }),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl<R: ReadAt> ReadAt for Window<R> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        range_end(self.len, offset, buf)?;
        self.inner.read_exact_at(self.start + offset, buf)
    }
}

/// [`Read`] and [`Seek`] over a [`ReadAt`], for libraries that want a device.
///
/// Writing always fails: several of them ask for [`Write`] even to read.
#[derive(Clone, Debug)]
pub struct SeekReader<R> {
    inner: R,
    position: u64,
}

impl<R: ReadAt> SeekReader<R> {
    /// Starts at offset 0.
    #[must_use]
    pub fn new(inner: R) -> Self {
        Self { inner, position: 0 }
    }
}

impl<R: ReadAt> Read for SeekReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.inner.len().saturating_sub(self.position);
        let len = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        self.inner.read_exact_at(self.position, &mut buf[..len])?;
        self.position += len as u64;
        Ok(len)
    }
}

impl<R: ReadAt> Seek for SeekReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(delta) => self.inner.len().checked_add_signed(delta),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl<R> Write for SeekReader<R> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
