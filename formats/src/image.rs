//! The image formats by name, and the one way to write each of them.

use std::fmt;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[cfg(feature = "compress")]
use crate::compress::Compressed;
use crate::emit::OnProgress;
use crate::error::{EmitError, PlaceError};
use crate::format::{Format, Writer};
use crate::map::DiskMap;
use crate::output::{NewFile, Output, commit_all};
#[cfg(feature = "vmdk")]
use crate::parts::PartsWriter;
use crate::raw;
use crate::writer::{self, BoxedWriter, FilledWriter, PlacedWriter};

pub use crate::choice::{ChoiceError, FormatChoice, FormatList};
pub use crate::format::{Adapter, ImageFormat, ImageOptions, PredictedSize, Tuning};
#[cfg(feature = "vdi")]
pub use crate::vdi::image_uuid as vdi_uuid;

impl ImageFormat {
    /// All formats of this build of the library.
    pub const ALL: &'static [Self] = &[
        Self::Raw,
        Self::RawFixed,
        #[cfg(feature = "vdi")]
        Self::Vdi,
        #[cfg(feature = "vdi")]
        Self::VdiFixed,
        #[cfg(feature = "vmdk")]
        Self::Vmdk,
        #[cfg(feature = "vmdk")]
        Self::VmdkFlat,
        #[cfg(feature = "vmdk")]
        Self::VmdkSplit,
        #[cfg(feature = "vmdk-stream")]
        Self::VmdkStream,
        #[cfg(feature = "qcow2")]
        Self::Qcow2,
        #[cfg(feature = "qcow2")]
        Self::Qcow2V2,
        #[cfg(feature = "qcow2-compressed")]
        Self::Qcow2Compressed,
        #[cfg(feature = "qcow2-zstd")]
        Self::Qcow2Zstd,
        #[cfg(feature = "vhd")]
        Self::Vhd,
        #[cfg(feature = "vhd")]
        Self::VhdFixed,
        #[cfg(feature = "vhdx")]
        Self::Vhdx,
        #[cfg(feature = "vhdx")]
        Self::VhdxFixed,
    ];

    pub(crate) fn format(self) -> &'static Format {
        match self {
            Self::Raw => &raw::SPARSE,
            Self::RawFixed => &raw::FIXED,
            #[cfg(feature = "vdi")]
            Self::Vdi => &crate::vdi::DYNAMIC,
            #[cfg(feature = "vdi")]
            Self::VdiFixed => &crate::vdi::FIXED,
            #[cfg(feature = "vmdk")]
            Self::Vmdk => &crate::vmdk::SPARSE,
            #[cfg(feature = "vmdk")]
            Self::VmdkFlat => &crate::vmdk::FLAT,
            #[cfg(feature = "vmdk")]
            Self::VmdkSplit => &crate::vmdk::SPLIT,
            #[cfg(feature = "vmdk-stream")]
            Self::VmdkStream => &crate::vmdk::STREAM,
            #[cfg(feature = "qcow2")]
            Self::Qcow2 => &crate::qcow2::V3,
            #[cfg(feature = "qcow2")]
            Self::Qcow2V2 => &crate::qcow2::V2,
            #[cfg(feature = "qcow2-compressed")]
            Self::Qcow2Compressed => &crate::qcow2::COMPRESSED,
            #[cfg(feature = "qcow2-zstd")]
            Self::Qcow2Zstd => &crate::qcow2::ZSTD,
            #[cfg(feature = "vhd")]
            Self::Vhd => &crate::vhd::DYNAMIC,
            #[cfg(feature = "vhd")]
            Self::VhdFixed => &crate::vhd::FIXED,
            #[cfg(feature = "vhdx")]
            Self::Vhdx => &crate::vhdx::DYNAMIC,
            #[cfg(feature = "vhdx")]
            Self::VhdxFixed => &crate::vhdx::FIXED,
        }
    }

    /// The name users say, such as `vmdk-stream`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.format().name
    }

    /// The usual ending of such a file's name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        self.format().extension
    }

    pub(crate) fn has_adapter(self) -> bool {
        self.format().tunes.adapter
    }

    pub(crate) fn levels(self) -> Option<(u32, u32)> {
        self.format().tunes.level
    }

    /// The format that the ending of a file's name stands for, in capital letters or small ones: the first of
    /// [`ALL`](Self::ALL) with that [extension](Self::extension). `img` stands for raw.
    #[must_use]
    pub fn by_ending(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        if ending == "img" {
            return Some(Self::Raw);
        }
        let mut formats = Self::ALL.iter().copied();
        formats.find(|format| format.extension() == ending)
    }

    /// The size an image of `disk` will have; no content is read.
    pub fn predict(
        self,
        disk: &DiskMap,
        options: &ImageOptions,
    ) -> Result<PredictedSize, PlaceError> {
        match self.format().writer {
            Writer::Placed(place) | Writer::Filled(place) => {
                Ok(PredictedSize::Exact(place(disk, options)?.len))
            }
            #[cfg(feature = "vmdk")]
            Writer::Parts(parts) => {
                let parts = parts(disk, options)?;
                let lens = parts.iter().map(|part| part.placement.len);
                Ok(PredictedSize::Exact(lens.sum()))
            }
            #[cfg(feature = "_compressed-blocks")]
            Writer::Streamed { at_most, .. } => Ok(PredictedSize::AtMost(at_most(disk, options)?)),
        }
    }

    /// Whether such an image is written from begin to end, so that it can go through a pipe.
    #[must_use]
    pub fn is_forward(self) -> bool {
        match self.format().writer {
            Writer::Placed(_) | Writer::Filled(_) => true,
            #[cfg(feature = "vmdk")]
            Writer::Parts(_) => false,
            #[cfg(feature = "_compressed-blocks")]
            Writer::Streamed { forward, .. } => forward,
        }
    }

    /// Whether such an image is several files.
    #[must_use]
    pub fn has_parts(self) -> bool {
        match self.format().writer {
            #[cfg(feature = "vmdk")]
            Writer::Parts(_) => true,
            _ => false,
        }
    }

    /// The names of the files of such an image beside its own, in whose folder they will lie.
    #[cfg_attr(
        not(feature = "vmdk"),
        expect(unused_variables, reason = "every image is one file")
    )]
    pub fn other_files(
        self,
        disk: &DiskMap,
        options: &ImageOptions,
    ) -> Result<Vec<String>, PlaceError> {
        match self.format().writer {
            #[cfg(feature = "vmdk")]
            Writer::Parts(parts) => {
                let parts = parts(disk, options)?.into_iter();
                Ok(parts.skip(1).map(|part| part.name).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Writes an image of `disk` into `out`, in one ascending pass over the disk.
    ///
    /// `out` holds a part of the image when this fails.
    pub fn write(
        self,
        disk: &DiskMap,
        options: &ImageOptions,
        out: &mut (dyn Output + Send),
        progress: &mut OnProgress<'_>,
    ) -> Result<(), EmitError> {
        let mut writer = self.begin(disk, options, Box::new(out))?;
        writer::write_one(disk, &mut *writer, progress)
    }

    fn begin<'a>(
        self,
        disk: &DiskMap,
        options: &ImageOptions,
        out: Box<dyn Output + Send + 'a>,
    ) -> Result<BoxedWriter<'a>, EmitError> {
        Ok(match self.format().writer {
            Writer::Placed(place) => Box::new(PlacedWriter::new(place(disk, options)?, out)),
            Writer::Filled(place) => Box::new(FilledWriter::new(place(disk, options)?, out)),
            #[cfg(feature = "vmdk")]
            Writer::Parts(parts) => Box::new(PartsWriter::new(parts(disk, options)?, out)?),
            #[cfg(feature = "_compressed-blocks")]
            Writer::Streamed { begin, .. } => begin(disk, options, out)?,
        })
    }
}

/// One of several images of a disk that are written at once.
pub struct ImageJob<'a> {
    /// The image's format.
    pub format: ImageFormat,
    /// What it says of itself.
    pub options: ImageOptions,
    /// Where it goes.
    pub out: Box<dyn Output + Send + 'a>,
}

