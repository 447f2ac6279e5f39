//! The plan as one extent map: the table, and each filesystem at its partition's place.

use kurmadisk_formats::error::{EmitError, MapError, PlaceError};
use kurmadisk_formats::map::DiskMap;
use thiserror::Error;

use crate::fs::VolumeError;
use crate::layout::DiskLayout;
use crate::plan::PlannedPartition;
use crate::table::{self, TableError};

/// A planned disk cannot be put together or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AssembleError {
    /// The partition table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A filesystem.
    #[error("partition {number}")]
    Volume {
        /// The partition's number.
        number: u32,
        /// What is wrong with its filesystem.
        source: VolumeError,
    },
    /// The parts of the disk collide: a fault of the plan.
    #[error("the parts of the disk do not fit together")]
    Map(#[from] MapError),
    /// The disk does not fit the image format.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The image cannot be written.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// The map of the whole disk.
pub(crate) fn disk_map(
    layout: &DiskLayout,
    partitions: &[PlannedPartition],
) -> Result<DiskMap, AssembleError> {
    let mut map = table::build(layout, None)?;
    for partition in partitions {
        let Some((volume, tree)) = &partition.volume else {
            continue;
        };
        let number = partition.entry.number;
        let content = volume
            .build(tree)
            .map_err(|source| AssembleError::Volume { number, source })?;
        map.splice(layout.byte_range(&partition.entry).start, content)?;
    }
    Ok(map)
}
