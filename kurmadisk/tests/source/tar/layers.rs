//! Layers of container images over one another.

use kurmadisk::source::NameFault;
use kurmadisk::source::tar::{TarError, TarFault, TarMode, apply};
use kurmadisk::tree::{Metadata, Tree};
use kurmadisk_formats::error::chain;

use super::support::{Archive, in_memory, listing, refusal};

fn layered(layers: &[&Archive]) -> Result<Tree, TarError> {
    let mut tree = Tree::new(Metadata::default());
    for layer in layers {
        // No end: a layer's digest vouches for it.
        apply(&in_memory(layer.0.clone()), &mut tree, TarMode::Layer)?;
    }
    Ok(tree)
}

#[track_caller]
fn paths(layers: &[&Archive]) -> Vec<String> {
    let tree = layered(layers).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let paths = tree.paths().into_iter();
    paths
        .map(|(path, _)| String::from_utf8(path).expect("text"))
        .collect()
}

fn base() -> Archive {
    Archive::new()
        .dir("d")
        .file("d/a", b"lower a")
        .file("d/b", b"lower b")
        .dir("d/sub")
        .file("d/sub/c", b"lower c")
        .file("f", b"lower f")
}

#[test]
fn whiteouts_take_names_of_lower_layers_away() {
    let upper = Archive::new()
        .file("d/.wh.a", b"")
        .file(".wh.f", b"")
        .file("d/.wh.absent", b"");
    assert_eq!(paths(&[&base(), &upper]), ["d", "d/b", "d/sub", "d/sub/c"]);
    let upper = Archive::new().file(".wh.d", b"").file("absent/.wh.x", b"");
    assert_eq!(paths(&[&base(), &upper]), ["f"]);
    // A name of this layer stays, on whichever side of the whiteout it stands.
    let upper = Archive::new()
        .file("d/a", b"new")
        .file("d/.wh.a", b"")
        .file(".wh.f", b"")
        .file("f", b"");
    assert_eq!(paths(&[&base(), &upper]).len(), 6);
    // In an archive by itself such names mean nothing.
    let tree = Archive::new()
        .file(".wh.d", b"")
        .file(".wh..wh.plnk", b"")
        .tree();
    assert_eq!(tree.paths().len(), 2);
}

#[test]
fn opaque_directories_hide_what_is_below_them() {
    let opaque = |archive: Archive| archive.file("d/.wh..wh..opq", b"");
    let added = |archive: Archive| archive.dir("d").dir("d/sub").file("d/sub/new", b"");
    let expected = ["d", "d/sub", "d/sub/new", "f"];
    assert_eq!(paths(&[&base(), &added(opaque(Archive::new()))]), expected);
    assert_eq!(paths(&[&base(), &opaque(added(Archive::new()))]), expected);
    let root = Archive::new().file("only", b"").file(".wh..wh..opq", b"");
    assert_eq!(paths(&[&base(), &root]), ["only"]);
}

#[test]
fn names_are_replaced_and_directories_kept() {
    let upper = Archive::new()
        .dir("./d/")
        .file("/d/a", b"upper a")
        .file("d/sub", b"a file now")
        .dir("f")
        .file("f/inside", b"");
    let tree = layered(&[&base(), &upper]).expect("fits");
    let list = listing(&tree);
    let content = |path: &str| &list[path.as_bytes()].content.as_ref().expect("a file").1[0].1;
    assert_eq!(content("d/a"), b"upper a");
    assert_eq!(content("d/b"), b"lower b");
    assert_eq!(content("d/sub"), b"a file now");
    assert!(list.contains_key(&b"f/inside"[..]));
    assert!(!list.contains_key(&b"d/sub/c"[..]));
}

#[test]
fn hard_links_reach_into_lower_layers() {
    let upper = Archive::new()
        .link("g", b'1', "/d/a")
        .link("d/b", b'1', "f")
        .link("f", b'1', "d/b");
    let tree = layered(&[&base(), &upper]).expect("fits");
    let id = |path: &str| tree.lookup(path.as_bytes()).expect("there");
    assert_eq!(id("g"), id("d/a"));
    assert_eq!(id("d/b"), id("f"));
    assert_eq!(
        (tree.node(id("g")).links(), tree.node(id("f")).links()),
        (2, 2)
    );
    let gone = Archive::new().file("d/.wh.a", b"").link("g", b'1', "d/a");
    let (path, _, fault) = refusal(layered(&[&base(), &gone]));
    assert_eq!(path.as_deref(), Some("g"));
    assert!(matches!(fault, TarFault::LinkMissing { .. }), "{fault}");
}

#[test]
fn names_of_aufs_are_left_out_and_odd_whiteouts_refused() {
    let aufs = Archive::new()
        .dir(".wh..wh.plnk")
        .file(".wh..wh.plnk/123.456", b"")
        .file(".wh..wh.aufs", b"")
        .file("d/.wh..wh.orph", b"");
    assert_eq!(paths(&[&base(), &aufs]).len(), 6);
    for name in [".wh.", "d/.wh.", ".wh..", ".wh...", ".wh.d/file"] {
        let (path, offset, fault) = refusal(layered(&[&base(), &Archive::new().file(name, b"")]));
        assert_eq!((path.as_deref(), offset), (Some(name), 0));
        assert!(matches!(fault, TarFault::Whiteout), "{name}: {fault}");
    }
}

#[test]
fn nothing_goes_through_links_of_lower_layers() {
    let lower = Archive::new()
        .link("lib", b'2', "usr/lib")
        .dir("usr")
        .dir("usr/lib");
    let upper = Archive::new().file("lib/file", b"");
    let (path, _, fault) = refusal(layered(&[&lower, &upper]));
    assert_eq!(path.as_deref(), Some("lib/file"));
    assert!(
        matches!(fault, TarFault::Name(NameFault::Parent { .. })),
        "{fault}"
    );
    // Whiteouts don't either.
    let upper = Archive::new()
        .file("lib/.wh.x", b"")
        .file("usr/.wh.lib", b"");
    assert_eq!(paths(&[&lower, &upper]), ["lib", "usr"]);
}

/// As `umoci insert` writes it.
#[test]
fn the_last_block_need_not_be_full() {
    let mut upper = Archive::new().file("d/a", b"upper a").file("new", b"12");
    let unfilled = upper.0.len() - 510;
    upper.0.truncate(unfilled);
    let tree = layered(&[&base(), &upper]).unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert!(tree.lookup(b"new").is_some());
    upper.0.truncate(unfilled - 1);
    let error = layered(&[&base(), &upper]).expect_err("a byte is missing");
    assert!(chain(&error).contains("incomplete"), "{}", chain(&error));
}
