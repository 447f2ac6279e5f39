//! An ext4 of a folder and nothing else: D beside programs that make only that, and the trees of small files.

use std::path::Path;

use super::comparison::{Comparison, Limit, Target};
use super::inputs::{self, Small};
use super::job::{Job, tool};
use super::rivals::Rival;
use super::{Part, Setting, floor, tools};
use crate::Outcome;

const MIB: u64 = 1 << 20;

/// D alone, beside the crate that makes ext4.
pub(super) fn whole(setting: &Setting, tree: &Path) -> Outcome<Part> {
    let title = "D → ext4 alone";
    let mut part = Part::default();
    part.jobs.push(ours(setting, "D", tree)?);
    if setting.rivals {
        part.jobs.push(Rival::Mkext4.job(setting, "D", tree)?);
    }
    let other = Rival::Mkext4.name("D");
    part.comparisons.push(Comparison::new(
        title,
        &name("D"),
        &other,
        Target::AtMost(0.95),
    ));
    Ok(part)
}

/// A tree of small files, which reports call `letter`.
pub(super) fn small(setting: &Setting, letter: &str, files: Small) -> Outcome<Part> {
    let tree = files.prepare()?;
    let mut part = Part::default();
    part.jobs.push(ours(setting, letter, &tree)?);
    let kurmadisk = setting.kurmadisk()?;
    let planned = tree.clone();
    let plan = move || Ok(kurmadisk.plan_ext4_alone(&planned));
    part.jobs.push(Job::process(plan_name(letter), [], plan));
    let (floor_name, mke2fs_name) = (format!("{letter}: floor"), format!("{letter}: mke2fs -d"));
    part.jobs.push(floor::job(&floor_name, &tree, setting));
    part.jobs
        .push(mke2fs(setting, &mke2fs_name, letter, &tree)?);
    if setting.rivals {
        for rival in [Rival::Mkext4, Rival::Fstool] {
            part.jobs.push(rival.job(setting, letter, &tree)?);
        }
    }
    let against = |other: &str, target| {
        Comparison::new(&format!("{letter} → raw"), &name(letter), other, target)
    };
    part.comparisons = vec![
        against(&floor_name, Target::AtMost(1.4)),
        against(&mke2fs_name, Target::Faster(5.0)),
        against(&Rival::Mkext4.name(letter), Target::Faster(1.1)),
        against(&Rival::Fstool.name(letter), Target::Faster(5.0)),
    ];
    Ok(part)
}

/// M beside S: time and memory by the entry.
pub(super) fn scale(part: &mut Part) {
    #[expect(clippy::cast_precision_loss, reason = "a ratio of two decimals")]
    let times = inputs::MILLION.entries() as f64 / inputs::SMALL.entries() as f64;
    let title = "M beside S, whose entries it has tenfold";
    let target = Target::AtMost((times * 13.0).round() / 10.0);
    part.comparisons
        .push(Comparison::new(title, &name("M"), &name("S"), target));
    let resident = inputs::MILLION.entries() as u64 * 250 + 100_000_000;
    part.limits.push(Limit::resident(&name("M"), resident));
    part.limits.push(Limit::seconds(&plan_name("M"), 4.0));
}

fn name(letter: &str) -> String {
    format!("{letter}: kurmadisk, ext4 alone")
}

fn plan_name(letter: &str) -> String {
    format!("{letter}: kurmadisk plan, ext4 alone")
}

fn ours(setting: &Setting, letter: &str, tree: &Path) -> Outcome<Job> {
    let output = setting.work.join(format!("ours-{letter}.raw"));
    let (kurmadisk, tree, file) = (setting.kurmadisk()?, tree.to_owned(), output.clone());
    let build = move || Ok(kurmadisk.ext4_alone(&tree, &file));
    Ok(Job::process(name(letter), [output], build))
}

fn mke2fs(setting: &Setting, name: &str, letter: &str, tree: &Path) -> Outcome<Job> {
    tool("mke2fs")?;
    let room = tools::room(tree)?;
    let output = setting.work.join(format!("mke2fs-{letter}"));
    let (tree, file) = (tree.to_owned(), output.clone());
    Ok(Job::process(name, [output], move || {
        let mut mke2fs = tool("mke2fs")?;
        mke2fs.args(["-q", "-t", "ext4", "-b", "4096", "-N"]);
        mke2fs.arg(room.inodes.to_string()).arg("-d").arg(&tree);
        mke2fs.arg(&file).arg(format!("{}M", room.bytes / MIB));
        Ok(mke2fs)
    }))
}
