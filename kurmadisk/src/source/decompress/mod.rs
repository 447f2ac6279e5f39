//! Compressed archives, uncompressed once.
//!
//! | file | holds |
//! |---|---|
//! | `input` | the compressed bytes in order |
//! | `lz4` | a legacy frame of lz4, as kernels read it |
//! | `zstd` | frames of zstd, up to what is none |

mod input;
mod lz4;
mod zstd;

#[cfg(feature = "inspect")]
use std::fs::File;
use std::io::{self, Read};
#[cfg(feature = "inspect")]
use std::path::Path;
use std::path::PathBuf;

use kurmadisk_formats::map::DiskMap;
use sha2::{Digest, Sha256};
use structured_zstd::decoding::errors::FrameDecoderError;
use thiserror::Error;

use super::scratch::{Scratch, ScratchCopy};
use input::Input;

/// The largest window or dictionary a decoder may ask memory for, in MiB.
///
/// It is what `zstd` itself takes unless told otherwise, and twice what `xz -9` uses.
const WINDOW_MIB: u32 = 128;

/// What the LZMA2 decoder takes besides its dictionary, in KiB, generously.
const XZ_OVERHEAD_KIB: u32 = 1 << 10;

/// Bytes that a decoder is asked for at once.
const PIECE: usize = 256 << 10;

