//! Moving a map's bytes, and telling how far that is.

use std::ops::ControlFlow;

use crate::error::EmitError;
use crate::map::DiskMap;
use crate::output::Output;
use crate::placement::Placement;
use crate::writer::{PlacedWriter, write_one};

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of content moved so far.
    pub done: u64,
    /// Bytes of content in all.
    pub total: u64,
}

/// Told of progress from time to time; [`ControlFlow::Break`] stops the build.
pub type OnProgress<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// Writes the bytes that `map` describes into `out`; holes of the map stay holes where the output
/// can have them.
///
/// `out` holds a part of the bytes when this fails.
pub fn write_map(
    map: &DiskMap,
    out: &mut dyn Output,
    progress: &mut OnProgress<'_>,
) -> Result<(), EmitError> {
    let mut writer = PlacedWriter::new(Placement::whole(map), out);
    write_one(map, &mut writer, progress)
}

/// Tells `progress`, and turns its wish to stop into the error that says so.
pub(crate) fn report(now: Progress, progress: &mut OnProgress<'_>) -> Result<(), EmitError> {
    match progress(now) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(EmitError::Cancelled),
    }
}

pub(crate) fn output_error(out: &dyn Output, source: std::io::Error) -> EmitError {
    EmitError::Output {
        path: out.path().to_path_buf(),
        source,
    }
}
