//! Archives that are wrong: each fault has its own error, which names the member and its place.

use kurmadisk::host_file;
use kurmadisk::source::NameFault;
use kurmadisk::source::tar::{TarError, TarFault};
use kurmadisk_formats::error::chain;

use super::support::{
    Archive, DEVMAJOR, LINKNAME, MAGIC, MODE, MTIME, PREFIX, SIZE, TYPEFLAG, UID, bytes_of, header,
    in_memory, put, refusal, run, summed, whole,
};

/// Asks for a fault, at a member after one file of a block of content.
macro_rules! refused {
    ($archive:expr, $path:expr, $fault:pat) => {{
        let (path, offset, fault) = $archive.refused();
        assert!(matches!(fault, $fault), "{fault:?}");
        assert_eq!(path.as_deref(), $path, "{fault}");
        assert_eq!(offset, 1024, "{fault}");
        assert!(!fault.to_string().is_empty());
    }};
}

fn one() -> Archive {
    Archive::new().file("first", b"content")
}

#[test]
fn names_stay_inside_the_tree() {
    for name in ["../x", "a/../x", "..", "a/.."] {
        refused!(
            one().file(name, b""),
            Some(name),
            TarFault::Name(NameFault::Outside)
        );
    }
    for name in ["/x", "/", "//x"] {
        refused!(one().file(name, b""), Some(name), TarFault::Absolute);
    }
    refused!(
        one().file("", b""),
        Some(""),
        TarFault::Name(NameFault::Bad)
    );
    let pax = one().pax(&[("path", b"a\0b")]).file("x", b"");
    refused!(pax, Some("a\0b"), TarFault::Name(NameFault::Bad));
    let longest = "d/".repeat(2047) + "x";
    let tree = one()
        .pax(&[("path", longest.as_bytes())])
        .file("x", b"")
        .tree();
    assert!(tree.lookup(longest.as_bytes()).is_some());
    let (path, offset, fault) = one()
        .pax(&[("path", &[b'x'; 4096])])
        .file("x", b"")
        .refused();
    assert_eq!((path.map(|path| path.len()), offset), (Some(1000), 1024));
    assert!(
        matches!(fault, TarFault::Name(NameFault::Long { len: 4096, .. })),
        "{fault}"
    );
    refused!(one().link(".", b'1', "first"), Some("."), TarFault::Root);
    refused!(one().link(".", b'2', "first"), Some("."), TarFault::Root);
}

#[test]
fn parents_are_directories() {
    let (path, offset, fault) = Archive::new()
        .link("l", b'2', "/etc")
        .file("l/passwd", b"")
        .refused();
    assert_eq!((path.as_deref(), offset), (Some("l/passwd"), 512));
    assert!(
        fault.to_string().contains("/l is a symbolic link"),
        "{fault}"
    );
    refused!(
        one().file("first/x", b""),
        Some("first/x"),
        TarFault::Name(NameFault::Parent { .. })
    );
    refused!(
        one().dir("first/x/y"),
        Some("first/x/y"),
        TarFault::Name(NameFault::Parent { .. })
    );
}

#[test]
fn names_occur_once() {
    refused!(one().file("first", b""), Some("first"), TarFault::Duplicate);
    refused!(
        one().file("./first", b""),
        Some("./first"),
        TarFault::Duplicate
    );
    refused!(one().dir("first"), Some("first"), TarFault::Duplicate);
    refused!(
        one().link("first", b'2', "x"),
        Some("first"),
        TarFault::Duplicate
    );
    let (path, _, fault) = Archive::new().file("d/x", b"").file("d", b"").refused();
    assert_eq!(path.as_deref(), Some("d"));
    assert!(matches!(fault, TarFault::Duplicate));
    let (path, _, fault) = one()
        .file("second", b"")
        .link("second", b'1', "first")
        .refused();
    assert_eq!(path.as_deref(), Some("second"));
    assert!(matches!(fault, TarFault::Duplicate));
}

