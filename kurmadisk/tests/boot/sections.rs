//! Any set of sections, and any profiles, as pefile reads them.

use std::fs;

use kurmadisk::boot::uki::{self, ExtraSection, Profile, SECTIONS, UkiParts};
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

/// Sections that a profile may have.
fn profile_names() -> Vec<String> {
    let common = [".profile", ".linux", ".sbat"];
    let known = SECTIONS.map(|(name, _)| name).into_iter();
    let known = known.filter(|name| !common.contains(name));
    known.chain([".other"]).map(str::to_owned).collect()
}

/// Where a section lies among others; what nobody knows comes right before the kernel, in the order it is given.
fn rank(name: &str) -> usize {
    let place = SECTIONS.iter().position(|(known, _)| *known == name);
    place.unwrap_or(usize::MAX)
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
        profiles in prop::collection::vec(prop::sample::subsequence(profile_names(), 0..=5).prop_shuffle(), 0..4),
    ) {
        // One profile alone comes first, and several behind all that they have in common.
        let chosen: Vec<_> = chosen.into_iter().filter(|name| profiles.is_empty() || name != ".profile").collect();
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
        let own: Vec<Vec<(String, Vec<u8>)>> = profiles
            .iter()
            .enumerate()
            .map(|(number, names)| names.iter().map(|name| (name.clone(), bytes(number + 2 + name.len()))).collect())
            .collect();
        let given: Vec<_> = own
            .iter()
            .enumerate()
            .map(|(number, sections)| Profile {
                description: format!("ID=p{number}"),
                sections: sections
                    .iter()
                    .map(|(name, bytes)| ExtraSection { name: name.clone(), content: content(bytes.clone()) })
                    .collect(),
            })
            .collect();
        let image = bytes_of(&uki::build_with(&parts, &extra, &given).unwrap());

        let mut expected: Vec<(String, Vec<u8>)> = chosen
            .iter()
            .zip(&lens)
            .map(|(name, len)| (name.clone(), bytes(*len)))
            .collect();
        expected.push((".cmdline".to_owned(), b"kurma=1".to_vec()));
        expected.push((".uname".to_owned(), b"6.1".to_vec()));
        expected.extend(initrd.map(|initrd| (".initrd".to_owned(), initrd)));
        expected.sort_by_key(|(name, _)| rank(name));
        expected.push((".linux".to_owned(), kernel.clone()));
        for (number, mut sections) in own.into_iter().enumerate() {
            expected.push((".profile".to_owned(), format!("ID=p{number}").into_bytes()));
            sections.sort_by_key(|(name, _)| rank(name));
            expected.extend(sections);
        }

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.efi");
        fs::write(&path, image).unwrap();
        let found = oracle::pefile_sections(&path).unwrap();
        fs::write(&path, stub).unwrap();
        let of_stub = oracle::pefile_sections(&path).unwrap();
        prop_assert_eq!(&found[..of_stub.len()], &of_stub[..]);
        let added = found[of_stub.len()..].iter().map(|(name, len, digest)| {
            // More memory than the kernel has bytes is zeros, of which the file has none or few.
            (name.clone(), if name == ".linux" { String::new() } else { format!("{len} {digest}") })
        });
        let expected = expected.iter().map(|(name, bytes)| {
            let told = format!("{} {}", bytes.len(), sha256(bytes));
            (name.clone(), if name == ".linux" { String::new() } else { told })
        });
        prop_assert_eq!(added.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}
