//! The command line's shape.

mod aci;
mod base;
mod component;
mod initrd;
mod os;
mod slot;
mod uki;
mod update;

use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use kurmadisk::adjust::{IdRange, Owner};
use kurmadisk::formats::image::FormatList;
use kurmadisk::layout::Size;
use kurmadisk::spec::{EfiStub, SizeSpec, Target};
use kurmadisk::verify::Platform;

pub use aci::{AciBuildArgs, AciCommand, AciInspectArgs, AciRenderArgs, AciVerifyArgs};
pub use base::{BaseBuildArgs, BaseCommand};
pub use component::{ComponentArgs, ComponentBuildArgs, ComponentCommand, ComponentListArgs};
pub use initrd::{
    InitrdAppendArgs, InitrdBuildArgs, InitrdCommand, InitrdDiffArgs, InitrdInspectArgs,
    InitrdWriteArgs,
};
pub use os::{ManifestArgs, OsBuildArgs, OsCleanArgs, OsCommand, OsPlanArgs};
pub use slot::{SlotArgs, SlotChange};
pub use uki::{UkiBuildArgs, UkiCommand, UkiInspectArgs};
pub use update::UpdateArgs;

/// Builds bootable disk images in one pass: no root, no loop device, no mkfs.
#[derive(Debug, Parser)]
#[command(name = "kurmadisk", version, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build an image
    Build(Box<BuildArgs>),
    /// Build packages: the disk with the machine around it, as each platform takes it
    Package(Box<PackageArgs>),
    /// Tell what `build` would make, without writing anything
    Plan(Box<PlanArgs>),
    /// Tell what an image holds: container, partition table, filesystems
    Inspect(InspectArgs),
    /// Show the boot slots of a disk, or change one of them
    Slot(SlotArgs),
    /// Put the disk that an image or a block device holds into images of any format
    Convert(ConvertArgs),
    /// Make a raw image larger in place: its table, and its last partition
    Grow(GrowArgs),
    /// Tell what a platform will refuse of an image or a package, and why
    Verify(VerifyArgs),
    /// Unified kernel images on their own
    Uki {
        #[command(subcommand)]
        command: UkiCommand,
    },
    /// Initial RAM filesystems
    Initrd {
        #[command(subcommand)]
        command: InitrdCommand,
    },
    /// Application container images: App Container's (ACI) and OCI's
    Aci {
        #[command(subcommand)]
        command: AciCommand,
    },
    /// The container images that compile a system, and its kernel
    Base {
        #[command(subcommand)]
        command: BaseCommand,
    },
    /// Whole systems: all parts of a manifest, from sources to packages
    Os {
        #[command(subcommand)]
        command: OsCommand,
    },
    /// Programs from their sources
    Component {
        #[command(subcommand)]
        command: ComponentCommand,
    },
}

