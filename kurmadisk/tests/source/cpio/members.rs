//! What members say, and archives that follow one another.

use kurmadisk::source::cpio::{CpioError, CpioFault, recognise};
use kurmadisk::tree::{DeviceNumber, NodeKind, Timestamp, Tree};
use kurmadisk_formats::error::chain;

use super::support::{
    Archive, FILE, Fields, compressed, content, in_memory, listing, read, refusal, tree_of,
};

fn paths(tree: &Tree) -> Vec<String> {
    let paths = tree.paths().into_iter();
    paths
        .map(|(path, _)| String::from_utf8(path).expect("text"))
        .collect()
}

#[test]
fn metadata_and_every_type() {
    let device = |mode, name| {
        let fields = Fields {
            rdev: (0x123, 0x45678),
            ..Fields::new(mode, name, b"")
        };
        (fields, name)
    };
    let (character, block) = (device(0o020_600, "c"), device(0o060_660, "b"));
    let tree = Archive::new()
        .entry(0o041_777, ".", b"")
        .dir("/d")
        .file("./d//f", b"content")
        .member(character.0, character.1, b"")
        .member(block.0, block.1, b"")
        .entry(0o010_644, "p", b"")
        .entry(0o140_755, "s", b"")
        .symlink("l", "d/f")
        .entry(0o120_644, "nul", b"target\0")
        .entry(0o106_755, "suid", b"")
        .tree();
    let node = |path: &str| tree.node(tree.lookup(path.as_bytes()).expect("there"));
    assert_eq!(tree.paths().len(), 9);
    assert_eq!(tree.node(Tree::ROOT).meta.mode, 0o1777);
    let meta = &node("d/f").meta;
    let mtime = Timestamp {
        seconds: 1 << 31,
        nanos: 0,
    };
    assert_eq!((meta.mode, meta.uid, meta.gid), (0o644, 1000, u32::MAX - 1));
    assert_eq!(meta.mtime, mtime);
    assert_eq!(content(&tree, "d/f"), b"content");
    let number = DeviceNumber {
        major: 0x123,
        minor: 0x45678,
    };
    assert!(matches!(node("c").kind, NodeKind::CharDevice(found) if found == number));
    assert!(matches!(node("b").kind, NodeKind::BlockDevice(found) if found == number));
    assert!(matches!(node("p").kind, NodeKind::Fifo));
    assert!(matches!(node("s").kind, NodeKind::Socket));
    let target = |path: &str| match &node(path).kind {
        NodeKind::Symlink(target) => target.to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (target("l"), target("nul")),
        (b"d/f".to_vec(), b"target".to_vec())
    );
    assert_eq!(
        (node("nul").meta.mode, node("suid").meta.mode),
        (0o777, 0o6755)
    );
}

#[test]
fn any_name_of_a_file_brings_its_content() {
    for bearer in 0..3 {
        let data = |name: usize| if name == bearer { &b"content"[..] } else { b"" };
        let tree = Archive::new()
            .linked(FILE, 7, "a", data(0))
            .linked(FILE, 8, "other", b"other")
            .linked(FILE, 7, "d/b", data(1))
            .linked(FILE, 7, "c", data(2))
            .tree();
        let id = |path: &str| tree.lookup(path.as_bytes()).expect("there");
        assert_eq!((id("a"), id("a")), (id("d/b"), id("c")));
        assert_eq!(
            (tree.node(id("a")).links(), tree.node(id("other")).links()),
            (3, 1)
        );
        assert_eq!(content(&tree, "a"), b"content");
    }
    // Each may have its copy, and the kernel takes the last.
    let tree = Archive::new()
        .linked(FILE, 7, "a", b"1")
        .linked(FILE, 7, "b", b"2")
        .tree();
    assert_eq!(content(&tree, "a"), b"2");
    // A number alone makes no link, nor does one of another type or archive.
    let tree = Archive::new()
        .file("a", b"1")
        .file("b", b"22")
        .linked(0o010_644, 7, "p", b"")
        .linked(FILE, 7, "f", b"3")
        .end()
        .linked(FILE, 7, "g", b"4444")
        .tree();
    assert_eq!(tree.node_count(), 6);
    assert_eq!(content(&tree, "f"), b"3");
}

#[test]
fn names_may_be_filled_up_with_nuls() {
    let fields = Fields {
        name_len: 13,
        ..Fields::new(FILE, "aligned", b"data")
    };
    let tree = Archive::new()
        .member(fields, "aligned\0\0\0\0\0", b"data")
        .tree();
    assert_eq!(content(&tree, "aligned"), b"data");
}

