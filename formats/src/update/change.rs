//! A file's bytes changed to what another map says.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use super::bmap::{BLOCK, ZEROS};
use super::pieces::Difference;
use crate::emit::{OnProgress, Progress, report};
use crate::error::EmitError;
use crate::host;
use crate::map::{ContentCursor, Extent};

/// Bytes that are compared at a time, at most; a multiple of [`BLOCK`].
const STEP: u64 = 1 << 20;

/// What was done to a file.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Bytes written.
    pub(super) written: u64,
    /// Bytes that became holes.
    pub(super) cleared: u64,
    /// Where: ranges of bytes, in no order.
    pub(super) ranges: Vec<Range<u64>>,
}

/// Makes the difference in `file`, which messages call `path`, and lets it be `len` bytes long.
///
/// Of what may differ, only blocks that do are written.
pub(super) fn apply(
    difference: &Difference,
    file: &File,
    path: &Path,
    len: u64,
    progress: &mut OnProgress<'_>,
) -> Result<Changed, EmitError> {
    let error = |source| EmitError::Output {
        path: path.to_path_buf(),
        source,
    };
    let mut changed = Changed::default();
    let before = file.metadata().map_err(error)?.len();
    if before != len {
        file.set_len(len).map_err(error)?;
        changed.ranges.extend((before < len).then_some(before..len));
    }
    let sum = |extents: &[Extent]| extents.iter().map(|extent| extent.len).sum();
    let total = sum(&difference.write);
    let mut done = 0;
    report(Progress { done, total }, progress)?;
    for range in &difference.clear {
        clear(file, range.clone()).map_err(error)?;
        changed.cleared += range.end - range.start;
        changed.ranges.push(range.clone());
    }
    let mut cursor = ContentCursor::default();
    let mut parts = difference.write.iter().flat_map(steps).peekable();
    let (mut new, mut old) = (Vec::new(), Vec::new());
    while let Some(start) = parts.peek().map(|part| part.start) {
        let next = step_end(start);
        new.clear();
        while let Some(part) =
            parts.next_if(|part| part.start == start + new.len() as u64 && part.start < next)
        {
            let (from, len) = (new.len(), part.len);
            // At most STEP, so it fits.
            new.resize(from + usize::try_from(len).unwrap_or(0), 0);
            cursor.read(&part.source, 0, &mut new[from..])?;
        }
        old.resize(new.len(), 0);
        host::read_exact_at(file, start, &mut old).map_err(error)?;
        for range in differing(start, &old, &new) {
            let at = start + range.start as u64;
            host::write_all_at(file, at, &new[range.clone()]).map_err(error)?;
            changed.written += range.len() as u64;
            changed.ranges.push(at..at + range.len() as u64);
        }
        done += new.len() as u64;
        report(Progress { done, total }, progress)?;
    }
    cursor.finish()?;
    Ok(changed)
}

/// The first byte behind the step in which byte `at` lies.
fn step_end(at: u64) -> u64 {
    (at / STEP).saturating_add(1).saturating_mul(STEP)
}

/// An extent, cut where steps end.
fn steps(extent: &Extent) -> impl Iterator<Item = Extent> {
    let mut at = extent.start;
    std::iter::from_fn(move || {
        let part = extent.clipped(at, step_end(at))?;
        at = part.end();
        Some(part)
    })
}

/// The blocks in which `old` and `new`, both from byte `start` of the file on, differ: ranges of them, ascending.
fn differing(start: u64, old: &[u8], new: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < new.len() {
        let left = BLOCK - (start + at as u64) % BLOCK;
        let end = usize::try_from(left).map_or(new.len(), |left| new.len().min(at + left));
        if old[at..end] != new[at..end] {
            match found.last_mut() {
                Some(last) if last.end == at => last.end = end,
                _ => found.push(at..end),
            }
        }
        at = end;
    }
    found
}

/// Makes a range a hole, or zeros where there can't be one.
fn clear(file: &File, range: Range<u64>) -> io::Result<()> {
    match host::punch_hole(file, range.clone()) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            let mut at = range.start;
            while at < range.end {
                let len = (range.end - at).min(BLOCK);
                // At most a block.
                let zeros = &ZEROS[..usize::try_from(len).unwrap_or(ZEROS.len())];
                host::write_all_at(file, at, zeros)?;
                at += len;
            }
            Ok(())
        }
        done => done,
    }
}
