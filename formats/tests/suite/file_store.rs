//! Files that vanish, change or are something else than they were.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use kurmadisk_formats::error::SourceError;
use kurmadisk_formats::map::{ContentId, ContentStore, FileStore};
use tempfile::TempDir;

struct Stored {
    dir: TempDir,
    path: PathBuf,
    store: FileStore,
    id: ContentId,
}

fn stored() -> Stored {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a file");
    fs::write(&path, "0123456789").unwrap();
    let mut store = FileStore::new();
    let (id, stamp) = store.add_path(&path).unwrap();
    assert_eq!(stamp.len, 10);
    Stored {
        dir,
        path,
        store,
        id,
    }
}

fn names(error: &SourceError, expected: &Path) -> bool {
    match error {
        SourceError::Open { path, .. } | SourceError::Changed { path } => path == expected,
        _ => false,
    }
}

#[test]
fn an_unchanged_file_is_read_at_any_offset() {
    let it = stored();
    let content = it.store.open(it.id).unwrap();
    let mut buf = [0; 4];
    content.read_exact_at(5, &mut buf).unwrap();
    assert_eq!(&buf, b"5678");
    content.close().unwrap();
    assert_eq!(it.store.path(it.id), Some(it.path));
    assert_eq!(it.store.path(ContentId(1)), None);
}

/// From the second file of a folder on, they are looked for in the folder itself.
#[test]
fn files_of_several_folders_are_opened_in_any_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = FileStore::new();
    let mut files = Vec::new();
    for folder in ["a", "b"] {
        let host = dir.path().join(folder);
        fs::create_dir(&host).unwrap();
        for name in ["1", "2", "3"] {
            fs::write(host.join(name), format!("{folder}{name}")).unwrap();
        }
        let stored = store.add_dir(host.clone());
        for entry in kurmadisk_formats::host::read_dir(&host).unwrap() {
            let id = store.add_file(stored, &entry.name, entry.stat.identity());
            files.push((id, host.join(&entry.name)));
        }
    }
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [0, 3, 1, 4, 2, 5]] {
        for number in order {
            let (id, path) = &files[number];
            let content = store.open(*id).unwrap();
            let mut buf = [0; 2];
            content.read_exact_at(0, &mut buf).unwrap();
            assert_eq!(buf[..], fs::read(path).unwrap()[..]);
            content.close().unwrap();
        }
    }
    let gone = &files[1];
    fs::remove_file(&gone.1).unwrap();
    store.open(files[0].0).unwrap();
    let error = store.open(gone.0).err().unwrap();
    assert!(matches!(error, SourceError::Open { .. }) && names(&error, &gone.1));
    // What took the place of a folder that is open is not looked at.
    fs::rename(dir.path().join("b"), dir.path().join("c")).unwrap();
    assert!(store.open(files[4].0).is_err());
}

#[test]
fn each_of_very_many_files_keeps_its_name() {
    let it = stored();
    let identity = kurmadisk_formats::host::stat(&it.path).unwrap().identity();
    let mut store = FileStore::new();
    let dir = store.add_dir(it.dir.path().to_path_buf());
    let name = |number: usize| "n".repeat(number % 3) + &number.to_string();
    let ids: Vec<_> = (0..140_000)
        .map(|number| store.add_file(dir, name(number).as_ref(), identity))
        .collect();
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(store.path(*id), Some(it.dir.path().join(name(number))));
    }
    assert_eq!(store.path(ContentId(140_000)), None);
}

#[test]
fn a_vanished_file_is_named() {
    let it = stored();
    fs::remove_file(&it.path).unwrap();
    let error = it.store.open(it.id).err().unwrap();
    assert!(matches!(error, SourceError::Open { .. }) && names(&error, &it.path));
}

#[test]
fn a_change_before_opening_is_noticed() {
    let it = stored();
    fs::write(&it.path, "0123456789a").unwrap();
    let error = it.store.open(it.id).err().unwrap();
    assert!(matches!(error, SourceError::Changed { .. }) && names(&error, &it.path));

    let it = stored();
    let earlier = SystemTime::now() - Duration::from_mins(1);
    let file = File::options().write(true).open(&it.path).unwrap();
    file.set_modified(earlier).unwrap();
    let error = it.store.open(it.id).err().unwrap();
    assert!(matches!(error, SourceError::Changed { .. }));
}

#[cfg(unix)]
#[test]
fn another_file_of_the_same_length_and_time_is_noticed() {
    use std::os::unix::fs::symlink;
    let replacements: [fn(&Path, &Path); 2] = [
        |other, path| fs::rename(other, path).unwrap(),
        |other, path| {
            fs::remove_file(path).unwrap();
            symlink(other, path).unwrap();
        },
    ];
    for replace in replacements {
        let it = stored();
        let other = it.dir.path().join("other");
        fs::write(&other, "abcdefghij").unwrap();
        let modified = fs::metadata(&it.path).unwrap().modified().unwrap();
        let file = File::options().write(true).open(&other).unwrap();
        file.set_modified(modified).unwrap();
        replace(&other, &it.path);
        let there = fs::metadata(&it.path).unwrap();
        assert_eq!((there.len(), there.modified().unwrap()), (10, modified));
        let error = it.store.open(it.id).err().unwrap();
        assert!(matches!(error, SourceError::Changed { .. }) && names(&error, &it.path));
    }
}

#[test]
fn a_change_while_reading_is_noticed() {
    let it = stored();
    let content = it.store.open(it.id).unwrap();
    File::options()
        .write(true)
        .open(&it.path)
        .unwrap()
        .set_len(4)
        .unwrap();
    let error = content.read_exact_at(2, &mut [0; 4]).unwrap_err();
    assert!(matches!(error, SourceError::Changed { .. }) && names(&error, &it.path));
    let error = content.close().unwrap_err();
    assert!(matches!(error, SourceError::Changed { .. }));
}

#[cfg(unix)]
#[test]
fn a_fifo_in_its_place_is_refused_without_waiting() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let mut it = stored();
    fs::remove_file(&it.path).unwrap();
    mknodat(CWD, &it.path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let error = it.store.open(it.id).err().unwrap();
    assert!(matches!(error, SourceError::Open { .. }) && names(&error, &it.path));
    assert!(it.store.add_path(&it.path).is_err());
    assert!(kurmadisk_formats::open::open(&it.path).is_err());
}

#[test]
fn a_folder_is_no_file() {
    let mut it = stored();
    assert!(it.store.add_path(it.dir.path()).is_err());
    assert!(kurmadisk_formats::open::open(it.dir.path()).is_err());
}
