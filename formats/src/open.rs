//! Opening an image of any format that this build of the library reads.
//!
//! Images are hostile until shown otherwise: every number of theirs is checked against the length
//! of the file before anything is allocated or read by it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::error::OpenError;
use crate::host::{self, HostKind};
use crate::raw;
use crate::read_at::{FileReader, ReadAt};

pub use crate::image_store::ImageStore;
pub use crate::opened::{Fact, Image};

impl Image {
    /// Opens the image in `file`: by its signature, or as raw when it has none that is known.
    pub fn from_reader(file: Box<dyn ReadAt>) -> Result<Self, OpenError> {
        let whole = Vec::from_iter((file.len() > 0).then(|| 0..file.len()));
        Self::detect(file, whole)
    }

    pub(crate) fn detect(
        file: Box<dyn ReadAt>,
        allocated: Vec<Range<u64>>,
    ) -> Result<Self, OpenError> {
        let Some(last) = file.len().checked_sub(SECTOR as u64) else {
            return Ok(raw::open(file, allocated));
        };
        let (mut head, mut tail) = ([0; SECTOR], [0; SECTOR]);
        file.read_exact_at(0, &mut head)?;
        file.read_exact_at(last, &mut tail)?;
        let known = SIGNATURES
            .iter()
            .find(|signature| signature.matches(&head, &tail));
        match known {
            None => Ok(raw::open(file, allocated)),
            Some(Signature {
                open: Some(open), ..
            }) => open(file, &allocated),
            Some(signature) => Err(OpenError::Unsupported {
                format: signature.format,
                reason: "this build of kurmadisk cannot read it".to_owned(),
            }),
        }
    }
}

/// Opens the image file or block device at `path`: by its signature, or as raw when it has none
/// that is known.
pub fn open(path: &Path) -> Result<Image, OpenError> {
    let (file, allocated) = open_file(path)?;
    Image::detect(Box::new(file), allocated)
}

/// Opens the file or block device at `path` as the disk itself, whatever its first bytes look like:
/// they may be the disk's own.
pub fn open_raw(path: &Path) -> Result<Image, OpenError> {
    let (file, allocated) = open_file(path)?;
    Ok(raw::open(Box::new(file), allocated))
}

pub(crate) fn open_file(path: &Path) -> Result<(FileReader, Vec<Range<u64>>), OpenError> {
    let error = |source| OpenError::File {
        path: path.to_path_buf(),
        source,
    };
    // Asked before opening: to open a FIFO would wait for its other end.
    let kind = host::stat(path).map_err(error)?.kind;
    if !matches!(kind, HostKind::File | HostKind::BlockDevice) {
        let reason = "neither a regular file nor a block device";
        return Err(error(io::Error::new(io::ErrorKind::InvalidInput, reason)));
    }
    let file = File::open(path).map_err(error)?;
    let holes = file.try_clone().map_err(error)?;
    let reader = FileReader::new(file).map_err(error)?;
    let allocated = host::data_ranges(&holes, reader.len()).map_err(error)?;
    Ok((reader, allocated))
}

const SECTOR: usize = 512;

/// Opens a file, of which the ranges are no holes.
type OpenFn = fn(Box<dyn ReadAt>, &[Range<u64>]) -> Result<Image, OpenError>;

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
        open: None,
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
const OPEN_VDI: Option<OpenFn> = Some(|file, _| crate::vdi::open(file));
#[cfg(not(feature = "vdi"))]
const OPEN_VDI: Option<OpenFn> = None;

#[cfg(feature = "vmdk")]
const OPEN_VMDK: Option<OpenFn> = Some(|file, _| crate::vmdk::open(file));
#[cfg(not(feature = "vmdk"))]
const OPEN_VMDK: Option<OpenFn> = None;

#[cfg(feature = "qcow2")]
const OPEN_QCOW2: Option<OpenFn> = Some(|file, _| crate::qcow2::open(file));
#[cfg(not(feature = "qcow2"))]
const OPEN_QCOW2: Option<OpenFn> = None;
#[cfg(feature = "vhd")]
const OPEN_VHD: Option<OpenFn> = Some(crate::vhd::open);
#[cfg(not(feature = "vhd"))]
const OPEN_VHD: Option<OpenFn> = None;

#[cfg(feature = "vhdx")]
const OPEN_VHDX: Option<OpenFn> = Some(crate::vhdx::open);
#[cfg(not(feature = "vhdx"))]
const OPEN_VHDX: Option<OpenFn> = None;
