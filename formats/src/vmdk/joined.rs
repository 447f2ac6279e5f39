//! Opening a disk whose descriptor is a file of its own: its extents lie in files beside that.

use std::io;
use std::ops::Range;

use super::extent::{ExtentLine, Place};
use super::read::{self, MAX_DESCRIPTOR, damaged, overlap};
use super::spec::{NAME, SECTOR};
use crate::error::OpenError;
use crate::format::ImageFormat;
use crate::image_files::ImageFiles;
use crate::opened::{Fact, Image};
use crate::placement::Run;
use crate::read_at::{ReadAt, range_end};
use crate::runs::{RunCollector, RunReader, merged};

/// Opens the disk that the text in `file` describes.
///
/// Its extents must be files in the folder of the first of `files`, to which they are added.
pub(crate) fn open_descriptor(
    file: &dyn ReadAt,
    files: Option<&mut ImageFiles>,
) -> Result<Image, OpenError> {
    if file.len() > MAX_DESCRIPTOR * SECTOR {
        let reason = format!("a descriptor of {} bytes", file.len());
        return Err(damaged(reason));
    }
    let text = read::text(file, 0, file.len())?;
    read::refuse_parent(&text)?;
    let files = files.ok_or_else(|| {
        let reason = "its content lies in other files; open it by its path";
        OpenError::unsupported(NAME, reason)
    })?;
    let mut extents = Extents {
        files,
        used: Vec::new(),
        names: Vec::new(),
        format: ImageFormat::VmdkFlat,
        allocated: Vec::new(),
        disk: Joined::default(),
    };
    for line in text.lines() {
        if let Some(extent) = ExtentLine::parse(line)? {
            extents.add(extent)?;
        }
    }
    extents.finish(read::text_facts(&text))
}

/// The extents of a disk that is being opened.
struct Extents<'a> {
    files: &'a mut ImageFiles,
    /// By the number of each file, what extents lie in it: never twice in one place.
    used: Vec<RunCollector>,
    names: Vec<String>,
    /// Split as soon as grains lie in a file.
    format: ImageFormat,
    /// Ranges of the disk.
    allocated: Vec<Range<u64>>,
    disk: Joined,
}

impl Extents<'_> {
    fn add(&mut self, extent: ExtentLine) -> Result<(), OpenError> {
        let len = extent.sectors * SECTOR;
        let start = self.disk.len;
        let end = start.checked_add(len);
        let end = end.filter(|end| *end <= i64::MAX.cast_unsigned());
        let end = end.ok_or_else(|| damaged("extents of more than 8 EiB".to_owned()))?;
        let named = |error| of_file(&extent, error);
        match &extent.place {
            Place::Zero => {}
            Place::Flat { file, offset } => {
                let number = self.files.beside(file)?;
                let (part, allocated) = self.flat(number, *offset, len).map_err(named)?;
                self.push(Box::new(part), &allocated);
            }
            Place::Sparse { file } => {
                let number = self.files.beside(file)?;
                let part = self.sparse(number, len).map_err(named)?;
                self.format = ImageFormat::VmdkSplit;
                let allocated = part.allocated().to_vec();
                self.push(Box::new(part), &allocated);
            }
        }
        if let Place::Flat { file, .. } | Place::Sparse { file } = extent.place {
            self.names.push(file);
        }
        self.disk.len = end;
        Ok(())
    }

    /// `len` bytes as they lie in a file, and those of them that are no holes.
    fn flat(
        &mut self,
        number: usize,
        offset: u64,
        len: u64,
    ) -> Result<(impl ReadAt + use<>, Vec<Range<u64>>), OpenError> {
        let file = self.files.other(number);
        let start = offset.checked_mul(SECTOR);
        let end = start.and_then(|start| start.checked_add(len));
        let (Some(start), Some(end)) = (start, end.filter(|end| *end <= file.reader.len())) else {
            let has = file.reader.len();
            let reason = format!("{len} bytes from sector {offset} on, but the file has {has}");
            return Err(damaged(reason));
        };
        let run = Run {
            disk: 0,
            file: start,
            len,
        };
        let part = RunReader::new(file.reader.clone(), len, vec![run]);
        let allocated = part.allocated_in(&file.allocated);
        self.claim(number, start..end)?;
        Ok((part, allocated))
    }

    /// The content of a file of grains, of `len` bytes.
    fn sparse(&mut self, number: usize, len: u64) -> Result<Image, OpenError> {
        let file = self.files.other(number).reader.clone();
        self.claim(number, 0..file.len())?;
        let part = read::open(Box::new(file))?;
        if part.len() == len {
            Ok(part)
        } else {
            let has = part.len();
            let reason = format!("{len} bytes, but the file says that it holds {has}");
            Err(damaged(reason))
        }
    }

    /// Says that an extent lies in this range of a file.
    fn claim(&mut self, number: usize, range: Range<u64>) -> Result<(), OpenError> {
        while self.used.len() <= number {
            let file = self.files.other(self.used.len());
            self.used.push(RunCollector::new(file.reader.len()));
        }
        self.used[number].reserve(range).map_err(overlap)
    }

    fn push(&mut self, part: Box<dyn ReadAt>, allocated: &[Range<u64>]) {
        let start = self.disk.len;
        let on_disk = allocated
            .iter()
            .map(|range| start + range.start..start + range.end);
        self.allocated.extend(on_disk);
        self.disk.parts.push((start, part));
    }

    fn finish(self, mut facts: Vec<Fact>) -> Result<Image, OpenError> {
        if self.disk.len == 0 {
            return Err(damaged("it describes no extent".to_owned()));
        }
        for used in &self.used {
            used.check().map_err(overlap)?;
        }
        facts.push(Fact::new("extents", self.names.join(", ")));
        let allocated = merged(self.allocated.into_iter());
        Ok(Image::new(
            self.format,
            Box::new(self.disk),
            allocated,
            facts,
        ))
    }
}

/// The error, with the extent that it is about.
fn of_file(extent: &ExtentLine, error: OpenError) -> OpenError {
    match error {
        OpenError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            damaged(format!("extent {extent}: its file ends too early"))
        }
        OpenError::Damaged { format, reason } => OpenError::Damaged {
            format,
            reason: format!("extent {extent}: {reason}"),
        },
        OpenError::Unsupported { format, reason } => OpenError::Unsupported {
            format,
            reason: format!("extent {extent}: {reason}"),
        },
        other => other,
    }
}

/// A disk of several parts; between them are zeros.
#[derive(Default)]
struct Joined {
    len: u64,
    /// Where each begins; ascending and apart.
    parts: Vec<(u64, Box<dyn ReadAt>)>,
}

impl ReadAt for Joined {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = range_end(self.len, offset, buf)?;
        buf.fill(0);
        let first = self
            .parts
            .partition_point(|(start, part)| start + part.len() <= offset);
        let touched = self.parts[first..].iter();
        for (start, part) in touched.take_while(|(start, _)| *start < end) {
            let from = (*start).max(offset);
            let to = (start + part.len()).min(end);
            // Both lie within `buf`, whose length is a usize.
            let begin = usize::try_from(from - offset).map_err(io::Error::other)?;
            let stop = usize::try_from(to - offset).map_err(io::Error::other)?;
            part.read_exact_at(from - start, &mut buf[begin..stop])?;
        }
        Ok(())
    }
}