/// Writes all of these images of `disk` in one ascending pass: each source is read once, and what is zeros is
/// found out once.
///
/// Several threads write, as many as the images' options let, but each image is one thread's at a time. Memory, beside
/// the tables of each image: a few times 256 KiB of the disk, and what each compressing format says.
///
/// The outputs hold parts of images when this fails.
pub fn write_images(
    disk: &DiskMap,
    images: Vec<ImageJob<'_>>,
    progress: &mut OnProgress<'_>,
) -> Result<(), EmitError> {
    let threads = images.iter().map(|image| image.options.threads).max();
    let mut writers = Vec::new();
    for image in images {
        writers.push(image.format.begin(disk, &image.options, image.out)?);
    }
    let threads = threads.unwrap_or(NonZero::<usize>::MIN);
    writer::write(disk, writers, threads, progress)
}

/// One of several images of a disk, and the file it goes to.
#[derive(Clone, Debug)]
pub struct ImageFile {
    /// The image's format, and what was chosen of it.
    pub choice: FormatChoice,
    /// What it says of itself, but for what was chosen.
    pub options: ImageOptions,
    /// The file.
    pub path: PathBuf,
}

impl ImageFile {
    /// What the image says of itself.
    pub(crate) fn tuned(&self) -> ImageOptions {
        let mut options = self.options.clone();
        options.tuning = self.choice.tuning;
        options
    }

