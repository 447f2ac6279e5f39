//! `cargo xtask test`: every test, in the order in which a failure is cheapest.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::{Outcome, cargo, requirements};

/// Installs what is missing, makes the inputs, then runs all tests and doctests; the last line is `N passed, N failed`.
pub(crate) fn run(arguments: &[OsString]) -> Outcome {
    requirements::ensure()?;
    eprintln!("== Debian root");
    kurmadisk_fixtures::debian::prepare_debian_root()?;
    let (counted, succeeded) = test_workspace(arguments)?;
    println!("{} passed, {} failed", counted.passed, counted.failed);
    std::io::stdout().flush()?;
    counted.verdict(succeeded)
}

/// Runs `cargo test`, passing its output on line by line, and counts.
fn test_workspace(arguments: &[OsString]) -> Outcome<(Counted, bool)> {
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
    let mut counted = Counted::default();
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    let mut out = std::io::stdout();
    while reader.read_until(b'\n', &mut line)? > 0 {
        out.write_all(&line)?;
        out.flush()?;
        counted.line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok((counted, child.wait()?.success()))
}

/// The sums of cargo's `test result:` lines.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    passed: u64,
    failed: u64,
}

impl Counted {
    fn line(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        let number = |what: &str| {
            let part = counts
                .split(&['.', ';'])
                .find_map(|part| part.trim().strip_suffix(what));
            part.and_then(|number| number.trim().parse::<u64>().ok())
                .unwrap_or(0)
        };
        self.passed += number(" passed");
        self.failed += number(" failed");
    }

    fn verdict(&self, succeeded: bool) -> Outcome {
        match (self.failed, self.passed) {
            (0, 0) => Err("no test was run".into()),
            (0, _) if succeeded => Ok(()),
            (0, _) => Err("cargo test failed outside the tests, see above".into()),
            (failed, _) => Err(format!("{failed} tests failed").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "test result: ok. 41 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 36.20s\n";
    const BAD: &str = "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n";

    #[test]
    fn result_lines_are_summed() {
        let mut counted = Counted::default();
        for line in [
            GOOD,
            "test result_lines ... ok\n",
            "running 5 tests\n",
            BAD,
            "  test result: ok. 9 passed",
        ] {
            counted.line(line);
        }
        assert_eq!(
            counted,
            Counted {
                passed: 44,
                failed: 2
            }
        );
    }

    #[test]
    fn only_tests_that_ran_and_passed_are_a_success() {
        let counted = |passed, failed| Counted { passed, failed };
        assert!(counted(5, 0).verdict(true).is_ok());
        assert!(counted(5, 0).verdict(false).is_err());
        assert!(counted(0, 0).verdict(true).is_err());
        assert!(counted(5, 1).verdict(false).is_err());
    }
}
