//! Where what is made while planning lies until an image is made of it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use kurmadisk_formats::error::{MapError, SourceError};
use kurmadisk_formats::host;
use kurmadisk_formats::map::{Content, ContentId, ContentStore, DiskMap, Extent, Source};

pub use super::Scratch;

/// A copy being written, from its first byte to its last.
pub(crate) struct ScratchCopy {
    place: Place,
    len: u64,
}

enum Place {
    Memory { pieces: Vec<Bytes>, last: Vec<u8> },
    File { file: File, folder: PathBuf },
}

/// Bytes of one piece in memory.
const PIECE: usize = 1 << 20;

impl ScratchCopy {
    pub(crate) fn create(scratch: &Scratch) -> io::Result<Self> {
        let place = match scratch {
            Scratch::Memory => Place::Memory {
                pieces: Vec::new(),
                last: Vec::new(),
            },
            Scratch::Folder(folder) => Place::File {
                file: tempfile::tempfile_in(folder)?,
                folder: folder.clone(),
            },
        };
        Ok(Self { place, len: 0 })
    }

    /// Adds `bytes` at the end.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.place {
            Place::Memory { pieces, last } => {
                let mut rest = bytes;
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(rest.len().min(PIECE - last.len()));
                    last.extend_from_slice(now);
                    rest = later;
                    if last.len() == PIECE {
                        pieces.push(std::mem::take(last).into());
                    }
                }
            }
            // Zeros stay zeros of the content, and yet cost no room on the host.
            Place::File { .. } if is_zero(bytes) => {}
            Place::File { file, .. } => host::write_all_at(file, self.len, bytes)?,
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// The file it is in, if it is in one, complete: with holes where zeros were written.
    #[cfg(all(feature = "archives", feature = "inspect"))]
    pub(crate) fn file(&self) -> io::Result<Option<File>> {
        let Place::File { file, .. } = &self.place else {
            return Ok(None);
        };
        file.set_len(self.len)?;
        file.try_clone().map(Some)
    }

    /// The copy as a map without holes.
    pub(crate) fn finish(self) -> io::Result<DiskMap> {
        let mut map = DiskMap::new(self.len);
        match self.place {
            Place::Memory { pieces, last } => {
                let mut start = 0;
                for piece in pieces.into_iter().chain([Bytes::from(last)]) {
                    let len = piece.len() as u64;
                    map.insert_bytes(start, piece).map_err(not_ours)?;
                    start += len;
                }
            }
            Place::File { file, folder } => {
                file.set_len(self.len)?;
                let file = Arc::new(file);
                let extent = Extent {
                    start: 0,
                    len: self.len,
                    source: Source::Content {
                        store: Arc::new(ScratchStore { file, folder }),
                        id: ContentId(0),
                        offset: 0,
                    },
                };
                map.insert(extent).map_err(not_ours)?;
            }
        }
        Ok(map)
    }

    /// Where it is written, for messages.
    pub(crate) fn path(&self) -> &Path {
        match &self.place {
            Place::Memory { .. } => Path::new("(memory)"),
            Place::File { folder, .. } => folder,
        }
    }
}

/// The pieces of a copy follow one another.
fn not_ours(error: MapError) -> io::Error {
    io::Error::other(error)
}

fn is_zero(bytes: &[u8]) -> bool {
    // A comparison with itself, one byte further on, runs at the speed of memory.
    bytes.first().is_none_or(|first| *first == 0)
        && bytes.get(1..).unwrap_or_default() == &bytes[..bytes.len().saturating_sub(1)]
}

/// A file without a name: it stays open, since it can't be opened again.
#[derive(Debug)]
struct ScratchStore {
    file: Arc<File>,
    folder: PathBuf,
}

impl ContentStore for ScratchStore {
    fn open(&self, _id: ContentId) -> Result<Box<dyn Content>, SourceError> {
        Ok(Box::new(OpenScratch {
            file: Arc::clone(&self.file),
            folder: self.folder.clone(),
        }))
    }
}

struct OpenScratch {
    file: Arc<File>,
    folder: PathBuf,
}

impl Content for OpenScratch {
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        host::read_exact_at(&self.file, offset, buf).map_err(|source| SourceError::Read {
            path: self.folder.join("(scratch copy)"),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use kurmadisk_formats::read_at::ReadAt;

    use super::*;

    fn copy(scratch: &Scratch, pieces: &[&[u8]]) -> DiskMap {
        let mut copy = ScratchCopy::create(scratch).unwrap();
        for piece in pieces {
            copy.write(piece).unwrap();
        }
        copy.finish().unwrap()
    }

    #[test]
    fn a_copy_reads_as_it_was_written_and_has_no_holes() {
        let folder = tempfile::tempdir().unwrap();
        let long = vec![7; PIECE + 5];
        let zeros = vec![0; 3 * PIECE];
        let pieces: [&[u8]; 5] = [b"start", &long, &zeros, b"", &zeros[..3]];
        let expected = pieces.concat();
        for scratch in [Scratch::Memory, Scratch::Folder(folder.path().into())] {
            let map = copy(&scratch, &pieces);
            assert_eq!(map.len(), expected.len() as u64);
            assert_eq!(map.data_len(), map.len());
            let mut found = vec![1; expected.len()];
            map.reader().read_exact_at(0, &mut found).unwrap();
            assert!(found == expected);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
        assert!(copy(&Scratch::Memory, &[]).is_empty());
    }

    #[test]
    fn zeros_are_told_from_what_only_begins_with_them() {
        assert!(is_zero(&[]) && is_zero(&[0]) && is_zero(&[0; 100]));
        assert!(!is_zero(&[1]) && !is_zero(&[0, 1]) && !is_zero(&[1, 1]) && !is_zero(&[0, 1, 0]));
    }
}
