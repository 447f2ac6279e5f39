//! Any set of sections, as pefile reads them.

use std::fs;

use kurmadisk::boot::uki::{self, ExtraSection, SECTIONS, UkiParts};
use kurmadisk_fixtures::oracle;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::support::{bytes_of, content, kernel, stub};

/// Sections that are given as they are: all but those with a field of their own, and generations, which are added
/// to those of the stub.
fn names() -> Vec<String> {
    let own = [".osrel", ".cmdline", ".uname", ".initrd", ".linux", ".sbat"];
    let known = SECTIONS.map(|(name, _)| name).into_iter();
    let known = known.filter(|name| !own.contains(name));
    known.chain([".other", ".x"]).map(str::to_owned).collect()
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_is_there_once_and_in_its_place(
        chosen in prop::sample::subsequence(names(), 0..=names().len()).prop_shuffle(),
        lens in prop::collection::vec(1..9000_usize, names().len()),
        initrd in prop::option::of(1..9000_usize),
    ) {
        let bytes = |len: usize| -> Vec<u8> { (0..len).map(|at| u8::try_from(at * at % 251).unwrap()).collect() };
        let extra: Vec<_> = chosen
            .iter()
            .zip(&lens)
            .map(|(name, len)| ExtraSection { name: name.clone(), content: content(bytes(*len)) })
            .collect();
        let (stub, kernel) = (stub(), kernel());
        let initrd = initrd.map(bytes);
        let initrd_map = initrd.clone().map(content);
        let parts = UkiParts {
            stub: &content(stub.clone()),
            kernel: &content(kernel.clone()),
            initrd: initrd_map.as_ref(),
            cmdline: "kurma=1",
            os_release: None,
            uname: Some("6.1"),
        };
        let image = bytes_of(&uki::build_with(&parts, &extra, &[]).unwrap());

        let mut expected: Vec<(String, Vec<u8>)> = chosen
            .iter()
            .zip(&lens)
            .map(|(name, len)| (name.clone(), bytes(*len)))
            .collect();
        expected.push((".cmdline".to_owned(), b"kurma=1".to_vec()));
        expected.push((".uname".to_owned(), b"6.1".to_vec()));
        expected.extend(initrd.map(|initrd| (".initrd".to_owned(), initrd)));
        let rank = |name: &str| {
            let place = SECTIONS.iter().position(|(known, _)| *known == name);
            // What nobody knows comes right before the kernel, in the order it is given.
            place.map_or(usize::MAX, |place| place)
        };
        expected.sort_by_key(|(name, _)| rank(name));

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.efi");
        fs::write(&path, image).unwrap();
        let found = oracle::pefile_sections(&path).unwrap();
        fs::write(&path, stub).unwrap();
        let own = oracle::pefile_sections(&path).unwrap();
        prop_assert_eq!(&found[..own.len()], &own[..]);
        let (linux, added) = found[own.len()..].split_last().unwrap();
        prop_assert_eq!(&linux.0, ".linux");
        let added: Vec<_> = added.iter().map(|(name, _, digest)| (name.clone(), digest.clone())).collect();
        let expected: Vec<_> = expected.iter().map(|(name, bytes)| (name.clone(), sha256(bytes))).collect();
        prop_assert_eq!(added, expected);
    }
}
