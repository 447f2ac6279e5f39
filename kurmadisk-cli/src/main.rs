//! The `kurmadisk` command.
//!
//! | file | holds |
//! |---|---|
//! | `args` | the command line's shape |
//! | `describe` | options, environment and configuration file as one description |
//! | `build`, `plan`, `inspect` | the commands |
//! | `text` | tables and sizes for people |

mod args;
mod build;
mod describe;
mod inspect;
mod plan;
mod text;

use std::process::ExitCode;

use clap::Parser;
use kurmadisk::formats::error::chain;

use args::{Args, Command};

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Build(args) => build::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Inspect(args) => inspect::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kurmadisk: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}
