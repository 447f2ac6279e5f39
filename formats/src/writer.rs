//! Writing images: what takes a disk's windows, and the pass that feeds all of them.

use crate::emit::{OnProgress, Progress, output_error, report};
use crate::error::EmitError;
use crate::map::DiskMap;
use crate::output::{Filled, Output};
use crate::placement::Placement;
use crate::read_ahead::each_window;
use crate::window::Window;

/// Takes a disk window by window and makes an image of it.
pub(crate) trait DiskWriter {
    /// Whether windows in which nothing lies are wanted too.
    fn fills(&self) -> bool {
        false
    }

    /// Takes the next window; they ascend.
    fn window(&mut self, window: &Window) -> Result<(), EmitError>;

    /// Ends the image.
    fn finish(&mut self) -> Result<(), EmitError>;
}

/// Reads `disk` once, and has each of `writers` make its image.
pub(crate) fn write(
    disk: &DiskMap,
    writers: &mut [Box<dyn DiskWriter + '_>],
    progress: &mut OnProgress<'_>,
) -> Result<(), EmitError> {
    let every = writers.iter().any(|writer| writer.fills());
    let total = if every { disk.len() } else { disk.data_len() };
    each_window(disk, every, &mut |window| {
        for writer in &mut *writers {
            writer.window(window)?;
        }
        let done = if every { window.end() } else { window.read };
        report(Progress { done, total }, progress)
    })?;
    for writer in writers {
        writer.finish()?;
    }
    report(Progress { done: total, total }, progress)
}

/// Writes one file that was decided in advance: its structures, and the disk's stretches at their places,
/// ascending in the file.
pub(crate) struct PlacedWriter<O> {
    out: O,
    /// Length of the file in bytes.
    len: u64,
    placement: Placement,
    /// How many of the structures are written, and of the runs are behind.
    written: usize,
    passed: usize,
}

impl<O: Output> PlacedWriter<O> {
    pub(crate) fn new(mut placement: Placement, out: O) -> Self {
        placement.metadata.sort_by_key(|(offset, _)| *offset);
        Self {
            out,
            len: placement.len,
            placement,
            written: 0,
            passed: 0,
        }
    }

    /// Writes `bytes` of the disk from `start` on, those that lie in a run: others are zeros of a block that
    /// the file has not.
    pub(crate) fn data(&mut self, mut start: u64, mut bytes: &[u8]) -> Result<(), EmitError> {
        while let Some(run) = self.placement.runs.get(self.passed).copied() {
            let end = start + bytes.len() as u64;
            let from = start.max(run.disk);
            let to = end.min(run.disk.saturating_add(run.len));
            if from < to {
                bytes = &bytes[within(from - start)..];
                let (piece, rest) = bytes.split_at(within(to - from));
                let at = run.file + (from - run.disk);
                self.structures(at)?;
                write_at(&mut self.out, at, piece)?;
                (start, bytes) = (to, rest);
            }
            if end < run.disk.saturating_add(run.len) {
                break;
            }
            self.passed += 1;
        }
        Ok(())
    }

    /// Writes the structures that lie before `end` in the file.
    fn structures(&mut self, end: u64) -> Result<(), EmitError> {
        while let Some((at, bytes)) = self.placement.metadata.get(self.written)
            && *at < end
        {
            write_at(&mut self.out, *at, bytes)?;
            self.written += 1;
        }
        Ok(())
    }
}

impl<O: Output> DiskWriter for PlacedWriter<O> {
    fn window(&mut self, window: &Window) -> Result<(), EmitError> {
        for (start, bytes) in window.data() {
            self.data(start, bytes)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), EmitError> {
        self.structures(u64::MAX)?;
        set_len(&mut self.out, self.len)
    }
}

/// The same, with zeros written where nothing lies.
pub(crate) struct FilledWriter<O>(PlacedWriter<Filled<O>>);

impl<O: Output> FilledWriter<O> {
    pub(crate) fn new(placement: Placement, out: O) -> Self {
        Self(PlacedWriter::new(placement, Filled::new(out)))
    }
}

impl<O: Output> DiskWriter for FilledWriter<O> {
    fn fills(&self) -> bool {
        true
    }

    fn window(&mut self, window: &Window) -> Result<(), EmitError> {
        self.0.window(window)?;
        // Up to here, so that whoever looks at the progress sees some and can stop it.
        let runs = &self.0.placement.runs[self.0.passed..];
        let Some(run) = runs.first().filter(|run| run.disk < window.end()) else {
            return Ok(());
        };
        let end = run.file + (window.end() - run.disk).min(run.len);
        self.0.structures(end)?;
        let filled = self.0.out.fill(end);
        filled.map_err(|error| output_error(&self.0.out, error))
    }

    fn finish(&mut self) -> Result<(), EmitError> {
        self.0.finish()
    }
}

/// A distance within a window, or all of it.
pub(crate) fn within(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Writes `bytes`, if there are any.
pub(crate) fn write_at(out: &mut dyn Output, at: u64, bytes: &[u8]) -> Result<(), EmitError> {
    if bytes.is_empty() {
        return Ok(());
    }
    out.write_at(at, bytes)
        .map_err(|error| output_error(out, error))
}

/// Ends a file.
pub(crate) fn set_len(out: &mut dyn Output, len: u64) -> Result<(), EmitError> {
    out.set_len(len).map_err(|error| output_error(out, error))
}
