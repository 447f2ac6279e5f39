//! The files of packages while they are written, with what is known of their bytes at the end.

use std::io::{self, Write};
use std::path::Path;

use kurmadisk_formats::error::EmitError;
use kurmadisk_formats::output::{Forward, NewFile, Output};
use kurmadisk_formats::read_at::SeekReader;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::model::FileFacts;

/// Digests of bytes as they come, and their number.
#[derive(Clone, Debug)]
pub(super) struct Digests {
    len: u64,
    sha256: Sha256,
    sha1: Option<Sha1>,
}

impl Digests {
    /// Of nothing yet; with SHA-1 besides SHA-256 if `sha1`.
    pub(super) fn new(sha1: bool) -> Self {
        Self {
            len: 0,
            sha256: Sha256::new(),
            sha1: sha1.then(Sha1::new),
        }
    }

    /// Of these bytes.
    pub(super) fn of(bytes: &[u8], sha1: bool) -> FileFacts {
        let mut digests = Self::new(sha1);
        digests.update(bytes);
        digests.finish()
    }

    fn update(&mut self, data: &[u8]) {
        self.len += data.len() as u64;
        self.sha256.update(data);
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(data);
        }
    }

    fn finish(self) -> FileFacts {
        FileFacts {
            len: self.len,
            sha256: self.sha256.finalize().into(),
            sha1: self.sha1.map(|sha1| sha1.finalize().into()),
        }
    }
}

impl Write for Digests {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An output whose bytes are digested on their way, holes as the zeros that they are.
///
/// That works as long as they come from begin to end. When one goes back, there is no digest at the end.
#[derive(Debug)]
pub(super) struct Digested<O> {
    out: O,
    /// None once something went back.
    digests: Option<Forward<Digests>>,
}

impl<O: Output> Digested<O> {
    pub(super) fn new(out: O, sha1: bool) -> Self {
        let digests = Forward::new(Digests::new(sha1), out.path());
        Self {
            out,
            digests: Some(digests),
        }
    }

    /// One that digests nothing, because it is known that something will go back.
    pub(super) fn without(out: O) -> Self {
        Self { out, digests: None }
    }

    /// The output, and what is known of its bytes if they came from begin to end.
    pub(super) fn finish(self) -> (O, Option<FileFacts>) {
        let facts = self.digests.map(|digests| digests.into_inner().finish());
        (self.out, facts)
    }
}

impl<O: Output> Output for Digested<O> {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let digested = self.digests.as_mut();
        if digested.is_some_and(|digests| digests.write_at(offset, data).is_err()) {
            self.digests = None;
        }
        self.out.write_at(offset, data)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        if let Some(digests) = &mut self.digests {
            digests.set_len(len)?;
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

/// A file of the output folder.
pub(super) type Place = Digested<NewFile>;

impl Place {
    /// The complete file, and what is known of its bytes: read again if they did not come from begin to end.
    pub(super) fn complete(self, sha1: bool) -> Result<(NewFile, FileFacts), EmitError> {
        let (file, facts) = self.finish();
        let facts = match facts {
            Some(facts) => facts,
            None => read_again(&file, sha1)?,
        };
        Ok((file, facts))
    }
}

/// What is known of the bytes of a file that is written.
pub(super) fn read_again(file: &NewFile, sha1: bool) -> Result<FileFacts, EmitError> {
    let read = || {
        let mut digests = Digests::new(sha1);
        let mut bytes = SeekReader::new(file.reader()?);
        io::copy(&mut bytes, &mut digests)?;
        Ok(digests.finish())
    };
    read().map_err(|source| EmitError::Output {
        path: file.path().to_path_buf(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_digested_as_zeros() {
        let mut out = Digested::new(Vec::new(), true);
        out.write_at(3, b"abc").unwrap();
        out.write_at(100_000, b"d").unwrap();
        out.set_len(200_000).unwrap();
        let (bytes, facts) = out.finish();
        assert_eq!(bytes.len(), 200_000);
        assert_eq!(facts, Some(Digests::of(&bytes, true)));
    }

    #[test]
    fn what_goes_back_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let file = NewFile::create(&dir.path().join("file")).unwrap();
        let mut place = Place::new(file, true);
        place.write_at(3, b"def").unwrap();
        place.write_at(0, b"abc").unwrap();
        place.set_len(6).unwrap();
        let (_, facts) = place.complete(true).unwrap();
        assert_eq!(facts, Digests::of(b"abcdef", true));
        // FIPS 180-4's first example.
        let sha1 = data_encoding::HEXLOWER.encode(&Digests::of(b"abc", true).sha1.unwrap());
        assert_eq!(sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
