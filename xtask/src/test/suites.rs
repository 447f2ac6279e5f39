//! The programs of tests, a few at a time.
//!
//! cargo runs one after the other, and a program whose last test waits for a machine to boot, or is the only one
//! left, leaves processors idle.

use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::counted::Counted;
use crate::{Outcome, cargo};

/// Programs at a time. Each has as many threads as there are processors.
const AT_ONCE: usize = 2;

/// What takes longest begins first, lest it be alone in the end. The order changes nothing but the time.
const FIRST: [&str; 11] = [
    LIBDEFLATE,
    "kurmadisk/tests/kurmaboot",
    "formats/tests/suite",
    "kurmadisk-cli/tests/boot",
    "kurmadisk-cli/tests/slots",
    DOCTESTS,
    "kurmadisk/tests/ext4",
    "kurmadisk-cli/tests/determinism",
    "kurmadisk/tests/fat",
    "kurmadisk/tests/boot",
    "kurmadisk-cli/tests/uki",
];

const DOCTESTS: &str = "doctests";
const LIBDEFLATE: &str = "libdeflate";

/// What cargo builds and runs itself: examples in the documentation, and what a feature that is off by default changes.
const BY_CARGO: [(&str, &[&str]); 2] = [
    (
        DOCTESTS,
        &["test", "--workspace", "--doc", "--no-fail-fast"],
    ),
    (
        LIBDEFLATE,
        &[
            "test",
            "--package=kurmadisk-formats",
            // It has no tests here, but what it asks of others' packages: so they are those of all other tests.
            "--package=kurmadisk-cli",
            "--features=kurmadisk-formats/libdeflate",
            "--lib",
            "--test=suite",
            "--no-fail-fast",
            "--",
            "deflate",
            "stream",
        ],
    ),
];

/// A program of tests.
struct Suite {
    /// Its source in the checkout.
    name: String,
    command: Command,
}

/// How it went.
struct Done {
    name: String,
    took: Duration,
    counted: Counted,
}

/// Builds all tests of the workspace and runs them. What each program says is shown when it has ended; at last how
/// long each took, and which of them failed.
pub(super) fn run_all() -> Outcome<Counted> {
    let mut suites = build()?;
    for (name, arguments) in BY_CARGO {
        let mut command = cargo::cargo();
        command.args(arguments);
        let name = name.to_owned();
        suites.push(Suite { name, command });
    }
    let place = |suite: &Suite| FIRST.iter().position(|first| *first == suite.name);
    suites.sort_by_key(|suite| place(suite).unwrap_or(FIRST.len()));
    let mut done = run(suites, &show)?;
    done.sort_by_key(|done| std::cmp::Reverse(done.took));
    let mut counted = Counted::default();
    for suite in &done {
        println!("{:7.1} s  {}", suite.took.as_secs_f64(), suite.name);
        counted.add(&suite.counted);
    }
    for suite in done.iter().filter(|suite| suite.counted.failed > 0) {
        println!("{} failed in {}", suite.counted.failed, suite.name);
    }
    Ok(counted)
}

/// Has cargo build the programs, and tell which there are.
fn build() -> Outcome<Vec<Suite>> {
    const ARGUMENTS: [&str; 3] = ["test", "--workspace", "--no-run"];
    eprintln!("== cargo {}", ARGUMENTS.join(" "));
    let mut command = cargo::cargo();
    command.args(ARGUMENTS).arg("--quiet");
    command.arg("--message-format=json-render-diagnostics");
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output()?;
    if !output.status.success() {
        return Err("the tests cannot be built, see above".into());
    }
    let messages = String::from_utf8(output.stdout)?;
    let suites = messages.lines().map(suite);
    let suites: Vec<_> = suites
        .filter_map(Result::transpose)
        .collect::<Outcome<_>>()?;
    match suites.len() {
        0 => Err("cargo tells of no program of tests".into()),
        _ => Ok(suites),
    }
}

/// The program of which a message of cargo's tells that it is built, if it is one of tests.
fn suite(message: &str) -> Outcome<Option<Suite>> {
    let message: Value = serde_json::from_str(message)?;
    let text = |value: &Value| value.as_str().map(PathBuf::from);
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return Ok(None);
    }
    let Some(program) = text(&message["executable"]) else {
        return Ok(None);
    };
    let manifest = text(&message["manifest_path"]).ok_or("a program without a manifest")?;
    let source = text(&message["target"]["src_path"]).ok_or("a program without a source")?;
    let folder = manifest.parent().ok_or("a manifest without a folder")?;
    // As cargo does it.
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("CARGO_MANIFEST_DIR", folder);
    let name = name(&source);
    Ok(Some(Suite { name, command }))
}

/// A source's path in the checkout, short.
fn name(source: &Path) -> String {
    let source = source.strip_prefix(kurmadisk_fixtures::workspace_root());
    let name = source.unwrap_or(Path::new("?")).with_extension("");
    let name = name.display().to_string();
    match name.strip_suffix("/main") {
        Some(folder) if folder.contains("/tests/") => folder.to_owned(),
        _ => name,
    }
}

