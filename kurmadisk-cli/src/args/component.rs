//! The arguments of `kurmadisk component`.

use std::path::PathBuf;

use clap::Subcommand;
use kurmadisk_os::base::Engine;

#[derive(Debug, Subcommand)]
pub enum ComponentCommand {
    /// Build components: their files, and a tarball of each with its licence
    Build(ComponentBuildArgs),
    /// Tell which components there are, their versions, and which are built already
    List(ComponentListArgs),
}

#[derive(Debug, clap::Args)]
pub struct ComponentBuildArgs {
    /// The components; all of them without a name
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub from: ComponentArgs,
    /// Don't show the logs of the builds
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct ComponentListArgs {
    #[command(flatten)]
    pub from: ComponentArgs,
}

#[derive(Debug, clap::Args)]
pub struct ComponentArgs {
    /// The manifest, with a `[[component]]` for each
    #[arg(long, value_name = "FILE", default_value = "kurmaos.toml")]
    pub manifest: PathBuf,
    /// The engine for components that are built in the stage4 image: docker, podman or buildah
    #[arg(long)]
    pub engine: Option<Engine>,
    /// The folder of the outputs, which is made if it is missing
    #[arg(short, long, value_name = "FOLDER", default_value = "output")]
    pub output: PathBuf,
    /// Print as JSON
    #[arg(long)]
    pub json: bool,
}
