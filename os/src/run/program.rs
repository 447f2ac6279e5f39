//! What is run.

use std::ffi::OsString;
use std::path::PathBuf;

/// A program with its arguments, additions to its environment, and its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub(super) name: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) unset: Vec<OsString>,
    pub(super) folder: Option<PathBuf>,
}

impl Program {
    /// The program of this name or path.
    pub fn new(name: impl Into<OsString>) -> Self {
        Self {
            name: name.into(),
            args: Vec::new(),
            env: Vec::new(),
            unset: Vec::new(),
            folder: None,
        }
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// With a variable set, whatever the environment says of it.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Without variables of the environment.
    #[must_use]
    pub fn without<S: Into<OsString>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.unset.extend(names.into_iter().map(Into::into));
        self
    }

    /// Run in this folder.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Program and arguments, as texts: bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let words = std::iter::once(&self.name).chain(&self.args);
        words
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    /// As it is written for a shell, with the variables it sets.
    #[must_use]
    pub fn line(&self) -> String {
        let env = self.env.iter().map(|(name, value)| {
            let value = quoted(&value.to_string_lossy());
            format!("{}={value}", name.to_string_lossy())
        });
        let words = self.words();
        let words = words.iter().map(|word| quoted(word));
        let line = env.chain(words).collect::<Vec<_>>().join(" ");
        match &self.folder {
            Some(folder) => format!("cd {} && {line}", quoted(&folder.to_string_lossy())),
            None => line,
        }
    }
}

/// A word that a POSIX shell takes as it is.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
