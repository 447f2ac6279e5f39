//! Trees as GNU cpio unpacks them, in every compression, and the same bytes twice.

use std::fs;
use std::num::NonZero;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use kurmadisk_fixtures::oracle;
use kurmadisk_fixtures::treediff::{self, Options};
use kurmadisk_fixtures::treegen::{TreeSpec, make_tree, set_mtime};
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
    // What the format has no room for, and a link with two names, of which cpio and the kernel make two links.
    for name in ["sparse/far", "links/symlink-with-two-names"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    clamp_times(&folder);
    let pack = "cd \"$1\" && find . -print0 | cpio --quiet --null -o -H newc > \"$2\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", pack, "sh"]);
    let packed = shell.arg(&folder).arg(case.path("tree.cpio")).status();
    assert!(packed.unwrap().success());
    "[[tree]]\nsource = \"tree.cpio\"\n"
}

/// Gives everything times that the format has room for: whole seconds from 1970 to 2106; directories and links, whose
/// times GNU cpio does not set or changes again, 1970.
fn clamp_times(path: &Path) {
    let meta = path.symlink_metadata().unwrap();
    if meta.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            clamp_times(&entry.unwrap().path());
        }
    }
    let seconds = meta.mtime().clamp(0, u32::MAX.into());
    let seconds = if meta.is_file() { seconds } else { 0 };
    set_mtime(path, seconds, 0).unwrap();
}

#[test]
fn gnu_cpio_unpacks_what_was_packed() {
    let case = Case::new();
    let text = format!("compression = \"none\"\n{}", tree(&case, 11));
    let report = case.build(&text, "out.cpio");
    let listed = oracle::cpio_list(&case.path("out.cpio")).unwrap();
    let paths = case.paths("out.cpio");
    assert_eq!(paths.len(), report.segments[0].entries);
    // cpio gives a name that has a line break in it several lines.
    let lines: Vec<_> = paths
        .iter()
        .flat_map(|path| path[1..].split('\n'))
        .collect();
    assert_eq!(listed.len(), lines.len());
    case.build(&format!("source-date-epoch = 1000\n{text}"), "early");
    let early = case.inspect("early").pieces.remove(0).entries;
    assert_eq!(early.len(), paths.len());
    assert!(early.iter().all(|entry| entry.mtime <= 1000));
    let unpacked = case.extract("out.cpio", "unpacked");
    clamp_times(&unpacked);
    // Holes and attributes are none of the format's.
    let compared = treediff::compare(&case.path("tree"), &unpacked, &Options::default()).unwrap();
    assert!(compared.expect_equal() > 100);
}

#[test]
fn every_compression_is_read_and_is_the_same_with_any_number_of_threads() {
    let case = Case::new();
    let tree = tree(&case, 12);
    case.build(&format!("compression = \"none\"\n{tree}"), "none");
    let expected = oracle::cpio_list(&case.path("none")).unwrap();
    let entries = case.inspect("none").pieces.remove(0).entries;
    for compression in ["gzip", "zstd", "xz", "lz4"] {
        let spec = case.spec(&format!("compression = \"{compression}\"\n{tree}"));
        let built = [3, 1].map(|threads| {
            let options = BuildOptions {
                threads: NonZero::new(threads).unwrap(),
                ..BuildOptions::default()
            };
            let report = spec.build_with(&case.path(compression), &options).unwrap();
            (report, fs::read(case.path(compression)).unwrap())
        });
        assert!(built[0] == built[1], "{compression}");
        let report = &built[0].0;
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

fn lz4(case: &Case, arguments: &[&str]) -> Vec<u8> {
    let mut lz4 = oracle::tool("lz4").unwrap().command().unwrap();
    let done = lz4
        .args(arguments)
        .current_dir(case.path(""))
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    done.stdout
}

#[test]
fn lz4_is_read_and_written_as_its_own_program_does() {
    let case = Case::new();
    let long = "lines of some length, more than one block of them\n".repeat(200_000);
    let text = format!("[[file]]\npath = \"/long\"\ntext = {long:?}");
    case.build(&format!("compression = \"none\"\n{text}"), "none");
    case.build(&format!("compression = \"lz4\"\n{text}"), "ours");
    let plain = fs::read(case.path("none")).unwrap();
    assert!(plain.len() > 8 << 20);
    assert!(lz4(&case, &["-dc", "ours"]) == plain);
    let theirs = lz4(&case, &["-l", "-c", "none"]);
    case.write("theirs", &theirs);
    let [ours, theirs_told] = ["ours", "theirs"].map(|name| case.inspect(name).pieces);
    assert_eq!(ours[0].entries, theirs_told[0].entries);
    // Zeros behind it, as boot loaders add them, are no part of it.
    case.write("padded", [theirs.clone(), vec![0; 100]].concat());
    assert_eq!(case.inspect("padded").pieces, theirs_told);
    for damaged in [
        &theirs[..theirs.len() - 10],
        &[&theirs[..4], &[0xff; 40]].concat(),
    ] {
        case.write("damaged", damaged);
        let path = case.path("damaged");
        let refused = kurmadisk_os::initrd::inspect(&path, &kurmadisk::source::Scratch::Memory);
        let said = kurmadisk::formats::error::chain(&refused.unwrap_err());
        assert!(said.contains("lz4 data"), "{said}");
    }
}
