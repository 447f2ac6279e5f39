//! Tar archives.

use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;

use flate2::write::GzEncoder;
use kurmadisk::package::archive::{Tar, data_stretches};
use kurmadisk_fixtures::oracle::{self, Unpacker};
use kurmadisk_formats::host;
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::output::{NewFile, Output};
use proptest::prelude::*;

use super::{NAMES, TIME, assert_members};

const UNPACKERS: [Unpacker; 2] = [Unpacker::Tar, Unpacker::Bsdtar];

/// How a member comes into an archive.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Reserved,
    KnownLength,
    UnknownLength,
    Sparse,
}

/// Writes `bytes` in pieces, and leaves out whole pieces of zeros.
fn write(out: &mut dyn Output, bytes: &[u8], piece: usize) {
    for (index, data) in bytes.chunks(piece).enumerate() {
        if data.iter().any(|byte| *byte != 0) {
            out.write_at((index * piece) as u64, data).unwrap();
        }
    }
    out.set_len(bytes.len() as u64).unwrap();
}

/// A map with the bytes where they are not zero.
fn disk(bytes: &[u8]) -> DiskMap {
    let mut map = DiskMap::new(bytes.len() as u64);
    for (index, data) in bytes.chunks(512).enumerate() {
        if data.iter().any(|byte| *byte != 0) {
            let start = index as u64 * 512;
            map.insert_bytes(start, data.to_vec()).unwrap();
        }
    }
    map
}

fn archive(files: &[(String, Vec<u8>)], ways: &[Way], piece: usize) -> Vec<u8> {
    let mut tar = Tar::new(Vec::new(), TIME);
    let mut later = Vec::new();
    for ((name, bytes), way) in files.iter().zip(ways) {
        let len = bytes.len() as u64;
        match way {
            Way::Whole => tar.add(name, bytes).unwrap(),
            Way::Reserved => later.push((tar.reserve(name, len).unwrap(), bytes)),
            Way::KnownLength | Way::UnknownLength => {
                let known = matches!(way, Way::KnownLength).then_some(len);
                let mut member = tar.member(name, known).unwrap();
                write(&mut member, bytes, piece);
                assert_eq!(member.finish().unwrap(), len);
            }
            Way::Sparse => {
                let data = data_stretches(&disk(bytes));
                let mut member = tar.sparse(name, len, data).unwrap();
                write(&mut member, bytes, piece);
            }
        }
    }
    for (room, bytes) in later {
        tar.fill(&room, bytes).unwrap();
    }
    tar.finish().unwrap()
}

/// Bytes with holes in them: stretches of one byte each.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![Just(0), 1..3_usize, 510..515_usize, 1000..600_000_usize];
    let stretch = (any::<u8>(), any::<prop::sample::Index>());
    (len, prop::collection::vec(stretch, 0..9)).prop_map(|(len, stretches)| {
        let mut bytes = vec![0; len];
        for (byte, at) in stretches {
            if len > 0 {
                let at = at.index(len);
                let end = len.min(at + usize::from(byte) * 40);
                bytes[at..end].fill(byte);
            }
        }
        bytes
    })
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        Just(Way::Whole),
        Just(Way::Reserved),
        Just(Way::KnownLength),
        Just(Way::UnknownLength),
        Just(Way::Sparse),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn what_was_put_in_comes_out(
        files in prop::collection::vec((content(), way()), 1..5),
        piece in 1_usize..300_000,
    ) {
        let (contents, ways): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        let files: Vec<_> = NAMES.map(str::to_owned).into_iter().zip(contents).collect();
        let bytes = archive(&files, &ways, piece.max(64));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar");
        std::fs::write(&path, &bytes).unwrap();
        assert_members(&path, &files, &UNPACKERS);
        oracle::sevenzip_test(&path).unwrap();

        // And as the same stream compressed.
        let path = dir.path().join("a.tar.gz");
        let mut gzip = GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
        gzip.write_all(&bytes).unwrap();
        gzip.finish().unwrap();
        assert_members(&path, &files, &UNPACKERS);
    }
}

#[test]
fn the_same_members_give_the_same_bytes() {
    let files = [("a".to_owned(), vec![1; 3000]), ("b".to_owned(), vec![])];
    let ways = [Way::Whole, Way::UnknownLength];
    let one = archive(&files, &ways, 64);
    assert_eq!(
        one,
        archive(&files, &[Way::KnownLength, Way::Reserved], 4096)
    );
    assert_eq!(one.len(), 512 + 3072 + 512 + 1024);
}

#[test]
fn long_names_are_divided_or_refused() {
    let mut files = Vec::new();
    for name in [
        "n".repeat(100),
        format!("{}/{}", "d".repeat(155), "n".repeat(100)),
        format!("{}/{}", "d".repeat(80), "n".repeat(30)),
    ] {
        files.push((name, vec![1]));
    }
    let ways = [Way::Whole; 3];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tar");
    std::fs::write(&path, archive(&files, &ways, 64)).unwrap();
    assert_members(&path, &files, &UNPACKERS);

    let mut tar = Tar::new(Vec::new(), TIME);
    for name in [
        "n".repeat(101),
        format!("{}/{}", "d".repeat(156), "n"),
        format!("d/{}", "n".repeat(101)),
        format!("{}/", "d".repeat(100)),
    ] {
        let error = tar.add(&name, b"").unwrap_err().to_string();
        assert!(error.contains("too long"), "{error}");
    }
    let error = tar.sparse(&format!("d/{}", "n".repeat(99)), 0, Vec::new());
    assert!(error.is_err());
}

