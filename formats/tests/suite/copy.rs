//! Long files that the host copies into an image by itself: the same images as by reading and writing.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use kurmadisk_formats::emit::Progress;
use kurmadisk_formats::error::{EmitError, SourceError};
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::{ContentStore, DiskMap, Extent, FileStore, Source};
use kurmadisk_formats::output::{NewFile, Output};
use tempfile::TempDir;

use crate::support::{MIB, noise, options};

const LEN: u64 = 66 * MIB;
const SKIP: u64 = 1000;

/// A file, mostly holes but all of it content, on a disk behind other bytes and before them.
struct Long {
    folder: TempDir,
    file: File,
    disk: DiskMap,
}

fn long() -> Long {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long");
    let file = File::create_new(&path).unwrap();
    file.set_len(LEN).unwrap();
    for at in [0, 5 * MIB + 7, 63 * MIB, LEN - 5000] {
        file.write_all_at(&noise(at, 5000), at).unwrap();
    }
    let mut store = FileStore::new();
    let (id, _) = store.add_path(&path).unwrap();
    let store: Arc<dyn ContentStore> = Arc::new(store);
    let mut disk = DiskMap::new(100 * MIB);
    disk.insert_bytes(512, vec![1; 5000]).unwrap();
    let source = Source::Content {
        store,
        id,
        offset: SKIP,
    };
    let extent = Extent {
        start: 3 * MIB,
        len: LEN - SKIP,
        source,
    };
    disk.insert(extent).unwrap();
    disk.insert_bytes(80 * MIB, vec![2; 5000]).unwrap();
    Long { folder, file, disk }
}

/// A new file for which the host copies so many bytes at most.
struct Limited {
    file: NewFile,
    most: u64,
    copied: u64,
}

impl Output for Limited {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, data)
    }

    fn copy_at(&mut self, offset: u64, file: &File, from: u64, len: u64) -> io::Result<u64> {
        let len = len.min(self.most - self.copied);
        let copied = self.file.copy_at(offset, file, from, len)?;
        self.copied += copied;
        Ok(copied)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}

fn formats() -> impl Iterator<Item = ImageFormat> {
    let names = ["raw", "vdi", "vmdk", "qcow2", "vhd-fixed", "vhdx"];
    names.into_iter().map(|name| name.parse().unwrap())
}

#[test]
fn what_the_host_copied_is_what_would_have_been_written() {
    let long = long();
    for format in formats() {
        let mut expected = Vec::new();
        let mut go_on = |_: Progress| ControlFlow::Continue(());
        format
            .write(&long.disk, &options(2), &mut expected, &mut go_on)
            .unwrap();
        for most in [u64::MAX, 10 * MIB + 11, 0] {
            let path = long.folder.path().join("image");
            let mut out = Limited {
                file: NewFile::create(&path).unwrap(),
                most,
                copied: 0,
            };
            let (mut last, mut all) = (0, 0);
            let mut told = |now: Progress| {
                assert!(last <= now.done && now.done <= now.total, "{now:?}");
                (last, all) = (now.done, now.total);
                ControlFlow::Continue(())
            };
            format
                .write(&long.disk, &options(2), &mut out, &mut told)
                .unwrap();
            assert_eq!((last, all), (LEN - SKIP + 10_000, LEN - SKIP + 10_000));
            // All hosts that run these tests can copy from a file to one beside it.
            assert_eq!(out.copied, most.min(LEN - SKIP), "{format}");
            out.file.commit().unwrap();
            assert!(std::fs::read(&path).unwrap() == expected, "{format}");
        }
    }
}

#[test]
fn a_change_of_what_was_copied_is_noticed() {
    let long = long();
    let path = long.folder.path().join("image");
    let mut out = NewFile::create(&path).unwrap();
    // The first report comes when some of it was copied.
    let mut change = |_: Progress| {
        long.file.set_len(LEN - 1).unwrap();
        ControlFlow::Continue(())
    };
    let format: ImageFormat = "raw".parse().unwrap();
    let written = format.write(&long.disk, &options(2), &mut out, &mut change);
    assert!(matches!(
        written,
        Err(EmitError::Source(SourceError::Changed { .. }))
    ));
}
