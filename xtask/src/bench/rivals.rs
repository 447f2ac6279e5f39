//! Programs of others that no distribution has: built on request, kept under `target/inputs`.

use std::path::Path;

use kurmadisk_fixtures::inputs_dir;

use super::job::Job;
use super::{Setting, tools};
use crate::Outcome;
use crate::compare::builders;

/// The name of mkext4's job in the report.
pub(super) fn name(letter: &str) -> String {
    format!("{letter}: mkext4")
}

/// The mkext4 crate, by the program that `cargo xtask compare` makes of it.
pub(super) fn mkext4(setting: &Setting, letter: &str, tree: &Path) -> Outcome<Job> {
    let builder = builders::mkext4(&inputs_dir().join("rivals"))?;
    let room = tools::room(tree)?;
    let output = setting.work.join(format!("mkext4-{letter}"));
    let (tree, file) = (tree.to_owned(), output.clone());
    Ok(Job::process(name(letter), [output], move || {
        builder.command(&builders::Job {
            tree: &tree,
            image: &file,
            size: room.bytes,
            inodes: room.inodes,
        })
    }))
}
