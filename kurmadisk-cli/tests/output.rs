//! What the command prints and where it can't, and where it won't write.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output, Stdio};

fn kurmadisk() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kurmadisk"));
    // The checkout's own image.
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command.env_remove("SOURCE_DATE_EPOCH");
    command
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("errors are text")
}

#[test]
fn a_full_device_is_an_error_and_no_panic() {
    for arguments in [&["plan"][..], &["plan", "--json"]] {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        let output = kurmadisk()
            .args(arguments)
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .expect("runs");
        assert_eq!(output.status.code(), Some(1));
        assert!(
            error(&output).contains("standard output"),
            "{}",
            error(&output)
        );
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = kurmadisk()
        .args(["plan", "--json"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(error(&output), "");
}

#[test]
fn a_path_that_is_not_utf_8_is_written_and_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(OsStr::from_bytes(b"disk-\xff.vdi"));
    let output = kurmadisk()
        .args(["build", "--format", "vdi", "--json", "-o"])
        .arg(&path)
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
    assert!(path.is_file());
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(said["output"].as_str().expect("a path").contains("disk-"));
}

#[test]
fn an_error_is_one_line_whatever_it_names() {
    let output = kurmadisk()
        .args(["plan", "--kernel", "no\nsuch\u{1b}[31mkernel"])
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(1));
    let said = error(&output);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn an_input_is_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).expect("a tree");
    let kernel = folder.path().join("kernel");
    let demo = kurmadisk_fixtures::demo::folder().join(kurmadisk_fixtures::demo::BZ_IMAGE);
    std::fs::copy(&demo, &kernel).expect("a kernel");
    for (output, said) in [
        ("kernel", "is an input"),
        ("tree/disk.raw", "goes into the image"),
    ] {
        let output = kurmadisk()
            .current_dir(&folder)
            .args(["build", "--layout", "kurmaos", "--kernel", "kernel"])
            .args(["--root", "tree", "--format", "raw", "-o", output])
            .output()
            .expect("runs");
        assert_eq!(output.status.code(), Some(1));
        assert!(error(&output).contains(said), "{}", error(&output));
    }
    let kept = std::fs::read(&kernel).expect("the kernel");
    assert!(kept == std::fs::read(demo).expect("the kernel"));
    assert_eq!(std::fs::read_dir(tree).expect("the tree").count(), 0);
}
