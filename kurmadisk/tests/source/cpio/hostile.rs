//! Archives that are wrong: each fault has its own error, which names the member and its place.

use kurmadisk::source::NameFault;
use kurmadisk::source::cpio::CpioFault;
use kurmadisk_formats::map::DiskMap;

use super::support::{Archive, FILE, Fields, SYMLINK, content, in_memory, read, refusal, tree_of};

/// Asks for a fault of the second member.
macro_rules! refused {
    ($archive:expr, $path:expr, $fault:pat) => {{
        let (path, offset, fault) = $archive.end().refused();
        assert!(matches!(fault, $fault), "{fault:?}");
        assert_eq!(path.as_deref(), $path, "{fault}");
        assert_eq!(offset, 124, "{fault}");
        assert!(!fault.to_string().is_empty());
    }};
}

fn one() -> Archive {
    Archive::new().file("first", b"content")
}

fn changed(change: impl Fn(&mut Fields)) -> Archive {
    let mut fields = Fields::new(FILE, "x", b"data");
    change(&mut fields);
    one().member(fields, "x", b"data")
}

#[test]
fn names_stay_inside_the_tree() {
    assert_eq!(one().0.len(), 124);
    for name in ["../x", "a/../x", "..", "/.."] {
        refused!(
            one().file(name, b""),
            Some(name),
            CpioFault::Name(NameFault::Outside)
        );
    }
    refused!(
        one().file("a\0b", b""),
        Some("a\0b"),
        CpioFault::Name(NameFault::Bad)
    );
    refused!(one().file(".", b""), Some("."), CpioFault::Root);
    refused!(one().symlink("/", "x"), Some("/"), CpioFault::Root);
    refused!(
        one().file("first/x", b""),
        Some("first/x"),
        CpioFault::Name(NameFault::Parent { .. })
    );
    let (path, _, fault) = one()
        .symlink("l", "/etc")
        .file("l/passwd", b"")
        .end()
        .refused();
    assert_eq!(path.as_deref(), Some("l/passwd"));
    assert!(
        fault.to_string().contains("/l is a symbolic link"),
        "{fault}"
    );
}

#[test]
fn names_have_an_honest_length() {
    for len in [0, 1, 4097, u32::MAX] {
        let (path, offset, fault) = changed(|fields| fields.name_len = len).end().refused();
        assert_eq!((path, offset), (None, 124 + 110));
        assert!(matches!(fault, CpioFault::NameLength { .. }), "{fault}");
    }
    let (_, _, fault) = changed(|fields| fields.name_len = 5).end().refused();
    assert!(matches!(fault, CpioFault::NameEnd), "{fault}");
    let longest = "d/".repeat(2047) + "x";
    assert!(
        one()
            .file(&longest, b"")
            .tree()
            .lookup(longest.as_bytes())
            .is_some()
    );
}

#[test]
fn numbers_are_numbers() {
    for at in [6, 14, 101, 109] {
        let mut archive = one();
        let start = archive.0.len();
        archive = archive.file("x", b"");
        archive.0[start + at] = b' ';
        let (path, offset, fault) = archive.end().refused();
        assert_eq!((path, offset), (None, 124));
        assert!(matches!(fault, CpioFault::Number { .. }), "{fault}");
    }
    let mut magic = one().file("x", b"");
    magic.0[124 + 5] = b'9';
    let (path, offset, fault) = magic.end().refused();
    assert_eq!((path, offset), (None, 124));
    assert!(matches!(fault, CpioFault::Magic), "{fault}");
}

#[test]
fn types_are_known() {
    for mode in [0o644, 0o170_644, 0o030_644, 0o1_100_644, u32::MAX] {
        refused!(
            one().entry(mode, "x", b""),
            Some("x"),
            CpioFault::Mode { .. }
        );
    }
}

#[test]
fn names_occur_once() {
    refused!(
        one().file("first", b""),
        Some("first"),
        CpioFault::Duplicate
    );
    refused!(one().dir("./first"), Some("./first"), CpioFault::Duplicate);
    let linked = Archive::new()
        .linked(FILE, 1, "a", b"")
        .linked(FILE, 1, "a", b"x");
    let (path, _, fault) = linked.end().refused();
    assert_eq!(path.as_deref(), Some("a"));
    assert!(matches!(fault, CpioFault::Duplicate), "{fault}");
    let (_, _, fault) = Archive::new()
        .file("d/x", b"")
        .file("d", b"")
        .end()
        .refused();
    assert!(matches!(fault, CpioFault::Duplicate), "{fault}");
    let twice = Archive::new()
        .dir("d")
        .file("d/x", b"")
        .entry(0o040_700, "d", b"")
        .tree();
    assert_eq!(
        twice.node(twice.lookup(b"d").expect("there")).meta.mode,
        0o700
    );
}

