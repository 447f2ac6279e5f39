//! Compressed archives, made by the programs that everybody uses.

use std::fs;
use std::path::Path;

use kurmadisk::host_file;
use kurmadisk::source::decompress::{DecompressError, decompressed};
use kurmadisk::source::scratch::Scratch;
use kurmadisk_formats::error::chain;

use super::support::{Archive, bytes_of, in_memory, run};

/// Text, chance and zeros.
fn sample() -> Vec<u8> {
    let mut data: Vec<u8> = (0..60_000_u32)
        .flat_map(|n| n.to_string().into_bytes())
        .collect();
    let mut state = 1_u32;
    data.extend((0..100_000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    }));
    data.resize(data.len() + 1_000_000, 0);
    data.extend(b"end");
    data
}

fn compress(program: &str, arguments: &[&str], data: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("data"), data).expect("room");
    run(
        folder.path(),
        program,
        &[&["-c"], arguments, &["data"]].concat(),
    )
}

fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, DecompressError> {
    decompressed(in_memory(bytes), &Scratch::Memory).map(|map| bytes_of(&map))
}

const PROGRAMS: [(&str, &[&str]); 8] = [
    ("gzip", &["-1"]),
    ("gzip", &["-9"]),
    ("zstd", &["-1", "--check"]),
    ("zstd", &["-19", "--no-check"]),
    ("xz", &["-1", "--check=crc32"]),
    ("xz", &["-2", "--check=sha256", "--x86", "--lzma2=preset=2"]),
    ("xz", &["-0", "--check=crc64", "--block-size=300000"]),
    ("bzip2", &["-9"]),
];

#[test]
fn members_follow_one_another() {
    let data = sample();
    for (program, arguments) in PROGRAMS {
        let once = compress(program, arguments, &data);
        let empty = compress(program, arguments, b"");
        let unpack = |bytes: &[u8]| {
            unpacked(bytes).unwrap_or_else(|error| panic!("{program}: {}", chain(&error)))
        };
        assert!(unpack(&once) == data, "{program} {arguments:?}");
        assert!(unpack(&empty).is_empty(), "{program}");
        let thrice = [&once[..], &empty, &once].concat();
        assert!(
            unpack(&thrice) == [&data[..], &data].concat(),
            "{program} {arguments:?}"
        );
    }
}

#[test]
fn what_formats_allow_between_members() {
    let data = sample();
    let xz = compress("xz", &["-0"], &data);
    let padded = [&xz[..], &[0; 8], &xz, &[0; 4]].concat();
    assert!(unpacked(&padded).expect("padding") == [&data[..], &data].concat());
    let odd = [&xz[..], &[0; 6]].concat();
    assert!(matches!(
        unpacked(&odd),
        Err(DecompressError::Trailing { .. })
    ));
    let zstd = compress("zstd", &["-1"], &data);
    let skipped = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
    let all = [&skipped[..], &zstd, skipped, &zstd, skipped].concat();
    assert!(unpacked(&all).expect("skipped") == [&data[..], &data].concat());
}

#[test]
fn damaged_data_is_refused() {
    let data = sample();
    for (program, arguments) in PROGRAMS {
        let good = compress(program, arguments, &data);
        for cut in [good.len() - 1, good.len() - 9, good.len() / 2, 11] {
            let cut = unpacked(&good[..cut]);
            assert!(
                matches!(cut, Err(DecompressError::Truncated { .. })),
                "{program}: {:?}",
                cut.map(|bytes| bytes.len())
            );
        }
        let long = [&good[..], b"garbage behind it"].concat();
        match unpacked(&long) {
            Err(DecompressError::Trailing { offset, format }) => {
                assert_eq!((offset, format), (good.len() as u64, program));
            }
            other => panic!("{program}: {:?}", other.map(|bytes| bytes.len())),
        }
        // Without a check, zstd can't know of a changed literal.
        if arguments.contains(&"--no-check") {
            continue;
        }
        for at in (20..good.len() - 1).step_by(good.len() / 10) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            if let Ok(bytes) = unpacked(&bad) {
                panic!("{program}: byte {at}, {} bytes", bytes.len());
            }
        }
    }
}

#[test]
fn windows_are_bounded() {
    // A frame with a window of 256 MiB: RFC 8878, section 3.1.1.1.2.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, 18 << 3, 1, 0, 0];
    let refused = unpacked(&frame);
    assert!(
        matches!(refused, Err(DecompressError::Window { format: "zstd", .. })),
        "{refused:?}"
    );
    // A dictionary of 1.5 GiB: the .xz file format, section 5.3.1.
    let mut xz = compress("xz", &["-0", "--check=crc32"], b"content");
    assert_eq!(xz[14..16], [0x21, 1]);
    xz[16] = 37;
    let sum = crc32fast::hash(&xz[12..20]);
    xz[20..24].copy_from_slice(&sum.to_le_bytes());
    let refused = unpacked(&xz);
    assert!(
        matches!(refused, Err(DecompressError::Window { format: "xz", .. })),
        "{refused:?}"
    );
    // The largest that the programs make without being asked twice.
    let data = sample();
    for (program, arguments) in [("xz", &["-9"][..]), ("zstd", &["--long=27"])] {
        assert!(unpacked(&compress(program, arguments, &data)).expect("fits") == data);
    }
}

#[test]
fn other_data_stays_as_it_is() {
    let archive = Archive::new().file("BZh9", b"content").end();
    for bytes in [
        &b""[..],
        b"\x1f\x8b",
        b"BZh91AY&S",
        b"PK\x03\x04",
        &bytes_of(&archive),
    ] {
        assert_eq!(unpacked(bytes).expect("no compression"), bytes);
    }
}

#[test]
fn the_copy_lies_in_the_folder_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = sample();
    let path = folder.path().join("data.gz");
    fs::write(&path, compress("gzip", &[], &data)).expect("room");
    let scratch = folder.path().join("scratch");
    fs::create_dir(&scratch).expect("new");
    let map = decompressed(
        host_file(&path).expect("there"),
        &Scratch::Folder(scratch.clone()),
    )
    .expect("good");
    fs::remove_file(&path).expect("there");
    assert_eq!(fs::read_dir(&scratch).expect("there").count(), 0);
    assert!(bytes_of(&map) == data);
    assert_eq!(map.data_len(), map.len());
    fs::write(&path, compress("gzip", &[], &data)).expect("room");
    let absent = Scratch::Folder(folder.path().join("absent"));
    let refused = decompressed(host_file(&path).expect("there"), &absent);
    assert!(
        matches!(refused, Err(DecompressError::Scratch { .. })),
        "{refused:?}"
    );
}

#[test]
fn an_archive_that_changes_is_noticed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("data.gz");
    fs::write(&path, compress("gzip", &[], &sample())).expect("room");
    let map = host_file(&path).expect("there");
    change(&path);
    let refused = decompressed(map, &Scratch::Memory);
    assert!(
        matches!(refused, Err(DecompressError::Read(_))),
        "{refused:?}"
    );
}

fn change(path: &Path) {
    fs::write(path, b"\x1f\x8b\x08 something else").expect("room");
}
