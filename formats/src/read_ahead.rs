//! A disk's windows, read by a thread of their own while those before them are written, of contents that another one
//! has opened.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Builder};

use crate::error::{EmitError, SourceError};
use crate::map::{DiskMap, open_ahead};
use crate::window::{WINDOW, Window, Windows};

/// Windows there are at once: one that is read, one that is written, and two that wait, as neither side is always as
/// fast as the other.
const WINDOWS: usize = 4;

/// A window that is read again when all who have it have let go of it.
pub(crate) struct Lent {
    /// Always there, until it is given back.
    window: Option<Window>,
    /// Where it is given back.
    back: Sender<Window>,
}

impl Deref for Lent {
    type Target = Window;

    fn deref(&self) -> &Window {
        self.window.as_ref().expect("it is given back when dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(window) = self.window.take() {
            // Behind the last one nobody takes it.
            let _ = self.back.send(window);
        }
    }
}

/// What takes windows.
pub(crate) type Take<'t> = dyn FnMut(Arc<Lent>) -> Result<(), EmitError> + 't;

/// Gives each window of `disk` in its order to `take`, which the calling thread calls; `every`: also those in which
/// nothing lies.
pub(crate) fn each_window(
    disk: &DiskMap,
    every: bool,
    take: &mut Take<'_>,
) -> Result<(), EmitError> {
    // What is read in no time is not worth a thread.
    if disk.data_len() <= (WINDOWS * WINDOW) as u64 {
        return in_turn(Windows::new(disk, every), take);
    }
    thread::scope(|scope| {
        let (read, to_write) = mpsc::channel();
        let (written, to_read) = mpsc::channel();
        let (opens, opened) = open_ahead();
        let windows = Windows::new(disk, every).opened_ahead(opened);
        let reader = move || read_all(windows, &to_read, &read);
        if Builder::new().spawn_scoped(scope, reader).is_err() {
            return in_turn(Windows::new(disk, every), take);
        }
        // Without this thread the reader opens what it reads.
        let opener = move || opens.open_all(disk.extents());
        let _ = Builder::new().spawn_scoped(scope, opener);
        for _ in 0..WINDOWS {
            drop(lent(Window::new(), &written));
        }
        for window in to_write {
            take(lent(window?, &written))?;
        }
        Ok(())
    })
}

/// Reads and takes in turn.
fn in_turn(mut windows: Windows<'_>, take: &mut Take<'_>) -> Result<(), EmitError> {
    let (written, to_read) = mpsc::channel();
    drop(lent(Window::new(), &written));
    while let Ok(mut window) = to_read.recv() {
        if !windows.read_into(&mut window)? {
            break;
        }
        take(lent(window, &written))?;
    }
    Ok(())
}

fn lent(window: Window, back: &Sender<Window>) -> Arc<Lent> {
    Arc::new(Lent {
        window: Some(window),
        back: back.clone(),
    })
}

/// Reads windows for as long as there are any to read into.
fn read_all(
    mut windows: Windows<'_>,
    to_read: &Receiver<Window>,
    read: &Sender<Result<Window, SourceError>>,
) {
    while let Ok(mut window) = to_read.recv() {
        let next = match windows.read_into(&mut window) {
            Ok(true) => Ok(window),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        let failed = next.is_err();
        // The other side ends when something is wrong there.
        if read.send(next).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::map::{Content, ContentId, ContentStore, Extent, Source};
    use crate::read_at::ReadAt;

    const LEN: u64 = 40 * WINDOW as u64;

    /// Ten windows with a byte each, and as much in each that reading them is worth a thread.
    fn disk() -> DiskMap {
        let mut disk = DiskMap::new(LEN);
        for number in 0..10_u8 {
            let start = u64::from(number) * 4 * WINDOW as u64;
            disk.insert_bytes(start, vec![number; WINDOW]).unwrap();
        }
        disk
    }

    #[test]
    fn windows_come_in_order_whoever_reads_them() {
        let disk = disk();
        for (every, expected) in [(false, 10), (true, 40)] {
            let ends = |each: &dyn Fn(&mut Take)| {
                let mut ends = Vec::new();
                each(&mut |window| {
                    let first = window.data().next().map(|(_, bytes)| bytes[0]);
                    ends.push((window.end(), window.read, first));
                    Ok(())
                });
                ends
            };
            let ahead = ends(&|take| each_window(&disk, every, take).unwrap());
            let in_turn = ends(&|take| in_turn(Windows::new(&disk, every), take).unwrap());
            assert_eq!(ahead.len(), expected);
            assert_eq!(ahead, in_turn);
        }
    }

    #[test]
    fn an_error_of_the_taker_ends_the_reader() {
        let disk = disk();
        let mut taken = 0;
        let outcome = each_window(&disk, false, &mut |_| {
            taken += 1;
            match taken {
                3 => Err(SourceError::OutOfRange.into()),
                _ => Ok(()),
            }
        });
        assert!(outcome.is_err());
        assert_eq!(taken, 3);
    }

    /// Contents that are all of one byte, their number; one of them can't be opened.
    #[derive(Debug)]
    struct Numbered {
        fails: Option<u32>,
    }

    struct Filled(u8);

    impl ContentStore for Numbered {
        fn open(&self, id: ContentId) -> Result<Box<dyn Content>, SourceError> {
            if self.fails == Some(id.0) {
                return Err(SourceError::OutOfRange);
            }
            Ok(Box::new(Filled(id.0.to_le_bytes()[0])))
        }
    }

    impl Content for Filled {
        fn read_exact_at(&self, _: u64, buf: &mut [u8]) -> Result<(), SourceError> {
            buf.fill(self.0);
            Ok(())
        }
    }

    /// A disk of 1000 contents in two extents each, with bytes in memory between some.
    fn contents(fails: Option<u32>) -> DiskMap {
        const STEP: u64 = 10_000;
        let store: Arc<dyn ContentStore> = Arc::new(Numbered { fails });
        let mut disk = DiskMap::new(1000 * STEP);
        for number in 0..1000_u32 {
            let begin = u64::from(number) * STEP;
            for (start, len) in [(begin, 3000), (begin + 5000, 4000)] {
                let source = Source::Content {
                    store: Arc::clone(&store),
                    id: ContentId(number),
                    offset: start - begin,
                };
                let extent = Extent { start, len, source };
                disk.insert(extent).unwrap();
            }
            if number % 3 == 0 {
                disk.insert_bytes(begin + 4000, vec![0xee; 10]).unwrap();
            }
        }
        disk
    }

    #[test]
    fn contents_opened_ahead_are_those_that_are_read() {
        let disk = contents(None);
        let mut read = vec![0; usize::try_from(disk.len()).unwrap()];
        each_window(&disk, false, &mut |window| {
            for (start, bytes) in window.data() {
                let start = usize::try_from(start).unwrap();
                read[start..start + bytes.len()].copy_from_slice(bytes);
            }
            Ok(())
        })
        .unwrap();
        let mut expected = vec![0; read.len()];
        disk.reader().read_exact_at(0, &mut expected).unwrap();
        assert!(read == expected);
    }

    #[test]
    fn what_cannot_be_opened_is_told_when_its_turn_comes() {
        let disk = contents(Some(700));
        let mut end = 0;
        let outcome = each_window(&disk, false, &mut |window| {
            end = window.end();
            Ok(())
        });
        assert!(matches!(
            outcome,
            Err(EmitError::Source(SourceError::OutOfRange))
        ));
        assert_eq!(end, 7_000_000 / WINDOW as u64 * WINDOW as u64);
    }
}
