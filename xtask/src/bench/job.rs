//! One thing that is timed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use kurmadisk_fixtures::oracle;

use crate::Outcome;

/// What a job does while the clock runs.
enum Action {
    /// One process.
    Process(Box<dyn Fn() -> Outcome<Command>>),
    /// Several, and what is between them.
    Steps(Box<dyn Fn() -> Outcome>),
}

/// A job: from the tree, or a disk, to files.
pub(super) struct Job {
    /// Its name in the report.
    pub(super) name: String,
    /// What it makes.
    outputs: Vec<PathBuf>,
    /// What else it leaves behind.
    leavings: Vec<PathBuf>,
    action: Action,
}

/// How a measured run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measured {
    /// Well, with so many bytes of memory resident at once; nothing is known of several steps.
    Done(Option<u64>),
    /// It took too long.
    GivenUp,
}

/// `SIGKILL`.
const KILLED: i32 = 9;

/// How long a job's files are, and how much of the disk they take, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) length: u64,
    pub(super) allocated: u64,
}

impl Job {
    /// A job of one process.
    pub(super) fn process(
        name: impl Into<String>,
        outputs: impl IntoIterator<Item = PathBuf>,
        command: impl Fn() -> Outcome<Command> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            outputs: outputs.into_iter().collect(),
            leavings: Vec::new(),
            action: Action::Process(Box::new(command)),
        }
    }

    /// A job of several steps.
    pub(super) fn steps(
        name: impl Into<String>,
        outputs: impl IntoIterator<Item = PathBuf>,
        leavings: Vec<PathBuf>,
        action: impl Fn() -> Outcome + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            outputs: outputs.into_iter().collect(),
            leavings,
            action: Action::Steps(Box::new(action)),
        }
    }

    pub(super) fn run(&self) -> Outcome {
        let done = match &self.action {
            Action::Process(command) => command().and_then(|mut command| quietly(&mut command)),
            Action::Steps(action) => action(),
        };
        done.map_err(|error| format!("{}: {error}", self.name).into())
    }

    /// Runs it, and tells how much memory was resident at once; a process for `patience` seconds at most.
    pub(super) fn run_measured(&self, patience: u32) -> Outcome<Measured> {
        let Action::Process(command) = &self.action else {
            return self.run().map(|()| Measured::Done(None));
        };
        let said = tempfile::NamedTempFile::new()?;
        let command = command()?;
        let time = tool("time")?;
        // In this order, as GNU time ends well when what it measures is killed.
        let mut measured = tool("timeout")?;
        measured.args(["--signal=KILL", &patience.to_string()]);
        measured.arg(time.get_program()).args(time.get_args());
        measured.args(["--format=%M", "--output"]).arg(said.path());
        measured.arg(command.get_program()).args(command.get_args());
        let output = measured.stdin(Stdio::null()).output()?;
        if output.status.signal() == Some(KILLED) || output.status.code() == Some(128 + KILLED) {
            return Ok(Measured::GivenUp);
        }
        succeeded(&measured, &output).map_err(|error| format!("{}: {error}", self.name))?;
        let kibibytes: u64 = fs::read_to_string(said.path())?.trim().parse()?;
        Ok(Measured::Done(Some(kibibytes * 1024)))
    }

    /// Removes what the job has made.
    pub(super) fn clean(&self) -> Outcome {
        for file in self.leavings.iter().chain(&self.outputs) {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// The sizes of the outputs; an empty one means that there was nothing to time.
    pub(super) fn output_sizes(&self) -> Outcome<Sizes> {
        let mut sizes = Sizes::default();
        for output in &self.outputs {
            let data = fs::metadata(output)
                .map_err(|error| format!("{} made no {}: {error}", self.name, output.display()))?;
            if data.len() == 0 {
                return Err(format!("{} made an empty file", self.name).into());
            }
            sizes.length += data.len();
            sizes.allocated += data.blocks() * 512;
        }
        Ok(sizes)
    }
}

/// A tool of Debian's, by the name it is run by.
pub(crate) fn tool(name: &str) -> Outcome<Command> {
    let tool = oracle::tool(name).ok_or_else(|| format!("{name} is not in the list of tools"))?;
    Ok(tool.command()?)
}

/// Runs a command without a word unless it fails.
pub(crate) fn quietly(command: &mut Command) -> Outcome {
    let output = command.stdin(Stdio::null()).output()?;
    succeeded(command, &output)
}

fn succeeded(command: &Command, output: &Output) -> Outcome {
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!(
        "{} failed: {}\n{text}",
        command.get_program().display(),
        output.status
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_makes_nothing_is_no_measurement() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("output");
        let file = output.clone();
        let job = Job::steps("job", [output], Vec::new(), move || {
            Ok(fs::write(&file, "")?)
        });
        assert!(job.output_sizes().is_err());
        job.run().unwrap();
        assert!(job.output_sizes().is_err());
        job.clean().unwrap();
        job.clean().unwrap();
    }

    #[test]
    fn the_memory_of_a_process_is_measured() {
        let job = Job::process("job", [], || Ok(Command::new("true")));
        let Measured::Done(Some(resident)) = job.run_measured(60).unwrap() else {
            panic!("it measures");
        };
        assert!(resident > 100_000);
        let steps = Job::steps("job", [], Vec::new(), || Ok(()));
        assert_eq!(steps.run_measured(60).unwrap(), Measured::Done(None));
    }

    #[test]
    fn what_takes_too_long_is_given_up_and_what_fails_is_not() {
        let shell = |script: &'static str| {
            Job::process("job", [], move || {
                let mut command = Command::new("sh");
                command.args(["-c", script]);
                Ok(command)
            })
        };
        let endless = shell("sleep 600").run_measured(1).unwrap();
        assert_eq!(endless, Measured::GivenUp);
        assert!(shell("exit 3").run_measured(60).is_err());
    }

    #[test]
    fn a_failing_command_is_reported_with_its_words() {
        let error = quietly(Command::new("sh").args(["-c", "echo sorry >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("sorry"));
    }
}
