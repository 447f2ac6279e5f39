//! Damaged packages: observations or an error, never a panic or endless work.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use kurmadisk::verify;
use proptest::prelude::*;

use crate::support::Appliance;

/// An OVA, and its document alone.
static PACKAGES: LazyLock<[(&str, Vec<u8>); 2]> = LazyLock::new(|| {
    let appliance = Appliance::new();
    let ova = fs::read(appliance.ova()).unwrap();
    [("a.ova", ova), ("a.ovf", appliance.ovf.into_bytes())]
});

fn survives(name: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let verified = verify::file(&path).unwrap();
    assert!(verified.observations.iter().count() < 200);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn changed_bytes_do_no_harm(
        which in 0..2_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6),
    ) {
        let (name, bytes) = &PACKAGES[which];
        let mut bytes = bytes.clone();
        for (at, byte, in_header) in changes {
            // Headers and the document are where most depends on a byte.
            let len = if in_header { bytes.len().min(8 << 10) } else { bytes.len() };
            let at = at.index(len);
            bytes[at] = byte;
        }
        survives(name, &bytes);
    }

    #[test]
    fn cut_packages_do_no_harm(which in 0..2_usize, at in any::<prop::sample::Index>()) {
        let (name, bytes) = &PACKAGES[which];
        survives(name, &bytes[..at.index(bytes.len())]);
    }

    #[test]
    fn any_text_does_no_harm(text in ".{0,400}") {
        for name in ["a.ovf", "a.vmx", "a.raw"] {
            survives(name, text.as_bytes());
        }
        let named = text.lines().map(|line| format!("sata0:0.fileName = \"{line}\"\n"));
        let named = named.collect::<Vec<_>>().concat();
        survives("a.vmx", named.as_bytes());
    }
}

#[test]
fn sizes_of_members_are_not_believed() {
    let (_, bytes) = &PACKAGES[0];
    // In base 256: more than there is of anything.
    for size in [
        [0xFF; 12],
        [
            0x80, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        ],
    ] {
        let mut bytes = bytes.clone();
        bytes[124..136].copy_from_slice(&size);
        bytes[148..156].fill(b' ');
        let sum: u32 = bytes[..512].iter().copied().map(u32::from).sum();
        bytes[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        survives("a.ova", &bytes);
    }
    assert!(verify::file(Path::new("/dev/null")).is_err());
}