    /// The image, to be written into `out`, compressed if that was chosen.
    pub fn job<'a>(&self, out: Box<dyn Output + Send + 'a>) -> Result<ImageJob<'a>, EmitError> {
        let options = self.tuned();
        #[cfg(feature = "compress")]
        let out = self.compressed(out)?;
        Ok(ImageJob {
            format: self.choice.format,
            options,
            out,
        })
    }

    #[cfg(feature = "compress")]
    fn compressed<'a>(
        &self,
        out: Box<dyn Output + Send + 'a>,
    ) -> Result<Box<dyn Output + Send + 'a>, EmitError> {
        let Some(compression) = self.choice.compression else {
            return Ok(out);
        };
        let level = match self.choice.format.levels() {
            Some(_) => None,
            None => self.choice.tuning.level,
        };
        let threads = self.options.threads;
        Ok(Box::new(Compressed::new(out, compression, level, threads)?))
    }
}

/// Writes all of these images of `disk` as [`write_images`] does. Their files appear when all are complete, or none
/// does.
pub fn write_files(
    disk: &DiskMap,
    images: &[ImageFile],
    progress: &mut OnProgress<'_>,
) -> Result<(), EmitError> {
    let files = images.iter().map(|image| NewFile::create(&image.path));
    let mut files = files.collect::<Result<Vec<_>, _>>()?;
    let jobs = images.iter().zip(&mut files);
    let jobs = jobs.map(|(image, file)| image.job(Box::new(file)));
    write_images(disk, jobs.collect::<Result<_, _>>()?, progress)?;
    commit_all(files)
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no format's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not an image format; there are: {}", names())]
pub struct UnknownFormat {
    /// The name.
    pub name: String,
}

/// The names of all formats of this build of the library, as messages list them.
#[must_use]
pub fn names() -> String {
    ImageFormat::ALL
        .iter()
        .map(|format| format.name())
        .collect::<Vec<_>>()
        .join(", ")
}

impl FromStr for ImageFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.iter().find(|format| format.name() == name);
        found.copied().ok_or_else(|| UnknownFormat {
            name: name.to_owned(),
        })
    }
}
