//! An initrd beside what scripts do: `find | cpio | gzip` of the same files.

use std::path::Path;
use std::process::Command;

use kurmadisk_fixtures::debian::DebianRoot;

use super::job::{Job, quietly, tool};
use super::report::{Comparison, Target};
use crate::Outcome;

const OURS: &str = "kurmadisk, initrd";
const TODAYS: &str = "find | cpio | gzip";

/// The files: a system's libraries, programs and modules.
const FILES: &str = "usr/lib";

pub(super) fn jobs(root: &DebianRoot, programs: &Path, work: &Path) -> Outcome<Vec<Job>> {
    tool("cpio")?;
    tool("gzip")?;
    let folder = root.tree.join(FILES);
    let (made, packed) = (work.join("ours.img"), work.join("todays.img"));
    let (tree, out) = (folder.clone(), made.clone());
    let program = programs.join("kurmadisk");
    let ours = Job::new(OURS, [made], Vec::new(), move || {
        let mut build = Command::new(&program);
        build.args(["initrd", "build", "--quiet", "--tree"]);
        quietly(build.arg(&tree).arg("-o").arg(&out))
    });
    let out = packed.clone();
    let todays = Job::new(TODAYS, [packed], Vec::new(), move || {
        let pipe = "cd \"$1\" && find . | cpio --quiet -o -H newc | gzip > \"$2\"";
        let mut shell = Command::new("sh");
        quietly(shell.args(["-c", pipe, "sh"]).arg(&folder).arg(&out))
    });
    Ok(vec![ours, todays])
}

pub(super) fn comparisons() -> Vec<Comparison> {
    vec![Comparison {
        first: vec![OURS.to_owned()],
        second: vec![TODAYS.to_owned()],
        target: Some(Target::AtMost(1.0)),
    }]
}
