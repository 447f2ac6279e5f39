//! Signatures of programs that others may have changed.

use std::fs;
use std::sync::OnceLock;

use kurmadisk::boot::authenticode::{Signer, SigningError, signatures};
use kurmadisk::boot::uki::{self, UkiParts};
use kurmadisk_fixtures::oracle;
use proptest::prelude::*;

use crate::support::{Field, bytes_of, content, kernel, stub, told};

/// A key and its certificate, made once.
fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (key, certificate) = (folder.path().join("key"), folder.path().join("pem"));
        oracle::openssl_key(&key, &certificate, 2048, "/CN=Test").unwrap();
        let read = |path| fs::read_to_string(path).unwrap();
        Signer::from_pem(&read(&key), &read(&certificate)).unwrap()
    })
}

/// A signed image of the demonstration kernel, and where its certificate table begins.
fn signed() -> &'static (Vec<u8>, usize) {
    static SIGNED: OnceLock<(Vec<u8>, usize)> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let image = uki::build(&UkiParts {
            stub: &content(stub()),
            kernel: &content(kernel()),
            initrd: None,
            cmdline: "kurma=1",
            os_release: None,
            uname: None,
        });
        let image = image.unwrap();
        let table = usize::try_from(image.len().next_multiple_of(8)).unwrap();
        (bytes_of(&signer().sign(&image).unwrap()), table)
    })
}

/// Whether any signature of the program is sound.
fn is_sound(bytes: Vec<u8>) -> bool {
    let map = content(bytes);
    // Neither may panic, whatever it is.
    let _ = uki::inspect(&map.reader());
    let found = signatures(&map.reader());
    found.is_ok_and(|all| all.iter().any(|each| each.problem.is_none()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_changed_bit_of_a_program_stays_signed(at in any::<prop::sample::Index>(), bit in 0..8) {
        let (bytes, table) = signed();
        let at = at.index(*table);
        // What signing itself changes.
        let check_sum = Field::Optional(64).offset(bytes);
        let directory = Field::Optional(144).offset(bytes);
        prop_assume!(!(check_sum..check_sum + 4).contains(&at));
        prop_assume!(!(directory..directory + 8).contains(&at));
        let mut changed = bytes.clone();
        changed[at] ^= 1_u8 << bit;
        prop_assert!(!is_sound(changed), "byte {at:#x}");
    }

    #[test]
    fn nothing_in_headers_or_table_makes_it_panic(
        in_table in any::<bool>(),
        at in any::<prop::sample::Index>(),
        junk in prop::collection::vec(any::<u8>(), 1..24),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let (bytes, table) = signed();
        let mut changed = bytes.clone();
        let (start, len) = if in_table { (*table, bytes.len() - table) } else { (0, 0x400) };
        let at = start + at.index(len);
        let end = changed.len().min(at + junk.len());
        changed[at..end].copy_from_slice(&junk[..end - at]);
        if let Some(cut) = cut {
            changed.truncate(cut.index(bytes.len()));
        }
        is_sound(changed);
    }
}

#[test]
fn the_sound_one_is_sound() {
    let (bytes, _) = signed();
    assert!(is_sound(bytes.clone()));
    let all = signatures(&content(bytes.clone()).reader()).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].subject.as_deref(), Some("CN=Test"));
}

#[test]
fn programs_that_cannot_be_signed_are_told() {
    // A gap between two sections: some tools would sign it, and some not.
    let mut gap = stub();
    let at = Field::Row(0, 16).offset(&gap);
    let size = u32::from_le_bytes(gap[at..at + 4].try_into().unwrap());
    Field::Row(0, 16).set(&mut gap, &(size - 0x200).to_le_bytes());
    let error = signer().sign(&content(gap)).unwrap_err();
    assert!(
        told(&error).contains("do not follow one another"),
        "{error}"
    );

    // A certificate table in the middle, which no signature could follow.
    let mut table = stub();
    let end = u32::try_from(table.len()).unwrap() - 8;
    Field::Optional(144).set(&mut table, &(end - 8).to_le_bytes());
    Field::Optional(148).set(&mut table, &8_u32.to_le_bytes());
    let error = signer().sign(&content(table)).unwrap_err();
    assert!(
        matches!(error, SigningError::Table | SigningError::Program(_)),
        "{error}"
    );

    let error = signer().sign(&content(b"text".to_vec())).unwrap_err();
    assert!(told(&error).contains("not a PE image"), "{error}");
}
