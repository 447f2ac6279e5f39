//! The plan as one extent map (the table, and each filesystem and hash tree at its partition's place), and as an
//! image.

use std::num::NonZero;
use std::path::Path;

use kurmadisk_formats::emit::OnProgress;
use kurmadisk_formats::error::{EmitError, MapError, PlaceError};
use kurmadisk_formats::image::{ImageFile, ImageFormat, ImageOptions, PredictedSize, write_files};
use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::shares::in_shares;
use thiserror::Error;

use crate::fs::VolumeError;
use crate::plan::Plan;
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

/// As many as can run at once.
fn threads() -> NonZero<usize> {
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

impl Plan {
    /// The whole disk as an extent map.
    pub fn disk_map(&self) -> Result<DiskMap, AssembleError> {
        let layout = self.layout();
        let bios = self.bios();
        let boot_code = bios.map(|bios| bios.boot_code.as_slice());
        let mut map = table::build(layout, boot_code)?;
        if let Some(bios) = bios {
            map.insert_bytes(bios.offset, bios.stage2.clone())?;
        }
        for partition in self.partitions() {
            let start = layout.byte_range(&partition.entry).start;
            if let Some(volume) = &partition.volume {
                let number = partition.entry.number;
                let content = volume
                    .build()
                    .map_err(|source| AssembleError::Volume { number, source })?;
                map.splice(start, content)?;
            }
            if let Some(hashes) = &partition.hashes {
                map.splice(start + hashes.offset, hashes.area.map.clone())?;
            }
        }
        Ok(map)
    }

    /// What an image of this disk in `file_name` says of itself.
    #[must_use]
    pub fn image_options(&self, file_name: &str) -> ImageOptions {
        let mut options = ImageOptions::new(self.identity(), file_name).with_threads(threads());
        options.sector_size = self.layout().sector_size.bytes();
        options
    }

    /// The sizes that images in these formats would have in files of these names, which some repeat inside; an
    /// error for one that can't hold the disk.
    pub fn predict(
        &self,
        images: &[(ImageFormat, String)],
    ) -> Result<Vec<Result<PredictedSize, PlaceError>>, AssembleError> {
        let map = self.disk_map()?;
        let predict = |(format, file_name): &(ImageFormat, String)| {
            format.predict(&map, &self.image_options(file_name))
        };
        let threads = threads();
        let predict =
            |images: &[(ImageFormat, String)]| images.iter().map(predict).collect::<Vec<_>>();
        Ok(in_shares(images, 1, threads, predict)
            .into_iter()
            .flatten()
            .collect())
    }

    /// Writes an image to `path`, which appears when it is complete, or not at all.
    pub fn write(
        &self,
        format: ImageFormat,
        path: &Path,
        progress: &mut OnProgress<'_>,
    ) -> Result<(), AssembleError> {
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let image = ImageFile {
            choice: format.into(),
            options: self.image_options(&file_name),
            path: path.to_path_buf(),
        };
        Ok(write_files(&self.disk_map()?, &[image], progress)?)
    }
}
