//! Several images from one read, and images through pipes: the same bytes as each by itself.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kurmadisk_formats::error::{EmitError, SourceError};
use kurmadisk_formats::image::{
    ImageFile, ImageFormat, ImageJob, ImageOptions, write_files, write_images,
};
use kurmadisk_formats::map::{Content, ContentId, ContentStore, DiskMap, Extent, Source};
use kurmadisk_formats::output::{Forward, Output};
use proptest::prelude::*;

use crate::support::{GIB, KIB, MIB, disk, image, noise, options};

fn go_on(_: kurmadisk_formats::emit::Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The formats whose images are one file.
fn single_files() -> impl Iterator<Item = ImageFormat> {
    let all = ImageFormat::ALL.iter().copied();
    all.filter(|format| !format.has_parts())
}

/// All of them from one read.
fn together(disk: &DiskMap, threads: usize) -> Vec<(ImageFormat, Vec<u8>)> {
    let mut images: Vec<_> = single_files().map(|format| (format, Vec::new())).collect();
    let jobs = images.iter_mut().map(|(format, out)| ImageJob {
        format: *format,
        options: options(threads),
        out: Box::new(out),
    });
    write_images(disk, jobs.collect(), &mut go_on).unwrap();
    images
}

#[track_caller]
fn check(disk: &DiskMap) {
    for (format, bytes) in together(disk, 7) {
        assert!(image(format, disk, &options(2)) == bytes, "{format}");
    }
    for (format, bytes) in together(disk, 2) {
        assert!(image(format, disk, &options(2)) == bytes, "{format}");
        let mut sent = Vec::new();
        let mut pipe = Forward::new(&mut sent, "pipe");
        let written = format.write(disk, &options(2), &mut pipe, &mut go_on);
        if format.is_forward() {
            written.unwrap();
            assert!(sent == bytes, "{format} through a pipe");
        } else {
            assert!(matches!(written, Err(EmitError::Output { .. })), "{format}");
        }
    }
}

#[test]
fn images_made_together_and_through_pipes_are_those_made_alone() {
    check(&disk(
        20 * MIB + 512,
        &[
            (0, noise(1, 3 * MIB + 5)),
            (5 * MIB - 1, vec![1; 2]),
            (9 * MIB, vec![0; 300 << 10]),
            (20 * MIB, noise(2, 512)),
        ],
    ));
    check(&DiskMap::new(MIB));
}

/// A file that takes so many bytes and no more.
struct Full {
    room: u64,
}

impl Output for Full {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset + data.len() as u64 <= self.room {
            Ok(())
        } else {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn path(&self) -> &Path {
        Path::new("full")
    }
}

#[test]
fn one_image_without_room_ends_all_whichever_thread_writes_it() {
    let disk = disk(20 * MIB, &[(0, noise(1, 15 * MIB))]);
    let formats: Vec<_> = single_files().collect();
    for full in 0..formats.len() {
        for (threads, room) in [(1, 5 * MIB), (2, 5 * MIB), (3, 0), (100, 5 * MIB)] {
            let jobs = formats.iter().enumerate().map(|(number, format)| ImageJob {
                format: *format,
                options: options(threads),
                out: if number == full {
                    Box::new(Full { room })
                } else {
                    Box::new(Vec::new())
                },
            });
            let written = write_images(&disk, jobs.collect(), &mut go_on);
            let is_full = |path: &Path| path == Path::new("full");
            assert!(
                matches!(&written, Err(EmitError::Output { path, .. }) if is_full(path)),
                "{}, {threads} threads: {written:?}",
                formats[full]
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_the_disk(
        sectors in 1_u64..12_000,
        pieces in prop::collection::vec((0_u64..12_000, 1_u64..900, any::<bool>()), 0..6),
    ) {
        let mut map = DiskMap::new(sectors * 512);
        for (number, (start, len, zeros)) in pieces.into_iter().enumerate() {
            let mut bytes = noise(number as u64, len * 512);
            if zeros {
                bytes.fill(0);
            }
            // Those that overlap or reach past the end are left out.
            let _ = map.insert_bytes(start * 512, bytes);
        }
        check(&map);
    }
}

/// Content of one value, which counts the bytes read.
#[derive(Debug, Default)]
struct Counted(Arc<AtomicU64>);

impl ContentStore for Counted {
    fn open(&self, _: ContentId) -> Result<Box<dyn Content>, SourceError> {
        Ok(Box::new(Self(Arc::clone(&self.0))))
    }
}

impl Content for Counted {
    fn read_exact_at(&self, _: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.0.fetch_add(buf.len() as u64, Ordering::Relaxed);
        buf.fill(7);
        Ok(())
    }
}

#[test]
fn every_byte_of_a_source_is_read_once_for_all_images() {
    let read = Arc::new(AtomicU64::new(0));
    let store: Arc<dyn ContentStore> = Arc::new(Counted(Arc::clone(&read)));
    let mut map = DiskMap::new(GIB);
    for (start, len) in [(100, 5 * MIB), (40 * MIB + 7, 3 * KIB), (GIB - MIB, MIB)] {
        let source = Source::Content {
            store: Arc::clone(&store),
            id: ContentId(0),
            offset: start,
        };
        map.insert(Extent { start, len, source }).unwrap();
    }
    let sparse = single_files().filter(|format| !format.name().ends_with("-fixed"));
    let mut images: Vec<_> = sparse.map(|format| (format, Nowhere)).collect();
    let jobs = images.iter_mut().map(|(format, out)| ImageJob {
        format: *format,
        options: options(2),
        out: Box::new(out),
    });
    write_images(&map, jobs.collect(), &mut go_on).unwrap();
    assert_eq!(read.load(Ordering::Relaxed), map.data_len());
}

/// Takes everything and keeps nothing.
struct Nowhere;

impl Output for Nowhere {
    fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn path(&self) -> &Path {
        Path::new("nowhere")
    }
}

#[test]
fn files_appear_together_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let file = |format: ImageFormat, name: &str| ImageFile {
        choice: format.into(),
        options: ImageOptions::new(uuid::Uuid::from_u128(1), name),
        path: dir.path().join(name),
    };
    let good = disk(4 * MIB, &[(0, noise(1, MIB))]);
    let images = [
        file(ImageFormat::Raw, "a.raw"),
        file(ImageFormat::Vdi, "a.vdi"),
    ];

    // The second one has no room for the disk, a folder is in its place, or its folder is absent.
    let huge = DiskMap::new(1 << 50);
    let impossible = [images[0].clone(), file(ImageFormat::Vhd, "a.vhd")];
    assert!(write_files(&huge, &impossible, &mut go_on).is_err());
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    for name in ["folder", "absent/b.vdi"] {
        let images = [images[0].clone(), file(ImageFormat::Vdi, name)];
        let failed = write_files(&good, &images, &mut go_on);
        assert!(
            matches!(failed, Err(EmitError::Output { .. })),
            "{failed:?}"
        );
    }
    // Stopped in the middle.
    let mut stop = |_| ControlFlow::Break(());
    let stopped = write_files(&good, &images, &mut stop);
    assert!(matches!(stopped, Err(EmitError::Cancelled)));
    assert_eq!(names(), ["folder"]);

    write_files(&good, &images, &mut go_on).unwrap();
    assert_eq!(names(), ["a.raw", "a.vdi", "folder"]);
}

#[test]
fn a_name_that_is_taken_at_last_takes_the_others_back() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let mut file = kurmadisk_formats::output::NewFile::create(&dir.path().join(name)).unwrap();
        Output::set_len(&mut file, 10).unwrap();
        file
    };
    let (first, second) = (make("first"), make("second"));
    // A folder that came meanwhile.
    std::fs::create_dir_all(dir.path().join("second/x")).unwrap();
    let failed = kurmadisk_formats::output::commit_all([first, second]);
    assert!(matches!(failed, Err(EmitError::Output { .. })));
    assert!(!dir.path().join("first").exists());
}
