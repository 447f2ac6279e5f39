//! `cargo xtask bench`: whole processes, side by side in one run.
//!
//! Every round runs every job once, each from the same start: its old output gone, the disk's queue empty, the
//! inputs in the page cache, memory for its files at hand. Rounds interleave the jobs, so a slow minute of the machine
//! falls on all of them. One round more comes first and doesn't count; in it the memory of processes is measured.
//!
//! | module | holds |
//! |---|---|
//! | [`system`] | D and K: a whole system into each format, the KurmaOS disk |
//! | [`trees`] | S and M: an ext4 of many small files |
//! | [`large`] | B: a large file, a large disk with little in it |
//! | [`convert`] | V: from one format to another |
//! | [`archives`] | I: an initrd, and a container's image |
//! | [`several`] | several formats from one read |
//! | [`update`] | an image brought up to date |
//! | [`ours`], [`tools`], [`rivals`], [`floor`] | the programs |
//! | [`programs`] | builds of our own |
//! | [`inputs`] | what they read |
//! | [`job`], [`timing`] | one thing that is timed, and its times |
//! | [`memory`] | what its files need, made ready |
//! | [`comparison`] | what is set against what, and the targets |
//! | [`report`], [`chart`] | all of it as text, JSON and a picture |
//! | [`instructions`] | instructions instead of seconds |

mod archives;
mod chart;
mod comparison;
mod convert;
pub(crate) mod floor;
mod inputs;
mod instructions;
pub(crate) mod job;
mod large;
mod memory;
mod ours;
mod programs;
mod report;
mod rivals;
mod several;
mod system;
mod timing;
mod tools;
mod trees;
mod update;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use kurmadisk_fixtures::debian::{DebianRoot, prepare_debian_root};
use kurmadisk_fixtures::workspace_root;

use crate::{Outcome, requirements};
use comparison::{Comparison, Limit};
use job::{Job, Measured};
use ours::Kurmadisk;
use programs::Build;
pub(crate) use programs::release_folder;
use report::Report;
use timing::Timing;

/// What is measured.
#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Arguments {
    /// Rounds that count; one more comes before them. 5 unless said otherwise, 2 with --quick
    #[arg(long)]
    runs: Option<usize>,
    /// A minute's worth of it: fewer formats, fewer files, D, K and S alone
    #[arg(long)]
    quick: bool,
    /// Workloads, with commas between them; without it D, K, S, V and I. M needs 20 GB of disk, B 15 GB
    #[arg(long, value_delimiter = ',', value_name = "LETTER[,…]")]
    workload: Vec<Workload>,
    /// Measure the build that the tests use instead of a release build
    #[arg(long)]
    as_tested: bool,
    /// Also programs that no distribution has, built from crates.io
    #[arg(long)]
    rivals: bool,
    /// Afterwards remove what was made for S, M and B to read
    #[arg(long)]
    remove_inputs: bool,
    /// Count instructions of the parts instead, and fail where they have grown
    #[arg(long)]
    instructions: bool,
    /// Make these counts the baseline
    #[arg(long, requires = "instructions")]
    write: bool,
}

/// A set of jobs with one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "verbatim")]
pub(crate) enum Workload {
    /// A Debian root with kernel and initrd
    D,
    /// The KurmaOS disk with kernel and initrd alone
    K,
    /// 100,000 small files
    S,
    /// A million small files, 200,000 of them in one folder
    M,
    /// A file of 4 GiB, and a disk of 1 TiB with 1 GiB in it
    B,
    /// The raw image of D, to be converted
    V,
    /// An initrd and a container's image of D's /usr/lib
    I,
}

