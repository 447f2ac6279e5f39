//! The benchmark's report, for people and for programs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::timing::{Timing, WIDEST_SPREAD};
use crate::Outcome;

/// Jobs to be set against each other: the time of the first ones together ÷ that of the second ones.
#[derive(Debug, Clone)]
pub(super) struct Comparison {
    pub(super) first: Vec<String>,
    pub(super) second: Vec<String>,
    pub(super) target: Option<Target>,
}

/// What a ratio is to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(least) => ratio >= least,
            Self::AtMost(most) => ratio <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("at least {least}"),
            Self::AtMost(most) => format!("at most {most}"),
        }
    }
}

/// A comparison's outcome; the ratio, or why there is none.
#[derive(Debug)]
struct Compared {
    comparison: Comparison,
    ratio: Result<f64, String>,
}

/// Everything measured.
#[derive(Debug)]
pub(super) struct Report {
    machine: String,
    runs: usize,
    timings: Vec<Timing>,
    compared: Vec<Compared>,
    entries: usize,
}

impl Report {
    /// Comparisons with a job that was not run are left out.
    pub(super) fn new(
        tree: &Path,
        runs: usize,
        timings: Vec<Timing>,
        comparisons: Vec<Comparison>,
    ) -> Outcome<Self> {
        let compared = comparisons.into_iter().filter_map(|comparison| {
            let find = |name: &String| timings.iter().find(|timing| timing.name == *name);
            let all = |names: &[String]| names.iter().map(find).collect::<Option<Vec<_>>>();
            let ratio = ratio(&all(&comparison.first)?, &all(&comparison.second)?);
            Some(Compared { comparison, ratio })
        });
        let compared = compared.collect();
        Ok(Self {
            machine: machine(),
            runs,
            compared,
            timings,
            entries: count(tree)?,
        })
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "# Whole builds side by side\n\n{}. Tree: {} entries. {} rounds, jobs interleaved, warm cache.\n\n\
             | job | median s | fastest | slowest | spread | output MB | on disk MB |\n|---|---|---|---|---|---|---|\n",
            self.machine, self.entries, self.runs
        );
        for timing in &self.timings {
            line(
                &mut text,
                format_args!(
                    "| {} | {:.3} | {:.3} | {:.3} | {:.2} | {} | {} |",
                    timing.name,
                    timing.median(),
                    timing.fastest(),
                    timing.slowest(),
                    timing.spread(),
                    timing.output.length / 1_000_000,
                    timing.output.allocated / 1_000_000,
                ),
            );
        }
        text.push_str("\n| time of … | ÷ time of … | ratio | target |\n|---|---|---|---|\n");
        for Compared { comparison, ratio } in &self.compared {
            let shown = match ratio {
                Ok(ratio) => format!("{ratio:.2}"),
                Err(reason) => format!("not compared: {reason}"),
            };
            let target = comparison
                .target
                .map_or(String::new(), |target| match ratio {
                    Ok(ratio) if target.is_met(*ratio) => format!("{}: met", target.text()),
                    Ok(_) => format!("{}: NOT met", target.text()),
                    Err(_) => format!("{}: not known", target.text()),
                });
            let (first, second) = (names(&comparison.first), names(&comparison.second));
            line(
                &mut text,
                format_args!("| {first} | {second} | {shown} | {target} |"),
            );
        }
        text
    }

    pub(super) fn json(&self) -> Outcome<String> {
        let jobs = self.timings.iter().map(|timing| {
            json!({
                "name": timing.name,
                "seconds": timing.seconds,
                "median": timing.median(),
                "fastest": timing.fastest(),
                "slowest": timing.slowest(),
                "steady": timing.is_steady(),
                "output_bytes": timing.output.length,
                "allocated_bytes": timing.output.allocated,
            })
        });
        let ratios = self.compared.iter().map(|Compared { comparison, ratio }| {
            json!({
                "first": names(&comparison.first),
                "second": names(&comparison.second),
                "ratio": ratio.as_ref().ok(),
                "reason": ratio.as_ref().err(),
                "target": comparison.target.map(Target::text),
                "met": comparison.target.and_then(|target| Some(target.is_met(*ratio.as_ref().ok()?))),
            })
        });
        let whole = json!({
            "machine": self.machine,
            "tree_entries": self.entries,
            "rounds": self.runs,
            "jobs": jobs.collect::<Vec<Value>>(),
            "ratios": ratios.collect::<Vec<Value>>(),
        });
        Ok(serde_json::to_string_pretty(&whole)? + "\n")
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{arguments}");
}

/// As the report calls jobs that are added up.
fn names(jobs: &[String]) -> String {
    jobs.join(" + ")
}

/// Sum of medians ÷ sum of medians, unless one of them varied too much to have one.
fn ratio(first: &[&Timing], second: &[&Timing]) -> Result<f64, String> {
    for timing in first.iter().chain(second) {
        if !timing.is_steady() {
            let spread = timing.spread();
            return Err(format!(
                "{} varied by {spread:.2}, more than {WIDEST_SPREAD}",
                timing.name
            ));
        }
    }
    let sum = |timings: &[&Timing]| timings.iter().map(|timing| timing.median()).sum::<f64>();
    Ok(sum(first) / sum(second))
}

/// Processor, number of them and kernel, as the numbers' context.
fn machine() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, name)| name);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{processors} × {model}, Linux {}", kernel.trim())
}

fn count(tree: &Path) -> Outcome<usize> {
    let mut entries = 0;
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            entries += 1;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::timing::tests::timing;

    fn report(fast: &[f64]) -> Report {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        fs::write(dir.path().join("folder/file"), "").unwrap();
        let timings = vec![timing("slow", &[8.0, 8.0, 9.0]), timing("fast", fast)];
        let comparison = |second: &str, target| Comparison {
            first: vec!["slow".to_owned()],
            second: vec![second.to_owned()],
            target,
        };
        let comparisons = [
            comparison("fast", Some(Target::AtLeast(4.0))),
            comparison("fast", Some(Target::AtMost(1.0))),
            comparison("absent", None),
        ];
        Report::new(dir.path(), 3, timings, comparisons.to_vec()).unwrap()
    }

    #[test]
    fn steady_jobs_are_compared_with_their_targets() {
        let report = report(&[2.0, 1.9, 2.1]);
        let text = report.markdown();
        assert!(
            text.contains("| slow | fast | 4.00 | at least 4: met |"),
            "{text}"
        );
        assert!(
            text.contains("| slow | fast | 4.00 | at most 1: NOT met |"),
            "{text}"
        );
        assert!(
            !text.contains("absent") && text.contains("Tree: 2 entries"),
            "{text}"
        );
        let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["ratios"][0]["met"], true);
    }

    #[test]
    fn times_of_several_jobs_are_added() {
        let (one, two) = (timing("one", &[1.0, 1.0]), timing("two", &[3.0, 3.0]));
        let ratio = ratio(&[&one, &two], &[&one]).unwrap();
        assert!((ratio - 4.0).abs() < 1e-9);
        assert_eq!(names(&["one".to_owned(), "two".to_owned()]), "one + two");
    }

    #[test]
    fn unsteady_jobs_are_not_compared() {
        let report = report(&[2.0, 1.0, 2.1]);
        let text = report.markdown();
        assert!(text.contains("not compared: fast varied by 2.10"), "{text}");
        assert!(text.contains("at least 4: not known"), "{text}");
        let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["ratios"][0]["ratio"], Value::Null);
    }
}
