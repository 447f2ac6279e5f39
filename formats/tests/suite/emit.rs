//! Large, ascending writes; progress; stopping; failing sources.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kurmadisk_formats::emit::{Progress, write_map};
use kurmadisk_formats::error::{EmitError, SourceError};
use kurmadisk_formats::image::ImageFormat;
use kurmadisk_formats::map::{Content, ContentId, ContentStore, DiskMap, Extent, Source};
use kurmadisk_formats::output::Output;

use crate::support::{GIB, KIB, MIB, disk, noise, options};

/// Remembers where it was written to; fails when told to.
#[derive(Debug, Default)]
struct Recorder {
    writes: Vec<(u64, u64)>,
    bytes: Vec<u8>,
    len: Option<u64>,
    fails: bool,
}

impl Output for Recorder {
    fn write_at(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.fails {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.writes.push((offset, data.len() as u64));
        self.bytes.write_at(offset, data)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.len = Some(len);
        Ok(())
    }

    /// Nobody looks at what lies in it.
    fn part(&mut self, _: &str) -> io::Result<Box<dyn Output + Send>> {
        Ok(Box::new(Self::default()))
    }

    fn path(&self) -> &Path {
        Path::new("recorder")
    }
}

/// Content of one value, which counts how often it was opened and closed.
#[derive(Debug, Default)]
struct Counting {
    opened: AtomicUsize,
    closed: Arc<AtomicUsize>,
    /// Reading from this offset on fails.
    fails_from: Option<u64>,
}

struct CountingContent {
    closed: Arc<AtomicUsize>,
    value: u8,
    fails_from: Option<u64>,
}

impl ContentStore for Counting {
    fn open(&self, id: ContentId) -> Result<Box<dyn Content>, SourceError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(CountingContent {
            closed: Arc::clone(&self.closed),
            value: u8::try_from(id.0).unwrap(),
            fails_from: self.fails_from,
        }))
    }
}