#[test]
fn hard_links_lead_somewhere() {
    refused!(
        one().link("l", b'1', "absent"),
        Some("l"),
        TarFault::LinkMissing { .. }
    );
    refused!(one().link("l", b'1', "l"), Some("l"), TarFault::LinkSelf);
    refused!(one().link("l", b'1', "./l"), Some("l"), TarFault::LinkSelf);
    let forward = one()
        .link("l", b'1', "later")
        .link("later", b'1', "last")
        .file("last", b"");
    refused!(forward, Some("l"), TarFault::LinkForward { .. });
    let pair = one().link("l", b'1', "m").link("m", b'1', "l");
    refused!(pair, Some("l"), TarFault::LinkLoop { .. });
    let three = one()
        .link("l", b'1', "m")
        .link("m", b'1', "n")
        .link("n", b'1', "./l");
    refused!(three, Some("l"), TarFault::LinkLoop { .. });
    // A loop of others, which the link only leads into.
    let others = one()
        .link("l", b'1', "m")
        .link("m", b'1', "n")
        .link("n", b'1', "m");
    refused!(others, Some("l"), TarFault::LinkForward { .. });
    for target in ["../first", "/first", ""] {
        refused!(
            one().link("l", b'1', target),
            Some("l"),
            TarFault::LinkTarget { .. }
        );
    }
    let (path, _, fault) = Archive::new().dir("d").link("l", b'1', "d").refused();
    assert_eq!(path.as_deref(), Some("l"));
    assert!(matches!(fault, TarFault::LinkDirectory { .. }));
    refused!(
        one().link("l", b'1', "."),
        Some("l"),
        TarFault::LinkDirectory { .. }
    );
    let content = one()
        .pax(&[("linkpath", b"first")])
        .entry("l", b'1', b"other content");
    refused!(content, Some("l"), TarFault::LinkContent { .. });
    refused!(
        one().link("l", b'2', ""),
        Some("l"),
        TarFault::SymlinkTarget
    );
}

#[test]
fn cut_archives_are_incomplete() {
    let archive = one()
        .pax(&[("mtime", b"1.5")])
        .file("second", &[7; 1000])
        .end();
    let all = bytes_of(&archive);
    let complete = all.len() - 512;
    whole(&in_memory(&all[..complete])).expect("one block of zeros is an end");
    for len in 0..complete {
        let (_, offset, fault) = refusal(whole(&in_memory(&all[..len])));
        assert!(
            matches!(fault, TarFault::Truncated { .. } | TarFault::NoEnd),
            "{len}: {fault}"
        );
        assert!(offset <= len as u64, "{len}: {offset}");
    }
    let (path, offset, fault) = refusal(whole(&in_memory(&all[..515])));
    assert_eq!((path, offset), (Some("first".to_owned()), 0));
    assert!(fault.to_string().contains("a file's content"), "{fault}");
    let (_, offset, fault) = refusal(whole(&in_memory(&all[..1024])));
    assert!(matches!(fault, TarFault::NoEnd) && offset == 1024);
}

#[test]
fn other_files_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("data"), [7; 9000]).expect("room");
    for program in ["gzip", "zstd", "xz", "bzip2"] {
        let mut file = run(folder.path(), program, &["-c", "data"]);
        file.resize(1024, 0);
        let (_, _, fault) = refusal(whole(&in_memory(file)));
        assert!(
            matches!(fault, TarFault::Format { format } if format == program),
            "{fault}"
        );
    }
}

#[test]
fn an_archive_that_changes_is_noticed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("archive.tar");
    std::fs::write(&path, bytes_of(&one().end())).expect("room");
    let archive = host_file(&path).expect("there");
    std::fs::write(&path, bytes_of(&one().file("more", b"").end())).expect("room");
    let refused = whole(&archive).map(|tree| tree.node_count());
    let Err(error @ TarError::Read(_)) = refused else {
        panic!("{refused:?}");
    };
    assert!(chain(&error).contains("archive.tar"), "{}", chain(&error));
}

#[test]
fn headers_are_headers() {
    let (path, offset, fault) = refusal(whole(&in_memory([7; 2048])));
    assert_eq!((path, offset), (None, 0));
    assert!(matches!(fault, TarFault::Checksum));
    let mut damaged = header(b"x", b'0', 0);
    damaged[TYPEFLAG] = b'5';
    refused!(one().header(&damaged), None, TarFault::Checksum);
    let mut zeros = one();
    zeros.0.extend([0; 512]);
    let (path, offset, fault) = Archive(zeros.0.clone()).header(&damaged).refused();
    assert_eq!((path, offset), (None, 1536));
    assert!(matches!(fault, TarFault::Checksum));
    for blocks in [0, 1, 20] {
        let mut two = zeros.clone();
        two.0.resize(two.0.len() + blocks * 512, 0);
        let (path, _, fault) = two.file("second", b"").refused();
        assert_eq!(path, None);
        assert!(matches!(fault, TarFault::AfterEnd), "{fault}");
    }
    for typeflag in *b"MNAEIZ\xff" {
        refused!(
            one().entry("x", typeflag, b""),
            Some("x"),
            TarFault::Type { .. }
        );
    }
}

