//! `cargo xtask compare`: what programs that make ext4 from a tree keep of the cases that are known to be spoiled.
//!
//! Each program gets the cases group by group, as a folder or as an archive; what it refuses as a group it gets case
//! by case. e2fsck judges each filesystem, the kernel mounts it, and every case is compared with its table.

pub(crate) mod builders;
mod fidelity;
mod report;
mod speed;

use std::fs;
use std::path::PathBuf;

use kurmadisk_fixtures::{is_root, workspace_root};

use crate::{Outcome, bench, cargo, requirements};

/// Compares, and prints the report; with `write` it becomes `docs/comparison.md`. `mke2fs` is a second one, such as a
/// newer version, to be compared as well.
pub(crate) fn run(write: bool, mke2fs: Option<PathBuf>) -> Outcome {
    requirements::ensure()?;
    if !is_root() {
        return Err("filesystems are mounted: run this as root".into());
    }
    cargo::step(&["build", "--release", "--package", "kurmadisk-cli"])?;
    let work = workspace_root().join("target").join("compare");
    fs::create_dir_all(&work)?;
    let builders = builders::all(&bench::release_folder()?, &work, mke2fs)?;
    let fidelity = fidelity::measure(&builders, &work)?;
    let speed = speed::measure(&builders, &work)?;
    let text = report::markdown(&builders, &fidelity, &speed)?;
    print!("{text}");
    if write {
        fs::write(workspace_root().join("docs").join("comparison.md"), text)?;
    }
    Ok(())
}