/// What describes an image.
#[derive(Debug, clap::Args)]
pub struct ImageArgs {
    /// Configuration file; `kurmadisk.toml` is read when it is there and this is not given. Options
    /// count more than what the file says
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Layout of the disk: kurmaos, kurmaos-vm, efi, bios, a file with `[disk]` and `[[partition]]`, or a
    /// `disk_layout.json` as ChromiumOS, CoreOS and Flatcar have it
    #[arg(long, value_name = "NAME|FILE")]
    pub layout: Option<String>,
    /// Which layout of the `disk_layout.json`, such as `vm`; `base` without it
    #[arg(long, value_name = "NAME")]
    pub disk_layout: Option<String>,
    /// Linux kernel
    #[arg(long, value_name = "BZIMAGE")]
    pub kernel: Option<PathBuf>,
    /// Initial RAM disk
    #[arg(long, value_name = "INITRD")]
    pub initrd: Option<PathBuf>,
    /// Kernel command line
    #[arg(long, value_name = "TEXT")]
    pub cmdline: Option<String>,
    /// What becomes the root filesystem: a folder, a tar or cpio archive, a container image, or a partition of
    /// a disk image; `[KIND:]PATH[#PART]`. Given again, it lies over those before
    #[arg(long, value_name = "TREE")]
    pub root: Vec<OsString>,
    /// What goes into the OEM partition
    #[arg(long, value_name = "TREE")]
    pub oem: Vec<OsString>,
    #[command(flatten)]
    pub trees: TreeArgs,
    /// UEFI stub: kernel, initrd and command line become one unified kernel image. `kurmaboot` is kurmadisk's
    /// own; another one is a file such as systemd's linuxx64.efi.stub
    #[arg(long, value_name = "PATH|kurmaboot")]
    pub efi_stub: Option<EfiStub>,
    /// The systemd-boot boot manager (systemd-bootx64.efi), installed with an entry for the kernel
    #[arg(long, value_name = "PATH")]
    pub systemd_boot: Option<PathBuf>,
    /// GRUB as the loader: the folder of its installation, such as /usr/lib/grub, with i386-pc, x86_64-efi or
    /// x86_64-xen in it
    #[arg(long, value_name = "FOLDER")]
    pub grub: Option<PathBuf>,
    /// A grub.cfg in place of the one that is made
    #[arg(long, value_name = "FILE")]
    pub grub_config: Option<PathBuf>,
    /// How often systemd-boot tries the kernel, until a start is marked as good, before it prefers another entry:
    /// 1 to 255
    #[arg(long, value_name = "N")]
    pub boot_tries: Option<NonZero<u8>>,
    /// Private key (RSA, PEM) that signs every EFI program among the boot files, for Secure Boot
    #[arg(long, value_name = "PEM")]
    pub sign_key: Option<PathBuf>,
    /// Its certificate (X.509, PEM)
    #[arg(long, value_name = "PEM")]
    pub sign_certificate: Option<PathBuf>,
    /// Size of the disk, such as `256 MiB`, `4G` or `8388608s`: the layout's growing partition takes
    /// what is left; `auto` for what the partitions need
    #[arg(long, value_name = "SIZE|auto", value_parser = disk_size)]
    pub size: Option<SizeSpec>,
    /// Folder for uncompressed copies of archives while the image is made; `TMPDIR`, or `/var/tmp`
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    /// Any text; another one gives the same disk other identifiers
    #[arg(long, value_name = "TEXT")]
    pub seed: Option<String>,
    /// The image's name; part of its identity and of its file's name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Formats of the image, with commas between them, all made from one read: raw, raw-fixed, vdi, vdi-fixed, vmdk,
    /// vmdk-flat, vmdk-split, vmdk-stream, qcow2, qcow2-v2, qcow2-compressed, qcow2-zstd, vhd, vhd-fixed, vhdx, vhdx-fixed;
    /// each with its options behind it: `vmdk-stream,adapter=ide,level=9`. Without it, what the ending of the image's file stands for
    #[arg(long, value_name = "FORMAT[,OPTION=VALUE][,…]")]
    pub format: Vec<FormatList>,
}

/// How trees are changed.
#[derive(Debug, clap::Args)]
pub struct TreeArgs {
    /// Leave out what the pattern matches: `*.pyc` anywhere, `/var/cache/*` from the root
    #[arg(long, help_heading = "Trees", value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Keep what the pattern matches in spite of --exclude
    #[arg(long, help_heading = "Trees", value_name = "GLOB")]
    pub include: Vec<String>,
    /// Leave out extended attributes by name, such as `security.selinux` or `user.*`
    #[arg(long, help_heading = "Trees", value_name = "GLOB")]
    pub xattrs_exclude: Vec<String>,
    /// Owner of everything in folders, such as `0:0`; archives and images keep theirs
    #[arg(long, help_heading = "Trees", value_name = "USER:GROUP")]
    pub owner: Option<Owner>,
    /// What becomes of users' ids in folders, such as `1000=0` and `100000=1:65535`
    #[arg(long, help_heading = "Trees", value_name = "FROM=TO[:COUNT]")]
    pub map_uid: Vec<IdRange>,
    /// What becomes of groups' ids in folders
    #[arg(long, help_heading = "Trees", value_name = "FROM=TO[:COUNT]")]
    pub map_gid: Vec<IdRange>,
    /// Owners, modes and devices of a folder as `fakeroot -s` saved them
    #[arg(long, help_heading = "Trees", value_name = "FILE")]
    pub fakeroot: Option<PathBuf>,
    /// Directories that the trees below have already keep their owners and modes
    #[arg(long, help_heading = "Trees")]
    pub keep_directories: bool,
    /// Where a tree below has a symbolic link, such as `/lib`, follow it
    #[arg(long, help_heading = "Trees")]
    pub follow_links: bool,
    /// Attributes of single files of the root filesystem, by path: mtree, TOML (`*.toml`), or a device table
    #[arg(long, help_heading = "Trees", value_name = "FILE")]
    pub overrides: Vec<PathBuf>,
    /// Labels of the root filesystem for SELinux: a policy's `file_contexts`
    #[arg(long, help_heading = "Trees", value_name = "FILE")]
    pub file_contexts: Option<PathBuf>,
    /// Seconds since 1970: later times become this one, and what has none gets it; `SOURCE_DATE_EPOCH`
    #[arg(
        long,
        help_heading = "Trees",
        value_name = "SECONDS",
        allow_negative_numbers = true
    )]
    pub source_date_epoch: Option<i64>,
}

