//! D once more after a file of 1 MB changed: brought up to date, beside a whole build.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::Command;

use kurmadisk_fixtures::debian::DebianRoot;

use super::comparison::{Comparison, Target};
use super::job::{Job, quietly};
use super::ours::Kurmadisk;
use super::{Part, Setting};
use crate::Outcome;

const UPDATE: &str = "D: kurmadisk --update, a file of 1 MB changed";
const WHOLE: &str = "D: kurmadisk raw, the same as a whole";

/// Bytes of the file that changes.
const CHANGED: usize = 1_000_000;

pub(super) fn part(setting: &Setting, root: &DebianRoot) -> Outcome<Part> {
    let overlay = setting.work.join("changed");
    fs::create_dir_all(overlay.join("opt"))?;
    let program = overlay.join("opt/program");
    let image = setting.work.join("updated.raw");
    let whole = setting.work.join("whole.raw");
    fs::write(&program, vec![0; CHANGED])?;
    let kurmadisk = setting.kurmadisk()?;
    quietly(build(&kurmadisk, root, &overlay, &image).arg("--save-plan"))?;

    // The image stays from round to round: it is what the next one updates.
    let rounds = Cell::new(0_u8);
    let (tree, from, updating) = (root.clone(), overlay.clone(), setting.kurmadisk()?);
    let update = Job::process(UPDATE, [], move || {
        rounds.set(rounds.get().wrapping_add(1));
        fs::write(&program, vec![rounds.get(); CHANGED])?;
        let mut update = build(&updating, &tree, &from, &image);
        update.args(["--update", "--in-place"]);
        Ok(update)
    });
    let (tree, output) = (root.clone(), whole.clone());
    let whole = Job::process(WHOLE, [whole], move || {
        Ok(build(&kurmadisk, &tree, &overlay, &output))
    });
    let title = "D, a file of 1 MB changed → raw";
    Ok(Part {
        jobs: vec![update, whole],
        comparisons: vec![Comparison::new(title, UPDATE, WHOLE, Target::Faster(4.0))],
        limits: Vec::new(),
    })
}

/// A build of D with the folder `overlay` over it.
fn build(kurmadisk: &Kurmadisk, root: &DebianRoot, overlay: &Path, output: &Path) -> Command {
    let mut command = kurmadisk.build(root, "raw", output);
    command.arg("--keep-directories").arg("--root").arg(overlay);
    command
}
