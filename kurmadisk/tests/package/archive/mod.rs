//! Archives as places for images.

mod tar;
mod zip;

use std::path::Path;

use kurmadisk_fixtures::oracle::{self, Member, Unpacker};
use sha2::{Digest, Sha256};

/// The time of every member, even as zip archives have it.
const TIME: i64 = 1_600_000_000;

/// Names that archives of packages have.
const NAMES: [&str; 4] = ["box.ovf", "disk-1.vmdk", "folder/a file", "ü.txt"];

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Asserts that Python finds these files, and that the programs unpack them.
fn assert_members(archive: &Path, files: &[(String, Vec<u8>)], unpackers: &[Unpacker]) {
    let found = oracle::python_members(archive).unwrap();
    let expected: Vec<Member> = files
        .iter()
        .map(|(name, bytes)| Member {
            name: name.clone(),
            size: bytes.len() as u64,
            time: TIME,
            mode: 0o644,
            owner: found[0].owner.and(Some((0, 0))),
            sha256: Some(sha256(bytes)),
        })
        .collect();
    assert_eq!(found, expected);
    for unpacker in unpackers {
        let folder = tempfile::tempdir().unwrap();
        unpacker.unpack(archive, folder.path()).unwrap();
        for (name, bytes) in files {
            let unpacked = std::fs::read(folder.path().join(name)).unwrap();
            assert!(unpacked == *bytes, "{unpacker:?}: {name}");
        }
    }
}
