//! The `kurmadisk` command.
//!
//! | file | holds |
//! |---|---|
//! | `args` | the command line's shape; a file for each command that has several |
//! | `describe` | options, environment and configuration file as one description |
//! | `inputs` | what an image is made from |
//! | `build`, `package`, `plan`, `inspect`, `convert`, `verify`, `slot`, `grow`, `uki`, `initrd`, `aci`, `base`, `component`, `os` | the commands; each gives what is to be printed |
//! | `update` | images brought up to date |
//! | `output` | the file an image goes to |
//! | `text` | tables and sizes for people |

mod aci;
mod args;
mod base;
mod build;
mod component;
mod convert;
mod describe;
mod grow;
mod initrd;
mod inputs;
mod inspect;
mod os;
mod output;
mod package;
mod plan;
mod slot;
mod text;
mod uki;
mod update;
mod verify;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use kurmadisk::formats::error::chain;
use kurmadisk::formats::host;

use args::{AciCommand, Args, Command, InitrdCommand};

fn main() -> ExitCode {
    host::allow_open_files();
    let said = match Args::parse().command {
        Command::Build(args) => build::run(&args),
        Command::Package(args) => package::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Slot(args) => slot::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Verify(args) => return answer(verify::run(&args)),
        Command::Grow(args) => grow::run(&args),
        Command::Uki { command } => uki::run(&command),
        Command::Initrd { command } => match command {
            InitrdCommand::Build(args) => initrd::build(&args),
            InitrdCommand::Inspect(args) => initrd::inspect(&args),
            InitrdCommand::Diff(args) => return answer(initrd::diff(&args)),
            InitrdCommand::Append(args) => initrd::append(&args),
        },
        Command::Aci {
            command: AciCommand::Verify(args),
        } => return answer(aci::verify(&args)),
        Command::Aci { command } => aci::run(&command),
        Command::Base { command } => base::run(&command),
        Command::Component { command } => component::run(&command),
        Command::Os { command } => os::run(&command),
    };
    match said.and_then(|said| say(&said)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

/// Ends a command that asks something: 1 is an answer, as in `grep` and `diff`, and 2 that there is none.
fn answer(said: Result<(String, bool), Box<dyn Error>>) -> ExitCode {
    match said.and_then(|(said, good)| say(&said).map(|()| good)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            complain(&*error);
            ExitCode::from(2)
        }
    }
}

/// Says an error in one line, whatever names it has to tell of.
fn complain(error: &(dyn Error + 'static)) {
    eprintln!("kurmadisk: {}", text::shown(&chain(error)));
}

/// Prints what a command has to say; a reader who has seen enough is no error.
fn say(said: &str) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    match out.write_all(said.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to the standard output: {error}").into())
        }
        _ => Ok(()),
    }
}
