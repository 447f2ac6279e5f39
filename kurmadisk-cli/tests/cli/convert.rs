//! `kurmadisk convert`: any image into any format, what it says, what it refuses.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::process::Output;

use kurmadisk_fixtures::oracle;

use super::Bench;
use crate::common::{FORMATS, is_checked, is_compressed, is_filled, json, judged, names};

const MIB: u64 = 1 << 20;
const LEN: u64 = 20 * MIB + 3 * 512;

/// `disk.raw`: few bytes at the edges of blocks, and holes between them.
fn sample(bench: &Bench) -> PathBuf {
    let path = bench.join("disk.raw");
    let file = File::create(&path).unwrap();
    file.set_len(LEN).unwrap();
    for (number, at) in [0, 3 * MIB - 512, 9 * MIB + 5, LEN - 512]
        .into_iter()
        .enumerate()
    {
        let byte = u8::try_from(number).unwrap() + 1;
        file.write_all_at(&[byte; 512], at).unwrap();
    }
    // Not compressible.
    let noise: Vec<u8> = (0_u32..50_000)
        .flat_map(|n| {
            n.wrapping_mul(2_654_435_761)
                .rotate_left(n % 31)
                .to_le_bytes()
        })
        .collect();
    file.write_all_at(&noise, 12 * MIB).unwrap();
    path
}

