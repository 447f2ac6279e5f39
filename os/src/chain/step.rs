//! A step: what it is made from, and what it does.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::made::Made;
use crate::digest::Detail;

/// Why a step failed.
pub type StepError = Box<dyn Error + Send + Sync>;

/// What a step does.
pub type Run<'a> = Box<dyn Fn(&Context<'_>) -> Result<(), StepError> + Send + Sync + 'a>;

/// Something that has to be made before something else can be.
pub struct Step<'a> {
    /// Its name, such as `aci:console`.
    pub name: String,
    /// The steps whose outputs it is made from.
    pub needs: Vec<String>,
    /// What else it is made from.
    pub inputs: Vec<Input>,
    /// What it makes.
    pub outputs: Outputs,
    /// Why it can't be made, if that is known beforehand.
    pub problem: Option<String>,
    /// Makes it.
    pub run: Run<'a>,
}

impl fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("name", &self.name)
            .field("needs", &self.needs)
            .finish_non_exhaustive()
    }
}

/// Something that a step is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A text: a parameter, or a whole description.
    Text {
        /// What it is called in the record.
        key: String,
        /// The text.
        value: String,
    },
    /// A file or folder.
    Path {
        /// What it is called in the record.
        key: String,
        /// Where it is.
        path: PathBuf,
        /// What of it counts.
        detail: Detail,
    },
}

impl Input {
    /// What it is called in the record.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Text { key, .. } | Self::Path { key, .. } => key,
        }
    }
}

/// What a step makes, as paths in the output folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// These files.
    Files(Vec<String>),
    /// What it leaves there: names that are known when it has run.
    Found,
}

/// What a step that runs knows of the others.
pub struct Context<'a> {
    /// The folder that it leaves its outputs in, at their paths in the output folder.
    pub folder: &'a Path,
    /// The output folder, with what other steps made.
    pub output: &'a Path,
    /// What the steps were that it needs.
    pub needs: &'a BTreeMap<String, Made>,
    pub(super) say: &'a (dyn Fn(&str) + Sync),
    pub(super) commands: Mutex<Vec<String>>,
    pub(super) versions: Mutex<BTreeMap<String, String>>,
}

impl Context<'_> {
    /// Tells a line of the step's log.
    pub fn say(&self, line: &str) {
        (self.say)(line);
    }

    /// Notes a command that was run, for the record.
    pub fn command(&self, line: impl Into<String>) {
        if let Ok(mut commands) = self.commands.lock() {
            commands.push(line.into());
        }
    }

    /// Notes the version of something that was made or used, for the record.
    pub fn version(&self, name: impl Into<String>, version: impl Into<String>) {
        if let Ok(mut versions) = self.versions.lock() {
            versions.insert(name.into(), version.into());
        }
    }
}
