//! Programs of others that no distribution has: built on request, kept under `target/inputs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use kurmadisk_fixtures::inputs_dir;

use super::job::Job;
use super::{Setting, tools};
use crate::compare::builders;
use crate::{Outcome, cargo};

/// A program that makes an ext4 of a folder.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rival {
    /// The mkext4 crate, by the program that `cargo xtask compare` makes of it.
    Mkext4,
    /// The fstool crate, which is a program.
    Fstool,
}

const FSTOOL_VERSION: &str = "0.5.2";

impl Rival {
    /// The name of its job in the report.
    pub(super) fn name(self, letter: &str) -> String {
        let program = match self {
            Self::Mkext4 => "mkext4",
            Self::Fstool => "fstool",
        };
        format!("{letter}: {program}")
    }

    /// An ext4 of `tree`.
    pub(super) fn job(self, setting: &Setting, letter: &str, tree: &Path) -> Outcome<Job> {
        match self {
            Self::Mkext4 => mkext4(setting, letter, tree),
            Self::Fstool => fstool(setting, letter, tree),
        }
    }
}

fn folder() -> PathBuf {
    inputs_dir().join("rivals")
}

fn mkext4(setting: &Setting, letter: &str, tree: &Path) -> Outcome<Job> {
    let builder = builders::mkext4(&folder())?;
    let room = tools::room(tree)?;
    let output = setting.work.join(format!("mkext4-{letter}"));
    let (tree, file) = (tree.to_owned(), output.clone());
    let name = Rival::Mkext4.name(letter);
    Ok(Job::process(name, [output], move || {
        builder.command(&builders::Job {
            tree: &tree,
            image: &file,
            size: room.bytes,
            inodes: room.inodes,
        })
    }))
}

fn fstool(setting: &Setting, letter: &str, tree: &Path) -> Outcome<Job> {
    let root = folder().join("fstool");
    let mut install = cargo::cargo();
    install.args(["install", "--quiet", "--locked", "--no-default-features"]);
    install.args(["--features", "cli,ext", "--version", FSTOOL_VERSION]);
    install.arg("--root").arg(&root).arg("fstool");
    cargo::run("cargo install of the fstool crate", &mut install)?;
    let program = root.join("bin/fstool");
    let output = setting.work.join(format!("fstool-{letter}"));
    let (tree, file) = (tree.to_owned(), output.clone());
    let name = Rival::Fstool.name(letter);
    Ok(Job::process(name, [output], move || {
        let mut create = Command::new(&program);
        create.args(["create", "-t", "ext4"]).arg(&tree);
        create.arg("-o").arg(&file);
        Ok(create)
    }))
}
