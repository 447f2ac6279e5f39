//! [`RunError`].

use std::io;

use thiserror::Error;

/// A program did not do what it was run for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is no such program.
    #[error("{program} is not there; install it, or add its folder to PATH")]
    Missing {
        /// The name it is run by.
        program: String,
    },
    /// It can't be started, or its output can't be read.
    #[error("cannot run {command}")]
    Start {
        /// The command, as for a shell.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// It ended with something else than success.
    #[error("{command} failed ({status}){}", last(tail))]
    Failed {
        /// The command, as for a shell.
        command: String,
        /// How it ended, such as `exit status: 2`.
        status: String,
        /// The last lines of its log.
        tail: Vec<String>,
    },
    /// What it printed is no text.
    #[error("{command} printed what is no UTF-8")]
    NoText {
        /// The command, as for a shell.
        command: String,
    },
}

fn last(tail: &[String]) -> String {
    if tail.is_empty() {
        "; it said nothing".to_owned()
    } else {
        format!("; its last lines: {}", tail.join(" | "))
    }
}
