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

pub use crate::opened::{Fact, Image};

impl Image {
    /// Opens the image in `file`: by its signature, or as raw when it has none that is known.
    pub fn from_reader(file: Box<dyn ReadAt>) -> Result<Self, OpenError> {
        let whole = Vec::from_iter((file.len() > 0).then(|| 0..file.len()));
        Self::detect(file, whole)
    }

    fn detect(file: Box<dyn ReadAt>, allocated: Vec<Range<u64>>) -> Result<Self, OpenError> {
        let mut head = [0; SECTOR];
        if file.len() < SECTOR as u64 {
            return Ok(raw::open(file, allocated));
        }
        file.read_exact_at(0, &mut head)?;
        let known = SIGNATURES.iter().find(|signature| signature.matches(&head));
        match known {
            None => Ok(raw::open(file, allocated)),
            Some(Signature {
                open: Some(open), ..
            }) => open(file),
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

fn open_file(path: &Path) -> Result<(FileReader, Vec<Range<u64>>), OpenError> {
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

type OpenFn = fn(Box<dyn ReadAt>) -> Result<Image, OpenError>;

/// The bytes by which a format is known, within the first sector.
struct Signature {
    format: &'static str,
    offset: usize,
    bytes: &'static [u8],
    /// Absent when this build doesn't read the format: such a file isn't a raw disk all the same.
    open: Option<OpenFn>,
}

impl Signature {
    fn matches(&self, head: &[u8; SECTOR]) -> bool {
        head[self.offset..].starts_with(self.bytes)
    }
}

const SIGNATURES: &[Signature] = &[
    Signature {
        format: "vdi",
        offset: 0x40,
        bytes: &[0x7F, 0x10, 0xDA, 0xBE],
        open: OPEN_VDI,
    },
    Signature {
        format: "vmdk",
        offset: 0,
        bytes: b"KDMV",
        open: OPEN_VMDK,
    },
    Signature {
        format: "vmdk descriptor",
        offset: 0,
        bytes: b"# Disk DescriptorFile",
        open: None,
    },
    Signature {
        format: "qcow2",
        offset: 0,
        bytes: b"QFI\xFB",
        open: None,
    },
    Signature {
        format: "vhdx",
        offset: 0,
        bytes: b"vhdxfile",
        open: None,
    },
    Signature {
        format: "vhd",
        offset: 0,
        bytes: b"conectix",
        open: None,
    },
];

#[cfg(feature = "vdi")]
const OPEN_VDI: Option<OpenFn> = Some(crate::vdi::open);
#[cfg(not(feature = "vdi"))]
const OPEN_VDI: Option<OpenFn> = None;

#[cfg(feature = "vmdk")]
const OPEN_VMDK: Option<OpenFn> = Some(crate::vmdk::open);
#[cfg(not(feature = "vmdk"))]
const OPEN_VMDK: Option<OpenFn> = None;
