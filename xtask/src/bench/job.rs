//! One thing that is timed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kurmadisk_fixtures::oracle;

use crate::Outcome;

/// What a job does while the clock runs.
type Action = Box<dyn Fn() -> Outcome>;

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

/// How long a job's files are, and how much of the disk they take, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) length: u64,
    pub(super) allocated: u64,
}

impl Job {
    pub(super) fn new(
        name: impl Into<String>,
        outputs: impl IntoIterator<Item = PathBuf>,
        leavings: Vec<PathBuf>,
        action: impl Fn() -> Outcome + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            outputs: outputs.into_iter().collect(),
            leavings,
            action: Box::new(action),
        }
    }

    pub(super) fn run(&self) -> Outcome {
        (self.action)().map_err(|error| format!("{}: {error}", self.name).into())
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
        let job = Job::new("job", [output], Vec::new(), move || {
            Ok(fs::write(&file, "")?)
        });
        assert!(job.output_sizes().is_err());
        job.run().unwrap();
        assert!(job.output_sizes().is_err());
        job.clean().unwrap();
        job.clean().unwrap();
    }

    #[test]
    fn a_failing_command_is_reported_with_its_words() {
        let error = quietly(Command::new("sh").args(["-c", "echo sorry >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("sorry"));
    }
}
