//! The command line's shape.

use std::num::NonZero;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use kurmadisk::ImageFormat;
use kurmadisk::spec::SizeSpec;

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
    /// Tell what `build` would make, without writing anything
    Plan(Box<PlanArgs>),
    /// Tell what an image holds: container, partition table, filesystems
    Inspect(InspectArgs),
}

/// What describes an image.
#[derive(Debug, clap::Args)]
pub struct ImageArgs {
    /// Configuration file; `kurmadisk.toml` is read when it is there and this is not given. Options
    /// count more than what the file says
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Layout of the disk: kurmaos, kurmaos-vm, efi, bios, or a file with `[disk]` and `[[partition]]`
    #[arg(long, value_name = "NAME|FILE")]
    pub layout: Option<String>,
    /// Linux kernel
    #[arg(long, value_name = "BZIMAGE")]
    pub kernel: Option<PathBuf>,
    /// Initial RAM disk
    #[arg(long, value_name = "INITRD")]
    pub initrd: Option<PathBuf>,
    /// Kernel command line
    #[arg(long, value_name = "TEXT")]
    pub cmdline: Option<String>,
    /// Folder whose content becomes the root filesystem
    #[arg(long, value_name = "TREE")]
    pub root: Option<PathBuf>,
    /// Folder whose content goes into the OEM partition
    #[arg(long, value_name = "TREE")]
    pub oem: Option<PathBuf>,
    /// UEFI stub, such as systemd's linuxx64.efi.stub: kernel, initrd and command line become one
    /// unified kernel image
    #[arg(long, value_name = "PATH")]
    pub efi_stub: Option<PathBuf>,
    /// The systemd-boot boot manager (systemd-bootx64.efi), installed with an entry for the kernel
    #[arg(long, value_name = "PATH")]
    pub systemd_boot: Option<PathBuf>,
    /// Size of the disk, such as `256 MiB`, `4G` or `8388608s`: the layout's growing partition takes
    /// what is left; `auto` for what the partitions need
    #[arg(long, value_name = "SIZE|auto", value_parser = disk_size)]
    pub size: Option<SizeSpec>,
    /// Any text; another one gives the same disk other identifiers
    #[arg(long, value_name = "TEXT")]
    pub seed: Option<String>,
    /// The image's name; part of its identity and of its file's name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Format of the image: raw, vdi, vmdk or vmdk-stream
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ImageFormat>,
}

#[derive(Debug, clap::Args)]
pub struct BuildArgs {
    #[command(flatten)]
    pub image: ImageArgs,
    /// The image's file; the name with the format's ending without it
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
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

fn disk_size(text: &str) -> Result<SizeSpec, String> {
    match text.parse() {
        Ok(SizeSpec::Rest) => Err("a disk's size is a size or \"auto\"".to_owned()),
        Ok(size) => Ok(size),
        Err(error) => Err(format!("{error}")),
    }
}
