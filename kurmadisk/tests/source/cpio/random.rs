//! Any bytes give a tree or an error, in bounded time and memory.

use kurmadisk::tree::NodeKind;
use kurmadisk_formats::error::chain;
use proptest::prelude::*;

use super::support::{Archive, FILE, SYMLINK, bytes_of, in_memory, listing, read};

/// An archive with something of everything.
fn seed() -> Archive {
    let odc = "0707070000010000021006440000030000040000010025010000000000600000200000000003x\0abc";
    Archive::new()
        .dir(".")
        .dir("d")
        .linked(FILE, 5, "d/a", b"")
        .linked(FILE, 5, "d/b", b"content")
        .linked(SYMLINK, 6, "l", b"d/a")
        .entry(0o020_600, "c", b"")
        .entry(0o140_600, "s", b"")
        .end()
        .raw(&[0; 8])
        .file("d/a", b"again")
        .raw(odc.as_bytes())
        .end()
}

/// Reads it, and all contents of what comes out.
fn check(bytes: &[u8]) {
    let archive = in_memory(bytes);
    match read(&archive) {
        Ok(tree) => {
            for (_, node) in tree.nodes() {
                if let NodeKind::File(map) = &node.kind {
                    assert!(map.data_len() <= archive.len());
                    bytes_of(map);
                }
            }
        }
        Err(error) => assert!(!chain(&error).is_empty()),
    }
}

#[test]
fn the_seed_itself_is_good() {
    let tree = read(&seed().map());
    let tree = tree.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(listing(&tree).len(), 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_archives(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            any::<u8>(),
            prop::sample::select(b"0123456789abcdefF\0/.".to_vec()),
        ]), 1..6),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = seed().0;
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let len = if whole { bytes.len() } else { cut.index(bytes.len()) };
        check(&bytes[..len]);
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for magic in [&b""[..], b"070701", b"070702", b"070707", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"] {
            check(&[magic, &bytes].concat());
        }
    }

    #[test]
    fn arbitrary_digits(
        digits in prop::collection::vec(prop::sample::select(b"00000123456789abcdef".to_vec()), 104),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        for magic in [&b"070701"[..], b"070702", b"070707"] {
            check(&[magic, &digits, &rest].concat());
        }
    }
}