impl Content for CountingContent {
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        if self
            .fails_from
            .is_some_and(|from| offset + buf.len() as u64 > from)
        {
            return Err(SourceError::Changed {
                path: "counting".into(),
            });
        }
        buf.fill(self.value);
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), SourceError> {
        self.closed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn content(store: &Arc<Counting>, id: u32, start: u64, len: u64, offset: u64) -> Extent {
    let store: Arc<dyn ContentStore> = Arc::<Counting>::clone(store);
    let id = ContentId(id);
    Extent {
        start,
        len,
        source: Source::Content { store, id, offset },
    }
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn writes_are_large_ascending_and_aligned() {
    // 3 MiB in pieces of 100 bytes, then a large hole, then 5 MiB in one piece.
    let mut map = DiskMap::new(2 * GIB);
    let data = noise(1, 3 * MIB);
    for (number, piece) in data.chunks(100).enumerate() {
        map.insert_bytes(100 + number as u64 * 100, piece.to_vec())
            .unwrap();
    }
    let tail = noise(2, 5 * MIB);
    map.insert_bytes(100 * MIB + 77, tail.clone()).unwrap();
    let mut out = Vec::new();
    let mut recorder = Recorder::default();
    write_map(&map, &mut recorder, &mut go_on).unwrap();

    let mut free_from = 0;
    for &(offset, len) in &recorder.writes {
        assert!(offset >= free_from, "{offset} comes after {free_from}");
        free_from = offset + len;
        let first = offset == 100 || offset == 100 * MIB + 77;
        assert!(
            first || offset % (256 * KIB) == 0,
            "{offset} is not aligned"
        );
    }
    assert_eq!(recorder.writes.len(), 13 + 21);
    assert_eq!(recorder.len, Some(2 * GIB));
    out.write_at(100, &data).unwrap();
    out.write_at(100 * MIB + 77, &tail).unwrap();
    assert!(recorder.bytes[..out.len()] == out[..]);
}

#[test]
fn small_gaps_are_filled_and_large_ones_skipped() {
    let map = disk(
        MIB,
        &[
            (0, vec![1; 10]),
            (4 * KIB, vec![2; 10]),
            (512 * KIB, vec![3; 10]),
        ],
    );
    let mut recorder = Recorder::default();
    write_map(&map, &mut recorder, &mut go_on).unwrap();
    assert_eq!(recorder.writes, [(0, 4 * KIB + 10), (512 * KIB, 10)]);
}

#[test]
fn extents_of_one_content_open_it_once() {
    let store = Arc::new(Counting::default());
    let mut map = DiskMap::new(10 * MIB);
    for (number, id) in [1, 1, 1, 2, 2, 1].into_iter().enumerate() {
        let start = number as u64 * MIB;
        map.insert(content(&store, id, start, MIB / 2, start))
            .unwrap();
    }
    let mut recorder = Recorder::default();
    write_map(&map, &mut recorder, &mut go_on).unwrap();
    assert_eq!(store.opened.load(Ordering::Relaxed), 3);
    assert_eq!(store.closed.load(Ordering::Relaxed), 3);
    assert_eq!(recorder.bytes[usize::try_from(3 * MIB).unwrap()], 2);
}

#[test]
fn progress_reaches_the_total_and_never_falls() {
    let store = Arc::new(Counting::default());
    let mut map = DiskMap::new(64 * MIB);
    map.insert(content(&store, 1, 5 * MIB + 3, 20 * MIB, 0))
        .unwrap();
    map.insert(content(&store, 2, 40 * MIB, MIB, 0)).unwrap();
    for &format in ImageFormat::ALL {
        let mut seen = Vec::new();
        let mut note = |now: Progress| {
            seen.push(now);
            ControlFlow::Continue(())
        };
        format
            .write(&map, &options(2), &mut Recorder::default(), &mut note)
            .unwrap();
        assert!(seen.len() > 10, "{format}: {} reports", seen.len());
        assert!(seen.is_sorted_by_key(|now| now.done), "{format}");
        let last = seen.last().unwrap();
        assert_eq!(last.done, last.total, "{format}");
        assert!(last.total >= 21 * MIB);
    }
}

#[test]
fn a_break_stops_every_format_soon() {
    let store = Arc::new(Counting::default());
    let mut map = DiskMap::new(GIB);
    map.insert(content(&store, 1, 0, GIB, 0)).unwrap();
    for &format in ImageFormat::ALL {
        let mut out = Recorder::default();
        let mut stop = |now: Progress| match now.done {
            0..=0x20_0000 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        let stopped = format.write(&map, &options(2), &mut out, &mut stop);
        assert!(matches!(stopped, Err(EmitError::Cancelled)), "{format}");
        assert!(out.bytes.len() < 16 << 20, "{format}");
        // Of several files the first one, which has nothing of the disk, is complete.
        assert_eq!(out.len.is_some(), format.has_parts());
    }
}

#[test]
fn failures_of_source_and_output_are_told_apart() {
    let store = Arc::new(Counting {
        fails_from: Some(3 * MIB),
        ..Counting::default()
    });
    let mut map = DiskMap::new(8 * MIB);
    map.insert(content(&store, 1, MIB, 4 * MIB, 0)).unwrap();
    let mut good = DiskMap::new(8 * MIB);
    good.insert_bytes(0, vec![1; 4096]).unwrap();
    for &format in ImageFormat::ALL {
        for threads in [1, 2] {
            let mut out = Recorder::default();
            let failed = format.write(&map, &options(threads), &mut out, &mut go_on);
            let changed = matches!(failed, Err(EmitError::Source(SourceError::Changed { .. })));
            assert!(changed, "{format}: {failed:?}");

            let mut out = Recorder {
                fails: true,
                ..Recorder::default()
            };
            let failed = format.write(&good, &options(threads), &mut out, &mut go_on);
            match failed {
                Err(EmitError::Output { path, .. }) => assert_eq!(path, Path::new("recorder")),
                other => panic!("{format}: {other:?}"),
            }
        }
    }
}
