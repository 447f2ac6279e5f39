//! Trees that are wrong: one line names the path, and nothing is left behind.

use std::fs;

use super::Bench;

/// Where the fields of a tar header lie.
const MODE: usize = 100;
const SIZE: usize = 124;
const MTIME: usize = 136;
const CHECKSUM: usize = 148;
const TYPEFLAG: usize = 156;
const LINKNAME: usize = 157;
const MAGIC: usize = 257;

/// A member of a tar archive: a header, and content filled up to whole blocks.
fn member(name: &str, typeflag: u8, link: &str, content: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put =
        |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(MODE, "0000644\0");
    put(SIZE, &format!("{:011o}\0", content.len()));
    put(MTIME, "00000000000\0");
    put(LINKNAME, link);
    put(MAGIC, "ustar\x0000");
    put(CHECKSUM, "        ");
    block[TYPEFLAG] = typeflag;
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[CHECKSUM..CHECKSUM + 8].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend_from_slice(content);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

/// A PAX header with these records for the member behind it.
fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let record = |(key, value): &(&str, &str)| {
        let rest = format!(" {key}={value}\n");
        // The length counts its own digits.
        let mut len = rest.len();
        while len != rest.len() + len.to_string().len() {
            len = rest.len() + len.to_string().len();
        }
        format!("{len}{rest}")
    };
    let content: String = records.iter().map(record).collect();
    member("pax", b'x', "", content.as_bytes())
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    let mut archive = members.concat();
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn file(name: &str) -> Vec<u8> {
    member(name, b'0', "", b"content")
}

#[track_caller]
fn refused(archive: &[u8], parts: &[&str]) {
    let bench = Bench::new();
    fs::write(bench.join("t.tar"), archive).unwrap();
    let options = [
        "--layout",
        "efi",
        "--format",
        "raw",
        "--root",
        "t.tar",
        "--scratch",
        ".",
    ];
    let all = [&["--root: "], parts].concat();
    bench.refuses(options, &all);
}

#[test]
fn archives_that_would_lead_outside_or_nowhere() {
    let wrong: [(&[Vec<u8>], &[&str]); 10] = [
        (
            &[file("a/../../x")],
            &["\"a/../../x\" in the tar archive", "\"..\""],
        ),
        (&[file("/x")], &["\"/x\" in the tar archive", "absolute"]),
        (
            &[member("d", b'2', "/etc", b""), file("d/passwd")],
            &["\"d/passwd\" in the tar archive", "/d is a symbolic link"],
        ),
        (
            &[member("a", b'1', "b", b""), member("b", b'1', "a", b"")],
            &["\"a\" in the tar archive", "b"],
        ),
        (
            &[file("x"), member("link", b'1', "missing", b"")],
            &["\"link\" in the tar archive", "missing"],
        ),
        (&[file("x"), file("x")], &["\"x\" in the tar archive"]),
        (
            &[file("x"), file("x/y")],
            &["\"x/y\" in the tar archive", "/x is "],
        ),
        (
            &[
                file(&"n".repeat(90)),
                pax(&[("path", &"n".repeat(256))]),
                file("x"),
            ],
            &["has 256 bytes; ext4 has room for 255"],
        ),
        (
            &[pax(&[("path", &"d/".repeat(2048))]), file("x")],
            &["in the tar archive", "4095"],
        ),
        (
            &[
                pax(&[("SCHILY.xattr.user.large", &"v".repeat(70_000))]),
                file("x"),
            ],
            &["user.large"],
        ),
    ];
    for (members, parts) in wrong {
        refused(&archive(members), parts);
    }
}

#[test]
fn archives_that_are_damaged() {
    let whole = archive(&[file("first"), file("second")]);
    refused(&whole[..1100], &["t.tar: tar archive", "incomplete"]);
    refused(
        &whole[..1536],
        &["t.tar: \"second\" in the tar archive", "incomplete"],
    );
    refused(
        &whole[..2048],
        &["t.tar: tar archive, byte 2048", "incomplete"],
    );
    let mut spoiled = whole.clone();
    spoiled[1024] = b'S';
    refused(&spoiled, &["t.tar: tar archive, byte 1024", "checksum"]);
    let sparse = pax(&[
        ("GNU.sparse.major", "0"),
        ("GNU.sparse.minor", "1"),
        ("GNU.sparse.size", "1000"),
        ("GNU.sparse.map", "500,3,100,4"),
    ]);
    refused(
        &archive(&[sparse, file("holes")]),
        &["\"holes\" in the tar archive", "sparse"],
    );
}

#[test]
fn trees_that_a_filesystem_cannot_hold() {
    let bench = Bench::new();
    let disk = |keys: &str| {
        format!("layout = \"efi\"\nroot = \"tree\"\n[[partition]]\nnumber = 2\n{keys}")
    };
    bench.write(
        "c.toml",
        &disk("size = \"8 MiB\"\nfilesystem.inodes = 16\n"),
    );
    for number in 0..600 {
        bench.write(&format!("tree/many/{number}"), "");
    }
    let options = ["--config", "c.toml", "--format", "raw"];
    bench.refuses(options, &["c.toml:6:21: inodes: ", "partition 2 (ROOT)"]);
    bench.write("c.toml", &disk("size = \"64 KiB\"\n"));
    bench.refuses(options, &["c.toml:5:8: size: ", "partition 2 (ROOT)"]);
}
