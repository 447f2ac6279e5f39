//! Several formats at once: beside a run for each, and beside copies of what comes of it.

use std::path::{Path, PathBuf};

use kurmadisk_fixtures::debian::DebianRoot;

use super::comparison::{Comparison, Target};
use super::job::{Job, quietly, tool};
use super::ours;
use super::{Part, Setting, system};
use crate::Outcome;

/// Formats that compress nothing.
const FORMATS: [&str; 6] = ["raw", "vdi", "vmdk", "qcow2", "vhd", "vhdx"];

const AT_ONCE: &str = "D: kurmadisk, six at once";
const COPIES: &str = "D: six times cp";

pub(super) fn part(setting: &Setting, root: &DebianRoot) -> Outcome<Part> {
    let list = FORMATS.join(",");
    let made = setting.work.join("six-copied");
    quietly(&mut setting.kurmadisk()?.build(root, &list, &made))?;

    let folder = setting.work.join("six");
    std::fs::create_dir(&folder)?;
    let outputs = files(&folder);
    let (root, kurmadisk) = (root.clone(), setting.kurmadisk()?);
    let at_once = Job::process(AT_ONCE, outputs, move || {
        Ok(kurmadisk.build(&root, &list, &folder))
    });

    tool("cp")?;
    let copied = setting.work.join("copies");
    std::fs::create_dir(&copied)?;
    let (sources, targets) = (files(&made), files(&copied));
    let copies = Job::steps(COPIES, targets.clone(), Vec::new(), move || {
        for (source, target) in sources.iter().zip(&targets) {
            // As the images are written: holes kept, and no blocks shared.
            let mut copy = tool("cp")?;
            copy.args(["--sparse=auto", "--reflink=never"]);
            quietly(copy.arg(source).arg(target))?;
        }
        Ok(())
    });

    let title = "D → six formats at once";
    let copied = Comparison::new(title, AT_ONCE, COPIES, Target::AtMost(1.3));
    let six_runs = Comparison {
        others: FORMATS.map(system::name).to_vec(),
        target: Some(Target::AtMost(0.6)),
        ..copied.clone()
    };
    Ok(Part {
        jobs: vec![at_once, copies],
        comparisons: vec![six_runs, copied],
        limits: Vec::new(),
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let name = |format| folder.join(format!("{}.{format}", ours::NAME));
    FORMATS.into_iter().map(name).collect()
}
