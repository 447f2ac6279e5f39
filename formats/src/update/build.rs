//! Both ways to an image: as a whole, and by changes to what is there.

use std::fs::File;
use std::path::Path;

use super::bmap::{self, Mapped, MappedRange};
use super::change::{self, Changed};
use super::file_map::file_map;
use super::pieces::{Difference, Known, Piece, difference, pieces};
use super::record::{self, Record};
use super::{Done, Options, UpdateError, Way, Whole, bmap_path};
use crate::emit::{OnProgress, output_error};
use crate::error::EmitError;
use crate::host;
use crate::image::{ImageFile, ImageFormat, write_images};
use crate::map::{DiskMap, FileIdentity};
use crate::output::{NewFile, Output};

/// Writes the image of `disk`, or brings the one that is there up to date; with its plan and block map beside it if
/// they are wanted.
pub fn write(
    disk: &DiskMap,
    image: &ImageFile,
    options: &Options,
    progress: &mut OnProgress<'_>,
) -> Result<Done, UpdateError> {
    if options.bmap {
        has_block_map(image)?;
    }
    if !options.leaves_plan() {
        return Ok(whole(disk, image, options, None, Whole::Asked, progress)?);
    }
    let map = file_map(disk, image)?;
    let new = pieces(&map, options.now, image.options.threads)?;
    let old = if options.update {
        record::read(&image.path)
    } else {
        Err(Whole::Asked)
    };
    match old {
        Ok(old) => {
            let update = Update {
                path: &image.path,
                old,
                new,
                len: map.len(),
                bmap: options.bmap,
            };
            if options.in_place {
                update.in_place(progress)
            } else {
                update.copy(progress)
            }
        }
        Err(reason) => {
            let pieces = Some(known(&new));
            Ok(whole(disk, image, options, pieces, reason, progress)?)
        }
    }
}

fn has_block_map(image: &ImageFile) -> Result<(), UpdateError> {
    let format = image.choice.format;
    #[cfg(feature = "compress")]
    let compressed = image.choice.compression.is_some();
    #[cfg(not(feature = "compress"))]
    let compressed = false;
    match format {
        ImageFormat::Raw | ImageFormat::RawFixed if !compressed => Ok(()),
        _ => Err(UpdateError::NoBlockMap { format }),
    }
}

fn known(pieces: &[Piece]) -> Vec<Known> {
    pieces.iter().map(Piece::known).collect()
}

/// A whole build, which leaves a plan of `pieces`.
fn whole(
    disk: &DiskMap,
    image: &ImageFile,
    options: &Options,
    pieces: Option<Vec<Known>>,
    reason: Whole,
    progress: &mut OnProgress<'_>,
) -> Result<Done, EmitError> {
    let mut file = NewFile::create(&image.path)?;
    let mut out = Mapped::new(&mut file, options.bmap);
    write_images(disk, vec![image.job(Box::new(&mut out))?], progress)?;
    let (written, ranges) = (out.written, out.ranges());
    let len = file.file().metadata().map(|data| data.len());
    let len = len.map_err(|source| output_error(&file, source))?;
    if pieces.is_some() {
        file.sync().map_err(|source| output_error(&file, source))?;
    }
    file.commit()?;
    leave(&image.path, len, pieces, ranges)?;
    Ok(Done {
        written,
        cleared: 0,
        way: Way::Whole(reason),
    })
}

/// Writes what lies beside a complete image.
fn leave(
    path: &Path,
    len: u64,
    pieces: Option<Vec<Known>>,
    ranges: Option<Vec<MappedRange>>,
) -> Result<(), EmitError> {
    if let Some(ranges) = ranges {
        let text = bmap::text(len, &ranges);
        let mut file = NewFile::create(&bmap_path(path))?;
        let written = file.write_at(0, text.as_bytes());
        let written = written.and_then(|()| file.set_len(text.len() as u64));
        written.map_err(|source| output_error(&file, source))?;
        file.commit()?;
    }
    match pieces {
        Some(pieces) => record::write(path, pieces),
        None => Ok(()),
    }
}

/// An image that is to be brought up to date.
struct Update<'a> {
    path: &'a Path,
    old: Record,
    new: Vec<Piece>,
    /// The new length in bytes.
    len: u64,
    bmap: bool,
}

impl Update<'_> {
    /// Changes a copy by reference, which then takes the image's place.
    fn copy(&self, progress: &mut OnProgress<'_>) -> Result<Done, UpdateError> {
        let there = self.open(File::options().read(true))?;
        let copy = NewFile::create(self.path)?;
        copy.share_content(&there)
            .map_err(|source| UpdateError::NoReference {
                path: self.path.to_path_buf(),
                source,
            })?;
        let (changed, ranges) = self.change(&self.difference(), copy.file(), progress)?;
        copy.commit()?;
        self.end(&changed, ranges, Way::Copy)
    }

    /// Changes the image itself, which has no plan meanwhile.
    fn in_place(&self, progress: &mut OnProgress<'_>) -> Result<Done, UpdateError> {
        let file = self.open(File::options().read(true).write(true))?;
        let difference = self.difference();
        difference.check().map_err(EmitError::from)?;
        record::remove(self.path)?;
        let done = self.change(&difference, &file, progress);
        let (changed, ranges) = done.map_err(|source| UpdateError::Incomplete {
            path: self.path.to_path_buf(),
            source,
        })?;
        self.end(&changed, ranges, Way::InPlace)
    }

    /// The image, if it is still the one that the plan tells of.
    fn open(&self, how: &std::fs::OpenOptions) -> Result<File, EmitError> {
        let error = |source| EmitError::Output {
            path: self.path.to_path_buf(),
            source,
        };
        let file = how.open(self.path).map_err(error)?;
        let FileIdentity { stamp, .. } = self.old.image;
        if host::stamp(&file).map_err(error)? == stamp {
            Ok(file)
        } else {
            let reason = "it was replaced while it was to be updated; start again";
            Err(error(std::io::Error::other(reason)))
        }
    }

    fn difference(&self) -> Difference {
        difference(&self.old.pieces, &self.new, self.len)
    }

    /// Makes `file` the new image; when this returns, it is on the disk.
    fn change(
        &self,
        difference: &Difference,
        file: &File,
        progress: &mut OnProgress<'_>,
    ) -> Result<(Changed, Option<Vec<MappedRange>>), EmitError> {
        let error = |source| EmitError::Output {
            path: self.path.to_path_buf(),
            source,
        };
        let mut changed = change::apply(difference, file, self.path, self.len, progress)?;
        let ranges = std::mem::take(&mut changed.ranges);
        let ranges = self.bmap.then(|| bmap::of_file(file, self.len, ranges));
        let ranges = ranges.transpose().map_err(error)?;
        file.sync_all().map_err(error)?;
        Ok((changed, ranges))
    }

    fn end(
        &self,
        changed: &Changed,
        ranges: Option<Vec<MappedRange>>,
        way: Way,
    ) -> Result<Done, UpdateError> {
        leave(self.path, self.len, Some(known(&self.new)), ranges)?;
        Ok(Done {
            written: changed.written,
            cleared: changed.cleared,
            way,
        })
    }
}
