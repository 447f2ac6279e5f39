//! The arguments of `kurmadisk os`.

use std::num::NonZero;
use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum OsCommand {
    /// Build a system: everything that its manifest describes and that is not made already
    Build(OsBuildArgs),
    /// Draw the steps that make a system: what is made already, and what would run
    Plan(OsPlanArgs),
    /// Remove what was made
    Clean(OsCleanArgs),
}

/// The manifest, and where what it describes goes.
#[derive(Debug, clap::Args)]
pub struct ManifestArgs {
    /// The manifest
    #[arg(long, value_name = "FILE", default_value = "kurmaos.toml")]
    pub manifest: PathBuf,
    /// The folder that everything goes to, in place of the one that the manifest names
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct OsBuildArgs {
    /// Steps to be made with all that they need, such as `initrd` or `aci:console`; all without any
    #[arg(value_name = "STEP")]
    pub steps: Vec<String>,
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Steps that run at once; as many as the machine has processors without it
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZero<usize>>,
    /// Print what ran, and what was made, as JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct OsPlanArgs {
    /// Steps to be drawn with all that they need; all without any
    #[arg(value_name = "STEP")]
    pub steps: Vec<String>,
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct OsCleanArgs {
    /// Steps whose outputs are removed; those of all without any
    #[arg(value_name = "STEP")]
    pub steps: Vec<String>,
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
}