#[derive(Debug, clap::Args)]
pub struct BuildArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    /// Build packages for these targets too, from the same reading of the disk
    #[arg(long, value_name = "TARGET[,…]", value_delimiter = ',')]
    pub package: Vec<Target>,
    /// The image's file, or the folder of several, which is made if it is missing; `-` for the standard output.
    /// Without it, the name with the format's ending
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub update: UpdateArgs,
    #[command(flatten)]
    pub write: WriteArgs,
}

#[derive(Debug, clap::Args)]
pub struct PackageArgs {
    /// vmware, ova, virtualbox, openstack, aws, gce, azure, hyperv, proxmox, libvirt, vagrant-virtualbox,
    /// vagrant-vmware or vagrant-libvirt
    #[arg(value_name = "TARGET", required = true, value_delimiter = ',')]
    pub targets: Vec<Target>,
    #[command(flatten)]
    pub image: ImageArgs,
    /// The folder that the packages go to, which is made if it is missing; the current one without it
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub write: WriteArgs,
}

/// How an image is written, and what is said of it.
#[derive(Debug, clap::Args)]
pub struct WriteArgs {
    /// Threads that compress; as many as the machine has processors without it
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,
    /// Print what was made as JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    /// Where the image would go; nothing is written
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Add where the content of each regular file lies (to the JSON)
    #[arg(long, requires = "json")]
    pub files: bool,
    /// Print the plan as JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing: only say by the exit code whether the disk can be made
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    /// The image, or a block device
    pub image: PathBuf,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct GrowArgs {
    /// The raw image, or a block device
    pub image: PathBuf,
    /// The disk's new size, such as `16 GiB`; without it, the size that the file or device has already
    #[arg(value_name = "SIZE")]
    pub size: Option<Size>,
    /// Label or number of the partition that grows; it must be the last one
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,
    /// Print what was done as JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The platforms: vmware, virtualbox, azure, gce, aws, openstack, hyperv or proxmox
    #[arg(
        long = "for",
        value_name = "PLATFORM",
        required = true,
        value_delimiter = ','
    )]
    pub platforms: Vec<Platform>,
    /// An image, an OVA, an OVF document or a .vmx with its files beside it, or a .tar.gz for GCE
    pub file: PathBuf,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing: the exit code is 0 when nothing is refused, 1 when something is, 2 when that can't be told
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct ConvertArgs {
    /// The image, of any format that `inspect` reads, also compressed (gz, zst, xz, bz2), or a block device
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The new image's file, or the folder of several; `-` for the standard output
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// Formats of the new image, as `build` has them; without it, what the ending of OUT stands for
    #[arg(long, value_name = "FORMAT[,OPTION=VALUE][,…]")]
    pub format: Vec<FormatList>,
    /// Any text; another one gives the new image other identifiers
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub seed: String,
    /// Folder for the uncompressed copy of a compressed image; `TMPDIR`, or `/var/tmp`
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    /// Size of the new disk: its table is that of a larger disk, and its last partition ends where the disk does
    #[arg(long, value_name = "SIZE")]
    pub size: Option<Size>,
    #[command(flatten)]
    pub write: WriteArgs,
}

fn disk_size(text: &str) -> Result<SizeSpec, String> {
    match text.parse() {
        Ok(SizeSpec::Rest) => Err("a disk's size is a size or \"auto\"".to_owned()),
        Ok(size) => Ok(size),
        Err(error) => Err(format!("{error}")),
    }
}
