//! Where an image goes: files that appear when they are complete, a pipe, or memory.

mod forward;
mod new_file;

use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(feature = "compress")]
pub(crate) use forward::backwards;
pub use forward::{Filled, Forward};
pub use new_file::{NewFile, commit_all};

/// Takes the bytes of an image's file at never overlapping offsets: ascending ones, but for the first cluster
/// of a compressed qcow2, which comes last. Its header says where the tables are, and where they can be
/// is known when all else is compressed.
pub trait Output {
    /// Writes all of `data` at `offset` (bytes). What is skipped reads as zeros.
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()>;

    /// Has the host copy `len` bytes of `file`, from byte `from` on, to `offset`, without that they come here; gives how
    /// many it did. Where it can't that is none.
    fn copy_at(&mut self, offset: u64, file: &File, from: u64, len: u64) -> io::Result<u64> {
        let _ = (offset, file, from, len);
        Ok(0)
    }

    /// Sets the final length in bytes, at least the end of any write: the last call, which ends the file.
    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Begins a further file of the same image, `name`, beside this one. Each is ended before the next begins.
    ///
    /// Fails with [`io::ErrorKind::Unsupported`] where there is room for one file only.
    fn part(&mut self, name: &str) -> io::Result<Box<dyn Output + Send>> {
        let path = self.path().display();
        let reason =
            format!("the image has several files, {name} too, and {path} has room for one");
        Err(io::Error::new(io::ErrorKind::Unsupported, reason))
    }

    /// A name for messages.
    fn path(&self) -> &Path;
}

/// An output that somebody else keeps.
macro_rules! forwarded {
    ($($kind:ty),*) => {$(
        impl<O: Output + ?Sized> Output for $kind {
            fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
                (**self).write_at(offset, data)
            }

            fn copy_at(&mut self, offset: u64, file: &File, from: u64, len: u64) -> io::Result<u64> {
                (**self).copy_at(offset, file, from, len)
            }

            fn set_len(&mut self, len: u64) -> io::Result<()> {
                (**self).set_len(len)
            }

            fn part(&mut self, name: &str) -> io::Result<Box<dyn Output + Send>> {
                (**self).part(name)
            }

            fn path(&self) -> &Path {
                (**self).path()
            }
        }
    )*};
}

forwarded!(&mut O, Box<O>);

/// A file in memory, for tests and small disks.
impl Output for Vec<u8> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start
            .checked_add(data.len())
            .ok_or(io::ErrorKind::OutOfMemory)?;
        if self.len() < end {
            self.resize(end, 0);
        }
        self[start..end].copy_from_slice(data);
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn path(&self) -> &Path {
        Path::new("(memory)")
    }
}
