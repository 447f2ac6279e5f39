//! Several packages in one pass.

use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kurmadisk::package::{
    Archive, ArchiveKind, Derive, Facts, Member, Package, PackageError, PackageFile, Release,
    WriteError,
};
use kurmadisk_fixtures::oracle::{self, Unpacker};
use kurmadisk_formats::image::{FormatChoice, ImageFormat, ImageOptions};
use kurmadisk_formats::map::{ContentStore, DiskMap, Extent, FileStore, Source};
use kurmadisk_formats::output::NewFile;
use uuid::Uuid;

const MIB: u64 = 1 << 20;

/// Long before anything that programs find plausible, and the usual time of a plan.
const TIME: i64 = 0;

fn disk() -> DiskMap {
    let mut disk = DiskMap::new(64 * MIB);
    for (start, len) in [(0, 4096), (MIB + 512, 300_000), (50 * MIB, 1)] {
        let bytes = (0..len).map(|at: u32| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]);
        disk.insert_bytes(start, bytes.collect::<Vec<_>>()).unwrap();
    }
    disk
}

fn options() -> ImageOptions {
    let threads = NonZero::new(2).unwrap();
    ImageOptions::new(Uuid::from_u128(1), "").with_threads(threads)
}

fn image(name: &str, format: ImageFormat) -> Member {
    Member::Disk {
        name: name.to_owned(),
        choice: FormatChoice::from(format),
        identity: Uuid::from_u128(2),
    }
}

/// A file that says what another one is: 20 digits, a space, and the digests.
fn description(name: &str, of: &'static str) -> Member {
    let make = move |facts: &Facts| -> Result<Vec<u8>, PackageError> {
        let facts = facts.get(of)?;
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let sha1 = facts.sha1.map_or_else(|| "-".repeat(40), |sha1| hex(&sha1));
        let text = format!("{:020} {} {sha1}\n", facts.len, hex(&facts.sha256));
        Ok(text.into_bytes())
    };
    Member::Derived {
        name: name.to_owned(),
        room: 20 + 1 + 64 + 1 + 40 + 1,
        make: Derive::new(make),
    }
}

fn archive(name: &str, kind: ArchiveKind, members: Vec<Member>) -> PackageFile {
    PackageFile::Archive(Archive {
        name: name.to_owned(),
        kind,
        members,
    })
}

fn package(files: Vec<PackageFile>, sha1: bool) -> Package {
    Package { files, sha1 }
}

/// One of everything.
fn packages() -> Vec<Package> {
    let text = || Member::text("LICENSE", "Do as you like.\n");
    let ova = archive(
        "a.ova",
        ArchiveKind::Tar,
        vec![
            description("a.ovf", "a-disk.vmdk"),
            image("a-disk.vmdk", ImageFormat::VmdkStream),
            description("a.mf", "a.ovf"),
        ],
    );
    let known = archive(
        "known.tar",
        ArchiveKind::Tar,
        vec![text(), image("disk.vdi", ImageFormat::Vdi)],
    );
    let zip = archive(
        "a.zip",
        ArchiveKind::Zip,
        vec![
            text(),
            image("folder/disk.qcow2", ImageFormat::Qcow2),
            description("folder/disk.txt", "folder/disk.qcow2"),
        ],
    );
    let stored = archive(
        "stored.zip",
        ArchiveKind::Zip,
        vec![image("disk.vmdk", ImageFormat::VmdkStream)],
    );
    let tar_gz = archive(
        "a.box",
        ArchiveKind::TarGz,
        vec![
            text(),
            image("box.img", ImageFormat::Qcow2),
            description("box.txt", "box.img"),
        ],
    );
    let sparse = archive(
        "gce.tar.gz",
        ArchiveKind::GnuSparseTarGz,
        vec![image("disk.raw", ImageFormat::Raw)],
    );
    vec![
        package(vec![ova], true),
        package(
            vec![
                zip,
                stored,
                known,
                PackageFile::Plain(description("of-the.zip.txt", "a.zip")),
            ],
            false,
        ),
        package(
            vec![
                PackageFile::Plain(description("folder/before.txt", "folder/c.qcow2")),
                PackageFile::Plain(image("folder/c.qcow2", ImageFormat::Qcow2Compressed)),
                PackageFile::Plain(Member::text("folder/text", "text")),
            ],
            false,
        ),
        package(vec![tar_gz, sparse], false),
        package(
            vec![PackageFile::Plain(image("a b.raw", ImageFormat::Raw))],
            false,
        ),
    ]
}

