//! The builds of our own programs that can be measured.

use std::path::PathBuf;

use crate::{Outcome, cargo};

/// How our programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    /// As users get them.
    Release,
    /// As the tests have them: CI has no time for another build.
    AsTested,
}

impl Build {
    /// Has cargo build them; gives the folder they are in.
    ///
    /// All at once: alone, packages would have other features of their dependencies, and those would be built again.
    pub(super) fn run(self) -> Outcome<PathBuf> {
        match self {
            Self::Release => {
                let packages = ["--package", "xtask", "--package", "kurmadisk-cli"];
                cargo::step(&[&["build", "--release", "--bins"], &packages[..]].concat())?;
                release_folder()
            }
            Self::AsTested => {
                // With what needs the dependencies of tests, whose features the programs have in the tests.
                let all = ["build", "--workspace", "--bins", "--example"];
                cargo::step(&[&all[..], &["instructions"]].concat())?;
                Ok(target_folder()?.join("debug"))
            }
        }
    }

    /// What the report says of it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Release => "release build",
            Self::AsTested => "built as the tests are, which is slower than a release",
        }
    }
}

/// Where cargo puts release builds.
pub(crate) fn release_folder() -> Outcome<PathBuf> {
    Ok(target_folder()?.join("release"))
}

/// Where cargo puts what it builds, wherever the user has told it to.
pub(super) fn target_folder() -> Outcome<PathBuf> {
    let output = cargo::cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let target = metadata["target_directory"]
        .as_str()
        .ok_or("cargo names no target directory")?;
    Ok(PathBuf::from(target))
}
