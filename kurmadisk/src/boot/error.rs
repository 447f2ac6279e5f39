//! Why a disk can't be made to boot.

use std::fmt;

use kurmadisk_formats::error::MapError;
use thiserror::Error;

use super::grub::GrubError;
use super::kernel::KernelFault;
use super::kurmaboot::KurmabootError;
use super::pe::PeFault;
use crate::tree::TreeError;

/// A file that booting takes, with the option that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BootInput {
    /// The kernel.
    Kernel,
    /// The initial RAM disk.
    Initrd,
    /// The stub of a Unified Kernel Image.
    EfiStub,
    /// The boot manager.
    SystemdBoot,
    /// GRUB's installation.
    Grub,
    /// The kernel's command line.
    CommandLine,
    /// How often the boot manager tries.
    BootTries,
}

impl BootInput {
    /// The option of the command that gives it.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::Kernel => "--kernel",
            Self::Initrd => "--initrd",
            Self::EfiStub => "--efi-stub",
            Self::SystemdBoot => "--systemd-boot",
            Self::Grub => "--grub",
            Self::CommandLine => "--cmdline",
            Self::BootTries => "--boot-tries",
        }
    }
}

impl fmt::Display for BootInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Kernel => "the kernel",
            Self::Initrd => "the initrd",
            Self::EfiStub => "the EFI stub",
            Self::SystemdBoot => "the boot manager",
            Self::Grub => "GRUB",
            Self::CommandLine => "the command line",
            Self::BootTries => "counting of tries",
        };
        write!(f, "{name} ({})", self.option())
    }
}

/// What makes a disk boot cannot be put together.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BootError {
    /// The kernel is none that can be used.
    #[error("{} cannot be used", BootInput::Kernel)]
    Kernel(#[source] KernelFault),
    /// An EFI binary is none that can be used.
    #[error("{input} cannot be used")]
    Binary {
        /// Which one.
        input: BootInput,
        /// What is wrong with it.
        #[source]
        fault: PeFault,
    },
    /// An EFI binary is the other one of systemd's.
    #[error("{input} is {other}; give each with its own option")]
    Swapped {
        /// Which one was looked at.
        input: BootInput,
        /// What it is.
        other: BootInput,
    },
    /// The command line cannot be handed to a kernel.
    #[error("{}: {problem}", BootInput::CommandLine)]
    CommandLine {
        /// What is wrong with it.
        problem: String,
    },
    /// A text that goes into a file or a section cannot be there.
    #[error("{name}: {problem}")]
    Text {
        /// Which text.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A section cannot be in a Unified Kernel Image.
    #[error("section {name:?}: {problem}")]
    Section {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Something is given that needs a kernel.
    #[error("{input} is of no use without a kernel; name one with --kernel")]
    NoKernel {
        /// What is given.
        input: BootInput,
    },
    /// Something is given that only a boot manager heeds.
    #[error("{input} is done by a boot manager; name one with --systemd-boot")]
    NoManager {
        /// What is given.
        input: BootInput,
    },
    /// Something is given that needs an EFI system partition.
    #[error("{input} needs an EFI system partition, which this layout lacks; use another --layout")]
    NoEsp {
        /// What is given.
        input: BootInput,
    },
    /// A file has no place in the tree.
    #[error("{path} cannot be placed")]
    Place {
        /// Its path in the tree.
        path: String,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// GRUB cannot be installed.
    #[error(transparent)]
    Grub(GrubError),
    /// The command line is none that GRUB can hand on.
    #[error("{}", BootInput::CommandLine)]
    GrubCommandLine(#[source] GrubError),
    /// Two loaders are given, and firmware starts one.
    #[error(
        "{input} would start by UEFI, as GRUB would; give one of them, or GRUB for other platforms"
    )]
    TwoLoaders {
        /// The other one.
        input: BootInput,
    },
    /// Our own loader.
    #[error(transparent)]
    Loader(#[from] KurmabootError),
    /// A file's parts collide: a fault of this crate's own arithmetic.
    #[error("the parts of a boot file do not fit together")]
    Map(#[from] MapError),
}

impl BootError {
    /// Which input is wrong, if one of them is.
    #[must_use]
    pub fn input(&self) -> Option<BootInput> {
        match self {
            Self::Kernel(_) => Some(BootInput::Kernel),
            Self::CommandLine { .. } | Self::GrubCommandLine(_) => Some(BootInput::CommandLine),
            Self::Grub(_) => Some(BootInput::Grub),
            Self::Binary { input, .. }
            | Self::TwoLoaders { input }
            | Self::Swapped { input, .. }
            | Self::NoKernel { input }
            | Self::NoManager { input }
            | Self::NoEsp { input } => Some(*input),
            Self::Text { .. }
            | Self::Section { .. }
            | Self::Place { .. }
            | Self::Loader(_)
            | Self::Map(_) => None,
        }
    }
}
