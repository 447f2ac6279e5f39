//! Any bytes give a tree or an error, in bounded time and memory.

use kurmadisk::source::decompress::decompressed;
use kurmadisk::source::scratch::Scratch;
use kurmadisk::source::tar::{TarMode, apply};
use kurmadisk::tree::{Metadata, Tree};
use kurmadisk_formats::error::chain;
use proptest::prelude::*;

use super::support::{
    Archive, CHECKSUM, MAGIC, bytes_of, header, in_memory, listing, put, run, summed,
};

/// An archive with something of everything.
fn seed() -> Vec<u8> {
    let mut gnu = header(b"gnu", b'S', 512);
    put(&mut gnu, MAGIC, b"ustar  \0");
    put(&mut gnu, 386, b"00000010000 00000001000\0");
    put(&mut gnu, 482, b"\x01");
    put(&mut gnu, 483, b"00000100000\0");
    let acl = b"user::rw-\nuser:me:rwx:7\ngroup::r--\nmask::rwx\nother::---\n";
    let mut one_dot = b"1\n4096\n3\n".to_vec();
    one_dot.resize(512, 0);
    one_dot.extend(b"abc");
    let archive = Archive::new()
        .dir("./")
        .extended(b'g', &[("uid", b"7")])
        .pax(&[
            ("path", b"long/name"),
            ("mtime", b"-1.25"),
            ("SCHILY.xattr.user.a", b"\0\n"),
            ("LIBARCHIVE.xattr.user.b", b"AAEC"),
            ("SCHILY.acl.access", acl),
            ("SCHILY.fflags", b"nodump"),
        ])
        .file("cut", b"content")
        .link("hard", b'1', "long/name")
        .link("soft", b'2', "anywhere")
        .entry("fifo", b'6', b"")
        .entry("././@LongLink", b'L', &[b'n'; 300])
        .dir("d")
        .header(&summed(gnu))
        .data(&[0; 512])
        .data(&[1; 512])
        .pax(&[
            ("GNU.sparse.size", b"8192"),
            ("GNU.sparse.map", b"0,1,4096,2"),
        ])
        .file("sparse1", b"abc")
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.realsize", b"8192"),
        ])
        .file("sparse2", &one_dot)
        .file("d/.wh.x", b"")
        .end();
    bytes_of(&archive)
}

/// Reads it either way, and all contents of what comes out.
fn read(bytes: &[u8]) {
    for mode in [TarMode::Whole, TarMode::Layer] {
        let mut tree = Tree::new(Metadata::default());
        let archive = in_memory(bytes);
        match apply(&archive, &mut tree, mode) {
            Ok(()) => {}
            Err(error) => assert!(!chain(&error).is_empty()),
        }
        for (_, node) in tree.nodes() {
            if let kurmadisk::tree::NodeKind::File(map) = &node.kind {
                assert!(map.data_len() <= archive.len());
                if map.len() < 1 << 20 {
                    bytes_of(map);
                }
            }
        }
    }
}

#[test]
fn the_seed_itself_is_good() {
    let mut tree = Tree::new(Metadata::default());
    let read = apply(&in_memory(seed()), &mut tree, TarMode::Whole);
    read.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(listing(&tree).len(), 12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_archives(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = seed();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        // With the checksums right again, the changes go further.
        let mut at = 0;
        while let Some(block) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<512>()) {
            if block[MAGIC..MAGIC + 5] == *b"ustar" && block[CHECKSUM] != 0 {
                let right = summed(block.to_vec());
                block.copy_from_slice(&right);
            }
            at += 512;
        }
        let len = if whole { bytes.len() } else { cut.index(bytes.len()) };
        read(&bytes[..len]);
    }

    #[test]
    fn texts_of_extended_headers(
        typeflag in prop::sample::select(b"xgLK".to_vec()),
        key in prop::sample::select(vec![
            "path", "size", "mtime", "SCHILY.acl.access", "SCHILY.fflags", "GNU.sparse.map", "GNU.sparse.size",
            "SCHILY.xattr.%3", "LIBARCHIVE.xattr.%", "SCHILY.realsize", "GNU.sparse.major",
        ]),
        value in prop::collection::vec(prop::sample::select(b"0123456789.-,:%=\nurwxo/ \0Az\xff".to_vec()), 0..40),
        data in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        read(&bytes_of(&Archive::new().extended(typeflag, &[(key, &value)]).file("f", &data).end()));
        read(&bytes_of(&Archive::new().entry("x", typeflag, &data).file("f", &value).end()));
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        read(&bytes);
        let magics: [&[u8]; 5] = [b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh91AY&SY"];
        for magic in magics {
            let _ = decompressed(in_memory([magic, &bytes].concat()), &Scratch::Memory);
        }
    }

    #[test]
    fn changed_compressions(
        which in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = compressed_seeds()[which].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = decompressed(in_memory(bytes), &Scratch::Memory);
    }
}

fn compressed_seeds() -> &'static [Vec<u8>] {
    static SEEDS: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    SEEDS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("data"), seed()).expect("room");
        let programs = ["gzip", "zstd", "xz", "bzip2"];
        programs
            .map(|program| run(folder.path(), program, &["-c", "data"]))
            .to_vec()
    })
}