#[test]
fn fields_are_numbers() {
    let fields: [(usize, &[u8], &str); 9] = [
        (MODE, b"0000648\0", "mode"),
        (UID, b"0x10\0\0\0\0", "uid"),
        (UID, b"\xff\xff\xff\xff\xff\xff\xff\xff", "uid"),
        (UID + 8, b"\x80\0\0\x01\0\0\0\0", "gid"),
        (MTIME, b"yesterday\0\0\0", "mtime"),
        (SIZE, b"-1\0", "size"),
        (
            SIZE,
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            "size",
        ),
        (
            SIZE,
            b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            "size",
        ),
        (DEVMAJOR, b"9999999\0", "devmajor"),
    ];
    for (at, bytes, name) in fields {
        let typeflag = if at == DEVMAJOR { b'3' } else { b'0' };
        let (path, offset, fault) = one()
            .changed(header(b"x", typeflag, 0), &[(at, bytes)])
            .refused();
        assert_eq!((path.as_deref(), offset), (Some("x"), 1024));
        assert!(
            matches!(fault, TarFault::Number { field } if field == name),
            "{fault}"
        );
    }
    // As large as a number can be: the content isn't there.
    let huge: [(usize, &[u8]); 1] = [(SIZE, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff")];
    refused!(
        one().changed(header(b"x", b'0', 0), &huge),
        Some("x"),
        TarFault::Truncated { .. }
    );
    refused!(
        one().changed(header(b"x", b'x', 0), &huge),
        None,
        TarFault::ExtendedSize { .. }
    );
    let (_, _, fault) = one().changed(header(b"x", b'V', 0), &huge).refused();
    assert!(matches!(fault, TarFault::Truncated { .. }), "{fault}");
}

#[test]
fn extended_headers_are_records() {
    refused!(
        one().entry("p", b'x', b"garbage").file("x", b""),
        None,
        TarFault::Record { .. }
    );
    refused!(
        one().entry("p", b'g', b"5 a=b\n"),
        None,
        TarFault::Record { .. }
    );
    refused!(one().pax(&[("uid", b"me")]), None, TarFault::Value { .. });
    refused!(
        one().pax(&[("hdrcharset", b"KOI8-R")]),
        None,
        TarFault::Value { .. }
    );
    refused!(
        one().pax(&[("SCHILY.acl.ace", b"owner@:rwx:allow")]),
        None,
        TarFault::Value { .. }
    );
    refused!(
        one().pax(&[("LIBARCHIVE.xattr.user.a", b"A")]),
        None,
        TarFault::Value { .. }
    );
    for key in ["SCHILY.xattr.", "LIBARCHIVE.xattr.", "SCHILY.xattr.a\0"] {
        refused!(
            one().pax(&[(key, b"")]).file("x", b""),
            None,
            TarFault::XattrName { .. }
        );
    }
    refused!(
        one().pax(&[("SCHILY.fflags", b"schg,odd")]),
        None,
        TarFault::Flag { .. }
    );
    refused!(
        one().pax(&[("SCHILY.acl.access", b"user:me:rwx")]),
        None,
        TarFault::AclName { .. }
    );
    refused!(
        one().pax(&[("SCHILY.acl.access", b"user::rwx")]),
        None,
        TarFault::AclIncomplete { .. }
    );
    refused!(
        one().pax(&[("SCHILY.acl.default", b"user")]),
        None,
        TarFault::Acl { .. }
    );
    let many: Vec<_> = (0..10_000)
        .map(|n| format!("SCHILY.xattr.user.{n}"))
        .collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|key| (&**key, &b""[..])).collect();
    refused!(one().pax(&many), None, TarFault::XattrCount { .. });
    for key in [
        "path",
        "SCHILY.xattr.user.a",
        "SCHILY.acl.access",
        "GNU.sparse.size",
        "linkpath",
    ] {
        let value: &[u8] = match key {
            "SCHILY.acl.access" => b"user::r--,group::r--,other::r--",
            _ => b"1",
        };
        refused!(
            one().extended(b'g', &[(key, value)]),
            None,
            TarFault::Global
        );
    }
    let (_, _, fault) = one().pax(&[("mtime", b"1")]).refused();
    assert!(matches!(fault, TarFault::Dangling), "{fault}");
    let (_, _, fault) = refusal(whole(&in_memory(one().pax(&[("mtime", b"1")]).0)));
    assert!(matches!(fault, TarFault::Truncated { .. }), "{fault}");
}

/// Records of an extended header.
type Records<'r> = &'r [(&'r str, &'r [u8])];

fn sparse(fields: &[(usize, &[u8])], data: &[u8]) -> Archive {
    let mut block = header(b"s", b'S', data.len() as u64);
    put(&mut block, MAGIC, b"ustar  \0");
    put(&mut block, PREFIX, &[0; 155]);
    put(&mut block, 483, b"00000010000\0");
    for (at, bytes) in fields {
        put(&mut block, *at, bytes);
    }
    one().header(&summed(block)).data(data)
}

#[test]
fn sparse_maps_are_in_order() {
    let data = [1; 1024];
    let good: [(usize, &[u8]); 2] = [
        (386, b"00000000000 00000001000\0"),
        (410, b"00000002000 00000001000\0"),
    ];
    sparse(&good, &data).tree();
    let cases: [&[(usize, &[u8])]; 8] = [
        // Out of order, overlapping, past the end, more data and less than there is.
        &[
            (386, b"00000002000 00000001000\0"),
            (410, b"00000000000 00000001000\0"),
        ],
        &[
            (386, b"00000000000 00000001000\0"),
            (410, b"00000000777 00000001000\0"),
        ],
        &[(386, b"00000007001 00000001000\0")],
        &[(386, b"00000000000 00000002001\0")],
        &[(386, b"00000000000 00000001000\0")],
        &[(386, b"x0000000000 00000001000\0")],
        &[
            (386, b"00000000000 00000002000\0"),
            (483, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        ],
        &[(
            386,
            b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
        )],
    ];
    for fields in cases {
        refused!(sparse(fields, &data), Some("s"), TarFault::Sparse { .. });
    }
    // A map that goes on and on is as long as the archive at most.
    let mut archive = sparse(&[(482, b"\x01")], b"");
    for _ in 0..100 {
        let mut block = [0; 512];
        block[504] = 1;
        archive = archive.header(&block);
    }
    let (_, _, fault) = refusal(whole(&in_memory(archive.0)));
    assert!(matches!(fault, TarFault::Truncated { .. }), "{fault}");
}

#[test]
fn sparse_records_are_complete() {
    let size: (&str, &[u8]) = ("GNU.sparse.size", b"8192");
    let one_dot: [(&str, &[u8]); 3] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.realsize", b"8192"),
    ];
    let mut data = b"1\n4096\n3\n".to_vec();
    data.resize(512, 0);
    data.extend(b"abc");
    one().pax(&one_dot).file("s", &data).tree();
    let cases: [(Records, &[u8]); 9] = [
        (&[("GNU.sparse.map", b"0,3")], b"abc"),
        (&[size, ("GNU.sparse.map", b"0,3,4096")], b"abc"),
        (&[size, ("GNU.sparse.map", b"4096,1,0,2")], b"abc"),
        (&[size, ("GNU.sparse.map", b"0,2")], b"abc"),
        (&[size, ("GNU.sparse.offset", b"1")], b""),
        (&[size, ("GNU.sparse.major", b"2")], b""),
        (&one_dot, b"1\n4096\n3"),
        (&one_dot, b"x\n4096\n3\n"),
        (&one_dot, b"18446744073709551615\n1\n1\n"),
    ];
    for (records, data) in cases {
        let archive = one().pax(records).file("s", data);
        refused!(archive, Some("s"), TarFault::Sparse { .. });
    }
    for (key, value) in [
        ("map", "0,x"),
        ("size", ""),
        ("numbytes", "1"),
        ("major", "-1"),
    ] {
        let archive = one().pax(&[(&format!("GNU.sparse.{key}"), value.as_bytes())]);
        refused!(archive.file("s", b""), None, TarFault::Value { .. });
    }
}

#[test]
fn links_of_other_fields_are_not_read_past_their_end() {
    // Every byte of the header's texts is used, without a NUL at their ends.
    let mut block = header(&[b'n'; 100], b'2', 0);
    put(&mut block, LINKNAME, &[b'l'; 100]);
    put(&mut block, PREFIX, &[b'p'; 155]);
    let tree = Archive::new().header(&summed(block)).tree();
    let (path, _) = &tree.paths()[1];
    assert_eq!(path.len(), 256);
}