fn write(folder: &Path, disk: &DiskMap, packages: &[Package]) -> Result<Vec<PathBuf>, WriteError> {
    let mut release = Release::new(folder, TIME)?;
    release.write(disk, &options(), packages, &mut |_| {
        ControlFlow::Continue(())
    })?;
    let written = release.finish()?;
    Ok(written.into_iter().map(|file| file.path).collect())
}

/// Asserts that the image is the disk.
fn assert_holds(image: &Path, format: &str, raw: &Path) {
    oracle::qemu_img_compare(raw, "raw", image, format).unwrap();
}

/// Asserts that the description is that of the file.
fn assert_describes(description: &Path, file: &Path) {
    let text = std::fs::read_to_string(description).unwrap();
    let words: Vec<_> = text.split_whitespace().collect();
    let len = file.metadata().unwrap().len();
    assert_eq!(words[0].parse(), Ok(len), "{}", file.display());
    assert_eq!(words[1], oracle::sha256(file).unwrap());
}

#[test]
fn every_wrapping_holds_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("not/yet/there");
    let written = write(&out, &disk(), &packages()).unwrap();
    let path = |name: &str| out.join(name);
    let raw = path("a b.raw");
    let unpacked = |name: &str, unpacker: Unpacker| {
        let into = dir.path().join(format!("{name}-{unpacker:?}"));
        std::fs::create_dir(&into).unwrap();
        unpacker.unpack(&path(name), &into).unwrap();
        into
    };
    for tar in [Unpacker::Tar, Unpacker::Bsdtar] {
        let ova = unpacked("a.ova", tar);
        assert_holds(&ova.join("a-disk.vmdk"), "vmdk", &raw);
        assert_describes(&ova.join("a.ovf"), &ova.join("a-disk.vmdk"));
        assert_describes(&ova.join("a.mf"), &ova.join("a.ovf"));
        assert_holds(&unpacked("known.tar", tar).join("disk.vdi"), "vdi", &raw);
        let vagrant = unpacked("a.box", tar);
        assert_holds(&vagrant.join("box.img"), "qcow2", &raw);
        assert_describes(&vagrant.join("box.txt"), &vagrant.join("box.img"));
        let gce = unpacked("gce.tar.gz", tar).join("disk.raw");
        assert_eq!(oracle::sha256(&gce).unwrap(), oracle::sha256(&raw).unwrap());
    }
    for zip in [Unpacker::Unzip, Unpacker::Bsdtar] {
        let folder = unpacked("a.zip", zip).join("folder");
        assert_holds(&folder.join("disk.qcow2"), "qcow2", &raw);
        assert_describes(&folder.join("disk.txt"), &folder.join("disk.qcow2"));
        assert_holds(&unpacked("stored.zip", zip).join("disk.vmdk"), "vmdk", &raw);
    }
    assert_describes(&path("of-the.zip.txt"), &path("a.zip"));
    assert_holds(&path("folder/c.qcow2"), "qcow2", &raw);
    assert_describes(&path("folder/before.txt"), &path("folder/c.qcow2"));

    let names = oracle::python_members(&path("a.ova")).unwrap();
    let names: Vec<_> = names.iter().map(|member| &*member.name).collect();
    assert_eq!(names, ["a.ovf", "a-disk.vmdk", "a.mf"]);
    // All files but the list itself.
    let listed = oracle::sha256sum_check(&out, "SHA256SUMS").unwrap();
    assert_eq!(listed, written.len() - 1);
    assert_eq!(listed, 11);
}

/// The single image written by itself.
#[test]
fn the_images_are_those_that_are_written_alone() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &disk(), &packages()).unwrap();
    let alone = dir.path().join("alone.raw");
    let mut file = NewFile::create(&alone).unwrap();
    let mut go_on = |_| ControlFlow::Continue(());
    let raw = ImageFormat::Raw;
    raw.write(&disk(), &options(), &mut file, &mut go_on)
        .unwrap();
    file.commit().unwrap();
    let packed = dir.path().join("a b.raw");
    assert_eq!(
        oracle::sha256(&alone).unwrap(),
        oracle::sha256(&packed).unwrap()
    );
}

