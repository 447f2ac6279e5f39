//! What cannot be done is refused with its name.

use kurmadisk::fs::fat::{FatError, FatOptions, FatType};
use kurmadisk::tree::{NodeKind, Tree};
use kurmadisk_formats::map::DiskMap;

use super::support::{MIB, forced, meta, options, plan_of, tree_of};

fn error_of(tree: &Tree) -> String {
    plan_of(tree, 64 * MIB, &options())
        .expect_err("refused")
        .to_string()
}

#[test]
fn what_fat_cannot_hold_is_named() {
    let mut tree = tree_of(&[("dir/file", b"")]);
    let dir = tree.child(Tree::ROOT, b"dir").expect("made");
    tree.add(dir, b"link", meta(), NodeKind::Symlink((*b"file").into()))
        .expect("new");
    assert_eq!(
        error_of(&tree),
        "/dir/link is a symbolic link, which FAT cannot hold; leave it out, or put a regular file there"
    );
    let names: [(&[u8], &str); 5] = [
        (
            b"a/x:y",
            "/a/x:y: FAT forbids \" * / : < > ? \\ | in a name",
        ),
        (
            b"a/x.",
            "/a/x.: FAT ignores a dot or space at the end of a name",
        ),
        (b"a/\xff", "/a/\u{fffd}: the name is not UTF-8"),
        (
            b"a/\x01",
            "/a/\u{1}: the name has a control character in it",
        ),
        (
            "a/\u{1f600}".as_bytes(),
            "/a/\u{1f600}: the name has a character beyond U+FFFE",
        ),
    ];
    for (path, message) in names {
        let mut tree = Tree::new(meta());
        tree.place_file(path, meta(), DiskMap::new(0)).expect("new");
        let error = error_of(&tree);
        assert!(error.starts_with(message), "{error}");
    }
    let twins = tree_of(&[("d/Größe", b""), ("d/GRÖßE", b"")]);
    assert_eq!(
        error_of(&twins),
        "/d/Größe and \"GRÖßE\" are one name to FAT, which ignores case; rename one of them"
    );
}

#[test]
fn sizes_and_options_out_of_range_are_named() {
    let tree = tree_of(&[("file", &vec![0; 2_000_000])]);
    let error = plan_of(&tree, 16 * MIB, &forced(FatType::Fat32, None)).expect_err("too few");
    let FatError::Unsuitable { smallest, .. } = error else {
        panic!("{error}");
    };
    assert!(smallest <= 33 * MIB);
    plan_of(&tree, smallest, &forced(FatType::Fat32, None)).expect("the size it names");

    let error = plan_of(&tree, 4 << 30, &forced(FatType::Fat12, None)).expect_err("too many");
    assert!(matches!(error, FatError::Unsuitable { .. }), "{error}");

    let error = plan_of(&tree, MIB, &options()).expect_err("too small");
    let FatError::TooSmall { needed, .. } = error else {
        panic!("{error}");
    };
    plan_of(&tree, needed, &options()).expect("the size it names");
    let error = plan_of(&tree, 0, &options()).expect_err("nothing");
    assert!(matches!(error, FatError::TooSmall { .. }), "{error}");

    let bad = [
        FatOptions {
            label: Some("LONGER THAN 11".to_owned()),
            ..options()
        },
        FatOptions {
            sector_size: 1000,
            ..options()
        },
        FatOptions {
            sectors_per_cluster: Some(3),
            ..options()
        },
        FatOptions {
            data_alignment: Some(3 << 20),
            ..options()
        },
        FatOptions {
            data_alignment: Some(32 << 20),
            ..options()
        },
        FatOptions {
            data_alignment: Some(512),
            sector_size: 4096,
            ..options()
        },
    ];
    let fields = ["label", "sector_size", "sectors_per_cluster"];
    for (options, field) in bad
        .iter()
        .zip(fields.into_iter().chain(["data_alignment"; 3]))
    {
        let error = plan_of(&tree, 64 * MIB, options).expect_err(field);
        assert!(error.to_string().starts_with(field), "{error}");
    }
}