#[track_caller]
fn convert(bench: &Bench, arguments: &[&str]) -> String {
    let all = std::iter::once("convert").chain(arguments.iter().copied());
    let assert = bench.run(all).assert().success();
    let output = assert.get_output();
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// `convert` with these arguments exits with 1, says one line with these parts, and leaves the folder as it was.
#[track_caller]
fn refused(bench: &Bench, arguments: &[&str], parts: &[&str]) {
    let before = names(bench.path());
    let all = std::iter::once("convert").chain(arguments.iter().copied());
    let assert = bench.run(all).assert().code(1);
    let Output { stdout, stderr, .. } = assert.get_output();
    let said = String::from_utf8(stderr.clone()).unwrap();
    assert!(stdout.is_empty());
    assert_eq!(said.matches('\n').count(), 1, "one line: {said}");
    for part in parts {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert_eq!(names(bench.path()), before, "something is left behind");
}

/// The files whose names begin so: an image's, if nothing else does.
fn files(bench: &Bench, name: &str) -> Vec<PathBuf> {
    let names = names(bench.path()).into_iter();
    let names = names.filter(|file| file.starts_with(name));
    names.map(|file| bench.join(&file)).collect()
}

fn occupied(files: &[PathBuf]) -> u64 {
    let blocks = files.iter().map(|file| file.metadata().unwrap().blocks());
    blocks.sum::<u64>() * 512
}

#[test]
fn every_format_becomes_every_format_and_holes_are_kept() {
    let bench = Bench::new();
    let raw = sample(&bench);
    for (from, from_qemu) in FORMATS {
        convert(&bench, &["disk.raw", "from", "--format", from]);
        judged(oracle::qemu_img_compare(
            &raw,
            "raw",
            &bench.join("from"),
            from_qemu,
        ));
        for (to, to_qemu) in FORMATS {
            for old in files(&bench, "to") {
                fs::remove_file(old).unwrap();
            }
            convert(&bench, &["from", "to", "--format", to]);
            let image = bench.join("to");
            judged(oracle::qemu_img_compare(&raw, "raw", &image, to_qemu));
            if is_checked(to_qemu) {
                judged(oracle::qemu_img_check(&image, to_qemu));
            }
            // Five blocks of 1 MiB have something; in a fixed image nothing is a hole, and only what compresses
            // leaves zeros out again.
            let whole = is_filled(from) && !is_compressed(to);
            let occupied = occupied(&files(&bench, "to"));
            if whole || is_filled(to) {
                assert!(occupied >= LEN, "{from}, {to}: {occupied}");
            } else {
                assert!(occupied < 16 * MIB, "{from}, {to}: {occupied}");
            }
        }
    }
}

#[test]
fn the_same_disk_has_the_same_identifiers_and_another_seed_others() {
    let bench = Bench::new();
    sample(&bench);
    convert(&bench, &["disk.raw", "first.vdi"]);
    convert(&bench, &["first.vdi", "disk.vmdk"]);
    convert(&bench, &["disk.vmdk", "second.vdi", "--threads", "1"]);
    let first = fs::read(bench.join("first.vdi")).unwrap();
    assert!(first == fs::read(bench.join("second.vdi")).unwrap());
    convert(&bench, &["disk.vmdk", "third.vdi", "--seed", "another"]);
    let third = fs::read(bench.join("third.vdi")).unwrap();
    let (uuids, rest) = (0x188..0x1A8, 0x1A8);
    assert_ne!(first[uuids.clone()], third[uuids]);
    assert!(first[rest..] == third[rest..]);
    // The number of threads does not matter.
    let stream = |threads: &str| {
        let format = ["--format", "vmdk-stream", "--threads", threads];
        convert(&bench, &[&["disk.raw", "x.vmdk"][..], &format].concat());
        fs::read(bench.join("x.vmdk")).unwrap()
    };
    assert!(stream("1") == stream("3"));
}

#[test]
fn images_of_qemu_are_converted() {
    let bench = Bench::new();
    let raw = sample(&bench);
    let qemu_img = |arguments: &[&str], to: &str| {
        let mut command = judged(oracle::tool("qemu-img").unwrap().command());
        command
            .current_dir(bench.path())
            .arg("convert")
            .args(arguments);
        let done = command
            .args(["-f", "raw", "disk.raw", to])
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    for arguments in [
        &["-O", "vdi"][..],
        &["-O", "vdi", "-o", "static=on"],
        &["-O", "vmdk"],
        &["-O", "vmdk", "-o", "subformat=streamOptimized"],
        &["-O", "vmdk", "-o", "subformat=monolithicFlat"],
        &["-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"],
        &["-O", "vmdk", "-o", "subformat=twoGbMaxExtentFlat"],
    ] {
        qemu_img(arguments, "from");
        let made = convert(&bench, &["from", "to.vdi"]);
        assert!(made.starts_with("to.vdi: vdi, "), "{made}");
        judged(oracle::qemu_img_compare(
            &raw,
            "raw",
            &bench.join("to.vdi"),
            "vdi",
        ));
    }
}

#[test]
fn disks_in_many_files_need_no_higher_limit_of_open_ones() {
    const GIB: u64 = 1 << 30;
    let bench = Bench::new();
    let raw = bench.join("disk.raw");
    let file = File::create(&raw).unwrap();
    file.set_len(100 * GIB).unwrap();
    for at in [0, 50 * GIB, 100 * GIB - 512] {
        file.write_all_at(&[7; 512], at).unwrap();
    }
    // The soft limit alone; 51 files are more than that.
    let convert = |arguments: &[&str]| {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "ulimit -Sn 40; exec \"$0\" convert \"$@\""]);
        shell.arg(env!("CARGO_BIN_EXE_kurmadisk")).args(arguments);
        let done = shell.current_dir(bench.path()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    convert(&["disk.raw", "split.vmdk", "--format", "vmdk-split"]);
    assert_eq!(files(&bench, "split-s").len(), 51);
    convert(&["split.vmdk", "again.raw"]);
    for (image, format) in [("split.vmdk", "vmdk"), ("again.raw", "raw")] {
        let image = bench.join(image);
        judged(oracle::qemu_img_compare(&raw, "raw", &image, format));
    }
}

#[test]
fn a_block_device_is_converted() {
    let bench = Bench::new();
    let raw = sample(&bench);
    let losetup = |arguments: &[&str]| {
        let mut command = judged(oracle::tool("losetup").unwrap().command());
        let done = command.args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "losetup (it needs root): {said}");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    let device = losetup(&["--find", "--show", "--read-only", raw.to_str().unwrap()]);
    let run = bench
        .run(["convert", "--json", &device, "out.vmdk"])
        .output();
    losetup(&["--detach", &device]);
    let run = run.unwrap();
    assert!(run.status.success(), "{run:?}");
    let made: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(made["input"], device);
    assert_eq!(made["disk-size"], LEN);
    judged(oracle::qemu_img_compare(
        &raw,
        "raw",
        &bench.join("out.vmdk"),
        "vmdk",
    ));
}

#[test]
fn what_was_made_is_said_or_not() {
    let bench = Bench::new();
    sample(&bench);
    let said = convert(&bench, &["disk.raw", "out.vdi"]);
    assert_eq!(said, "out.vdi: vdi, 6 MiB (a disk of 20.0 MiB)\n");
    assert_eq!(convert(&bench, &["disk.raw", "out.vdi", "--quiet"]), "");
    let arguments = [
        "convert",
        "--json",
        "out.vdi",
        "out.img",
        "--format",
        "vmdk-stream",
    ];
    let made = json(&mut bench.run(arguments));
    let size = fs::metadata(bench.join("out.img")).unwrap().len();
    let expected = serde_json::json!({
        "input": "out.vdi",
        "input-format": "vdi",
        "output": "out.img",
        "format": "vmdk-stream",
        "size": size,
        "disk-size": LEN,
        "outputs": [{ "output": "out.img", "format": "vmdk-stream", "size": size }],
    });
    assert_eq!(made, expected);
}

#[test]
fn an_image_is_not_written_over_itself() {
    let bench = Bench::new();
    let raw = sample(&bench);
    let before = fs::read(&raw).unwrap();
    std::os::unix::fs::symlink("disk.raw", bench.join("link.vdi")).unwrap();
    fs::create_dir(bench.join("folder")).unwrap();
    for output in ["disk.raw", "./disk.raw", "folder/../disk.raw", "link.vdi"] {
        refused(&bench, &["disk.raw", output], &["disk.raw is an input"]);
        refused(
            &bench,
            &["link.vdi", output, "--format", "vdi"],
            &["is an input"],
        );
    }
    assert!(before == fs::read(&raw).unwrap());
}

#[test]
fn none_of_an_images_files_is_written_over_by_any_of_anothers() {
    let bench = Bench::new();
    sample(&bench);
    convert(&bench, &["disk.raw", "old.vmdk", "--format", "vmdk-flat"]);
    convert(
        &bench,
        &["disk.raw", "old.split.vmdk", "--format", "vmdk-split"],
    );
    fs::copy(bench.join("disk.raw"), bench.join("new-flat.vmdk")).unwrap();
    std::os::unix::fs::symlink("old-flat.vmdk", bench.join("link-s001.vmdk")).unwrap();
    for (input, output, format, named) in [
        ("old.vmdk", "old-flat.vmdk", "raw", "old-flat.vmdk"),
        (
            "old.split.vmdk",
            "old.split-s001.vmdk",
            "vmdk",
            "old.split-s001.vmdk",
        ),
        // By the names that the new descriptor gives.
        ("new-flat.vmdk", "new.vmdk", "vmdk-flat", "new-flat.vmdk"),
        ("old.vmdk", "link.vmdk", "vmdk-split", "old-flat.vmdk"),
    ] {
        let said = format!("{named} is an input");
        refused(&bench, &[input, output, "--format", format], &[&said]);
    }
    for image in ["old.vmdk", "old.split.vmdk"] {
        let (raw, image) = (bench.join("disk.raw"), bench.join(image));
        judged(oracle::qemu_img_compare(&raw, "raw", &image, "vmdk"));
    }
}

#[test]
fn what_cannot_be_converted_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    sample(&bench);
    bench.write("empty.raw", "");
    let ending = [
        "out.bin",
        "the ending",
        "raw, raw-fixed, vdi, vdi-fixed, vmdk",
    ];
    for (arguments, parts) in [
        (
            &["absent.vdi", "out.raw"][..],
            &["cannot open absent.vdi"][..],
        ),
        (&["tree", "out.raw"], &["tree", "neither a regular file"]),
        (&["disk.raw", "out.bin"], &ending),
        (
            &["disk.raw", "-", "--format", "qcow2-compressed"],
            &["can't go through a pipe"],
        ),
        (
            &["disk.raw", "/dev/null", "--format", "vdi"],
            &["/dev/null", "not a regular file"],
        ),
        (&["disk.raw", "no/out.vdi"], &["no/out.vdi", "No such file"]),
        (&["empty.raw", "out.vdi"], &["a disk of 0 bytes"]),
    ] {
        refused(&bench, arguments, parts);
    }
    for arguments in [
        &["convert", "disk.raw"][..],
        &["convert", "disk.raw", "out.vdi", "--format", "qcow9"],
        &["convert", "disk.raw", "out.vdi", "--quiet", "--json"],
        &["convert", "disk.raw", "out.vdi", "--threads", "0"],
    ] {
        bench.run(arguments.iter().copied()).assert().code(2);
    }
}

#[test]
fn a_damaged_image_is_named_and_what_was_there_stays() {
    let bench = Bench::new();
    sample(&bench);
    bench.write("out.raw", "the disk of yesterday");
    for (format, at, bytes, part) in [
        // Two blocks in one place; a grain table far away; a grain that is no zlib stream.
        ("vdi", 0x200, &[0; 16][..], "two blocks lie at"),
        ("vdi-fixed", 0x200, &[0xF0; 4], "past the end"),
        ("vmdk", 12, &[0xFF; 8], "capacity"),
        ("vmdk-stream", 128 * 512 + 12, &[0xFF; 8], "zlib"),
    ] {
        convert(&bench, &["disk.raw", "damaged", "--format", format]);
        let file = File::options()
            .write(true)
            .open(bench.join("damaged"))
            .unwrap();
        file.write_all_at(bytes, at).unwrap();
        refused(&bench, &["damaged", "out.raw"], &["damaged", part]);
    }
    for format in ["vdi", "vdi-fixed", "vmdk", "vmdk-stream"] {
        convert(&bench, &["disk.raw", "damaged", "--format", format]);
        let path = bench.join("damaged");
        let half = path.metadata().unwrap().len() / 2;
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(half)
            .unwrap();
        refused(&bench, &["damaged", "out.raw"], &["damaged"]);
    }
    let kept = fs::read_to_string(bench.join("out.raw")).unwrap();
    assert_eq!(kept, "the disk of yesterday");
}

#[test]
fn a_full_disk_leaves_nothing() {
    let bench = Bench::new();
    sample(&bench);
    // No file of this process may become larger than 4 MiB: a write beyond fails as on a full disk.
    let line =
        "trap '' XFSZ; ulimit -f 8192; exec \"$0\" convert disk.raw out.raw --format raw-fixed";
    let mut shell = std::process::Command::new("sh");
    shell.current_dir(bench.path()).args(["-c", line]);
    let done = shell.arg(env!("CARGO_BIN_EXE_kurmadisk")).output().unwrap();
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("cannot write out.raw"), "{said}");
    assert_eq!(names(bench.path()), ["disk.raw", "tree"]);
}

#[test]
fn an_archive_is_no_disk() {
    let bench = Bench::new();
    sample(&bench);
    for (archive, command) in [
        ("x.ova", "tar -cf x.ova disk.raw"),
        ("x.zip", "7zz a x.zip disk.raw"),
    ] {
        let mut shell = std::process::Command::new("sh");
        let made = shell
            .current_dir(bench.path())
            .args(["-c", command])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        refused(
            &bench,
            &[archive, "out.vdi"],
            &[archive, "archive; unpack it"],
        );
    }
}
