//! The arguments of `kurmadisk aci`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Subcommand;
use kurmadisk_os::aci::{AciCompression, AciFormat};

use super::{TreeArgs, WriteArgs};

#[derive(Debug, Subcommand)]
pub enum AciCommand {
    /// Build an image of a manifest and the files of its root filesystem
    Build(Box<AciBuildArgs>),
    /// Tell what an image holds: its manifest, id and files
    Inspect(AciInspectArgs),
    /// Lay an image over those that it depends on, into a folder or a tar archive
    Render(AciRenderArgs),
    /// Tell everything that is wrong with an image: 0 is good, 1 refused, 2 can't be told
    Verify(AciVerifyArgs),
}

#[derive(Debug, clap::Args)]
pub struct AciBuildArgs {
    /// The manifest, YAML or (`*.json`) JSON
    #[arg(long, value_name = "FILE", required_unless_present = "spec")]
    pub manifest: Option<PathBuf>,
    /// What becomes the root filesystem: a folder, a tar or cpio archive, a container image, or a partition of
    /// a disk image; `[KIND:]PATH[#PART]`. Given again, it lies over those before
    #[arg(long, value_name = "TREE")]
    pub rootfs: Vec<OsString>,
    /// A program: where it is in the image, and the file that it is
    #[arg(long, value_name = "PATH=FILE")]
    pub binary: Vec<String>,
    /// A label, such as `version=1.2.0`, in place of the manifest's own
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<String>,
    /// The file of an image that the manifest depends on; its id goes into the manifest
    #[arg(long, value_name = "FILE")]
    pub dependency: Vec<PathBuf>,
    /// aci, or oci: an image layout, as a folder, or as an archive where OUT ends in `.tar`
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<AciFormat>,
    /// gz, xz (aci only), zst (oci only) or none; gz without it
    #[arg(long, value_name = "COMPRESSION")]
    pub compress: Option<AciCompression>,
    #[command(flatten)]
    pub trees: TreeArgs,
    /// Build what the tables `[[aci]]` of this file describe, those with these names or all of them
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["manifest", "rootfs", "binary", "label", "dependency"]
    )]
    pub spec: Option<PathBuf>,
    /// Names of images in the file that --spec names
    #[arg(value_name = "NAME", requires = "spec")]
    pub names: Vec<String>,
    /// Folder for uncompressed copies of archives meanwhile; `TMPDIR`, or `/var/tmp`
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    /// The image's file; with --spec, the folder of the images, which is made if it is missing
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    #[command(flatten)]
    pub write: WriteArgs,
}

#[derive(Debug, clap::Args)]
pub struct AciInspectArgs {
    /// The image
    pub image: PathBuf,
    /// Folder for the uncompressed copy of the image meanwhile; `TMPDIR`, or `/var/tmp`
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    /// Print as JSON, with every file
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct AciRenderArgs {
    /// The image
    pub image: PathBuf,
    /// The file of an image that it depends on, directly or through others
    #[arg(long, value_name = "FILE")]
    pub dependency: Vec<PathBuf>,
    /// A new folder, or an archive: `*.tar`, `*.tar.gz`, `*.tar.xz` or `*.tar.zst`
    #[arg(short, long, value_name = "FOLDER|TAR")]
    pub output: PathBuf,
    /// Folder for uncompressed copies of images meanwhile; `TMPDIR`, or `/var/tmp`
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    /// Print what was made as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct AciVerifyArgs {
    /// The image
    pub image: PathBuf,
    /// Folder for the uncompressed copy of the image meanwhile; `TMPDIR`, or `/var/tmp`
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing: only say by the exit code whether it is good
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
}
