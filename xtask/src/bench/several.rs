//! Several formats at once: beside a run for each, and beside copies of what comes of it.

use std::path::{Path, PathBuf};

use kurmadisk_fixtures::debian::DebianRoot;

use super::job::{Job, quietly, tool};
use super::ours;
use super::report::{Comparison, Target};
use crate::Outcome;

/// Formats that compress nothing.
const FORMATS: [&str; 6] = ["raw", "vdi", "vmdk", "qcow2", "vhd", "vhdx"];

const AT_ONCE: &str = "kurmadisk, six at once";
const COPIES: &str = "six times cp";

pub(super) fn jobs(root: &DebianRoot, programs: &Path, work: &Path) -> Outcome<Vec<Job>> {
    let list = FORMATS.join(",");
    let made = work.join("six-copied");
    ours::build(root, programs, &list, &made)?;

    let folder = work.join("six");
    std::fs::create_dir(&folder)?;
    let (root, programs, target) = (root.clone(), programs.to_owned(), folder.clone());
    let at_once = Job::new(AT_ONCE, files(&folder), Vec::new(), move || {
        ours::build(&root, &programs, &list, &target)
    });

    tool("cp")?;
    let copied = work.join("copies");
    std::fs::create_dir(&copied)?;
    let (sources, targets) = (files(&made), files(&copied));
    let copies = Job::new(COPIES, targets.clone(), Vec::new(), move || {
        for (source, target) in sources.iter().zip(&targets) {
            // As the images are written: holes kept, and no blocks shared.
            let mut copy = tool("cp")?;
            copy.args(["--sparse=auto", "--reflink=never"]);
            quietly(copy.arg(source).arg(target))?;
        }
        Ok(())
    });
    Ok(vec![at_once, copies])
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let name = |format| folder.join(format!("{}.{format}", ours::NAME));
    FORMATS.into_iter().map(name).collect()
}

pub(super) fn comparisons() -> Vec<Comparison> {
    let against = |second, most| Comparison {
        first: vec![AT_ONCE.to_owned()],
        second,
        target: Some(Target::AtMost(most)),
    };
    vec![
        against(FORMATS.map(ours::name).to_vec(), 0.6),
        against(vec![COPIES.to_owned()], 1.3),
    ]
}
