//! A disk's windows, read by a thread of their own while those before them are written.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Builder};

use crate::error::{EmitError, SourceError};
use crate::map::DiskMap;
use crate::window::{WINDOW, Window, Windows};

/// Windows there are at once: one that is read, one that is written, and two that wait, as neither side is always as
/// fast as the other.
const WINDOWS: usize = 4;

/// Gives each window of `disk` in its order to `take`, which the calling thread calls; `every`: also those in which
/// nothing lies.
pub(crate) fn each_window(
    disk: &DiskMap,
    every: bool,
    take: &mut dyn FnMut(&Window) -> Result<(), EmitError>,
) -> Result<(), EmitError> {
    // What is read in no time is not worth a thread.
    if disk.data_len() <= (WINDOWS * WINDOW) as u64 {
        return in_turn(Windows::new(disk, every), take);
    }
    thread::scope(|scope| {
        let (read, to_write) = mpsc::channel();
        let (written, to_read) = mpsc::channel();
        let windows = Windows::new(disk, every);
        let reader = move || read_all(windows, &to_read, &read);
        if Builder::new().spawn_scoped(scope, reader).is_err() {
            return in_turn(Windows::new(disk, every), take);
        }
        for _ in 0..WINDOWS {
            give_back(&written, Window::new());
        }
        for window in to_write {
            let window = window?;
            take(&window)?;
            give_back(&written, window);
        }
        Ok(())
    })
}

/// Reads and takes in turn.
fn in_turn(
    mut windows: Windows<'_>,
    take: &mut dyn FnMut(&Window) -> Result<(), EmitError>,
) -> Result<(), EmitError> {
    let mut window = Window::new();
    while windows.read_into(&mut window)? {
        take(&window)?;
    }
    Ok(())
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

/// A window that may be read into. Behind the last one nobody takes it.
fn give_back(written: &Sender<Window>, window: Window) {
    let _ = written.send(window);
}

#[cfg(test)]
mod tests {
    use super::*;

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

    type Take<'t> = dyn FnMut(&Window) -> Result<(), EmitError> + 't;

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
}