#[test]
fn links_share_one_content() {
    let (path, _, fault) = Archive::new()
        .linked(FILE, 1, "a", b"1")
        .linked(FILE, 1, "b", b"22")
        .end()
        .refused();
    assert_eq!(path.as_deref(), Some("b"));
    assert!(
        matches!(
            fault,
            CpioFault::LinkContent {
                ino: 1,
                len: 2,
                other: 1
            }
        ),
        "{fault}"
    );
    // Symbolic links to different targets are two, whatever their numbers say.
    let tree = Archive::new()
        .linked(SYMLINK, 1, "a", b"x")
        .linked(SYMLINK, 1, "b", b"y")
        .linked(SYMLINK, 1, "c", b"x")
        .tree();
    let id = |path: &str| tree.lookup(path.as_bytes()).expect("there");
    assert!(id("a") == id("c") && id("a") != id("b"));
}

#[test]
fn targets_are_paths() {
    for target in ["", "\0", "a\0b", "a\0\0", &"x".repeat(4096)] {
        refused!(
            one().symlink("l", target),
            Some("l"),
            CpioFault::SymlinkTarget { .. }
        );
    }
    let tree = one().symlink("l", &"x".repeat(4095)).tree();
    assert!(tree.lookup(b"l").is_some());
}

#[test]
fn what_ends_too_early_is_cut() {
    let whole = one().dir("d").file("d/last", &[7; 100]);
    let whole = whole.end().0;
    for len in 0..whole.len() - 3 {
        let cut = read(&in_memory(&whole[..len]));
        let (_, offset, fault) = refusal(cut);
        assert!(offset <= len as u64);
        let known = match fault {
            CpioFault::Truncated { .. } | CpioFault::NoTrailer => true,
            CpioFault::Empty => len == 0,
            CpioFault::Magic => len < 6,
            _ => false,
        };
        assert!(known, "{len}: {fault}");
    }
    // Only what fills up the trailer's name may be missing.
    for cut in 1..=3 {
        tree_of(&in_memory(&whole[..whole.len() - cut]));
    }
    let (path, _, fault) = changed(|fields| fields.size = u32::MAX).end().refused();
    assert_eq!(path.as_deref(), Some("x"));
    assert!(matches!(fault, CpioFault::Truncated { .. }), "{fault}");
    let (path, offset, fault) = one().refused();
    assert_eq!((path, offset), (None, 124));
    assert!(matches!(fault, CpioFault::NoTrailer), "{fault}");
}

#[test]
fn sums_are_verified() {
    let crc = |sum, nlink, data: &[u8]| {
        let fields = Fields {
            magic: "070702",
            nlink,
            sum,
            ..Fields::new(FILE, "x", data)
        };
        one().member(fields, "x", data)
    };
    assert_eq!(content(&crc(3, 1, b"\x01\x02").tree(), "x"), b"\x01\x02");
    refused!(
        crc(4, 1, b"\x01\x02"),
        Some("x"),
        CpioFault::Sum {
            expected: 4,
            found: 3
        }
    );
    let long = vec![0xff; 1 << 20];
    assert_eq!(
        content(&crc(255 << 20, 1, &long).tree(), "x").len(),
        1 << 20
    );
    // A name without content has the sum of the one with it, or none.
    crc(9, 2, b"").tree();
}

#[test]
fn other_formats_are_named() {
    let cases: [(&[u8], &str); 5] = [
        (b"\xc7\x71\x01\0", "binary cpio"),
        (b"\x71\xc7\0\x01", "binary cpio"),
        (b"\x04\x22\x4d\x18rest", "lz4"),
        (b"\x5d\0\0\0\x04", "lzma"),
        (b"hsqs", "squashfs"),
    ];
    for (start, name) in cases {
        let (_, offset, fault) = one().end().raw(start).refused();
        assert_eq!(offset, one().end().0.len() as u64);
        assert!(
            matches!(fault, CpioFault::Format { format } if format == name),
            "{fault}"
        );
    }
    let (_, _, fault) = one().end().raw(b"\0\0rest").refused();
    assert!(matches!(fault, CpioFault::Magic), "{fault}");
    let (_, _, fault) = Archive(vec![0; 5000]).refused();
    assert!(matches!(fault, CpioFault::Empty), "{fault}");
    // Holes take no time.
    let (_, _, fault) = refusal(read(&DiskMap::new(u64::MAX)));
    assert!(matches!(fault, CpioFault::Empty), "{fault}");
}
