//! Zip archives.

use std::io;
use std::num::NonZero;
use std::path::Path;

use kurmadisk::package::archive::{Packing, Zip};
use kurmadisk_fixtures::oracle::{self, Unpacker};
use kurmadisk_formats::output::{NewFile, Output};
use proptest::prelude::*;

use super::{NAMES, TIME, assert_members};

const THREADS: NonZero<usize> = NonZero::new(3).unwrap();
const UNPACKERS: [Unpacker; 2] = [Unpacker::Unzip, Unpacker::Bsdtar];

#[derive(Clone, Debug)]
struct File {
    bytes: Vec<u8>,
    whole: bool,
    known: bool,
    packing: Packing,
}

fn file() -> impl Strategy<Value = File> {
    let noise = prop::collection::vec(any::<u8>(), 0..5000);
    let repeated = (any::<u8>(), 0..300_000_usize).prop_map(|(byte, len)| vec![byte; len]);
    let bytes = prop_oneof![noise, repeated];
    let packing = prop_oneof![Just(Packing::Store), Just(Packing::Deflate)];
    (bytes, any::<bool>(), any::<bool>(), packing).prop_map(|(bytes, whole, known, packing)| File {
        bytes,
        whole,
        known,
        packing,
    })
}

fn archive<'a>(files: impl IntoIterator<Item = (&'a str, &'a File)>, piece: usize) -> Vec<u8> {
    let mut zip = Zip::new(Vec::new(), TIME, THREADS);
    for (name, file) in files {
        let len = file.bytes.len() as u64;
        if file.whole {
            zip.add(name, &file.bytes).unwrap();
            continue;
        }
        let known = file.known.then_some(len);
        let mut member = zip.member(name, known, file.packing).unwrap();
        for (index, data) in file.bytes.chunks(piece).enumerate() {
            if data.iter().any(|byte| *byte != 0) {
                member.write_at((index * piece) as u64, data).unwrap();
            }
        }
        member.set_len(len).unwrap();
        assert_eq!(member.finish().unwrap(), len);
    }
    zip.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn what_was_put_in_comes_out(
        files in prop::collection::vec(file(), 1..5),
        piece in 64_usize..100_000,
    ) {
        let named = || NAMES.into_iter().zip(&files);
        let bytes = archive(named(), piece);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        std::fs::write(&path, &bytes).unwrap();
        let contents: Vec<_> = named().map(|(name, file)| (name.to_owned(), file.bytes.clone())).collect();
        assert_members(&path, &contents, &UNPACKERS);
        oracle::sevenzip_test(&path).unwrap();
    }
}

#[test]
fn a_member_is_written_forward_and_completed() {
    let mut zip = Zip::new(Vec::new(), TIME, THREADS);
    let mut member = zip.member("a", None, Packing::Deflate).unwrap();
    member.write_at(10, b"abc").unwrap();
    let error = member.write_at(5, b"x").unwrap_err().to_string();
    assert!(error.contains("go back"), "{error}");
    assert!(member.finish().is_err(), "its length was never set");
}

/// What a file has or leaves out at once, in bytes.
const PAGE: usize = 4096;

/// A file where zeros are holes.
struct Holes(NewFile);

impl Output for Holes {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        for (index, piece) in data.chunks(PAGE).enumerate() {
            if piece.iter().any(|byte| *byte != 0) {
                self.0.write_at(offset + (index * PAGE) as u64, piece)?;
            }
        }
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Writes files of zeros that end with four other bytes, and asks the judges.
fn check_large(files: &[(&str, u64, Packing)], known: bool) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zip");
    let mut zip = Zip::new(Holes(NewFile::create(&path).unwrap()), TIME, THREADS);
    for (name, len, packing) in files {
        let mut member = zip.member(name, known.then_some(*len), *packing).unwrap();
        member.write_at(len - 4, b"last").unwrap();
        member.set_len(*len).unwrap();
        member.finish().unwrap();
    }
    zip.finish().unwrap().0.commit().unwrap();
    let found = oracle::python_members(&path).unwrap();
    let found: Vec<_> = found.iter().map(|member| member.size).collect();
    let expected: Vec<_> = files.iter().map(|(_, len, _)| *len).collect();
    assert_eq!(found, expected);
    oracle::sevenzip_test(&path).unwrap();
    for unpacker in UNPACKERS {
        let listed = unpacker.list(&path).unwrap();
        for len in &expected {
            assert!(listed.contains(&len.to_string()), "{listed}");
        }
    }
}

const GIB: u64 = 1 << 30;
const BEHIND: (&str, u64, Packing) = ("behind", 5, Packing::Deflate);

/// Stored blocks make the archive as long as its member: the second one begins beyond 4 GiB.
#[test]
fn members_and_places_beyond_4_gib() {
    check_large(&[("stored", 4 * GIB + 5, Packing::Store), BEHIND], true);
}

#[test]
fn members_at_4_gib() {
    check_large(&[("known", 4 * GIB - 1, Packing::Deflate), BEHIND], true);
    check_large(&[("unknown", 4 * GIB - 1, Packing::Deflate), BEHIND], false);
}
