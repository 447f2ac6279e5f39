//! What can be wrong with a PE image.

use std::io;

use thiserror::Error;

/// A file is not the PE image it should be, or cannot take the sections it should get.
///
/// Offsets and sizes are in bytes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PeFault {
    /// It cannot be read.
    #[error("reading it fails")]
    Read(#[source] io::Error),
    /// It has not the signatures of a PE image.
    #[error("it is not a PE image, which EFI programs are; give an x86-64 EFI binary")]
    NotPe,
    /// It ends too early.
    #[error("it has {len} bytes, but its {what} reaches to byte {end}: it is truncated or damaged")]
    Truncated {
        /// What lies at its end.
        what: &'static str,
        /// Where that would end.
        end: u64,
        /// Length of the file.
        len: u64,
    },
    /// It is for another processor.
    #[error("it is for {}, not for x86-64 (0x8664)", machine_name(*_0))]
    Machine(u16),
    /// It is not PE32+.
    #[error("its optional header has the magic {_0:#x}, not that of PE32+ (0x20b)")]
    Magic(u16),
    /// It is not an EFI application.
    #[error("its subsystem is {_0}; that of an EFI application is 10")]
    Subsystem(u16),
    /// An alignment is not one.
    #[error("its {field} is {value:#x}: {problem}")]
    Alignment {
        /// The field of the optional header.
        field: &'static str,
        /// Its value.
        value: u32,
        /// What it should be.
        problem: &'static str,
    },
    /// The headers contradict each other.
    #[error("its headers are damaged: {_0}")]
    Headers(&'static str),
    /// More sections than firmware loads.
    #[error("it has {_0} sections with those to be added, and firmware loads 96 at most")]
    TooManySections(u64),
    /// A section that should be added is there.
    #[error("it has a section {_0} already: it is a finished Unified Kernel Image, not a stub")]
    SectionExists(String),
    /// The section table has no room to grow.
    #[error(
        "its section table would grow to {needed} bytes of headers, and its first section begins at \
         {first:#x} in memory; link the stub with more room for headers"
    )]
    NoHeaderRoom {
        /// Bytes of headers with the new sections.
        needed: u64,
        /// Address of the first section.
        first: u64,
    },
    /// A PE image cannot be so large.
    #[error(
        "section {section} would reach past 4 GiB, the most a PE image can be; make the initrd smaller, or \
         load it from its own file by a boot manager (--systemd-boot)"
    )]
    TooLarge {
        /// The section.
        section: String,
    },
}

fn machine_name(machine: u16) -> String {
    match machine {
        0x014c => "32-bit x86".to_owned(),
        0xaa64 => "arm64".to_owned(),
        0x01c2 | 0x01c4 => "32-bit Arm".to_owned(),
        0x5064 => "RISC-V".to_owned(),
        0x6264 => "LoongArch".to_owned(),
        other => format!("machine type {other:#x}"),
    }
}
