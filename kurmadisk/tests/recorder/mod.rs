//! A disk in memory that notes what is written to it, so that a power cut can be played at any point.

use std::io;
use std::sync::Mutex;

use kurmadisk_formats::read_at::ReadAt;
use kurmadisk_formats::write_at::WriteAt;

/// What was done to a disk.
#[derive(Clone, Debug)]
pub enum Event {
    Write(u64, Vec<u8>),
    Flush,
}

pub struct Recorder {
    bytes: Mutex<Vec<u8>>,
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Mutex::new(bytes),
            events: Mutex::default(),
        }
    }

    /// What was done so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// What the disk holds.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }
}

impl WriteAt for Recorder {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        apply(&mut self.bytes.lock().unwrap(), offset, bytes);
        let event = Event::Write(offset, bytes.to_vec());
        self.events.lock().unwrap().push(event);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        self.events.lock().unwrap().push(Event::Flush);
        Ok(())
    }
}

impl ReadAt for Recorder {
    fn len(&self) -> u64 {
        self.bytes.lock().unwrap().len() as u64
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.bytes.lock().unwrap().read_exact_at(offset, buf)
    }
}

/// Puts bytes into their place.
pub fn apply(disk: &mut [u8], offset: u64, bytes: &[u8]) {
    let at = usize::try_from(offset).unwrap();
    disk[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The disk after a cut behind event `cut`: of what was not flushed yet, what `keeps` says by its number.
pub fn after_cut(
    before: &[u8],
    events: &[Event],
    cut: usize,
    keeps: impl Fn(usize) -> bool,
) -> Vec<u8> {
    let mut disk = before.to_vec();
    let flushed = events[..cut]
        .iter()
        .rposition(|event| matches!(event, Event::Flush));
    for (number, event) in events[..cut].iter().enumerate() {
        let is_there = flushed.is_some_and(|flush| number < flush) || keeps(number);
        if let Event::Write(offset, bytes) = event
            && is_there
        {
            apply(&mut disk, *offset, bytes);
        }
    }
    disk
}
