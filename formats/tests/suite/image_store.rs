//! The disk in an image as content: of every container, and of images that change.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use kurmadisk_formats::error::SourceError;
use kurmadisk_formats::image::{ImageFormat, ImageOptions};
use kurmadisk_formats::map::{ContentId, ContentStore, DiskMap};
use kurmadisk_formats::open::ImageStore;
use kurmadisk_formats::output::NewFile;
use kurmadisk_formats::read_at::ReadAt;
use tempfile::TempDir;

use crate::support::read_as;

const LEN: u64 = 4 << 20;
const DATA: u64 = 1 << 20;

/// An image of a disk with a few bytes at [`DATA`].
fn image(format: ImageFormat) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    let mut disk = DiskMap::new(LEN);
    disk.insert_bytes(DATA, &b"0123456789"[..]).unwrap();
    let options = ImageOptions::new(uuid::Uuid::from_u128(1), "image");
    let mut file = NewFile::create(&path).unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    format.write(&disk, &options, &mut file, go_on).unwrap();
    file.commit().unwrap();
    (dir, path)
}

#[test]
fn a_part_of_the_disk_is_a_map_without_holes() {
    for &format in ImageFormat::ALL {
        let (_dir, path) = image(format);
        let store = ImageStore::open(&path).unwrap();
        let found = (store.image().format(), store.image().len());
        assert_eq!(found, (read_as(format), LEN));
        let map = store.map(DATA - 4, 10);
        assert_eq!((map.len(), map.data_len()), (10, 10));
        let mut found = [1; 10];
        map.reader().read_exact_at(0, &mut found).unwrap();
        assert_eq!(&found, b"\0\0\0\x00012345");
        // What lies beyond the end is left out.
        assert_eq!(store.map(LEN - 7, 100).len(), 7);
        assert!(store.map(LEN + 7, 100).is_empty());
    }
}

#[test]
fn the_whole_disk_has_holes_where_the_image_has_nothing() {
    for &format in ImageFormat::ALL {
        let (_dir, path) = image(format);
        let store = ImageStore::open(&path).unwrap();
        let disk = store.disk().unwrap();
        let extents = disk.extents().iter();
        let extents: Vec<_> = extents.map(|extent| extent.start..extent.end()).collect();
        assert_eq!(extents, store.image().allocated(), "{format}");
        let fixed = matches!(format, ImageFormat::RawFixed | ImageFormat::VdiFixed);
        assert_eq!(disk.data_len() == LEN, fixed, "{format}");
        assert_eq!(disk.len(), LEN);
        let (mut expected, mut found) = ([0; 16], [1; 16]);
        expected[4..14].copy_from_slice(b"0123456789");
        disk.reader().read_exact_at(DATA - 4, &mut found).unwrap();
        assert_eq!(found, expected, "{format}");
    }
}

#[test]
fn an_identity_is_the_disks_whatever_holds_it() {
    let identities = |seed: &str| {
        let formats = ImageFormat::ALL.iter();
        let all = formats.map(|format| {
            let (_dir, path) = image(*format);
            ImageStore::open(&path).unwrap().identity(seed).unwrap()
        });
        all.collect::<Vec<_>>()
    };
    let (own, other) = (identities(""), identities("another"));
    assert!(own.iter().all(|each| *each == own[0]), "{own:?}");
    assert!(other.iter().all(|each| *each == other[0]), "{other:?}");
    assert_ne!(own[0], other[0]);

    let dir = tempfile::tempdir().unwrap();
    let of = |bytes: &[u8]| {
        let path = dir.path().join("raw");
        fs::write(&path, bytes).unwrap();
        ImageStore::open(&path).unwrap().identity("").unwrap()
    };
    let found = [of(b""), of(b"a"), of(b"b"), of(b"b\0"), own[0]];
    for (number, identity) in found.iter().enumerate() {
        assert!(!found[..number].contains(identity), "{found:?}");
    }
}

fn is_changed(error: &SourceError, expected: &Path) -> bool {
    matches!(error, SourceError::Changed { path } if path == expected)
}

#[test]
fn a_change_is_noticed_before_and_after_reading() {
    let (_dir, path) = image(ImageFormat::Raw);
    let store = ImageStore::open(&path).unwrap();
    let content = store.open(ContentId(0)).unwrap();
    let mut found = [0; 2];
    content.read_exact_at(DATA, &mut found).unwrap();
    assert_eq!(&found, b"01");
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"x", DATA).unwrap();
    let earlier = SystemTime::now() - Duration::from_secs(1000);
    file.set_modified(earlier).unwrap();
    assert!(is_changed(&content.close().unwrap_err(), &path));
    let error = store.open(ContentId(0)).err().unwrap();
    assert!(is_changed(&error, &path));
}

#[test]
fn a_file_that_ends_early_has_changed() {
    let (_dir, path) = image(ImageFormat::Raw);
    let store = ImageStore::open(&path).unwrap();
    let content = store.open(ContentId(0)).unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(DATA)
        .unwrap();
    let error = content.read_exact_at(DATA, &mut [0; 2]).unwrap_err();
    assert!(is_changed(&error, &path));
}

#[test]
fn another_file_of_its_name_is_none_of_its_business() {
    let (dir, path) = image(ImageFormat::Raw);
    let store = ImageStore::open(&path).unwrap();
    fs::rename(&path, dir.path().join("moved")).unwrap();
    fs::write(&path, "another").unwrap();
    let content = store.open(ContentId(0)).unwrap();
    let mut found = [0; 2];
    content.read_exact_at(DATA, &mut found).unwrap();
    assert_eq!(&found, b"01");
    content.close().unwrap();
}
