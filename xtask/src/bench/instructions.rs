//! `cargo xtask bench --instructions`: how many instructions each part takes, beside the last known.
//!
//! callgrind counts them in `benches/examples/instructions.rs`, as the tests are built: a release build takes longer
//! than all the rest of this, and code that does more does more in either. Unlike seconds they are the
//! same on a busy machine, and nearly the same on another: callgrind shows programs a processor of its own (on
//! hosts with AVX2 that of a Haswell), so what chooses code by the processor chooses alike. Another compiler or
//! C library changes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kurmadisk_fixtures::workspace_root;
use serde_json::{Value, json};

use super::job::tool;
use super::programs::target_folder;
use crate::{Outcome, cargo, requirements};

/// A part may take so many times the instructions of the baseline.
const MOST: f64 = 1.05;

/// Part of the name, mangled or not, of the function whose instructions count.
const COUNTED: &str = "--toggle-collect=*kurmadisk_counted_job*";

/// With everything, so that nothing is compiled again for it that was compiled for the tests. What is built bit by bit
/// is divided otherwise, and so optimised otherwise.
const BUILD: [&str; 4] = ["build", "--workspace", "--example", "instructions"];

type Counts = BTreeMap<String, u64>;

/// Counts, prints a table, and fails when a part takes more than it may; with `write`, what was counted becomes the
/// baseline instead.
pub(super) fn run(write: bool) -> Outcome {
    requirements::ensure()?;
    let mut build = cargo::cargo();
    build.args(BUILD).env("CARGO_INCREMENTAL", "0");
    cargo::run(&format!("cargo {}", BUILD.join(" ")), &mut build)?;
    let program = target_folder()?.join("debug").join("examples");
    let program = program.join("instructions");
    let counts = count_all(&program)?;
    let file = baseline_file();
    if write {
        let text = serde_json::to_string_pretty(
            &json!({ "made_by": made_by()?, "instructions": counts }),
        )?;
        fs::write(&file, text + "\n")?;
        println!("{} has {} counts", file.display(), counts.len());
        return Ok(());
    }
    let baseline = fs::read(&file).map_err(|error| {
        let write = "cargo xtask bench --instructions --write";
        format!(
            "cannot read the baseline {}, which `{write}` makes: {error}",
            file.display()
        )
    })?;
    let baseline: Value = serde_json::from_slice(&baseline)?;
    let known: Counts = serde_json::from_value(baseline["instructions"].clone())?;
    let (table, wrong) = compare(&known, &counts);
    print!("{table}");
    if wrong.is_empty() {
        return Ok(());
    }
    let made_by = baseline["made_by"]
        .as_str()
        .unwrap_or("an unknown compiler");
    Err(format!(
        "{}\nThe baseline was made by {made_by}; here it is {}.\n\
         If this is wanted: cargo xtask bench --instructions --write",
        wrong.join("\n"),
        self::made_by()?
    )
    .into())
}

fn baseline_file() -> PathBuf {
    workspace_root().join("benches").join("instructions.json")
}

/// What counts depend on beside the sources.
fn made_by() -> Outcome<String> {
    let first_line = |command: &mut Command| -> Outcome<String> {
        let output = command.arg("--version").output()?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    };
    let compiler = first_line(&mut Command::new("rustc"))?;
    Ok(format!(
        "{compiler}, {}",
        first_line(&mut tool("valgrind")?)?
    ))
}

/// Counts every job of the program, as many at a time as there are processors.
fn count_all(program: &Path) -> Outcome<Counts> {
    let output = Command::new(program).output()?;
    let names = String::from_utf8(output.stdout)?;
    let names: Vec<&str> = names.lines().collect();
    let folder = tempfile::tempdir()?;
    let (next, counted) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let count = count(program, name, folder.path());
            // Errors are told where they can be.
            let count = count.map_err(|error| format!("{name}: {error}"));
            if let Ok(mut counted) = counted.lock() {
                counted.push(count.map(|count| ((*name).to_owned(), count)));
            }
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(work);
        }
    });
    let counted = counted.into_inner().map_err(|_| "a thread has failed")?;
    Ok(counted.into_iter().collect::<Result<Counts, String>>()?)
}

/// The instructions of one job.
fn count(program: &Path, name: &str, folder: &Path) -> Outcome<u64> {
    let file = folder.join(name.replace([' ', ':'], "-"));
    let mut callgrind = tool("valgrind")?;
    callgrind.args(["--quiet", "--tool=callgrind", COUNTED]);
    callgrind.arg(format!("--callgrind-out-file={}", file.display()));
    super::job::quietly(callgrind.arg(program).arg(name))?;
    let text = fs::read_to_string(&file)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    match total.and_then(|total| total.trim().parse().ok()) {
        Some(0) | None => Err("callgrind counted nothing".into()),
        Some(total) => Ok(total),
    }
}

/// The table of both, and a line for everything that is wrong.
fn compare(known: &Counts, counts: &Counts) -> (String, Vec<String>) {
    let mut table = String::from("| part | instructions | baseline | ratio |\n|---|---|---|---|\n");
    let mut wrong = Vec::new();
    for (name, count) in counts {
        let Some(before) = known.get(name) else {
            wrong.push(format!("{name} is not in the baseline"));
            continue;
        };
        let ratio = ratio(*count, *before);
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| {name} | {count} | {before} | {ratio:.3} |");
        if ratio > MOST {
            let percent = (ratio - 1.0) * 100.0;
            wrong.push(format!(
                "{name} takes {percent:.1} % more instructions than the baseline"
            ));
        }
    }
    let gone = known.keys().filter(|name| !counts.contains_key(*name));
    wrong.extend(gone.map(|name| format!("{name} is in the baseline, and no job")));
    (table, wrong)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of two decimals")]
fn ratio(count: u64, before: u64) -> f64 {
    count as f64 / before as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, u64)]) -> Counts {
        pairs
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    #[test]
    fn growth_beyond_a_twentieth_is_wrong() {
        let known = counts(&[("a", 1000), ("b", 1000), ("c", 1000)]);
        let (table, wrong) = compare(&known, &counts(&[("a", 1050), ("b", 1051), ("c", 500)]));
        assert_eq!(wrong, ["b takes 5.1 % more instructions than the baseline"]);
        assert!(table.contains("| c | 500 | 1000 | 0.500 |"), "{table}");
    }

    #[test]
    fn jobs_and_baseline_are_the_same_ones() {
        let (_, wrong) = compare(&counts(&[("gone", 1)]), &counts(&[("new", 1)]));
        assert_eq!(
            wrong,
            [
                "new is not in the baseline",
                "gone is in the baseline, and no job"
            ]
        );
    }
}
