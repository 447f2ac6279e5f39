//! Archives written: digested, and compressed, on their way.

use std::io;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::Path;

use kurmadisk::formats::compress::{Compressed, Compression};
use kurmadisk::formats::emit::write_map;
use kurmadisk::formats::error::EmitError;
use kurmadisk::formats::map::DiskMap;
use kurmadisk::formats::output::{NewFile, Output};
use kurmadisk::formats::read_at::{ReadAt, SeekReader};
use sha2::Digest;

use super::error::AciError;

/// How an archive is compressed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    pub(super) compression: Option<Compression>,
    /// Threads that do it.
    pub(super) threads: NonZero<usize>,
}

impl Packing {
    /// With so many threads, or as many as there are processors.
    pub(super) fn new(compression: Option<Compression>, threads: Option<NonZero<usize>>) -> Self {
        let processors = || std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self {
            compression,
            threads: threads.unwrap_or_else(processors),
        }
    }
}

/// Writes an archive to `out`; gives the digest of its uncompressed bytes.
pub(super) fn write<D: Digest>(
    archive: &DiskMap,
    out: &mut dyn Output,
    packing: Packing,
) -> Result<Vec<u8>, EmitError> {
    let mut go_on = |_| ControlFlow::Continue(());
    match packing.compression {
        None => {
            let mut out = Digesting::<_, D>::new(out);
            write_map(archive, &mut out, &mut go_on)?;
            Ok(out.digest())
        }
        Some(compression) => {
            let packed = Compressed::new(out, compression, None, packing.threads)?;
            let mut out = Digesting::<_, D>::new(packed);
            write_map(archive, &mut out, &mut go_on)?;
            Ok(out.digest())
        }
    }
}

/// The length in bytes of a new file.
pub(super) fn len_of(file: &NewFile) -> Result<u64, AciError> {
    let reader = file.reader();
    let reader = reader.map_err(|source| AciError::write(file.path(), source))?;
    Ok(reader.len())
}

/// The digest of what a map says.
pub(super) fn digest_of<D: Digest + io::Write>(map: &DiskMap) -> io::Result<Vec<u8>> {
    let mut digest = D::new();
    io::copy(&mut SeekReader::new(map.reader()), &mut digest)?;
    Ok(digest.finalize().to_vec())
}

/// An output whose bytes are digested on their way.
pub(super) struct Digesting<O, D> {
    inner: O,
    digest: D,
    /// Bytes so far.
    at: u64,
}

impl<O: Output, D: Digest> Digesting<O, D> {
    pub(super) fn new(inner: O) -> Self {
        Self {
            inner,
            digest: D::new(),
            at: 0,
        }
    }

    pub(super) fn digest(self) -> Vec<u8> {
        self.digest.finalize().to_vec()
    }

    /// Digests zeros up to `end`, which lies not before what is digested.
    fn skip(&mut self, end: u64) -> io::Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        let back = || io::Error::other("an archive is written from begin to end");
        let mut rest = end.checked_sub(self.at).ok_or_else(back)?;
        while rest > 0 {
            let len = rest.min(ZEROS.len() as u64);
            self.digest
                .update(&ZEROS[..usize::try_from(len).unwrap_or(ZEROS.len())]);
            rest -= len;
        }
        self.at = end;
        Ok(())
    }
}

impl<O: Output, D: Digest> Output for Digesting<O, D> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.skip(offset)?;
        self.digest.update(data);
        self.at += data.len() as u64;
        self.inner.write_at(offset, data)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.skip(len)?;
        self.inner.set_len(len)
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Sha512;

    #[test]
    fn what_is_skipped_is_digested_as_zeros() {
        let mut map = DiskMap::new(700_000);
        map.insert_bytes(5000, &b"content"[..]).unwrap();
        let mut whole = vec![0; 700_000];
        whole[5000..5007].copy_from_slice(b"content");
        let expected = Sha512::digest(&whole).to_vec();
        for compression in [None, Some(Compression::Gzip)] {
            let mut out = Vec::new();
            let packing = Packing::new(compression, None);
            assert_eq!(write::<Sha512>(&map, &mut out, packing).unwrap(), expected);
            assert_eq!(out == whole, compression.is_none());
        }
        assert_eq!(digest_of::<Sha512>(&map).unwrap(), expected);
    }
}