impl Workload {
    /// What it is, for the report.
    fn text(self, quick: bool) -> String {
        if quick && self == Self::S {
            return format!("S: {} entries, small files", inputs::QUICK.entries());
        }
        let value = self.to_possible_value();
        let help = value.as_ref().and_then(|value| value.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        format!("{self:?}: {help}")
    }
}

/// Where jobs find what they need.
struct Setting {
    /// The folder of our own.
    programs: PathBuf,
    /// The folder for what they make.
    work: PathBuf,
    quick: bool,
    rivals: bool,
}

impl Setting {
    fn kurmadisk(&self) -> Outcome<Kurmadisk> {
        Kurmadisk::new(self)
    }
}

/// Jobs, and what is wanted of them.
#[derive(Default)]
struct Part {
    jobs: Vec<Job>,
    comparisons: Vec<Comparison>,
    limits: Vec<Limit>,
}

impl Part {
    fn add(&mut self, other: Self) {
        self.jobs.extend(other.jobs);
        self.comparisons.extend(other.comparisons);
        self.limits.extend(other.limits);
    }
}

/// Makes what the workloads read beside the Debian root.
pub(crate) fn prepare(workloads: &[Workload], root: &DebianRoot) -> Outcome {
    for workload in workloads {
        match workload {
            Workload::S => drop(inputs::SMALL.prepare()?),
            Workload::M => drop(inputs::MILLION.prepare()?),
            Workload::B => {
                inputs::large(root)?;
                inputs::sparse()?;
            }
            Workload::D | Workload::K | Workload::V | Workload::I => {}
        }
    }
    Ok(())
}

/// Runs the benchmark and prints the report, which is kept in `target/bench`.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if arguments.instructions {
        return instructions::run(arguments.write);
    }
    let runs = arguments
        .runs
        .unwrap_or(if arguments.quick { 2 } else { 5 });
    if runs < 2 {
        return Err("at least 2 runs are needed to see how much they vary".into());
    }
    requirements::ensure()?;
    let root = prepare_debian_root()?;
    let build = if arguments.as_tested {
        Build::AsTested
    } else {
        Build::Release
    };
    let folder = workspace_root().join("target").join("bench");
    let setting = Setting {
        programs: build.run()?,
        work: folder.join("work"),
        quick: arguments.quick,
        rivals: arguments.rivals,
    };
    if setting.work.exists() {
        fs::remove_dir_all(&setting.work)?;
    }
    fs::create_dir_all(&setting.work)?;

    let workloads = workloads(arguments);
    let part = part(&setting, &root, &workloads)?;
    let timings = measure(&part.jobs, runs, &setting.work)?;
    let inputs = workloads
        .iter()
        .map(|workload| workload.text(setting.quick));
    let report = Report::new(
        build,
        inputs.collect(),
        runs,
        timings,
        part.comparisons,
        part.limits,
    );
    let text = report.markdown();
    fs::write(folder.join("report.md"), &text)?;
    fs::write(folder.join("report.json"), report.json()?)?;
    fs::write(folder.join("report.svg"), chart::svg(&report))?;
    fs::remove_dir_all(&setting.work)?;
    if arguments.remove_inputs {
        inputs::remove()?;
    }
    print!("{text}");
    Ok(())
}

fn workloads(arguments: &Arguments) -> Vec<Workload> {
    match (&arguments.workload[..], arguments.quick) {
        ([], true) => vec![Workload::D, Workload::K, Workload::S],
        ([], false) => vec![
            Workload::D,
            Workload::K,
            Workload::S,
            Workload::V,
            Workload::I,
        ],
        (wanted, _) => wanted.to_vec(),
    }
}

fn part(setting: &Setting, root: &DebianRoot, workloads: &[Workload]) -> Outcome<Part> {
    let mut whole = Part::default();
    for workload in workloads {
        match workload {
            Workload::D => {
                whole.add(system::whole(setting, root)?);
                whole.add(trees::whole(setting, &root.tree)?);
                if !setting.quick {
                    whole.add(system::processors(setting, root)?);
                    whole.add(several::part(setting, root)?);
                    whole.add(update::part(setting, root)?);
                }
            }
            Workload::K => whole.add(system::kurmaos(setting, root)?),
            Workload::S => {
                let files = if setting.quick {
                    inputs::QUICK
                } else {
                    inputs::SMALL
                };
                whole.add(trees::small(setting, "S", files)?);
            }
            Workload::M => {
                let mut million = trees::small(setting, "M", inputs::MILLION)?;
                trees::scale(&mut million);
                whole.add(million);
            }
            Workload::B => whole.add(large::part(setting, root)?),
            Workload::V => whole.add(convert::part(setting, root)?),
            Workload::I => whole.add(archives::part(setting, root)?),
        }
    }
    Ok(whole)
}

/// Seconds after which a process is given up, and taken for slower than that.
const PATIENCE: u32 = 300;

fn measure(jobs: &[Job], runs: usize, folder: &Path) -> Outcome<Vec<Timing>> {
    let mut timings: Vec<_> = jobs.iter().map(|job| Timing::new(&job.name)).collect();
    for round in 0..=runs {
        for number in 0..jobs.len() {
            // Each round begins with another job, so that none has always the same predecessor.
            let index = (number + round) % jobs.len();
            let (job, timing) = (&jobs[index], &mut timings[index]);
            if timing.given_up {
                continue;
            }
            rustix::fs::sync();
            job.clean()?;
            if round == 0 {
                match job.run_measured(PATIENCE)? {
                    Measured::Done(resident) => {
                        timing.resident = resident;
                        timing.output = job.output_sizes()?;
                        eprintln!("round 0 of {runs}  {}", job.name);
                    }
                    Measured::GivenUp => {
                        timing.given_up = true;
                        timing.seconds.push(PATIENCE.into());
                        eprintln!("given up after {PATIENCE} s  {}", job.name);
                    }
                }
            } else {
                memory::make_ready(folder, timing.output.allocated)?;
                let start = Instant::now();
                job.run()?;
                let seconds = start.elapsed().as_secs_f64();
                eprintln!("round {round} of {runs}: {seconds:7.3} s  {}", job.name);
                timing.seconds.push(seconds);
            }
            job.clean()?;
        }
    }
    Ok(timings)
}
