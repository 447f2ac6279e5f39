//! The description of a component, `[[component]]`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use kurmadisk::spec::{Document, Located, Place};
use serde::{Deserialize, Serialize};

use super::error::ComponentError;
use super::toolchain::Toolchain;
use crate::file::{NO_NAME, is_name};

/// Where a component is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Where {
    /// On this machine.
    #[default]
    Local,
    /// In a container of the `stage4` image.
    Stage4,
}

/// A component.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ComponentSpec {
    /// Its name, of its folder and its tarball.
    pub name: Located<String>,
    /// The folder of its source.
    pub source: Option<Located<PathBuf>>,
    /// How it is built, unless a command is given.
    pub toolchain: Option<Toolchain>,
    /// The command that builds it, word by word.
    pub command: Option<Located<Vec<String>>>,
    /// Arguments for the toolchain's command: packages, targets, options.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// For Go: the variable that gets the version, such as `main.version`.
    pub version_variable: Option<Located<String>>,
    /// For Go before modules: the source's place in `GOPATH`, such as `github.com/apcera/kurma`.
    pub import_path: Option<Located<String>>,
    /// Its version; what `git describe` says without it.
    pub version: Option<Located<String>>,
    /// The files that the build makes, relative to the source.
    pub outputs: Located<Vec<String>>,
    /// The licence's file in the source; `LICENSE` without it.
    pub license: Option<Located<String>>,
    /// Where it is built.
    #[serde(rename = "in", default)]
    pub place: Where,
    /// Variables that the build gets.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// In place of a build: the output's file, or a folder with the outputs by their names.
    pub prebuilt: Option<Located<PathBuf>>,
}

impl ComponentSpec {
    /// Makes relative paths relative to `base`.
    pub fn resolve_paths(&mut self, base: &Path) {
        for path in [&mut self.source, &mut self.prebuilt].into_iter().flatten() {
            path.value = base.join(&path.value);
        }
    }

    /// Turns the places of values into lines of `document`.
    pub fn locate(&mut self, document: &Document) {
        self.name.locate(document);
        self.outputs.locate(document);
        for path in [&mut self.source, &mut self.prebuilt].into_iter().flatten() {
            path.locate(document);
        }
        if let Some(command) = &mut self.command {
            command.locate(document);
        }
        let texts = [
            &mut self.version_variable,
            &mut self.import_path,
            &mut self.version,
            &mut self.license,
        ];
        for text in texts.into_iter().flatten() {
            text.locate(document);
        }
    }

    /// Fails where keys contradict each other, or a name would lead out of its folder.
    pub fn check(&self) -> Result<(), ComponentError> {
        let name = &self.name;
        if !is_name(&name.value) {
            return Err(self.fault("name", &name.place, NO_NAME));
        }
        self.check_outputs()?;
        match (&self.source, &self.prebuilt) {
            (None, None) => {
                let reason = "it has no source and no `prebuilt`; name one of them";
                Err(self.fault("source", &name.place, reason))
            }
            (_, Some(_)) => Ok(()),
            (Some(_), None) => self.check_command(),
        }
    }

    fn check_outputs(&self) -> Result<(), ComponentError> {
        let outputs = &self.outputs;
        let fault = |reason: &str| Err(self.fault("outputs", &outputs.place, reason));
        if outputs.value.is_empty() {
            return fault("name at least one file that the build makes");
        }
        let mut names = Vec::new();
        for output in &outputs.value {
            if !is_inside(output) {
                return fault(&format!("{output:?} is no path within the source"));
            }
            let name = file_name(output);
            if names.contains(&name) {
                return fault(&format!("two files would be called {name}"));
            }
            names.push(name);
        }
        if let Some(license) = &self.license
            && !is_inside(&license.value)
        {
            let reason = format!("{:?} is no path within the source", license.value);
            return Err(self.fault("license", &license.place, &reason));
        }
        Ok(())
    }

    fn check_command(&self) -> Result<(), ComponentError> {
        let for_go = [
            ("version-variable", &self.version_variable),
            ("import-path", &self.import_path),
        ];
        for (key, value) in for_go {
            if let Some(value) = value
                && self.toolchain != Some(Toolchain::Go)
            {
                return Err(self.fault(key, &value.place, "it is for toolchain = \"go\" only"));
            }
        }
        if let Some(path) = &self.import_path
            && !is_inside(&path.value)
        {
            return Err(self.fault("import-path", &path.place, "it is no import path"));
        }
        match (self.toolchain, &self.command) {
            (Some(_), Some(command)) => {
                let reason = "there is a `toolchain` too; leave one of them out";
                Err(self.fault("command", &command.place, reason))
            }
            (None, None) => {
                let reason = "say how it is built: go, cargo or make, or give a `command`";
                Err(self.fault("toolchain", &self.name.place, reason))
            }
            (None, Some(command)) if command.value.is_empty() => {
                Err(self.fault("command", &command.place, "it has no words"))
            }
            (None, Some(command)) if !self.arguments.is_empty() => {
                let reason = "there are `arguments` too, which are a toolchain's";
                Err(self.fault("command", &command.place, reason))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn fault(&self, key: &'static str, place: &Place, reason: &str) -> ComponentError {
        ComponentError::Spec {
            place: place.clone(),
            name: self.name.value.clone(),
            key,
            reason: reason.to_owned(),
        }
    }
}

/// The last part of an output's path.
pub(super) fn file_name(output: &str) -> &str {
    output.rsplit('/').next().unwrap_or(output)
}

/// Whether a path is relative and leads into folders only.
fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.is_empty()
        && !path.ends_with('/')
        && parts.all(|part| matches!(part, Component::Normal(_)))
}
