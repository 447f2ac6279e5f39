//! `cargo xtask test`: every test.

mod counted;
mod suites;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::{Outcome, cargo, requirements};
use counted::Counted;

/// Installs what is missing, makes the inputs, then runs all tests and doctests; the last line is `N passed, N failed`.
///
/// With arguments for cargo it runs the tests that those choose, one program after the other.
pub(crate) fn run(arguments: &[OsString]) -> Outcome {
    requirements::ensure()?;
    eprintln!("== Debian root");
    kurmadisk_fixtures::debian::prepare_debian_root()?;
    let counted = if arguments.is_empty() {
        suites::run_all()?
    } else {
        cargo_test(arguments)?
    };
    println!("{} passed, {} failed", counted.passed, counted.failed);
    std::io::stdout().flush()?;
    counted.verdict()
}

/// Runs `cargo test`, passing its output on line by line, and counts.
fn cargo_test(arguments: &[OsString]) -> Outcome<Counted> {
    eprintln!("== cargo test --workspace");
    let mut command = cargo::cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(arguments);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("cargo test has no output")?;
    let mut reader = BufReader::new(output);
    let (mut text, mut line) = (String::new(), Vec::new());
    let mut out = std::io::stdout();
    while reader.read_until(b'\n', &mut line)? > 0 {
        out.write_all(&line)?;
        out.flush()?;
        text.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(Counted::of(&text, child.wait()?.success()))
}
