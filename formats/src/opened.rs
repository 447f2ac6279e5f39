//! An image that is open for reading.

use std::fmt;
use std::io;
use std::ops::Range;

use crate::format::ImageFormat;
use crate::read_at::ReadAt;

/// A named property of an image, such as its UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is, in words of the format.
    pub name: &'static str,
    /// Its value, as people read it.
    pub value: String,
}

#[cfg(any(
    feature = "qcow2",
    feature = "vdi",
    feature = "vhd",
    feature = "vhdx",
    feature = "vmdk"
))]
impl Fact {
    pub(crate) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
        }
    }
}

/// An open image: the virtual disk in it, to be read at any offset, and what is known of it.
///
/// [`ReadAt::len`] is the virtual size.
pub struct Image {
    format: ImageFormat,
    disk: Box<dyn ReadAt>,
    allocated: Vec<Range<u64>>,
    facts: Vec<Fact>,
}

impl Image {
    pub(crate) fn new(
        format: ImageFormat,
        disk: Box<dyn ReadAt>,
        allocated: Vec<Range<u64>>,
        facts: Vec<Fact>,
    ) -> Self {
        Self {
            format,
            disk,
            allocated,
            facts,
        }
    }

    /// The container format.
    #[must_use]
    pub fn format(&self) -> ImageFormat {
        self.format
    }

    /// The ranges of the disk (in bytes) that the image holds content for, ascending and never
    /// adjacent; all else reads as zeros.
    #[must_use]
    pub fn allocated(&self) -> &[Range<u64>] {
        &self.allocated
    }

    /// Bytes of the disk that the image holds content for.
    #[must_use]
    pub fn allocated_len(&self) -> u64 {
        self.allocated
            .iter()
            .map(|range| range.end - range.start)
            .sum()
    }

    /// What the format says of this image beyond its disk.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("format", &self.format)
            .field("len", &self.disk.len())
            .field("allocated", &self.allocated_len())
            .field("facts", &self.facts)
            .finish()
    }
}

impl ReadAt for Image {
    fn len(&self) -> u64 {
        self.disk.len()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.disk.read_exact_at(offset, buf)
    }
}
