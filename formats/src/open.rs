//! Opening an image of any format that this build of the library reads.
//!
//! Images are hostile until shown otherwise: every number of theirs is checked against the length
//! of the file before anything is allocated or read by it.

use std::io;
use std::ops::Range;
use std::path::Path;

use crate::error::OpenError;
use crate::image_files::ImageFiles;
use crate::raw;
use crate::read_at::ReadAt;

pub use crate::image_store::ImageStore;
pub use crate::opened::{Fact, Image};

impl Image {
    /// Opens the image in `file`: by its signature, or as raw when it has none that is known.
    ///
    /// One that names other files is refused: it has to be opened by its path.
    pub fn from_reader(file: Box<dyn ReadAt>) -> Result<Self, OpenError> {
        let whole = Vec::from_iter((file.len() > 0).then(|| 0..file.len()));
        Self::detect(file, &whole, None)
    }

    pub(crate) fn of_files(files: &mut ImageFiles) -> Result<Self, OpenError> {
        let own = files.own();
        let (reader, allocated) = (own.reader.clone(), own.allocated.clone());
        Self::detect(Box::new(reader), &allocated, Some(files))
    }

    fn detect(
        file: Box<dyn ReadAt>,
        allocated: &[Range<u64>],
        files: Option<&mut ImageFiles>,
    ) -> Result<Self, OpenError> {
        let known = signature(&*file)?;
        match known {
            None => Ok(raw::open(file, allocated.to_vec())),
            Some(Signature {
                open: Some(open), ..
            }) => open(file, allocated, files),
            Some(signature) => Err(OpenError::Unsupported {
                format: signature.format,
                reason: "this build of kurmadisk cannot read it".to_owned(),
            }),
        }
    }
}

/// The signature that is in the file.
fn signature(file: &dyn ReadAt) -> io::Result<Option<&'static Signature>> {
    let (mut head, mut tail) = ([0; SECTOR], [0; SECTOR]);
    // Descriptors are texts, and may be short ones.
    let len = usize::try_from(file.len()).map_or(SECTOR, |len| len.min(SECTOR));
    file.read_exact_at(0, &mut head[..len])?;
    if let Some(last) = file.len().checked_sub(SECTOR as u64) {
        file.read_exact_at(last, &mut tail)?;
    }
    let mut known = SIGNATURES.iter();
    Ok(known.find(|signature| signature.matches(&head, &tail)))
}

/// The name of the format whose signature is in the file, `raw` where there is none.
pub(crate) fn format_name(file: &dyn ReadAt) -> io::Result<&'static str> {
    Ok(signature(file)?.map_or("raw", |signature| signature.format))
}

/// Opens the image file or block device at `path`: by its signature, or as raw when it has none
/// that is known.
pub fn open(path: &Path) -> Result<Image, OpenError> {
    Image::of_files(&mut ImageFiles::open(path)?)
}

/// Opens the file or block device at `path` as the disk itself, whatever its first bytes look like:
/// they may be the disk's own.
pub fn open_raw(path: &Path) -> Result<Image, OpenError> {
    let files = ImageFiles::open(path)?;
    let own = files.own();
    Ok(raw::open(
        Box::new(own.reader.clone()),
        own.allocated.clone(),
    ))
}

const SECTOR: usize = 512;

/// Opens a file, of which the ranges are no holes; it lies beside others if its place is known.
type OpenFn =
    fn(Box<dyn ReadAt>, &[Range<u64>], Option<&mut ImageFiles>) -> Result<Image, OpenError>;

/// A sector of a file.
enum Sector {
    First,
    Last,
}

/// The bytes by which a format is known.
struct Signature {
    format: &'static str,
    sector: Sector,
    /// Within the sector.
    offset: usize,
    bytes: &'static [u8],
    /// Absent when this build doesn't read the format: such a file isn't a raw disk all the same.
    open: Option<OpenFn>,
}

impl Signature {
    fn matches(&self, head: &[u8; SECTOR], tail: &[u8; SECTOR]) -> bool {
        let sector = match self.sector {
            Sector::First => head,
            Sector::Last => tail,
        };
        sector[self.offset..].starts_with(self.bytes)
    }
}

/// Those in the last sector come last: what lies before it is anything that a disk can hold.
const SIGNATURES: &[Signature] = &[
    Signature {
        format: "vdi",
        sector: Sector::First,
        offset: 0x40,
        bytes: &[0x7F, 0x10, 0xDA, 0xBE],
        open: OPEN_VDI,
    },
    Signature {
        format: "vmdk",
        sector: Sector::First,
        offset: 0,
        bytes: b"KDMV",
        open: OPEN_VMDK,
    },
    Signature {
        format: "vmdk descriptor",
        sector: Sector::First,
        offset: 0,
        bytes: b"# Disk DescriptorFile",
        open: OPEN_VMDK_DESCRIPTOR,
    },
    Signature {
        format: "qcow2",
        sector: Sector::First,
        offset: 0,
        bytes: b"QFI\xFB",
        open: OPEN_QCOW2,
    },
    Signature {
        format: "vhdx",
        sector: Sector::First,
        offset: 0,
        bytes: b"vhdxfile",
        open: OPEN_VHDX,
    },
    Signature {
        format: "vhd",
        sector: Sector::First,
        offset: 0,
        bytes: b"conectix",
        open: OPEN_VHD,
    },
    // All that a fixed one has.
    Signature {
        format: "vhd",
        sector: Sector::Last,
        offset: 0,
        bytes: b"conectix",
        open: OPEN_VHD,
    },
];

#[cfg(feature = "vdi")]
const OPEN_VDI: Option<OpenFn> = Some(|file, _, _| crate::vdi::open(file));
#[cfg(not(feature = "vdi"))]
const OPEN_VDI: Option<OpenFn> = None;

#[cfg(feature = "vmdk")]
const OPEN_VMDK: Option<OpenFn> = Some(|file, _, _| crate::vmdk::open(file));
#[cfg(not(feature = "vmdk"))]
const OPEN_VMDK: Option<OpenFn> = None;

#[cfg(feature = "vmdk")]
const OPEN_VMDK_DESCRIPTOR: Option<OpenFn> =
    Some(|file, _, files| crate::vmdk::open_descriptor(&*file, files));
#[cfg(not(feature = "vmdk"))]
const OPEN_VMDK_DESCRIPTOR: Option<OpenFn> = None;

#[cfg(feature = "qcow2")]
const OPEN_QCOW2: Option<OpenFn> = Some(|file, _, _| crate::qcow2::open(file));
#[cfg(not(feature = "qcow2"))]
const OPEN_QCOW2: Option<OpenFn> = None;
#[cfg(feature = "vhd")]
const OPEN_VHD: Option<OpenFn> = Some(|file, allocated, _| crate::vhd::open(file, allocated));
#[cfg(not(feature = "vhd"))]
const OPEN_VHD: Option<OpenFn> = None;

#[cfg(feature = "vhdx")]
const OPEN_VHDX: Option<OpenFn> = Some(|file, allocated, _| crate::vhdx::open(file, allocated));
#[cfg(not(feature = "vhdx"))]
const OPEN_VHDX: Option<OpenFn> = None;