/// Runs them, [`AT_ONCE`], and has all that each said shown at its end.
fn run(suites: Vec<Suite>, show: &(dyn Fn(&Done, &[u8]) -> Outcome + Sync)) -> Outcome<Vec<Done>> {
    let (next, finished) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let suites: Vec<_> = suites.into_iter().map(Mutex::new).collect();
    let work = || {
        while let Some(suite) = suites.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Ok(mut suite) = suite.lock() else { return };
            let done = run_one(&mut suite);
            let Ok(mut finished) = finished.lock() else {
                return;
            };
            // With the lock held, so that what is shown is whole. Errors are told where they can be.
            let shown = done.and_then(|(done, said)| show(&done, &said).map(|()| done));
            finished.push(shown.map_err(|error| format!("{}: {error}", suite.name)));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let finished = finished.into_inner().map_err(|_| "a thread has failed")?;
    Ok(finished.into_iter().collect::<Result<Vec<_>, String>>()?)
}

/// Runs one to its end: how it went, and all that it said.
fn run_one(suite: &mut Suite) -> Outcome<(Done, Vec<u8>)> {
    eprintln!("== running {}", suite.name);
    // One file for both, as they are written in turn; and no pipe that a left-over process would keep open.
    let mut output = tempfile::tempfile()?;
    let command = suite.command.stdin(Stdio::null());
    command
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?);
    let start = Instant::now();
    let status = command.status()?;
    let took = start.elapsed();
    let mut said = Vec::new();
    output.rewind()?;
    output.read_to_end(&mut said)?;
    let counted = Counted::of(&String::from_utf8_lossy(&said), status.success());
    if !status.success() {
        said.extend_from_slice(format!("{}: {status}\n", suite.name).as_bytes());
    }
    let name = suite.name.clone();
    Ok((
        Done {
            name,
            took,
            counted,
        },
        said,
    ))
}

fn show(done: &Done, said: &[u8]) -> Outcome {
    let mut out = std::io::stdout().lock();
    writeln!(out, "== {}, {:.1} s", done.name, done.took.as_secs_f64())?;
    out.write_all(said)?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Suite {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Suite {
            name: script.into(),
            command,
        }
    }

    #[test]
    fn every_program_is_run_and_its_end_counts() {
        let suites = vec![
            shell("echo 'test result: ok. 3 passed; 0 failed'"),
            shell("echo 'test result: ok. 2 passed; 0 failed'; kill -SEGV $$"),
            shell("echo 'test result: FAILED. 1 passed; 4 failed' >&2; exit 101"),
        ];
        let shown = Mutex::new(String::new());
        let show = |_: &Done, said: &[u8]| {
            shown.lock().unwrap().push_str(std::str::from_utf8(said)?);
            Ok(())
        };
        let mut done = run(suites, &show).unwrap();
        done.sort_by_key(|done| done.counted.passed);
        let counts = done
            .iter()
            .map(|done| (done.counted.passed, done.counted.failed));
        assert_eq!(counts.collect::<Vec<_>>(), [(1, 4), (2, 1), (3, 0)]);
        let shown = shown.into_inner().unwrap();
        let results = shown.lines().filter(|line| line.starts_with("test result"));
        assert_eq!(results.count(), 3);
        assert!(shown.contains("signal: 11"), "{shown}");
    }

    #[test]
    fn only_programs_of_tests_are_taken_from_what_cargo_says() {
        let root = kurmadisk_fixtures::workspace_root();
        let message = |test: bool, executable: Value| {
            let message = serde_json::json!({
                "reason": "compiler-artifact",
                "manifest_path": root.join("os/Cargo.toml"),
                "target": { "src_path": root.join("os/tests/aci/main.rs") },
                "profile": { "test": test },
                "executable": executable,
            });
            suite(&message.to_string()).unwrap().map(|suite| suite.name)
        };
        assert_eq!(message(true, "/a".into()), Some("os/tests/aci".into()));
        assert_eq!(message(false, "/a".into()), None);
        assert_eq!(message(true, Value::Null), None);
        assert!(suite("no JSON").is_err());
    }

    #[test]
    fn names_are_those_of_the_order() {
        let name = |path: &str| name(&kurmadisk_fixtures::workspace_root().join(path));
        assert_eq!(name("kurmadisk/tests/ext4/main.rs"), "kurmadisk/tests/ext4");
        assert_eq!(
            name("kurmadisk-cli/tests/slots.rs"),
            "kurmadisk-cli/tests/slots"
        );
        assert_eq!(name("xtask/src/main.rs"), "xtask/src/main");
        for first in FIRST.iter().filter(|first| first.contains('/')) {
            let place = kurmadisk_fixtures::workspace_root().join(first);
            assert!(
                place.is_dir() || place.with_extension("rs").is_file(),
                "{first}"
            );
        }
    }
}
