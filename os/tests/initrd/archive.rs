//! Trees as GNU cpio unpacks them, in every compression, and the same bytes twice.

use std::fs;
use std::num::NonZero;
use std::process::Command;

use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::treediff::{self, Options};
use kurmadisk_fixtures::treegen::{TreeSpec, make_tree};
use kurmadisk_os::initrd::BuildOptions;

use crate::support::Case;

/// A tree of every shape, as an archive that keeps its owners, and a description of it.
fn tree(case: &Case, seed: u64) -> &'static str {
    let folder = case.path("tree");
    fs::create_dir(&folder).unwrap();
    let spec = TreeSpec {
        crowd: 20,
        ..TreeSpec::default()
    };
    make_tree(&folder, seed, &spec).unwrap();
    let tar = Command::new("tar")
        .arg("-C")
        .arg(&folder)
        .arg("-cf")
        .arg(case.path("tree.tar"))
        .arg(".");
    assert!({ tar }.status().unwrap().success());
    "[[tree]]\nsource = \"tree.tar\"\n"
}

/// What has no room in the format is made as the format has it: whole seconds from 1970 to 2106.
fn clamp_times(case: &Case, folder: &str) {
    let script = "find \"$1\" -depth ! -type l -newermt '2106-02-07 06:28:15Z' -exec touch -d '2106-02-07 06:28:15Z' {} + ;
        find \"$1\" -depth -type l -exec touch -h -d @0 {} + ;
        find \"$1\" -depth ! -type l ! -newermt '1970-01-01 00:00:00Z' -exec touch -d @0 {} + ;
        find \"$1\" -depth ! -type l -printf '%T@ %p\\0' | while IFS= read -r -d '' each; do
            seconds=${each%%.*}; touch -d \"@$seconds\" \"${each#* }\"; done";
    let done = Command::new("bash")
        .args(["-c", script, "bash"])
        .arg(case.path(folder))
        .status();
    assert!(done.unwrap().success());
}

#[test]
fn gnu_cpio_unpacks_what_was_packed() {
    let case = Case::new();
    let text = format!("compression = \"none\"\n{}", tree(&case, 11));
    let report = case.build(&text, "out.cpio");
    let listed = oracle::cpio_list(&case.path("out.cpio")).unwrap();
    // cpio tells of odd names by escapes, but of each in a line.
    assert_eq!(listed.len(), report.segments[0].entries);
    let unpacked = case.extract("out.cpio", "unpacked");
    for folder in ["tree", "unpacked"] {
        clamp_times(&case, folder);
    }
    // Holes and attributes are none of the format's.
    let compared = treediff::compare(&case.path("tree"), &unpacked, &Options::default()).unwrap();
    assert!(compared.expect_equal() > 100);
}

#[test]
fn every_compression_is_read_by_its_own_program_and_by_us() {
    let case = Case::new();
    let tree = tree(&case, 12);
    case.build(&format!("compression = \"none\"\n{tree}"), "none");
    let expected = oracle::lsinitramfs(&case.path("none")).unwrap();
    let entries = case.inspect("none").pieces.remove(0).entries;
    for compression in ["gzip", "zstd", "xz", "lz4"] {
        let report = case.build(
            &format!("compression = \"{compression}\"\n{tree}"),
            compression,
        );
        assert!(report.size < report.segments[0].content, "{compression}");
        assert_eq!(
            oracle::lsinitramfs(&case.path(compression)).unwrap(),
            expected
        );
        let pieces = case.inspect(compression).pieces;
        assert_eq!(pieces.len(), 1);
        assert_eq!(pieces[0].compression, Some(compression));
        assert_eq!(pieces[0].entries, entries);
    }
    // The kernel reads one frame of zstd, and no check but CRC-32 of xz.
    let name = |name: &str, ending: &str| {
        let path = case.path(name).with_extension(ending);
        fs::copy(case.path(name), &path).unwrap();
        path
    };
    let content = fs::metadata(case.path("none")).unwrap().len();
    let zstd = name("zstd", "zst");
    oracle::compressed_test(&zstd).unwrap();
    // A stream tells no size.
    assert_eq!(
        fs::read(&zstd)
            .unwrap()
            .windows(4)
            .filter(|four| *four == [0x28, 0xb5, 0x2f, 0xfd])
            .count(),
        1
    );
    assert_eq!(oracle::decompress(&zstd).unwrap().len() as u64, content);
    let xz = name("xz", "xz");
    oracle::compressed_test(&xz).unwrap();
    assert_eq!(fs::read(&xz).unwrap()[6..8], [0, 1]);
    assert_eq!(oracle::decompress(&xz).unwrap().len() as u64, content);
}

#[test]
fn the_same_files_give_the_same_bytes_with_any_number_of_threads() {
    let case = Case::new();
    let tree = tree(&case, 13);
    for compression in ["gzip", "zstd", "xz", "lz4"] {
        let text = format!("compression = \"{compression}\"\nsource-date-epoch = 1000\n{tree}");
        let spec = case.spec(&text);
        let built = [1, 3].map(|threads| {
            let options = BuildOptions {
                threads: NonZero::new(threads).unwrap(),
                ..BuildOptions::default()
            };
            spec.build_with(&case.path("out"), &options).unwrap();
            fs::read(case.path("out")).unwrap()
        });
        assert!(built[0] == built[1], "{compression}");
    }
    let late = case.inspect("out").pieces.remove(0).entries;
    assert!(late.iter().all(|entry| entry.mtime <= 1000));
}
