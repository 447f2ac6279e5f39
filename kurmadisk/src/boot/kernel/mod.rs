//! Kernels: what a file that should be one is, and what its headers say.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the setup header of a bzImage |
//! | `identify` | what a file is that is no bzImage |

mod identify;
pub mod spec;

use std::io;

use kurmadisk_formats::map::DiskMap;
use kurmadisk_formats::read_at::ReadAt;
use thiserror::Error;
use zerocopy::FromBytes;

use super::kurmaboot::OLDEST_PROTOCOL;
use super::pe::{Pe, PeFault};
use spec::{
    BOOT_FLAG, DEFAULT_SETUP_SECTS, HEADER_MAGIC, SECTOR, SETUP_HEADER_OFFSET, SetupHeader,
    VERSION_BASE,
};

/// Bytes from the begin that tell what a file is, the setup header among them.
const HEAD_LEN: usize = 0x400;
/// Bytes of the version string that are looked at.
const VERSION_LEN: u64 = 256;

/// A file that is no kernel this crate can boot.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KernelFault {
    /// It cannot be read.
    #[error("reading it fails")]
    Read(#[source] io::Error),
    /// It is something else.
    #[error("it is {what}, not a bzImage for x86; {advice}")]
    Other {
        /// What it is.
        what: &'static str,
        /// What to give instead.
        advice: &'static str,
    },
    /// A bzImage which firmware cannot start.
    #[error("it is a bzImage without an EFI stub for x86-64; build it with CONFIG_EFI_STUB")]
    NoEfiStub,
}

/// A bzImage.
#[derive(Debug)]
pub struct Kernel {
    release: Option<String>,
    protocol: u16,
    efi: Option<u32>,
}

impl Kernel {
    /// Reads the headers of a kernel, and nothing else of it.
    ///
    /// Fails when it is no bzImage.
    pub fn read(kernel: &DiskMap) -> Result<Self, KernelFault> {
        let reader = kernel.reader();
        let mut head = [0; HEAD_LEN];
        let len = usize::try_from(kernel.len()).map_or(HEAD_LEN, |len| len.min(HEAD_LEN));
        reader
            .read_exact_at(0, &mut head[..len])
            .map_err(KernelFault::Read)?;
        let setup = setup_header(&head[..len]).ok_or_else(|| identify::other(&head[..len]))?;
        let release = release(&reader, &setup).map_err(KernelFault::Read)?;
        let efi = match Pe::read(&reader) {
            Ok(pe) => Some(pe.optional.size_of_image.get()),
            Err(PeFault::Read(source)) => return Err(KernelFault::Read(source)),
            Err(_) => None,
        };
        Ok(Self {
            release,
            protocol: setup.version.get(),
            efi,
        })
    }

    /// The release, as `uname -r` shows it on the running system; none when the header does not
    /// tell.
    #[must_use]
    pub fn release(&self) -> Option<&str> {
        self.release.as_deref()
    }

    /// Whether kurmaboot can start it on BIOS machines.
    #[must_use]
    pub fn starts_by_bios(&self) -> bool {
        self.protocol >= OLDEST_PROTOCOL
    }

    /// Whether UEFI firmware for x86-64 can start it.
    #[must_use]
    pub fn has_efi_stub(&self) -> bool {
        self.efi.is_some()
    }

    /// Bytes it takes in memory when firmware loads it.
    ///
    /// Fails when it has no EFI stub.
    pub fn efi_image_size(&self) -> Result<u32, KernelFault> {
        self.efi.ok_or(KernelFault::NoEfiStub)
    }
}

/// The setup header in the first bytes of a bzImage.
fn setup_header(head: &[u8]) -> Option<SetupHeader> {
    let at = usize::try_from(SETUP_HEADER_OFFSET).ok()?;
    let (setup, _) = SetupHeader::read_from_prefix(head.get(at..)?).ok()?;
    let right = setup.boot_flag.get() == BOOT_FLAG && setup.header == HEADER_MAGIC;
    right.then_some(setup)
}

/// The first word of the version string, if there is one and it is a word.
fn release(kernel: &dyn ReadAt, setup: &SetupHeader) -> io::Result<Option<String>> {
    let sectors = match setup.setup_sects {
        0 => DEFAULT_SETUP_SECTS,
        sectors => sectors,
    };
    let end = ((u64::from(sectors) + 1) * SECTOR).min(kernel.len());
    let start = u64::from(setup.kernel_version.get()) + VERSION_BASE;
    if setup.kernel_version.get() == 0 || start >= end {
        return Ok(None);
    }
    let len = usize::try_from((end - start).min(VERSION_LEN)).map_err(io::Error::other)?;
    let mut text = vec![0; len];
    kernel.read_exact_at(start, &mut text)?;
    let word = text.split(|byte| *byte == 0 || *byte == b' ').next();
    let word = word.filter(|word| !word.is_empty() && word.iter().all(u8::is_ascii_graphic));
    Ok(word.map(|word| String::from_utf8_lossy(word).into_owned()))
}
