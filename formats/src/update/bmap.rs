//! Block maps as bmaptool reads them, version 2.0: which blocks of an image hold something, with digests.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::host;
use crate::output::Output;

/// Bytes of a block.
pub(super) const BLOCK: u64 = 4096;

/// A block of zeros.
pub(super) static ZEROS: [u8; 4096] = [0; 4096];

/// Blocks that follow each other, and the digest of their bytes up to the image's end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MappedRange {
    blocks: Range<u64>,
    digest: [u8; 32],
}

/// An output that counts what is written, and digests it for a block map if that is wanted.
pub(super) struct Mapped<O> {
    out: O,
    pub(super) written: u64,
    digests: Option<Digests>,
}

/// Digests of the blocks that are written, which ascend.
#[derive(Default)]
struct Digests {
    /// The range that grows: its first block, what is digested so far, and the offset behind that.
    open: Option<(u64, Sha256, u64)>,
    done: Vec<MappedRange>,
}

impl<O: Output> Mapped<O> {
    pub(super) fn new(out: O, bmap: bool) -> Self {
        Self {
            out,
            written: 0,
            digests: bmap.then(Digests::default),
        }
    }

    /// The ranges, once the length is set.
    pub(super) fn ranges(self) -> Option<Vec<MappedRange>> {
        self.digests.map(|digests| digests.done)
    }
}

impl Digests {
    fn take(&mut self, offset: u64, data: &[u8]) {
        let first = offset / BLOCK;
        if let Some((_, _, at)) = &self.open
            && at.div_ceil(BLOCK) < first
        {
            self.close(u64::MAX);
        }
        let (_, hash, at) = self
            .open
            .get_or_insert_with(|| (first, Sha256::new(), first * BLOCK));
        pad(hash, at, offset);
        hash.update(data);
        *at = offset + data.len() as u64;
    }

    /// Ends the open range with its block, or the image of `len` bytes.
    fn close(&mut self, len: u64) {
        if let Some((first, mut hash, mut at)) = self.open.take() {
            let end = at.div_ceil(BLOCK);
            pad(&mut hash, &mut at, (end * BLOCK).min(len));
            self.done.push(MappedRange {
                blocks: first..end,
                digest: hash.finalize().into(),
            });
        }
    }
}

/// Zeros from `at` up to `end`.
fn pad(hash: &mut Sha256, at: &mut u64, end: u64) {
    while *at < end {
        let len = (end - *at).min(BLOCK);
        // At most a block.
        hash.update(&ZEROS[..usize::try_from(len).unwrap_or(ZEROS.len())]);
        *at += len;
    }
}

impl<O: Output> Output for Mapped<O> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.out.write_at(offset, data)?;
        self.written += data.len() as u64;
        if let Some(digests) = &mut self.digests {
            digests.take(offset, data);
        }
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        if let Some(digests) = &mut self.digests {
            digests.close(len);
        }
        self.out.set_len(len)
    }

    fn part(&mut self, name: &str) -> io::Result<Box<dyn Output + Send>> {
        self.out.part(name)
    }

    fn path(&self) -> &Path {
        self.out.path()
    }
}

/// The blocks of `file`, `len` bytes long, that these ranges of bytes touch, digested as they are.
pub(super) fn of_file(
    file: &File,
    len: u64,
    mut ranges: Vec<Range<u64>>,
) -> io::Result<Vec<MappedRange>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut blocks: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        let (start, end) = (range.start / BLOCK, range.end.div_ceil(BLOCK));
        match blocks.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => blocks.push(start..end),
        }
    }
    let mut buffer = vec![0; 64 * ZEROS.len()];
    let digested = blocks.into_iter().map(|blocks| {
        let mut hash = Sha256::new();
        let (mut at, end) = (blocks.start * BLOCK, (blocks.end * BLOCK).min(len));
        while at < end {
            let step =
                usize::try_from(end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
            host::read_exact_at(file, at, &mut buffer[..step])?;
            hash.update(&buffer[..step]);
            at += step as u64;
        }
        let digest = hash.finalize().into();
        Ok(MappedRange { blocks, digest })
    });
    digested.collect()
}

/// The block map of an image of `len` bytes.
pub(super) fn text(len: u64, ranges: &[MappedRange]) -> String {
    let mapped: u64 = ranges
        .iter()
        .map(|range| range.blocks.end - range.blocks.start)
        .sum();
    let mut list = String::new();
    for MappedRange { blocks, digest } in ranges {
        let blocks = match (blocks.start, blocks.end - 1) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        };
        // Writing into a text can't fail.
        let _ = writeln!(
            list,
            "    <Range chksum=\"{}\"> {blocks} </Range>",
            hex(digest)
        );
    }
    let (block, count) = (BLOCK, len.div_ceil(BLOCK));
    let with_checksum = |checksum: &str| {
        format!(
            "<?xml version=\"1.0\" ?>\n<bmap version=\"2.0\">\n  <ImageSize> {len} </ImageSize>\n  \
             <BlockSize> {block} </BlockSize>\n  <BlocksCount> {count} </BlocksCount>\n  \
             <MappedBlocksCount> {mapped} </MappedBlocksCount>\n  <ChecksumType> sha256 </ChecksumType>\n  \
             <BmapFileChecksum> {checksum} </BmapFileChecksum>\n  <BlockMap>\n{list}  </BlockMap>\n</bmap>\n"
        )
    };
    // The file's own digest is that of the file with zeros in its place.
    let unsigned = with_checksum(&"0".repeat(64));
    with_checksum(&hex(&Sha256::digest(unsigned)))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing into a text can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