/// A compressed archive could not be uncompressed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecompressError {
    /// The archive itself cannot be read.
    #[error("cannot read the archive")]
    Read(#[source] io::Error),
    /// What it holds is not what its begin promises, or a checksum is wrong.
    #[error("damaged {format} data before byte {offset} of the archive; get it again")]
    Damaged {
        /// The name of the compression.
        format: &'static str,
        /// How far it was read, in bytes.
        offset: u64,
        /// What the decoder says.
        source: io::Error,
    },
    /// It ends too early.
    #[error(
        "the {format} data ends too early, at byte {offset}: the archive is incomplete; get it again"
    )]
    Truncated {
        /// The name of the compression.
        format: &'static str,
        /// The archive's length in bytes.
        offset: u64,
    },
    /// Something else follows.
    #[error(
        "something that is no {format} data follows at byte {offset} of the archive; cut it off there"
    )]
    Trailing {
        /// The name of the compression.
        format: &'static str,
        /// Where, in bytes.
        offset: u64,
    },
    /// Uncompressing it would take too much memory.
    #[error(
        "the {format} data needs a window of more than {limit} MiB of memory; compress the archive anew with a smaller one"
    )]
    Window {
        /// The name of the compression.
        format: &'static str,
        /// The largest window accepted, in MiB.
        limit: u32,
    },
    /// The uncompressed copy cannot be written.
    #[error("cannot write the uncompressed copy of the archive in {}; choose a folder with room for it", folder.display())]
    Scratch {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The archive's bytes uncompressed, if it is compressed; else as they are.
///
/// gzip (RFC 1952), zstd (RFC 8878), xz, bzip2 and lz4's legacy frame are known by their first bytes. Each may consist of several
/// members, frames or streams; all checksums are verified. The copy is made in one pass and goes where
/// `scratch` says; it is data throughout, also where it is zeros.
///
/// Fails when the data is damaged, ends too early, is followed by anything else, or needs more than 128 MiB for
/// its window.
pub fn decompressed(archive: DiskMap, scratch: &Scratch) -> Result<DiskMap, DecompressError> {
    match leading(&archive, scratch)? {
        Some(leading) => Ok(leading.all_of(&archive)?.map),
        None => Ok(archive),
    }
}

/// The same in a file without a name in `folder`, with holes for what may be some; nothing if it is not compressed.
#[cfg(feature = "inspect")]
pub(super) fn uncompressed_file(
    archive: &DiskMap,
    folder: &Path,
) -> Result<Option<File>, DecompressError> {
    let scratch = Scratch::Folder(folder.to_path_buf());
    match leading(archive, &scratch)? {
        Some(leading) => Ok(leading.all_of(archive)?.file),
        None => Ok(None),
    }
}

/// As [`decompressed`], with the SHA-256 of the archive's own bytes and of the uncompressed ones.
pub(super) fn decompressed_and_digested(
    archive: DiskMap,
    scratch: &Scratch,
) -> Result<(DiskMap, Digests), DecompressError> {
    if let Some(leading) = copied(&archive, scratch, Some(Sha256::new()))? {
        let leading = leading.all_of(&archive)?;
        return Ok((leading.map, leading.digests));
    }
    let mut input = Input::new(&archive, Some(Sha256::new()));
    io::copy(&mut input, &mut io::sink()).map_err(DecompressError::Read)?;
    let digest = input.close().map_err(DecompressError::Read)?;
    let digest = digest.unwrap_or_default();
    let digests = Digests {
        stored: digest,
        content: digest,
    };
    Ok((archive, digests))
}

/// The SHA-256 of an archive.
#[derive(Clone, Copy, Default)]
pub(super) struct Digests {
    /// As it is stored.
    pub(super) stored: [u8; 32],
    /// Uncompressed.
    pub(super) content: [u8; 32],
}

/// Compressed data at an archive's begin.
pub(super) struct Leading {
    /// What it uncompresses to.
    pub(super) map: DiskMap,
    /// The file that is in, if it is in one.
    #[cfg(feature = "inspect")]
    file: Option<File>,
    /// The name of the compression.
    pub(super) format: &'static str,
    /// Where it ends in the archive, in bytes.
    pub(super) end: u64,
    digests: Digests,
}

impl Leading {
    /// Fails when something follows.
    pub(super) fn all_of(self, archive: &DiskMap) -> Result<Self, DecompressError> {
        if self.end == archive.len() {
            return Ok(self);
        }
        Err(DecompressError::Trailing {
            format: self.format,
            offset: self.end,
        })
    }
}

/// What the compressed data at the begin of `archive` holds; none where that isn't any. Members of one compression
/// that follow one another are taken together; what follows them is left alone.
pub(super) fn leading(
    archive: &DiskMap,
    scratch: &Scratch,
) -> Result<Option<Leading>, DecompressError> {
    copied(archive, scratch, None)
}

fn copied(
    archive: &DiskMap,
    scratch: &Scratch,
    digest: Option<Sha256>,
) -> Result<Option<Leading>, DecompressError> {
    let mut input = Input::new(archive, digest.clone());
    let start = input.peek(MAGIC).map_err(DecompressError::Read)?;
    let Some(compression) = Compression::of(start) else {
        return Ok(None);
    };
    let format = compression.name();
    let mut copy = Copy::create(scratch, digest)?;
    let end = loop {
        let decoded = compression.member(&mut input, &mut copy)?;
        if let Some(source) = input.take_failure() {
            return Err(DecompressError::Read(source));
        }
        let offset = input.offset();
        decoded.map_err(|source| match source {
            _ if input.ended() => DecompressError::Truncated { format, offset },
            source if wants_larger_window(&source) => DecompressError::Window {
                format,
                limit: WINDOW_MIB,
            },
            source => DecompressError::Damaged {
                format,
                offset,
                source,
            },
        })?;
        compression.skip_padding(&mut input)?;
        let offset = input.offset();
        let next = input.peek(MAGIC).map_err(DecompressError::Read)?;
        if Compression::of(next) != Some(compression) {
            break offset;
        }
    };
    let stored = input.close().map_err(DecompressError::Read)?;
    #[cfg(feature = "inspect")]
    let file = copy.file()?;
    let (map, content) = copy.finish()?;
    let digests = Digests {
        stored: stored.unwrap_or_default(),
        content: content.unwrap_or_default(),
    };
    Ok(Some(Leading {
        map,
        #[cfg(feature = "inspect")]
        file,
        format,
        end,
        digests,
    }))
}

/// The uncompressed copy, with its digest where that is asked for.
struct Copy {
    scratch: ScratchCopy,
    digest: Option<Sha256>,
}

impl Copy {
    fn create(scratch: &Scratch, digest: Option<Sha256>) -> Result<Self, DecompressError> {
        let scratch = ScratchCopy::create(scratch).map_err(|source| match scratch {
            Scratch::Folder(folder) => write_error(folder.clone(), source),
            Scratch::Memory => write_error(PathBuf::new(), source),
        })?;
        Ok(Self { scratch, digest })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DecompressError> {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        let written = self.scratch.write(bytes);
        written.map_err(|source| write_error(self.scratch.path().to_path_buf(), source))
    }

    #[cfg(feature = "inspect")]
    fn file(&self) -> Result<Option<File>, DecompressError> {
        let file = self.scratch.file();
        file.map_err(|source| write_error(self.scratch.path().to_path_buf(), source))
    }

    fn finish(self) -> Result<(DiskMap, Option<[u8; 32]>), DecompressError> {
        let folder = self.scratch.path().to_path_buf();
        let map = self.scratch.finish();
        let map = map.map_err(|source| write_error(folder, source))?;
        Ok((map, self.digest.map(|digest| digest.finalize().into())))
    }
}

fn write_error(folder: PathBuf, source: io::Error) -> DecompressError {
    DecompressError::Scratch { folder, source }
}

/// Both decoders say so before they ask for the memory.
fn wants_larger_window(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory
        || matches!(
            zstd_error(error),
            Some(FrameDecoderError::WindowSizeTooBig { .. })
        )
}

fn zstd_error(error: &io::Error) -> Option<&FrameDecoderError> {
    error.get_ref()?.downcast_ref()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    Lz4,
}

/// Bytes that tell the compressions, the longest being bzip2's: its header and that of its first block.
const MAGIC: usize = 10;

impl Compression {
    fn of(start: &[u8]) -> Option<Self> {
        match *start {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            // A frame, or one to be skipped: RFC 8878, sections 3.1.1 and 3.1.2.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [a, b, c, d, ..] if [a, b, c, d] == lz4::MAGIC => Some(Self::Lz4),
            // Letters alone could be the begin of a name.
            [b'B', b'Z', b'h', b'1'..=b'9', ref block @ ..] => {
                let blocks = [
                    [0x31, 0x41, 0x59, 0x26, 0x53, 0x59],
                    [0x17, 0x72, 0x45, 0x38, 0x50, 0x90],
                ];
                let known = blocks.iter().any(|known| block.starts_with(known));
                known.then_some(Self::Bzip2)
            }
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Lz4 => "lz4",
        }
    }

    /// Copies one member. Gives what the decoder says; fails when the copy can't be written.
    fn member(
        self,
        input: &mut Input<'_>,
        copy: &mut Copy,
    ) -> Result<io::Result<()>, DecompressError> {
        match self {
            Self::Gzip => pump(flate2::bufread::GzDecoder::new(input), copy),
            Self::Bzip2 => pump(bzip2::bufread::BzDecoder::new(input), copy),
            Self::Lz4 => pump(lz4::Frame::new(input), copy),
            Self::Xz => {
                let limit = WINDOW_MIB * 1024 + XZ_OVERHEAD_KIB;
                pump(
                    lzma_rust2::XzReader::new_mem_limit(input, false, limit),
                    copy,
                )
            }
            Self::Zstd => match zstd::Frames::new(input, u64::from(WINDOW_MIB) << 20) {
                Ok(frames) => pump(frames, copy),
                Err(error) => Ok(Err(error)),
            },
        }
    }

    /// xz alone has padding: zeros between and behind streams, in fours (.xz format, 2.2).
    fn skip_padding(self, input: &mut Input<'_>) -> Result<(), DecompressError> {
        while self == Self::Xz && input.peek(4).map_err(DecompressError::Read)? == [0; 4] {
            io::BufRead::consume(input, 4);
        }
        Ok(())
    }
}

fn pump(mut decoder: impl Read, copy: &mut Copy) -> Result<io::Result<()>, DecompressError> {
    let mut buf = vec![0; PIECE];
    loop {
        // Pieces are full, so that zeros are found by whole pages.
        let mut len = 0;
        while len < buf.len() {
            match decoder.read(&mut buf[len..]) {
                Ok(0) => break,
                Ok(more) => len += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        if len == 0 {
            return Ok(Ok(()));
        }
        copy.write(&buf[..len])?;
    }
}
