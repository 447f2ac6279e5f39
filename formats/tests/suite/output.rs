//! Files appear complete or not at all.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use kurmadisk_formats::error::{EmitError, SourceError};
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::{ContentStore, DiskMap, Extent, FileStore, Source};
use kurmadisk_formats::output::{NewFile, Output};

use crate::support::{MIB, options};

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn nothing_is_there_before_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.img");
    let mut file = NewFile::create(&path).unwrap();
    file.write_at(3, b"abc").unwrap();
    file.set_len(8).unwrap();
    assert!(!path.exists());
    file.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"\0\0\0abc\0\0");
    assert_eq!(names(dir.path()), ["out.img"]);
}

#[test]
fn an_old_file_stays_until_the_new_one_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.img");
    fs::write(&path, "old").unwrap();
    let mut file = NewFile::create(&path).unwrap();
    file.write_at(0, b"new one").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(dir.path()), ["out.img"]);

    let mut file = NewFile::create(&path).unwrap();
    file.write_at(0, b"new one").unwrap();
    file.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new one");
    assert_eq!(names(dir.path()), ["out.img"]);
}

#[test]
fn a_failing_source_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let content = dir.path().join("content");
    fs::write(&content, vec![7; 3 << 20]).unwrap();
    let mut store = FileStore::new();
    let (id, stamp) = store.add_path(&content).unwrap();
    fs::remove_file(&content).unwrap();
    let store: Arc<dyn ContentStore> = Arc::new(store);
    let mut map = DiskMap::new(16 * MIB);
    map.insert_bytes(0, vec![1; 4096]).unwrap();
    map.insert(Extent {
        start: MIB,
        len: stamp.len,
        source: Source::Content {
            store,
            id,
            offset: 0,
        },
    })
    .unwrap();
    let path = dir.path().join("out.img");
    fs::write(&path, "old").unwrap();
    for &format in ImageFormat::ALL {
        let mut file = NewFile::create(&path).unwrap();
        let failed = format.write(&map, &options(2), &mut file, &mut |_| {
            ControlFlow::Continue(())
        });
        let vanished = matches!(failed, Err(EmitError::Source(SourceError::Open { .. })));
        assert!(vanished, "{format}: {failed:?}");
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["out.img"]);
    }
}

#[cfg(unix)]
#[test]
fn permissions_are_those_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
    let dir = tempfile::tempdir().unwrap();
    let (path, ordinary) = (dir.path().join("out.img"), dir.path().join("ordinary"));
    fs::write(&ordinary, "").unwrap();
    for _ in 0..2 {
        NewFile::create(&path).unwrap().commit().unwrap();
        assert_eq!(mode(&path), mode(&ordinary));
    }
}

#[test]
fn what_cannot_become_a_file_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("folder");
    fs::create_dir(&inside).unwrap();
    let trailing = |name: &str| dir.path().join(name);
    for path in [
        inside.as_path(),
        &dir.path().join("absent/out.img"),
        &trailing("absent/"),
        &trailing("absent/."),
        &trailing("folder/.."),
        Path::new(""),
    ] {
        match NewFile::create(path) {
            Err(EmitError::Output { path: named, .. }) => assert_eq!(named, path),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(names(dir.path()), ["folder"]);
}
