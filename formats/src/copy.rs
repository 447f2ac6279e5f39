//! Long files, which the host copies into an image by itself: each byte is moved once instead of twice, or not at all
//! where a file system can refer to what another file has.

use std::borrow::Cow;

use crate::emit::OnProgress;
use crate::error::EmitError;
use crate::map::{DiskMap, Extent, Unopened};
use crate::writer::{DiskWriter, Pass};

/// Shorter ones are read and written: that is done by two threads at once, this by one.
const LONG: u64 = 64 << 20;

/// Bytes that are copied between two reports of progress.
const STEP: u64 = 64 << 20;

/// Has `writer` copy what long extents it can, and gives the disk without them.
pub(crate) fn copy_long<'d>(
    disk: &'d DiskMap,
    writer: &mut dyn DiskWriter,
    pass: &mut Pass,
    progress: &mut OnProgress<'_>,
) -> Result<Cow<'d, DiskMap>, EmitError> {
    let mut rest: Option<Vec<Extent>> = None;
    for (index, extent) in disk.extents().iter().enumerate() {
        let copied = if extent.len >= LONG {
            copy(extent, writer, pass, progress)?
        } else {
            0
        };
        if copied > 0 {
            rest.get_or_insert_with(|| disk.extents()[..index].to_vec());
        }
        if let Some(rest) = &mut rest {
            rest.extend(extent.clipped(extent.start + copied, extent.end()));
        }
    }
    Ok(match rest {
        Some(rest) => Cow::Owned(disk.reduced_to(rest)),
        None => Cow::Borrowed(disk),
    })
}

/// Copies the first bytes of an extent; gives how many.
fn copy(
    extent: &Extent,
    writer: &mut dyn DiskWriter,
    pass: &mut Pass,
    progress: &mut OnProgress<'_>,
) -> Result<u64, EmitError> {
    let Some((content, offset)) = Unopened::of_extent(extent) else {
        return Ok(0);
    };
    let content = content.open()?;
    let mut copied = 0;
    if let Some(file) = content.host_file() {
        while copied < extent.len {
            let wanted = STEP.min(extent.len - copied);
            let from = offset.saturating_add(copied);
            let done = writer.copy(extent.start + copied, file, from, wanted)?;
            copied += done;
            pass.advance(done, progress)?;
            if done < wanted {
                break;
            }
        }
    }
    content.close()?;
    Ok(copied)
}
