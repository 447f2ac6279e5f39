//! Images that are damaged, or made to do harm.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use kurmadisk::source::Scratch;
use kurmadisk::spec::Located;
use kurmadisk_os::aci::{AciCompression, AciImage, Verdict, verify};
use proptest::prelude::*;
use serde_json::json;

use super::support::{build, files, manifest, run, spec};

const GOOD: &str = r#"{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/a"}"#;

fn verdict(path: &Path) -> Verdict {
    verify(path, &Scratch::Memory).unwrap_or_else(|error| panic!("{error}"))
}

/// Makes an archive by a program of Python's, which lets everything pass: `add(name, type, linkname, data)`.
fn archive(folder: &Path, program: &str) -> std::path::PathBuf {
    let begin = format!(
        "
import io, tarfile
archive = tarfile.open('image.aci', 'w:gz')
GOOD = '''{GOOD}'''
def add(name, kind=tarfile.REGTYPE, link='', data=''):
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, len(data)
    archive.addfile(member, io.BytesIO(data.encode()))
"
    );
    run(
        folder,
        "/usr/bin/python3",
        &["-c", &format!("{begin}\n{program}\narchive.close()")],
    );
    folder.join("image.aci")
}

const BEGIN: &str = "add('manifest', data=GOOD); add('rootfs', tarfile.DIRTYPE)";

#[test]
fn every_reason_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = archive(
        folder.path(),
        "add('manifest', data='{\"acKind\": \"Pod\", \"name\": \"A\"}'); add('other'); add('rootfs', data='x')",
    );
    let verdict = verdict(&path);
    let expected = [
        "other: it lies beside manifest and rootfs, where nothing else may be",
        "rootfs: it is no directory",
        "acKind: \"Pod\" is not the kind of an image's manifest",
        "acVersion is missing; give it",
        "name: \"A\" is no AC identifier",
    ];
    assert_eq!(
        verdict.refusals.len(),
        expected.len(),
        "{:#?}",
        verdict.refusals
    );
    for (found, expected) in verdict.refusals.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
    assert!(
        AciImage::read(&path, &Scratch::Memory)
            .unwrap()
            .manifest()
            .is_err()
    );
}

#[test]
fn names_that_lead_outside_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (program, expected) in [
        ("add('rootfs/../../etc/passwd')", "\"..\""),
        ("add('/etc/passwd')", "its name is absolute"),
        (
            "add('rootfs/l', tarfile.SYMTYPE, '/etc'); add('rootfs/l/passwd')",
            "symbolic link",
        ),
        (
            "add('rootfs/l', tarfile.LNKTYPE, '/etc/passwd')",
            "/etc/passwd",
        ),
        ("add('rootfs/a'); add('rootfs/a')", "the name occurs before"),
    ] {
        let path = archive(folder.path(), &format!("{BEGIN}\n{program}"));
        let verdict = verdict(&path);
        let [refusal] = &verdict.refusals[..] else {
            panic!("{program}: {:?}", verdict.refusals);
        };
        assert!(refusal.contains(expected), "{program}: {refusal}");
        assert!(verdict.id.is_none());
    }
    // Links that lead outside are content, which nobody follows here.
    let path = archive(
        folder.path(),
        &format!("{BEGIN}\nadd('rootfs/l', tarfile.SYMTYPE, '/../etc')"),
    );
    assert!(verdict(&path).refusals.is_empty());
}

#[test]
fn manifests_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let program = "add('manifest', data=' ' * (1 << 20) + GOOD); add('rootfs', tarfile.DIRTYPE)";
    let verdict_of_large = verdict(&archive(folder.path(), program));
    assert!(verdict_of_large.refusals[0].contains("more than 1048576 are not read"));
    let program = "add('manifest', data='[' * 100000); add('rootfs', tarfile.DIRTYPE)";
    let refusals = verdict(&archive(folder.path(), program)).refusals;
    assert!(refusals[0].contains("it is no JSON"), "{refusals:?}");
    let refusals = verdict(&archive(folder.path(), "add('rootfs', tarfile.DIRTYPE)")).refusals;
    assert_eq!(refusals, ["manifest: it is missing"]);
}

#[test]
fn other_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.aci");
    assert!(verify(&path, &Scratch::Memory).is_err());
    fs::write(&path, [0x8c, 0x0d, 4, 9, 3, 8, 0, 0]).unwrap();
    let error = verify(&path, &Scratch::Memory).unwrap_err().to_string();
    assert!(
        error.ends_with("is encrypted (PGP); decrypt it first, with gpg --decrypt"),
        "{error}"
    );
    fs::write(&path, "no archive").unwrap();
    assert_eq!(verdict(&path).refusals.len(), 1);
    let tree = files(&folder.path().join("tree"), &[("a", "a")]);
    let mut spec = spec(manifest("example.com/a", &json!({})), Some(&tree));
    spec.compress = None;
    build(&spec, &path);
    run(folder.path(), "gzip", &["-d", "-S", ".aci", "x.aci"]);
    run(folder.path(), "bzip2", &["-k", "x"]);
    let verdict_of_bzip2 = verdict(&folder.path().join("x.bz2"));
    assert!(verdict_of_bzip2.refusals.is_empty());
    assert_eq!(
        verdict_of_bzip2.notes,
        ["the file's name does not end in .aci"]
    );
    run(folder.path(), "zstd", &["-q", "x"]);
    let refusals = verdict(&folder.path().join("x.zst")).refusals;
    assert_eq!(
        refusals,
        ["it is compressed with zstd; an image may be with gzip, bzip2 or xz"]
    );
}

/// A sound image, not compressed and compressed.
static SOUND: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let tree = files(
        &folder.path().join("tree"),
        &[("etc/a", "a"), ("b", "-> etc/a")],
    );
    let app = json!({"app": {"exec": ["/b"], "user": "0", "group": "0"}});
    let mut spec = spec(manifest("example.com/a", &app), Some(&tree));
    [AciCompression::None, AciCompression::Gz].map(|compression| {
        spec.compress = Some(Located::by_caller(compression));
        let path = folder.path().join("x.aci");
        build(&spec, &path);
        fs::read(&path).unwrap()
    })
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn damaged_images_give_an_error_or_an_image(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(), compressed in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.aci");
        let mut bytes = SOUND[usize::from(compressed)].clone();
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        let keep = bytes.len() - cut.index(bytes.len()) / 4;
        fs::write(&path, &bytes[..keep]).unwrap();
        match verify(&path, &Scratch::Memory) {
            Ok(verdict) => prop_assert!(verdict.refusals.iter().all(|reason| !reason.is_empty())),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