#[test]
fn a_member_must_be_as_long_as_was_said() {
    let mut tar = Tar::new(Vec::new(), TIME);
    let mut member = tar.member("a", Some(4)).unwrap();
    assert!(member.write_at(2, b"abc").is_err());
    member.write_at(0, b"abc").unwrap();
    member.set_len(3).unwrap();
    assert!(
        member
            .finish()
            .unwrap_err()
            .to_string()
            .contains("predicted")
    );
    let member = tar.member("a", None).unwrap();
    assert!(member.finish().is_err(), "its length was never set");
    let room = tar.reserve("b", 4).unwrap();
    assert!(tar.fill(&room, b"abc").is_err());
    let data = std::iter::once(0..4096).collect();
    let mut member = tar.sparse("c", 1 << 20, data).unwrap();
    assert!(member.write_at(4096, b"x").is_err());
    assert!(member.set_len(4096).is_err());
}

const GIB: u64 = 1 << 30;

/// A member's size on both sides of what octal digits reach.
#[test]
fn members_from_8_gib_on() {
    let dir = tempfile::tempdir().unwrap();
    for len in [8 * GIB - 1, 8 * GIB, 20 * GIB + 513] {
        for known in [true, false] {
            let path = dir.path().join("a.tar");
            let mut tar = Tar::new(NewFile::create(&path).unwrap(), TIME);
            let mut member = tar.member("disk", known.then_some(len)).unwrap();
            member.write_at(0, b"first").unwrap();
            member.write_at(len - 4, b"last").unwrap();
            member.set_len(len).unwrap();
            member.finish().unwrap();
            tar.add("after", b"behind it").unwrap();
            tar.finish().unwrap().commit().unwrap();

            let found = oracle::python_members(&path).unwrap();
            let sizes: Vec<_> = found.iter().map(|member| member.size).collect();
            assert_eq!(sizes, [len, 9]);
            for unpacker in UNPACKERS {
                let listed = unpacker.list(&path).unwrap();
                assert!(listed.contains(&len.to_string()), "{listed}");
                assert!(listed.contains("after"), "{listed}");
            }
        }
    }
}

/// Sparse members with maps of every length around the number of entries that a header and its continuations
/// have, on a disk beyond what octal digits reach.
#[test]
fn sparse_members_of_every_number_of_stretches() {
    for count in [0, 1, 3, 4, 5, 24, 25, 26, 46, 100] {
        for (len, to_the_end) in [(20 * GIB, false), (20 * GIB, true), (9 * GIB + 511, true)] {
            let mut disk = DiskMap::new(len);
            let step = len / 101;
            for index in 0..count {
                let bytes = vec![index + 1; 3000];
                disk.insert_bytes(u64::from(index) * step, bytes).unwrap();
            }
            if to_the_end {
                disk.insert_bytes(len - 7, &b"the end"[..]).unwrap();
            }
            check_sparse(&disk);
        }
    }
}

fn check_sparse(disk: &DiskMap) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tar.gz");
    let mut tar = Tar::new(Vec::new(), TIME);
    let stretches = data_stretches(disk);
    let mut member = tar
        .sparse("disk.raw", disk.len(), stretches.clone())
        .unwrap();
    for extent in disk.extents() {
        let mut data = vec![0; usize::try_from(extent.len).unwrap()];
        read(disk, extent.start, &mut data);
        member.write_at(extent.start, &data).unwrap();
    }
    member.set_len(disk.len()).unwrap();
    tar.add("after", b"behind it").unwrap();
    let bytes = tar.finish().unwrap();
    let mut gzip = GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    gzip.finish().unwrap();

    for unpacker in UNPACKERS {
        let into = tempfile::tempdir().unwrap();
        unpacker.unpack(&path, into.path()).unwrap();
        assert_is(&into.path().join("disk.raw"), disk, &stretches);
        assert_eq!(
            std::fs::read(into.path().join("after")).unwrap(),
            b"behind it"
        );
    }
    let found = oracle::python_members(&path).unwrap();
    assert_eq!((found[0].size, found[1].size), (disk.len(), 9));
}

fn read(disk: &DiskMap, offset: u64, data: &mut [u8]) {
    use kurmadisk_formats::read_at::ReadAt;
    disk.reader().read_exact_at(offset, data).unwrap();
}

/// Asserts that the file is the disk: data where it shall be, and holes elsewhere.
fn assert_is(path: &Path, disk: &DiskMap, stretches: &[Range<u64>]) {
    let file = File::open(path).unwrap();
    assert_eq!(file.metadata().unwrap().len(), disk.len());
    for range in host::data_ranges(&file, disk.len()).unwrap() {
        let within =
            |stretch: &Range<u64>| stretch.start <= range.start && range.end <= stretch.end;
        assert!(stretches.iter().any(within), "data at {range:?}");
    }
    for range in stretches {
        let len = usize::try_from(range.end - range.start).unwrap();
        let (mut expected, mut found) = (vec![1; len], vec![2; len]);
        read(disk, range.start, &mut expected);
        host::read_exact_at(&file, range.start, &mut found).unwrap();
        assert!(expected == found, "differs within {range:?}");
    }
}
