//! Why no initrd could be made or read.

use std::io;
use std::path::{Path, PathBuf};

use kurmadisk::formats::compress::CompressionError;
use kurmadisk::formats::error::{EmitError, MapError, SourceError};
use kurmadisk::source::ReadError;
use kurmadisk::source::cpio::CpioError;
use kurmadisk::source::decompress::DecompressError;
use kurmadisk::spec::{Place, SpecError};
use kurmadisk::tree::TreeError;
use thiserror::Error;

/// No initrd could be made or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InitrdError {
    /// The description cannot be read.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A key of the description asks for what can't be.
    #[error("{place}: {key}: {reason}")]
    Key {
        /// Where it is written.
        place: Place,
        /// The key.
        key: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// What a key of the description asks for could not be had.
    #[error("{place}: {key}")]
    At {
        /// Where it is written.
        place: Place,
        /// The key.
        key: &'static str,
        /// Why.
        source: Box<InitrdError>,
    },
    /// The sysroot.
    #[error(transparent)]
    Sysroot(#[from] SysrootError),
    /// A program.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// A kernel module.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// A file of the host cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A tree cannot be read.
    #[error(transparent)]
    Read(Box<ReadError>),
    /// Something lies in the way of another thing.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The archive can't hold a file.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// An initrd's archives cannot be read.
    #[error("{}", path.display())]
    Cpio {
        /// The initrd.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<CpioError>,
    },
    /// No such compression or level.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The initrd cannot be written.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// A file could not be read while two initrds were compared.
    #[error("cannot compare {path}")]
    Compare {
        /// The file in the initrds.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl From<ReadError> for InitrdError {
    fn from(error: ReadError) -> Self {
        Self::Read(Box::new(error))
    }
}

impl InitrdError {
    /// What is wrong with the archives of the initrd at `path`.
    pub(super) fn cpio(path: &Path, source: CpioError) -> Self {
        Self::Cpio {
            path: path.to_path_buf(),
            source: Box::new(source),
        }
    }

    /// This at a key of the description.
    pub(super) fn at(self, place: &Place, key: &'static str) -> Self {
        Self::At {
            place: place.clone(),
            key,
            source: Box::new(self),
        }
    }
}

/// The sysroot can't be looked at.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SysrootError {
    /// Something of it cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of it cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file that was there is no longer.
    #[error("{path} of the sysroot {sysroot} is gone; build again when nothing writes to it")]
    Gone {
        /// The path in the sysroot.
        path: String,
        /// The sysroot.
        sysroot: String,
    },
    /// A path does not exist.
    #[error(
        "{path} is not in the sysroot {sysroot}, or is no file; correct the path, or the sysroot"
    )]
    Missing {
        /// The path in the sysroot.
        path: String,
        /// The sysroot.
        sysroot: String,
    },
    /// A script is run by a script, and so on.
    #[error("{path} is run by too many scripts, each by the next one; Linux would not run it")]
    Scripts {
        /// The last of them that was looked at.
        path: String,
    },
    /// A text has more bytes than such a text has.
    #[error("{path} of the sysroot {sysroot} has {len} bytes, more than such a file has")]
    Long {
        /// The path in the sysroot.
        path: String,
        /// The sysroot.
        sysroot: String,
        /// Its length in bytes.
        len: u64,
    },
}

impl SysrootError {
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_path_buf(),
            source,
        }
    }
}

/// What a program needs can't be found out, or is not there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ElfError {
    /// The sysroot.
    #[error(transparent)]
    Sysroot(#[from] SysrootError),
    /// It is no sound ELF file.
    #[error("{path}: {reason}; the file is damaged, get it again")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A library is nowhere.
    #[error(
        "{path} needs {library}, which is in none of {}; install it in the sysroot, or add the folder to its rpath or to ld.so.cache by ldconfig",
        searched.join(", ")
    )]
    Library {
        /// The program or library that needs it.
        path: String,
        /// The name it asks for.
        library: String,
        /// Where it was looked for, in this order.
        searched: Vec<String>,
    },
    /// The program that loads it is missing.
    #[error("{path} needs {interpreter} to be run, which is not in the sysroot; install it there")]
    Interpreter {
        /// The program.
        path: String,
        /// The path that it says.
        interpreter: String,
    },
}

/// Kernel modules can't be taken along.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// Where they are.
    #[error(transparent)]
    Sysroot(#[from] SysrootError),
    /// There is no folder of modules, or there are several.
    #[error(
        "{} has modules of {}; say which by kernel = \"RELEASE\"",
        sysroot, if releases.is_empty() { "no kernel".to_owned() } else { releases.join(", ") }
    )]
    Release {
        /// Where they were looked for.
        sysroot: String,
        /// The kernels' releases.
        releases: Vec<String>,
    },
    /// A name or pattern is that of no module.
    #[error(
        "{name:?} is no module of kernel {release}, nor built into it; correct the name, or leave it out"
    )]
    Unknown {
        /// The name.
        name: String,
        /// The kernel's release.
        release: String,
    },
    /// A module that another one needs is missing.
    #[error(
        "module {module} needs {needs}, which is no module of kernel {release}; its folder is incomplete"
    )]
    Needs {
        /// The module.
        module: String,
        /// What it needs.
        needs: String,
        /// The kernel's release.
        release: String,
    },
    /// Modules need one another in a circle, or in a chain that is too long.
    #[error(
        "module {module} needs itself by way of others, or far too many of them; its kernel's modules are damaged"
    )]
    Circle {
        /// One of them.
        module: String,
    },
    /// Two modules have one name.
    #[error("{first} and {second} are both the module {name}; remove one of them")]
    Twice {
        /// The name.
        name: String,
        /// A file.
        first: String,
        /// Another one.
        second: String,
    },
    /// A module can't be uncompressed.
    #[error("module {path}")]
    Decompress {
        /// Its file.
        path: String,
        /// Why.
        source: DecompressError,
    },
    /// A module is no sound ELF file.
    #[error("module {path}: {reason}; the file is damaged, get it again")]
    Damaged {
        /// Its file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// A tree can't be written as a cpio archive of the kernel's format.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// A file is too large.
    #[error("{path} has {len} bytes; files of 4 GiB or more have no room in an initrd")]
    Large {
        /// The path.
        path: String,
        /// Its length in bytes.
        len: u64,
    },
    /// A path is too long.
    #[error("{path} has {len} bytes in its path; Linux takes 4095 at most")]
    Long {
        /// The path.
        path: String,
        /// Its length in bytes.
        len: usize,
    },
    /// A name that ends an archive.
    #[error("/TRAILER!!! is how the end of an initrd is marked, and can't be a file's name in it")]
    Trailer,
    /// A target of a link is too long.
    #[error("{path} is a symbolic link with a target of {len} bytes; Linux takes 4095 at most")]
    Target {
        /// The path.
        path: String,
        /// The target's length in bytes.
        len: usize,
    },
    /// More inodes than numbers.
    #[error("there are more files than a cpio archive has numbers for")]
    Many,
    /// The extents could not be put together.
    #[error("the archive could not be put together")]
    Map(#[from] MapError),
}
