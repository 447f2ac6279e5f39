//! `cargo xtask bench`: whole processes, side by side in one run.
//!
//! Every round runs every job once, each from the same start: its old output gone, the disk's queue empty, the
//! inputs in the page cache. Rounds interleave the jobs, so a slow minute of the machine falls on all of them.
//! One round more comes first and doesn't count.

mod convert;
pub(crate) mod floor;
mod initrd;
pub(crate) mod job;
mod ours;
mod report;
mod several;
mod timing;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use kurmadisk_fixtures::debian::{DebianRoot, prepare_debian_root};
use kurmadisk_fixtures::workspace_root;

use crate::{Outcome, cargo, requirements};
use job::Job;
use report::{Comparison, Report, Target};
use timing::Timing;

/// Runs the benchmark and prints the report, which is kept in `target/bench`.
pub(crate) fn run(runs: usize, baselines_only: bool) -> Outcome {
    if runs < 2 {
        return Err("at least 2 runs are needed to see how much they vary".into());
    }
    requirements::ensure()?;
    let root = prepare_debian_root()?;
    let mut build = vec!["build", "--release", "--package", "xtask"];
    if !baselines_only {
        build.extend(["--package", "kurmadisk-cli"]);
    }
    cargo::step(&build)?;
    let programs = release_folder()?;
    let folder = workspace_root().join("target").join("bench");
    let work = folder.join("work");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;

    let jobs = jobs(&root, &programs, &work, baselines_only)?;
    let timings = measure(&jobs, runs)?;
    let report = Report::new(&root.tree, runs, timings, comparisons())?;
    let text = report.markdown();
    fs::write(folder.join("report.md"), &text)?;
    fs::write(folder.join("report.json"), report.json()?)?;
    fs::remove_dir_all(&work)?;
    print!("{text}");
    Ok(())
}

/// Where cargo puts release builds, wherever the user has told it to.
pub(crate) fn release_folder() -> Outcome<PathBuf> {
    let output = cargo::cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let target = metadata["target_directory"]
        .as_str()
        .ok_or("cargo names no target directory")?;
    Ok(Path::new(target).join("release"))
}

/// All jobs. Ours come first, for today's tools are to make the same disk: they get the sizes and the
/// boot files of the raw image that kurmadisk has made.
fn jobs(
    root: &DebianRoot,
    programs: &Path,
    work: &Path,
    baselines_only: bool,
) -> Outcome<Vec<Job>> {
    let mut jobs = Vec::new();
    let disk = if baselines_only {
        tools::Disk::estimated(root, work)?
    } else {
        jobs = ours::jobs(root, programs, work)?;
        let sample = work.join("sample.raw");
        ours::build(root, programs, "raw", &sample)?;
        let disk = tools::Disk::like(&sample, root, work)?;
        fs::remove_file(&sample)?;
        disk
    };
    jobs.extend(tools::jobs(root, &disk, work)?);
    jobs.push(tools::tar(root, work)?);
    jobs.push(floor::job(root, programs, work));
    if !baselines_only {
        jobs.extend(several::jobs(root, programs, work)?);
        jobs.extend(convert::jobs(root, programs, work)?);
        jobs.extend(initrd::jobs(root, programs, work)?);
    }
    Ok(jobs)
}

fn measure(jobs: &[Job], runs: usize) -> Outcome<Vec<Timing>> {
    let mut timings: Vec<_> = jobs.iter().map(|job| Timing::new(&job.name)).collect();
    for round in 0..=runs {
        for number in 0..jobs.len() {
            // Each round begins with another job, so that none has always the same predecessor.
            let index = (number + round) % jobs.len();
            let (job, timing) = (&jobs[index], &mut timings[index]);
            job.clean()?;
            rustix::fs::sync();
            let start = Instant::now();
            job.run()?;
            let seconds = start.elapsed().as_secs_f64();
            eprintln!("round {round} of {runs}: {:7.3} s  {}", seconds, job.name);
            timing.output = job.output_sizes()?;
            if round > 0 {
                timing.seconds.push(seconds);
            }
            job.clean()?;
        }
    }
    Ok(timings)
}

/// What is set against what: the time of the first is divided by that of the second.
fn comparisons() -> Vec<Comparison> {
    let pairs = [
        (
            "today's tools, vdi",
            "kurmadisk, vdi",
            Some(Target::AtLeast(4.0)),
        ),
        ("kurmadisk, vdi", "tar cf", Some(Target::AtMost(1.0))),
        ("kurmadisk, vdi", "floor", None),
        ("today's tools, raw", "kurmadisk, raw", None),
        ("kurmadisk, raw", "floor", None),
        ("today's tools, vmdk", "kurmadisk, vmdk", None),
        ("today's tools, vmdk-stream", "kurmadisk, vmdk-stream", None),
        ("tar cf", "floor", None),
    ];
    let pairs = pairs.map(|(first, second, target)| Comparison {
        first: vec![first.to_owned()],
        second: vec![second.to_owned()],
        target,
    });
    let mut comparisons = pairs.to_vec();
    comparisons.extend(several::comparisons());
    comparisons.extend(convert::comparisons());
    comparisons.extend(initrd::comparisons());
    comparisons
}
