//! Running a program.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::error::RunError;
use super::program::Program;

/// Lines of a log that an error tells.
const TAIL: usize = 12;
/// The most bytes of a line: a longer one counts as several.
const MAX_LINE: u64 = 1 << 16;

/// Variables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(pub BTreeMap<OsString, OsString>);

impl Environment {
    /// The value of a variable, if it is set.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Where the program of this name is: in a folder of `PATH`, or where its path says.
    #[must_use]
    pub fn find(&self, program: &OsStr) -> Option<PathBuf> {
        let path = Path::new(program);
        if path.components().count() > 1 {
            return is_program(path).then(|| path.to_path_buf());
        }
        std::env::split_paths(self.get("PATH")?)
            .map(|folder| folder.join(path))
            .find(|path| is_program(path))
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        Self(
            pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

fn is_program(path: &Path) -> bool {
    let found = path.metadata();
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Runs programs in an environment and passes their logs on.
pub struct Runner<'a> {
    environment: &'a Environment,
    log: &'a mut dyn FnMut(&str),
}

impl<'a> Runner<'a> {
    /// Programs get this `environment`; each line that they print goes to `log`, without its end.
    pub fn new(environment: &'a Environment, log: &'a mut dyn FnMut(&str)) -> Self {
        Self { environment, log }
    }

    /// What programs get.
    #[must_use]
    pub fn environment(&self) -> &'a Environment {
        self.environment
    }

    /// Adds a line of our own to the log.
    pub fn say(&mut self, line: &str) {
        (self.log)(line);
    }

    /// Runs a program to its end, which must be a success; it reads nothing.
    pub fn run(&mut self, program: &Program) -> Result<(), RunError> {
        // One pipe, so that lines keep their order.
        let (pipe, end) = io::pipe().map_err(|source| cannot(program, source))?;
        let also = end.try_clone().map_err(|source| cannot(program, source))?;
        let mut child = self.start(program, also.into(), end.into())?;
        let tail = self.pass_on(pipe);
        let status = child.wait().map_err(|source| cannot(program, source))?;
        if status.success() {
            return Ok(());
        }
        Err(RunError::Failed {
            command: program.line(),
            status: status.to_string(),
            tail: tail.into(),
        })
    }

    /// What a program prints, which must end as a success. Its standard error goes to an error only.
    pub fn output(&mut self, program: &Program) -> Result<String, RunError> {
        String::from_utf8(self.output_bytes(program)?).map_err(|_| RunError::NoText {
            command: program.line(),
        })
    }

    /// The same where it need not be text, as names of files are none.
    pub fn output_bytes(&mut self, program: &Program) -> Result<Vec<u8>, RunError> {
        let child = self.start(program, Stdio::piped(), Stdio::piped())?;
        let output = child.wait_with_output();
        let output = output.map_err(|source| cannot(program, source))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<_> = said.lines().map(str::to_owned).collect();
            let last = lines.len().saturating_sub(TAIL);
            return Err(RunError::Failed {
                command: program.line(),
                status: output.status.to_string(),
                tail: lines[last..].to_vec(),
            });
        }
        Ok(output.stdout)
    }

    fn start(&self, program: &Program, out: Stdio, error: Stdio) -> Result<Child, RunError> {
        let Some(path) = self.environment.find(&program.name) else {
            let program = program.name.to_string_lossy().into_owned();
            return Err(RunError::Missing { program });
        };
        let environment = self.environment.0.iter();
        let environment = environment.filter(|(name, _)| !program.unset.contains(name));
        let mut command = Command::new(path);
        command
            .args(&program.args)
            .env_clear()
            .envs(environment)
            .envs(program.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(error);
        if let Some(folder) = &program.folder {
            command.current_dir(folder);
        }
        command.spawn().map_err(|source| cannot(program, source))
    }

    /// Passes on each line until the pipe ends, when all who write to it are gone; gives the last ones back.
    fn pass_on(&mut self, pipe: impl Read) -> VecDeque<String> {
        let mut pipe = BufReader::new(pipe);
        let mut tail = VecDeque::new();
        let mut line = Vec::new();
        // What can't be read any more has ended too; how the program ended is asked next.
        while let Ok(1..) = (&mut pipe).take(MAX_LINE).read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            // Programs that draw progress overwrite a line: its last state counts.
            let text = text.rsplit('\r').next().unwrap_or_default();
            (self.log)(text);
            if !text.trim().is_empty() {
                tail.push_back(text.to_owned());
            }
            if tail.len() > TAIL {
                tail.pop_front();
            }
            line.clear();
        }
        tail
    }
}

fn cannot(program: &Program, source: io::Error) -> RunError {
    let command = program.line();
    RunError::Start { command, source }
}
