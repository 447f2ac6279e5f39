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
/// It leaves what an update leaves: image and plan, both on the disk.
const WITH_PLAN: &str = "D: kurmadisk raw, the same as a whole, --save-plan";

/// Bytes of the file that changes.
const CHANGED: usize = 1_000_000;

pub(super) fn part(setting: &Setting, root: &DebianRoot) -> Outcome<Part> {
    let overlay = setting.work.join("changed");
    fs::create_dir_all(overlay.join("opt"))?;
    let program = overlay.join("opt/program");
    let image = setting.work.join("updated.raw");
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
    let whole = |name, file: &str, arguments: &'static [&str]| {
        let output = setting.work.join(file);
        let mut outputs = vec![output.clone()];
        if !arguments.is_empty() {
            outputs.push(setting.work.join(format!("{file}.plan")));
        }
        let (kurmadisk, tree, overlay) = (kurmadisk.clone(), root.clone(), overlay.clone());
        Job::process(name, outputs, move || {
            let mut whole = build(&kurmadisk, &tree, &overlay, &output);
            whole.args(arguments);
            Ok(whole)
        })
    };
    let title = "D, a file of 1 MB changed → raw";
    let compare = |whole| Comparison::new(title, UPDATE, whole, Target::Faster(4.0));
    Ok(Part {
        jobs: vec![
            update,
            whole(WHOLE, "whole.raw", &[]),
            whole(WITH_PLAN, "planned.raw", &["--save-plan"]),
        ],
        comparisons: vec![compare(WHOLE), compare(WITH_PLAN)],
        limits: Vec::new(),
    })
}

/// A build of D with the folder `overlay` over it.
fn build(kurmadisk: &Kurmadisk, root: &DebianRoot, overlay: &Path, output: &Path) -> Command {
    let mut command = kurmadisk.build(root, "raw", output);
    command.arg("--keep-directories").arg("--root").arg(overlay);
    command
}
