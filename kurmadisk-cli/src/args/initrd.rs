//! The arguments of `kurmadisk initrd`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Subcommand;
use kurmadisk_os::initrd::InitrdCompression;

use super::WriteArgs;

#[derive(Debug, Subcommand)]
pub enum InitrdCommand {
    /// Build an initial RAM filesystem: programs with their libraries, kernel modules, files
    Build(Box<InitrdBuildArgs>),
    /// Tell what an initial RAM filesystem holds: its archives, their compression, their files
    Inspect(InitrdInspectArgs),
    /// Compare two initial RAM filesystems as the kernel unpacks them; 0 when they are the same, 1 when not
    Diff(InitrdDiffArgs),
    /// Put archives or what descriptions ask for behind an initial RAM filesystem
    Append(InitrdAppendArgs),
}

#[derive(Debug, clap::Args)]
pub struct InitrdBuildArgs {
    /// Description of the initrd; options come on top of what it says
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
    /// The system that programs, libraries and modules come from: a folder, an archive, a container image, or a
    /// partition of a disk image; `[KIND:]PATH[#PART]`
    #[arg(long, value_name = "TREE")]
    pub sysroot: Option<String>,
    /// A program of the sysroot, taken along with its libraries; may be given several times
    #[arg(long, value_name = "PATH")]
    pub binary: Vec<String>,
    /// busybox of the sysroot, with links for all its applets
    #[arg(long)]
    pub busybox: bool,
    /// The modules of glibc's name services that the sysroot's nsswitch.conf names
    #[arg(long)]
    pub nss: bool,
    /// Kernel modules: a name, a pattern such as `virtio_*`, or a folder such as `kernel/fs/ext4/`
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub module: Vec<String>,
    /// The release of the kernel that the modules are for, where there are several
    #[arg(long, value_name = "RELEASE")]
    pub kernel: Option<String>,
    /// A tree that is taken along whole; given again, it lies over those before
    #[arg(long, value_name = "TREE")]
    pub tree: Vec<String>,
    /// A file of the host, and where it goes
    #[arg(long, value_name = "SOURCE:PATH")]
    pub file: Vec<String>,
    /// What `/init` leads to
    #[arg(long, value_name = "PATH")]
    pub init: Option<String>,
    /// Microcode of processors, a file or a folder; it comes first
    #[arg(long, value_name = "PATH")]
    pub microcode: Vec<PathBuf>,
    /// gzip, zstd, xz, lz4 or none; gzip without it
    #[arg(long, value_name = "NAME")]
    pub compression: Option<InitrdCompression>,
    /// The compression's effort
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<u32>,
    /// Seconds since 1970: later times become this one, and what has none gets it; `SOURCE_DATE_EPOCH`
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub source_date_epoch: Option<i64>,
    /// The initrd's file
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    #[command(flatten)]
    pub write: InitrdWriteArgs,
}

/// How an initrd is written, and what is said of it.
#[derive(Debug, clap::Args)]
pub struct InitrdWriteArgs {
    /// Folder for uncompressed copies of archives; `TMPDIR`, or `/var/tmp`
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    #[command(flatten)]
    pub shared: WriteArgs,
}

#[derive(Debug, clap::Args)]
pub struct InitrdInspectArgs {
    /// The initrd
    pub file: PathBuf,
    /// List the files too (the JSON has them always)
    #[arg(long)]
    pub files: bool,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct InitrdDiffArgs {
    /// An initrd
    #[arg(value_name = "A")]
    pub first: PathBuf,
    /// Another one
    #[arg(value_name = "B")]
    pub second: PathBuf,
    /// Times of files don't count
    #[arg(long)]
    pub ignore_times: bool,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing: the exit code says it, 2 when they can't be compared
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct InitrdAppendArgs {
    /// The initrd; it stays as it is
    pub base: PathBuf,
    /// What comes behind it: a description (`*.toml`), an initrd or cpio archive as it is, or a tree
    #[arg(value_name = "SPEC|ARCHIVE|TREE", required = true)]
    pub additions: Vec<OsString>,
    /// How a tree is compressed: gzip, zstd, xz, lz4 or none; gzip without it
    #[arg(long, value_name = "NAME")]
    pub compression: Option<InitrdCompression>,
    /// Seconds since 1970: later times of a tree become this one; `SOURCE_DATE_EPOCH`
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub source_date_epoch: Option<i64>,
    /// The new initrd's file
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    #[command(flatten)]
    pub write: InitrdWriteArgs,
}