#[test]
fn later_archives_replace() {
    let first = Archive::new()
        .dir("d")
        .file("d/a", b"1")
        .file("d/b", b"1")
        .dir("empty")
        .linked(FILE, 1, "x", b"1")
        .linked(FILE, 1, "y", b"")
        .symlink("l", "d")
        .end();
    let second = Archive::new()
        .entry(0o040_700, "d", b"")
        .file("d/a", b"22")
        .file("empty", b"")
        .file("x", b"22")
        .dir("l")
        .file("l/inside", b"")
        .end();
    let joined = first.clone().raw(&[0; 400]).raw(&second.0);
    let tree = tree_of(&joined.map());
    let expected = ["d", "d/a", "d/b", "empty", "l", "l/inside", "x", "y"];
    assert_eq!(paths(&tree), expected);
    assert_eq!(content(&tree, "d/a"), b"22");
    assert_eq!(
        (content(&tree, "x"), content(&tree, "y")),
        (b"22".to_vec(), b"1".to_vec())
    );
    assert_eq!(
        tree.node(tree.lookup(b"d").expect("there")).meta.mode,
        0o700
    );
    let full = first.raw(&Archive::new().file("d", b"").end().0);
    let (path, _, fault) = full.refused();
    assert_eq!(path.as_deref(), Some("d"));
    assert!(matches!(fault, CpioFault::Directory), "{fault}");
}

#[test]
fn compressed_archives_follow_others() {
    let main = Archive::new().dir("bin").file("bin/sh", &[5; 5000]).end();
    let early = Archive::new()
        .dir("kernel")
        .file("kernel/microcode", b"m")
        .end();
    let last = Archive::new().file("config", b"c").end();
    let expected = ["bin", "bin/sh", "config", "kernel", "kernel/microcode"];
    for program in ["gzip", "zstd", "xz", "bzip2"] {
        for zeros in [0, 1, 2, 3, 4, 512] {
            let joined = Archive::new()
                .raw(&early.0)
                .raw(&vec![0; zeros])
                .raw(&compressed(program, &main.0))
                .raw(&vec![0; zeros])
                .raw(&last.0)
                .raw(&vec![0; zeros]);
            let tree = tree_of(&joined.map());
            assert_eq!(paths(&tree), expected, "{program}, {zeros}");
            assert_eq!(content(&tree, "bin/sh"), [5; 5000]);
        }
    }
    // One behind the other, and several archives in one.
    let joined = Archive::new()
        .raw(&compressed(
            "zstd",
            &[&early.0[..], &[0; 20], &main.0].concat(),
        ))
        .raw(&compressed("zstd", &Archive::new().file("z", b"").end().0))
        .raw(&compressed("gzip", &last.0));
    assert_eq!(paths(&tree_of(&joined.map())).len(), 6);
}

#[test]
fn faults_in_compressed_data_are_told_with_their_place() {
    let inside = Archive::new().file("../x", b"").end();
    let joined = Archive::new().end().raw(&compressed("xz", &inside.0));
    let Err(CpioError::Compressed {
        format,
        offset,
        source,
    }) = read(&joined.map())
    else {
        panic!("accepted");
    };
    assert_eq!((format, offset), ("xz", 124));
    let (path, offset, _) = refusal(Err(*source));
    assert_eq!((path.as_deref(), offset), (Some("../x"), 0));

    let mut cut = compressed("gzip", &Archive::new().file("x", &[1; 50]).end().0);
    cut.pop();
    let error = read(&in_memory(cut)).expect_err("cut");
    assert!(
        matches!(error, CpioError::Decompress { offset: 0, .. }),
        "{}",
        chain(&error)
    );
    // No archive within archives, and none of nothing.
    let twice = compressed("gzip", &compressed("gzip", &Archive::new().end().0));
    let error = read(&in_memory(twice)).expect_err("compressed twice");
    assert!(
        chain(&error).contains("no cpio header"),
        "{}",
        chain(&error)
    );
    let zeros = compressed("gzip", &[0; 8]);
    let error = read(&in_memory(zeros)).expect_err("nothing in it");
    assert!(
        chain(&error).contains("nothing but zeros"),
        "{}",
        chain(&error)
    );

    let piece = compressed("gzip", &Archive::new().end().0);
    let pieces = |count| {
        Archive(
            (0..count)
                .flat_map(|_| [&[0], &piece[..]].concat())
                .collect(),
        )
    };
    assert!(read(&pieces(64).map()).is_ok());
    let (_, _, fault) = pieces(65).refused();
    assert!(matches!(fault, CpioFault::Pieces { limit: 64 }), "{fault}");
}

#[test]
fn an_empty_archive_is_one() {
    assert_eq!(listing(&Archive::new().tree()).len(), 1);
}

#[test]
fn first_bytes_are_recognised() {
    for start in ["0707010", "070702", "070707"] {
        assert!(recognise(start.as_bytes()));
    }
    for start in ["", "07070", "070703", "\x1f\u{8b}"] {
        assert!(!recognise(start.as_bytes()));
    }
}
