//! Writing images: what takes a disk's windows, and the pass that feeds all of them.

use std::fs::File;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};

use crate::copy::copy_long;
use crate::emit::{OnProgress, Progress, output_error, report};
use crate::error::EmitError;
use crate::map::DiskMap;
use crate::output::{Filled, Output};
use crate::placement::Placement;
use crate::read_ahead::{Lent, Take, each_window};
use crate::window::Window;

/// Takes a disk window by window and makes an image of it.
pub(crate) trait DiskWriter {
    /// Whether windows in which nothing lies are wanted too.
    fn fills(&self) -> bool {
        false
    }

    /// Has the host copy `len` bytes of `file`, from byte `from` on, to where `start` on the disk lies; gives how many
    /// it did.
    fn copy(&mut self, start: u64, file: &File, from: u64, len: u64) -> Result<u64, EmitError> {
        let _ = (start, file, from, len);
        Ok(0)
    }

    /// Takes the next window; they ascend, but for what was copied.
    fn window(&mut self, window: &Window) -> Result<(), EmitError>;

    /// Ends the image.
    fn finish(&mut self) -> Result<(), EmitError>;
}

/// One that any thread may be given.
pub(crate) type BoxedWriter<'a> = Box<dyn DiskWriter + Send + 'a>;

/// Reads `disk` once, and has `writer` make its image.
pub(crate) fn write_one(
    disk: &DiskMap,
    writer: &mut dyn DiskWriter,
    progress: &mut OnProgress<'_>,
) -> Result<(), EmitError> {
    let mut pass = Pass::new(disk, writer.fills());
    let rest = copy_long(disk, writer, &mut pass, progress)?;
    pass.run(&rest, progress, &mut |window| writer.window(&window))?;
    writer.finish()?;
    pass.end(progress)
}

/// Reads `disk` once, and has each of `writers` make its image; so many threads write.
pub(crate) fn write(
    disk: &DiskMap,
    mut writers: Vec<BoxedWriter<'_>>,
    threads: NonZero<usize>,
    progress: &mut OnProgress<'_>,
) -> Result<(), EmitError> {
    if let [writer] = &mut writers[..] {
        return write_one(disk, &mut **writer, progress);
    }
    let pass = Pass::new(disk, writers.iter().any(|writer| writer.fills()));
    thread::scope(|scope| {
        let mut others = Vec::new();
        let mut shares = writers.len().min(threads.get());
        while shares > 1 {
            let theirs = writers.split_off(writers.len() - writers.len() / shares);
            match OtherThread::start(scope, theirs) {
                Ok(other) => others.push(other),
                Err(mut theirs) => {
                    writers.append(&mut theirs);
                    break;
                }
            }
            shares -= 1;
        }
        pass.run(disk, progress, &mut |window| {
            for other in &mut others {
                other.window(&window)?;
            }
            for writer in &mut writers {
                writer.window(&window)?;
            }
            Ok(())
        })?;
        for other in &mut others {
            other.tell(Step::Finish);
        }
        for writer in &mut writers {
            writer.finish()?;
        }
        for other in others {
            other.end()?;
        }
        pass.end(progress)
    })
}

/// How far one pass over a disk is.
#[derive(Clone, Copy)]
pub(crate) struct Pass {
    /// Whether windows in which nothing lies are wanted too.
    every: bool,
    /// Bytes that progress is told of, and those of them that were copied.
    total: u64,
    copied: u64,
}

impl Pass {
    fn new(disk: &DiskMap, every: bool) -> Self {
        let total = if every { disk.len() } else { disk.data_len() };
        Self {
            every,
            total,
            copied: 0,
        }
    }

    /// So many bytes more were copied.
    pub(crate) fn advance(
        &mut self,
        copied: u64,
        progress: &mut OnProgress<'_>,
    ) -> Result<(), EmitError> {
        self.copied += copied;
        let (done, total) = (self.copied, self.total);
        report(Progress { done, total }, progress)
    }

    /// Reads `disk`, what was copied left out.
    fn run(
        self,
        disk: &DiskMap,
        progress: &mut OnProgress<'_>,
        take: &mut Take<'_>,
    ) -> Result<(), EmitError> {
        each_window(disk, self.every, &mut |window| {
            let done = if self.every {
                window.end()
            } else {
                self.copied + window.read
            };
            take(window)?;
            let total = self.total;
            report(Progress { done, total }, progress)
        })
    }

    fn end(self, progress: &mut OnProgress<'_>) -> Result<(), EmitError> {
        let (done, total) = (self.total, self.total);
        report(Progress { done, total }, progress)
    }
}

/// Takes what one side gave to another.
fn all_of<'w>(writers: &Mutex<Vec<BoxedWriter<'w>>>) -> Vec<BoxedWriter<'w>> {
    std::mem::take(&mut *writers.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What a thread is told.
enum Step {
    Window(Arc<Lent>),
    Finish,
}

/// A thread that has some of the writers make their images.
struct OtherThread<'s> {
    steps: Option<Sender<Step>>,
    thread: Option<ScopedJoinHandle<'s, Result<(), EmitError>>>,
}

impl<'s> OtherThread<'s> {
    /// Gives the writers back where the host has no thread for them.
    fn start<'w: 's>(
        scope: &'s Scope<'s, '_>,
        writers: Vec<BoxedWriter<'w>>,
    ) -> Result<Self, Vec<BoxedWriter<'w>>> {
        let (steps, told) = mpsc::channel();
        let given = Arc::new(Mutex::new(writers));
        let taken = Arc::clone(&given);
        let work = move || {
            let mut writers = all_of(&taken);
            for step in told {
                match step {
                    Step::Window(window) => {
                        for writer in &mut writers {
                            writer.window(&window)?;
                        }
                    }
                    Step::Finish => {
                        for writer in &mut writers {
                            writer.finish()?;
                        }
                    }
                }
            }
            Ok(())
        };
        match Builder::new().spawn_scoped(scope, work) {
            Ok(thread) => Ok(Self {
                steps: Some(steps),
                thread: Some(thread),
            }),
            Err(_) => Err(all_of(&given)),
        }
    }

    /// Fails when the thread has.
    fn window(&mut self, window: &Arc<Lent>) -> Result<(), EmitError> {
        if self.tell(Step::Window(Arc::clone(window))) {
            return Ok(());
        }
        self.join()
    }

    /// Whether the thread still listens.
    fn tell(&mut self, step: Step) -> bool {
        let steps = self.steps.as_ref();
        steps.is_some_and(|steps| steps.send(step).is_ok())
    }

    fn end(mut self) -> Result<(), EmitError> {
        self.join()
    }

    fn join(&mut self) -> Result<(), EmitError> {
        self.steps = None;
        match self.thread.take().map(ScopedJoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => resume_unwind(panic),
            None => Ok(()),
        }
    }
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
    fn copy(&mut self, start: u64, file: &File, from: u64, len: u64) -> Result<u64, EmitError> {
        let runs = &self.placement.runs;
        let first = runs.partition_point(|run| run.disk.saturating_add(run.len) <= start);
        let Some(run) = runs.get(first).filter(|run| run.disk <= start) else {
            return Ok(0);
        };
        let skip = start - run.disk;
        let copied = self
            .out
            .copy_at(run.file + skip, file, from, len.min(run.len - skip));
        copied.map_err(|error| output_error(&self.out, error))
    }

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
