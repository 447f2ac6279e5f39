//! What is done to a volume, step by step.

use std::io;
use std::ops::Range;

use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;
use kurmadisk_formats::write_at::{DiskWrite, WriteAt};

use super::FatUpdateError;

/// Bytes of content that are moved at once.
const CHUNK: u64 = 1 << 20;

#[derive(Debug)]
enum Step<'a> {
    Write(DiskWrite),
    Content(Moved<'a>),
    /// What comes next is written when all before is on the disk.
    Flush,
}

/// The content of a file, and where it goes.
#[derive(Debug)]
struct Moved<'a> {
    name: &'a str,
    content: &'a DiskMap,
    /// Places on the volume, in bytes; as long as the content, or longer.
    places: Vec<Range<u64>>,
}

/// Steps in their order; offsets are those of the volume.
#[derive(Debug, Default)]
pub(super) struct Steps<'a>(Vec<Step<'a>>);

impl<'a> Steps<'a> {
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.0.push(Step::Write(DiskWrite { offset, bytes }));
    }

    /// Content goes to these places, zeros behind it.
    pub(super) fn content(&mut self, name: &'a str, content: &'a DiskMap, places: Vec<Range<u64>>) {
        self.0.push(Step::Content(Moved {
            name,
            content,
            places,
        }));
    }

    pub(super) fn flush(&mut self) {
        self.0.push(Step::Flush);
    }

    /// Does them, on the volume that begins at byte `start` of the disk.
    pub(super) fn perform(&self, disk: &dyn WriteAt, start: u64) -> Result<(), FatUpdateError> {
        for step in &self.0 {
            match step {
                Step::Write(write) => disk
                    .write_all_at(start + write.offset, &write.bytes)
                    .map_err(FatUpdateError::Write)?,
                Step::Content(moved) => moved.perform(disk, start)?,
                Step::Flush => disk.flush().map_err(FatUpdateError::Write)?,
            }
        }
        Ok(())
    }
}

impl Moved<'_> {
    fn perform(&self, disk: &dyn WriteAt, start: u64) -> Result<(), FatUpdateError> {
        let unreadable = |source| FatUpdateError::Content {
            name: self.name.to_owned(),
            source,
        };
        let reader = self.content.reader();
        let mut from = 0;
        for place in &self.places {
            let mut at = place.start;
            while at < place.end {
                let len = CHUNK.min(place.end - at);
                let used = len.min(self.content.len() - from);
                let [len_here, used_here] = [len, used].map(usize::try_from);
                let (len_here, used_here) = len_here
                    .and_then(|len| Ok((len, used_here?)))
                    .map_err(|error| unreadable(io::Error::other(error)))?;
                let mut bytes = vec![0; len_here];
                reader
                    .read_exact_at(from, &mut bytes[..used_here])
                    .map_err(unreadable)?;
                disk.write_all_at(start + at, &bytes)
                    .map_err(FatUpdateError::Write)?;
                from += used;
                at += len;
            }
        }
        // What changed while it was read is noticed before the file is in use.
        let closed = reader.close();
        closed.map_err(|error| unreadable(io::Error::other(error)))
    }
}
