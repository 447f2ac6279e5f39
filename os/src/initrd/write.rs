//! Archives one behind the other, each compressed in its own way, as one file.

use std::io;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::Path;

use kurmadisk::formats::compress::KernelCompression;
use kurmadisk::formats::emit::write_map;
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::output::{Filled, NewFile, Output};

use super::error::InitrdError;

/// The kernel finds an archive that is not compressed at a multiple of so many bytes.
const ALIGNMENT: u64 = 4;

/// An archive, and how it is compressed.
pub(super) struct Part {
    pub(super) archive: DiskMap,
    pub(super) compression: Option<KernelCompression>,
    pub(super) level: Option<u32>,
}

/// Writes the parts into a new file, which appears when it is complete; gives the length in bytes of each.
pub(super) fn write(
    parts: &[Part],
    path: &Path,
    threads: NonZero<usize>,
) -> Result<Vec<u64>, InitrdError> {
    let mut file = NewFile::create(path)?;
    let mut lengths = Vec::new();
    let mut end = 0_u64;
    for part in parts {
        let mut member = Member {
            start: end.next_multiple_of(ALIGNMENT),
            len: 0,
            file: &mut file,
        };
        match part.compression {
            Some(compression) => {
                let mut out = compression.output(&mut member, part.level, threads)?;
                write_map(&part.archive, &mut out, &mut |_| ControlFlow::Continue(()))?;
            }
            // Zeros are written too: what only is a hole would be one in memory, read page by page.
            None => write_map(&part.archive, &mut Filled::new(&mut member), &mut |_| {
                ControlFlow::Continue(())
            })?,
        }
        end = member.start + member.len;
        lengths.push(member.len);
    }
    let failed = |source| kurmadisk::formats::error::EmitError::Output {
        path: path.to_path_buf(),
        source,
    };
    file.set_len(end).map_err(failed)?;
    file.commit()?;
    Ok(lengths)
}

/// A part of the file.
struct Member<'f> {
    file: &'f mut NewFile,
    /// Where it begins, in bytes.
    start: u64,
    len: u64,
}

impl Output for Member<'_> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_at(self.start + offset, data)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.len = len;
        Ok(())
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}
