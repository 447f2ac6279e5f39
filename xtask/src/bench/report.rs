//! The benchmark's report, for people and for programs.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use super::comparison::{Comparison, Limit, Verdict};
use super::programs::Build;
use super::timing::Timing;
use crate::Outcome;

/// Everything measured.
#[derive(Debug)]
pub(super) struct Report {
    machine: String,
    build: Build,
    runs: usize,
    /// The workloads, in words.
    inputs: Vec<String>,
    pub(super) timings: Vec<Timing>,
    pub(super) compared: Vec<(Comparison, Verdict)>,
    limits: Vec<(Limit, Verdict)>,
}

impl Report {
    /// What refers to a job that was not run is left out.
    pub(super) fn new(
        build: Build,
        inputs: Vec<String>,
        runs: usize,
        timings: Vec<Timing>,
        comparisons: Vec<Comparison>,
        limits: Vec<Limit>,
    ) -> Self {
        let compared = comparisons.into_iter().filter_map(|comparison| {
            let verdict = comparison.judge(&timings)?;
            Some((comparison, verdict))
        });
        let compared = compared.collect();
        let limits = limits.into_iter().filter_map(|limit| {
            let verdict = limit.judge(&timings)?;
            Some((limit, verdict))
        });
        let limits = limits.collect();
        Self {
            machine: machine(),
            build,
            runs,
            inputs,
            compared,
            limits,
            timings,
        }
    }

    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "# Whole builds side by side\n\n{}. kurmadisk: {}. {} rounds, jobs interleaved, warm cache.\n\n",
            self.machine,
            self.build.text(),
            self.runs
        );
        for input in &self.inputs {
            line(&mut text, format_args!("- {input}"));
        }
        text.push_str(
            "\n| job | median s | fastest | slowest | spread | resident MB | output MB | on disk MB |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        for timing in &self.timings {
            let resident = timing
                .resident
                .map(|bytes| format!("{}", bytes / 1_000_000));
            row(
                &mut text,
                [
                    timing.name.clone(),
                    if timing.given_up {
                        format!("given up after {:.0}", timing.median())
                    } else {
                        format!("{:.3}", timing.median())
                    },
                    format!("{:.3}", timing.fastest()),
                    format!("{:.3}", timing.slowest()),
                    format!("{:.2}", timing.spread()),
                    resident.unwrap_or_default(),
                    (timing.output.length / 1_000_000).to_string(),
                    (timing.output.allocated / 1_000_000).to_string(),
                ],
            );
        }
        text.push_str("\n| task | what by what | found | target |\n|---|---|---|---|\n");
        for (comparison, verdict) in &self.compared {
            let (title, terms) = (comparison.title.clone(), comparison.terms());
            let shown = verdict.shown.clone();
            row(&mut text, [title, terms, shown, target(verdict)]);
        }
        for (limit, verdict) in &self.limits {
            let shown = verdict.shown.clone();
            row(
                &mut text,
                [String::new(), limit.terms(), shown, target(verdict)],
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
                "given_up": timing.given_up,
                "resident_bytes": timing.resident,
                "output_bytes": timing.output.length,
                "allocated_bytes": timing.output.allocated,
            })
        });
        let judged = |title: &str, terms: String, verdict: &Verdict| {
            json!({
                "task": title,
                "terms": terms,
                "found": verdict.found.as_ref().ok(),
                "reason": verdict.found.as_ref().err(),
                "target": verdict.wanted,
                "met": verdict.met,
            })
        };
        let ratios = self.compared.iter();
        let ratios = ratios
            .map(|(comparison, verdict)| judged(&comparison.title, comparison.terms(), verdict));
        let limits = self.limits.iter();
        let limits = limits.map(|(limit, verdict)| judged(&limit.job, limit.terms(), verdict));
        let whole = json!({
            "machine": self.machine,
            "build": self.build.text(),
            "inputs": self.inputs,
            "rounds": self.runs,
            "jobs": jobs.collect::<Vec<Value>>(),
            "ratios": ratios.collect::<Vec<Value>>(),
            "limits": limits.collect::<Vec<Value>>(),
        });
        Ok(serde_json::to_string_pretty(&whole)? + "\n")
    }
}

/// What is wanted, and whether it is so.
fn target(verdict: &Verdict) -> String {
    let met = match verdict.met {
        Some(true) => "met",
        Some(false) => "NOT met",
        None => "not known",
    };
    let wanted = verdict.wanted.as_ref();
    wanted.map_or(String::new(), |wanted| format!("{wanted}: {met}"))
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{arguments}");
}

/// A row of a table; a bar in a cell would end it.
fn row<const CELLS: usize>(text: &mut String, cells: [String; CELLS]) {
    for cell in cells {
        text.push('|');
        if !cell.is_empty() {
            text.push(' ');
            text.push_str(&cell.replace('|', "\\|"));
        }
        text.push(' ');
    }
    text.push_str("|\n");
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::comparison::Target;
    use crate::bench::timing::tests::timing;

    pub(in crate::bench) fn report(fast: &[f64]) -> Report {
        let timings = vec![timing("slow", &[8.0, 8.0, 9.0]), timing("fast", fast)];
        let compare = |other, target| Comparison::new("a task", "fast", other, target);
        let comparisons = vec![
            compare("slow", Target::Faster(4.0)),
            compare("slow", Target::AtMost(0.2)),
            compare("absent", Target::AtMost(1.0)),
        ];
        let inputs = vec!["T: a tree".to_owned()];
        Report::new(
            Build::Release,
            inputs,
            3,
            timings,
            comparisons,
            vec![Limit::seconds("fast", 1.0)],
        )
    }

    #[test]
    fn steady_jobs_are_compared_with_their_targets() {
        let report = report(&[2.0, 1.9, 2.1]);
        let text = report.markdown();
        for line in [
            "| a task | slow ÷ fast | 4.00 | at least 4: met |",
            "| a task | fast ÷ slow | 0.25 | at most 0.2: NOT met |",
            "| | fast | 2.000 s | at most 1 s: NOT met |",
            "- T: a tree",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(!text.contains("absent"), "{text}");
        let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["ratios"][0]["met"], true);
        assert_eq!(json["limits"][0]["found"], 2.0);
    }

    #[test]
    fn a_bar_in_a_name_ends_no_cell() {
        let mut text = String::new();
        row(&mut text, ["find | cpio".to_owned(), String::new()]);
        assert_eq!(text, "| find \\| cpio | |\n");
    }

    #[test]
    fn unsteady_jobs_are_not_compared() {
        let report = report(&[2.0, 1.0, 2.1]);
        let text = report.markdown();
        assert!(text.contains("not compared: fast varied by 2.10"), "{text}");
        assert!(text.contains("at least 4: not known"), "{text}");
        let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["ratios"][0]["found"], Value::Null);
    }
}
