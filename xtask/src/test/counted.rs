//! How many tests have passed and failed, as the harness tells it.

use crate::Outcome;

/// The sums of `test result:` lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// How many such lines there were.
    results: u64,
}

impl Counted {
    /// Takes a line into account.
    pub(super) fn line(&mut self, line: &str) {
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
        self.results += 1;
    }

    /// What a program comes to that has said `text` and then ended, well or not. One that ended otherwise than its
    /// tests did, or before it told of them, is one failure more: that is how a crash counts.
    pub(super) fn of(text: &str, succeeded: bool) -> Self {
        let mut counted = Self::default();
        for line in text.lines() {
            counted.line(line);
        }
        let as_told = succeeded == (counted.failed == 0) && counted.results > 0;
        counted.failed += u64::from(!as_told);
        counted
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.results += other.results;
    }

    pub(super) fn verdict(&self) -> Outcome {
        match (self.failed, self.passed) {
            (0, 0) => Err("no test was run".into()),
            (0, _) => Ok(()),
            (failed, _) => Err(format!("{failed} tests failed, see above").into()),
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
        let said = [
            GOOD,
            "test result_lines ... ok\n",
            "running 5 tests\n",
            BAD,
            "  test result: ok. 9 passed",
        ];
        let counted = Counted::of(&said.concat(), false);
        assert_eq!((counted.passed, counted.failed), (44, 2));
    }

    #[test]
    fn a_crash_is_a_failure() {
        let failed = |text, succeeded| Counted::of(text, succeeded).failed;
        assert_eq!(failed(GOOD, true), 0);
        assert_eq!(failed(GOOD, false), 1);
        assert_eq!(failed("running 5 tests\n", false), 1);
        // A test that ends the process, and well.
        assert_eq!(failed("running 5 tests\n", true), 1);
        assert_eq!(failed(BAD, true), 3);
    }

    #[test]
    fn only_tests_that_ran_and_passed_are_a_success() {
        let verdict = |passed, failed| {
            let counted = Counted {
                passed,
                failed,
                results: 1,
            };
            counted.verdict()
        };
        assert!(verdict(5, 0).is_ok());
        assert!(verdict(0, 0).is_err());
        assert!(verdict(5, 1).is_err());
    }
}
