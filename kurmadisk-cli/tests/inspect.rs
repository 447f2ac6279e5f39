//! `kurmadisk inspect` as it is run: what it prints, and what it exits with.

use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;
use kurmadisk::spec::ImageSpec;
use kurmadisk::{Builder, ImageFormat};
use serde_json::Value;

const DISK: &str = r#"
[disk]
table = "gpt"

[[partition]]
number = 1
label = "BOOT"
type = "esp"
size = "1 MiB"
attributes = ["legacy-boot"]
hybrid = 0x0c
active = true
filesystem = { type = "fat", fat-bits = 12, serial = 0xcafe0042 }

[[partition]]
number = 3
label = "DATA"
type = "linux"
size = "1 MiB"
filesystem = { type = "ext4", block-size = "1 KiB", inodes = 64, journal = "0", errors = "panic" }
"#;

fn build(format: ImageFormat, path: &Path) {
    let spec = ImageSpec::from_toml("test", DISK.to_owned()).unwrap();
    let plan = Builder::from_spec(spec).plan().unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    plan.write(format, path, go_on).unwrap();
}

fn inspect(path: &Path, options: &[&str]) -> Output {
    let mut command = cargo_bin_cmd!("kurmadisk");
    command.arg("inspect").arg(path).args(options);
    command.output().unwrap()
}

fn told(path: &Path, options: &[&str]) -> String {
    let output = inspect(path, options);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(path: &Path) -> String {
    let output = inspect(path, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn people_get_aligned_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.vdi");
    build(ImageFormat::Vdi, &path);
    let text = told(&path, &[]);
    let lines: Vec<&str> = text.lines().collect();
    let first = format!("{}: vdi, a disk of ", path.display());
    assert!(lines[0].starts_with(&first), "{text}");
    assert!(
        lines[1].starts_with("type dynamic, version 1.1, "),
        "{text}"
    );
    assert!(lines[2].starts_with("gpt "), "{text}");
    assert!(lines[2].ends_with("128 entries, 1 in the MBR as 0x0c, active"));
    let column = |line: &str, word: &str| {
        let at = line.find(word);
        at.unwrap_or_else(|| panic!("no {word} in {line}"))
    };
    let at = |word: &str| {
        let line = lines.iter().find(|line| line.contains(word));
        column(line.unwrap_or_else(|| panic!("no {word} in {text}")), word)
    };
    assert_eq!(at("attributes"), at("legacy-boot"));
    assert_eq!(at("content"), at("FAT12"));
    assert_eq!(at("content"), at("ext4"));
    assert_eq!(at("errors"), at("panic"));
    assert_eq!(at("features"), at("ext_attr dir_index"));
    assert!(
        text.contains("CAFE-0042") && !text.contains("problems"),
        "{text}"
    );
}

#[test]
fn programs_get_json() {
    let folder = tempfile::tempdir().unwrap();
    for format in ImageFormat::ALL {
        let path = folder.path().join(format.name());
        build(*format, &path);
        let report: Value = serde_json::from_str(&told(&path, &["--json"])).unwrap();
        // Nothing tells that a raw image has no holes.
        let read_as = match format {
            ImageFormat::RawFixed => ImageFormat::Raw,
            other => *other,
        };
        assert_eq!(report["container"]["format"], read_as.name());
        assert_eq!(report["table"]["type"], "gpt");
        assert_eq!(report["partitions"][1]["number"], 3);
        assert_eq!(report["partitions"][1]["content"], "ext4");
        let filesystem = &report["partitions"][0]["filesystem"];
        assert_eq!(filesystem["type"], "FAT12");
        assert_eq!(filesystem["id"], "CAFE-0042");
        assert_eq!(report["problems"], Value::Array(Vec::new()));
    }
}

#[test]
fn what_is_damaged_is_listed_and_the_rest_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.raw");
    build(ImageFormat::Raw, &path);
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[0xff; 8], 512).unwrap();
    let text = told(&path, &[]);
    assert!(
        text.contains("\nproblems:\n  the primary GPT is missing\n"),
        "{text}"
    );
    assert!(text.contains("CAFE-0042"), "{text}");
}

#[test]
fn labels_cannot_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.raw");
    build(ImageFormat::Raw, &path);
    let report: Value = serde_json::from_str(&told(&path, &["--json"])).unwrap();
    let start = report["partitions"][1]["start"].as_u64().unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"\x1b[2J\nx\xc2\x9b", start + 1024 + 0x78)
        .unwrap();
    let text = told(&path, &[]);
    assert!(text.contains(r"\u{1b}[2J\u{a}x\u{9b}"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn a_filesystem_without_a_table_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.raw");
    build(ImageFormat::Raw, &path);
    let report: Value = serde_json::from_str(&told(&path, &["--json"])).unwrap();
    let start = report["partitions"][1]["start"].as_u64().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let volume = folder.path().join("volume");
    std::fs::write(&volume, &bytes[usize::try_from(start).unwrap()..]).unwrap();
    let text = told(&volume, &[]);
    assert!(
        text.contains("no partition table\n\ncontent  label  id"),
        "{text}"
    );
    assert!(text.contains("\next4     DATA   "), "{text}");
}

#[test]
fn what_cannot_be_opened_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.vdi");
    let error = refused(&path);
    assert!(
        error.starts_with("kurmadisk: ") && error.contains("disk.vdi"),
        "{error}"
    );
    build(ImageFormat::Vdi, &path);
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(600).unwrap();
    let error = refused(&path);
    assert!(
        error.contains("disk.vdi") && error.contains("damaged vdi image"),
        "{error}"
    );
    let error = refused(folder.path());
    assert!(
        error.contains("neither a regular file nor a block device"),
        "{error}"
    );
}
