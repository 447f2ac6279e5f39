//! The arguments of `kurmadisk base`.

use std::path::PathBuf;

use clap::Subcommand;
use kurmadisk_os::base::{Engine, Stage};

#[derive(Debug, Subcommand)]
pub enum BaseCommand {
    /// Build a stage by a container engine: an image, or the kernel's files
    Build(BaseBuildArgs),
}

#[derive(Debug, clap::Args)]
pub struct BaseBuildArgs {
    /// stage3, stage4 or kernel; each stands on the one before
    pub stage: Stage,
    /// The manifest, of which `[base]` is read; `kurmaos.toml` is when it is there and this is not given
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// docker, podman or buildah
    #[arg(long)]
    pub engine: Option<Engine>,
    /// The image that the stage stands on, by its digest: `gentoo/stage3@sha256:…`
    #[arg(long, value_name = "IMAGE")]
    pub from: Option<String>,
    /// An argument of the Dockerfile; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = build_arg)]
    pub build_arg: Vec<(String, String)>,
    /// The folder for files and the record, which is made if it is missing
    #[arg(short, long, value_name = "FOLDER", default_value = "output")]
    pub output: PathBuf,
    /// Print the command that would be run, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the record as JSON; with --dry-run the command's words
    #[arg(long)]
    pub json: bool,
    /// Don't show the engine's log
    #[arg(long)]
    pub quiet: bool,
}

fn build_arg(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it is NAME=VALUE".to_owned()),
    }
}
