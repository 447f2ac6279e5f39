//! What is said of what is not read, or not as it is asked for.

use std::fs;
use std::path::Path;

use kurmadisk::source::{ReadError, Scratch, SourceKind, Wanted, read};
use kurmadisk_formats::error::chain;

use crate::support::run;

fn refused(path: &Path, wanted: &Wanted<'_>) -> String {
    let error: ReadError = read(path, wanted, &Scratch::Memory).expect_err("it is refused");
    let text = chain(&error);
    let before = format!("{} is ", path.display());
    text.strip_prefix(&before).unwrap_or(&text).to_owned()
}

#[test]
fn what_is_known_but_not_read_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    let starts: [(&[u8], &str); 4] = [
        (b"PK\x03\x04", "zip"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"LZIP", "lzip"),
    ];
    for (start, name) in starts {
        fs::write(&path, [start, &[1; 2000]].concat()).expect("room");
        let text = refused(&path, &Wanted::default());
        let expected =
            format!("{name}, and no tree is read from that; unpack it, and give what is in it");
        assert_eq!(text, expected);
    }
    fs::write(&path, [&b"PK\x03\x04"[..], &[1; 2000]].concat()).expect("room");
    run(folder.path(), "gzip", &["file"]);
    let text = refused(&folder.path().join("file.gz"), &Wanted::default());
    assert!(
        text.starts_with("zip in gzip, and no tree is read"),
        "{text}"
    );
    fs::write(&path, "text").expect("room");
    run(folder.path(), "xz", &["file"]);
    let text = refused(&folder.path().join("file.xz"), &Wanted::default());
    assert!(
        text.starts_with("no folder, no tar or cpio archive"),
        "{text}"
    );
}

#[test]
fn only_container_images_have_platforms() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("d.raw");
    fs::write(&path, [1; 2000]).expect("room");
    for (kind, path) in [
        (SourceKind::Folder, folder.path()),
        (SourceKind::Disk, &path),
    ] {
        let wanted = Wanted {
            kind: Some(kind),
            platform: Some("linux/arm64"),
            ..Wanted::default()
        };
        let expected = format!(
            "read as {kind}, which has no platform \"linux/arm64\" to choose; only container images (oci) have platforms"
        );
        assert_eq!(refused(path, &wanted), expected);
    }
}