#[test]
fn two_runs_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let sums = ["one", "two"].map(|name| {
        let out = dir.path().join(name);
        write(&out, &disk(), &packages()).unwrap();
        std::fs::read_to_string(out.join("SHA256SUMS")).unwrap()
    });
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn several_disks_are_one_release() {
    let dir = tempfile::tempdir().unwrap();
    let mut release = Release::new(dir.path(), TIME).unwrap();
    for (name, len) in [("one.raw", MIB), ("two.raw", 2 * MIB)] {
        let packages = [package(
            vec![PackageFile::Plain(image(name, ImageFormat::Raw))],
            false,
        )];
        let mut go_on = |_| ControlFlow::Continue(());
        let disk = DiskMap::new(len);
        release
            .write(&disk, &options(), &packages, &mut go_on)
            .unwrap();
        assert!(!dir.path().join(name).exists());
    }
    assert_eq!(release.finish().unwrap().len(), 3);
    assert_eq!(
        oracle::sha256sum_check(dir.path(), "SHA256SUMS").unwrap(),
        2
    );
}

#[test]
fn nothing_is_left_of_what_fails() {
    let dir = tempfile::tempdir().unwrap();
    let content = dir.path().join("content");
    std::fs::write(&content, vec![7; 3 << 20]).unwrap();
    let mut store = FileStore::new();
    let (id, stamp) = store.add_path(&content).unwrap();
    std::fs::remove_file(&content).unwrap();
    let store: Arc<dyn ContentStore> = Arc::new(store);
    let mut vanished = disk();
    vanished
        .insert(Extent {
            start: 20 * MIB,
            len: stamp.len,
            source: Source::Content {
                store,
                id,
                offset: 0,
            },
        })
        .unwrap();
    let error = write(&dir.path().join("new/out"), &vanished, &packages()).unwrap_err();
    assert!(error.to_string().contains("content"), "{error}");
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);

    // In a folder that is there already, only that stays.
    std::fs::write(dir.path().join("a.zip"), "old").unwrap();
    write(dir.path(), &vanished, &packages()).unwrap_err();
    assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    assert_eq!(std::fs::read(dir.path().join("a.zip")).unwrap(), b"old");
}

fn refused(files: Vec<PackageFile>) -> String {
    let dir = tempfile::tempdir().unwrap();
    let error = write(dir.path(), &disk(), &[package(files, false)]).unwrap_err();
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
    kurmadisk_formats::error::chain(&error)
}

#[test]
fn what_cannot_be_is_refused() {
    let text = |name: &str| PackageFile::Plain(Member::text(name, "x"));
    assert!(refused(vec![text("a"), text("a")]).contains("two files would be called a"));
    assert!(refused(vec![text("SHA256SUMS")]).contains("two files"));
    for name in ["", "/a", "../a", "a/../../b", "."] {
        assert!(refused(vec![text(name)]).contains("is no name"), "{name}");
    }
    let vmdk = || image("disk.vmdk", ImageFormat::VmdkStream);
    let two = |kind| archive("a", kind, vec![vmdk(), image("b", ImageFormat::Raw)]);
    assert!(refused(vec![two(ArchiveKind::Zip)]).contains("second disk"));
    let late = vec![description("text", "disk.vmdk"), vmdk()];
    assert!(refused(vec![archive("a", ArchiveKind::Zip, late)]).contains("from begin to end"));
    let stream = archive("a", ArchiveKind::TarGz, vec![vmdk()]);
    assert!(refused(vec![stream]).contains("isn't known before"));
    let backwards = vec![image("a.qcow2", ImageFormat::Qcow2Compressed)];
    let backwards = archive("a", ArchiveKind::Tar, backwards);
    assert!(refused(vec![backwards]).contains("from begin to end"));
    let unknown = PackageFile::Plain(description("a", "b"));
    assert!(refused(vec![unknown]).contains("no complete file"));
}
