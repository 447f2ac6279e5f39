//! Writing images of several files.

use std::ops::Range;

use crate::emit::output_error;
use crate::error::EmitError;
use crate::format::Part;
use crate::output::Output;
use crate::window::Window;
use crate::writer::{DiskWriter, PlacedWriter, within};

/// Writes the files of one image, one wholly before the next.
pub(crate) struct PartsWriter<'a> {
    out: Box<dyn Output + Send + 'a>,
    /// The parts that are not begun, the next one last.
    waiting: Vec<Part>,
    open: Option<OpenPart>,
}

struct OpenPart {
    disk: Range<u64>,
    file: PlacedWriter<Box<dyn Output + Send>>,
}

impl<'a> PartsWriter<'a> {
    /// The first part goes to `out` itself, and is written at once: nothing of the disk lies in it.
    pub(crate) fn new(
        parts: Vec<Part>,
        mut out: Box<dyn Output + Send + 'a>,
    ) -> Result<Self, EmitError> {
        let mut waiting = parts;
        waiting.reverse();
        if let Some(first) = waiting.pop() {
            PlacedWriter::new(first.placement, &mut out).finish()?;
        }
        Ok(Self {
            out,
            waiting,
            open: None,
        })
    }

    /// Ends the parts that lie before `offset` on the disk, and opens the one that it lies in.
    fn move_to(&mut self, offset: u64) -> Result<Option<&mut OpenPart>, EmitError> {
        while self
            .open
            .as_ref()
            .is_none_or(|part| part.disk.end <= offset)
        {
            if let Some(mut part) = self.open.take() {
                part.file.finish()?;
            }
            let Some(part) = self.waiting.pop() else {
                return Ok(None);
            };
            let out = self.out.part(&part.name);
            let out = out.map_err(|error| output_error(&self.out, error))?;
            self.open = Some(OpenPart {
                disk: part.disk,
                file: PlacedWriter::new(part.placement, out),
            });
        }
        Ok(self.open.as_mut())
    }
}

impl DiskWriter for PartsWriter<'_> {
    fn window(&mut self, window: &Window) -> Result<(), EmitError> {
        for (mut start, mut bytes) in window.data() {
            while !bytes.is_empty() {
                let Some(part) = self.move_to(start)? else {
                    break;
                };
                let len = within(part.disk.end - start).min(bytes.len());
                let (piece, rest) = bytes.split_at(len);
                part.file.data(start, piece)?;
                start += len as u64;
                bytes = rest;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), EmitError> {
        self.move_to(u64::MAX).map(drop)
    }
}
