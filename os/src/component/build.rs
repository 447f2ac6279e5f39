//! Building a component, here or in a container.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::ComponentError;
use super::plan::ComponentPlan;
use super::source;
use super::spec::{Where, file_name};
use super::store::{self, Built, Made};
use crate::base::{Container, Engine};
use crate::file;
use crate::run::{Program, RunError, Runner};

/// Where the copy of a source is in a container.
const INSIDE: &str = "/kurma";
/// Caches of compilers in a container; gone with it.
const HOME: &str = "/tmp";

/// What builds components that are built in a container.
#[derive(Clone, Copy, Debug)]
pub struct Workshop<'a> {
    /// The engine.
    pub engine: Engine,
    /// The name of the image.
    pub image: &'a str,
    /// Its id, where it is known: another image builds anew.
    pub image_id: Option<&'a str>,
}

impl ComponentPlan {
    /// What was built already from the same inputs, if it is still there as it was.
    pub fn cached(&self) -> Result<Option<Built>, ComponentError> {
        store::cached(self)
    }

    /// Builds the component, unless that was done already. After an error nothing new is left.
    pub fn build(&self, workshop: &Workshop, runner: &mut Runner) -> Result<Built, ComponentError> {
        if let Some(built) = self.cached()? {
            return Ok(built);
        }
        let name = &self.spec.name.value;
        let out = file::Folder::create(&self.out);
        let _out = out.map_err(ComponentError::file(name, &self.out))?;
        // Beside the outputs, since it can be large, and shown to containers.
        let mut scratch = tempfile::Builder::new();
        let scratch = scratch.prefix(".component-").tempdir_in(&self.out);
        let scratch = scratch.map_err(ComponentError::file(name, &self.out))?;
        // Programs run in other folders than we do.
        let path = scratch.path().canonicalize();
        let path = path.map_err(ComponentError::file(name, &self.out))?;
        let made = match &self.spec.prebuilt {
            Some(prebuilt) => self.prebuilt(&prebuilt.value)?,
            None => self.compiled(&path, workshop, runner)?,
        };
        store::keep(self, &made, &path)
    }

    /// The outputs of a copy of the source, once it is built there.
    fn compiled(
        &self,
        scratch: &Path,
        workshop: &Workshop,
        runner: &mut Runner,
    ) -> Result<Made, ComponentError> {
        let name = &self.spec.name.value;
        let Some(original) = &self.spec.source else {
            return Ok(Made::default());
        };
        let (within, go_path) = self.place_in_scratch();
        let copy = scratch.join(&within);
        let copied = fs::create_dir_all(&copy)
            .and_then(|()| source::copy(&original.value, &self.files, &copy, self.time));
        copied.map_err(ComponentError::file(name, &original.value))?;
        let ran = match self.spec.place {
            Where::Local => self.run_here(scratch, &copy, go_path, runner),
            Where::Stage4 => self.run_inside(scratch, &within, go_path, workshop, runner),
        };
        ran.map_err(|error| ComponentError::Build {
            name: name.clone(),
            source: error,
        })?;
        let outputs = self.spec.outputs.value.iter();
        let outputs = outputs.map(|output| self.output(output, &copy.join(output)));
        Ok(Made {
            outputs: outputs.collect::<Result<_, _>>()?,
            license: self.license_at(&copy)?,
        })
    }

    /// Where the copy lies in the scratch folder, and whether that is a `GOPATH`.
    fn place_in_scratch(&self) -> (PathBuf, bool) {
        match &self.spec.import_path {
            Some(path) => (Path::new("src").join(&path.value), true),
            None => (PathBuf::from("source"), false),
        }
    }

    fn run_here(
        &self,
        scratch: &Path,
        copy: &Path,
        go_path: bool,
        runner: &mut Runner,
    ) -> Result<(), RunError> {
        let Some((program, args)) = self.command.split_first() else {
            return Ok(());
        };
        // A program of the source is named relative to it.
        let program = if program.contains('/') {
            copy.join(program).into_os_string()
        } else {
            program.into()
        };
        let mut program = Program::new(program).args(args).folder(copy);
        for (name, value) in &self.env {
            program = program.env(name, value);
        }
        if go_path {
            program = program.env("GOPATH", scratch).env("GO111MODULE", "off");
        }
        runner.run(&program)
    }

    fn run_inside(
        &self,
        scratch: &Path,
        within: &Path,
        go_path: bool,
        workshop: &Workshop,
        runner: &mut Runner,
    ) -> Result<(), RunError> {
        let failed = |source| RunError::Start {
            command: workshop.engine.name().to_owned(),
            source,
        };
        let owner = fs::metadata(scratch).map_err(failed)?;
        let mut env = self.env.clone();
        env.push(("HOME".to_owned(), HOME.to_owned()));
        if go_path {
            env.push(("GOPATH".to_owned(), INSIDE.to_owned()));
            env.push(("GO111MODULE".to_owned(), "off".to_owned()));
        }
        let container = Container {
            image: workshop.image,
            folder: scratch,
            inside: INSIDE,
            work: &format!("{INSIDE}/{}", within.display()),
            env: &env,
            user: &format!("{}:{}", owner.uid(), owner.gid()),
            command: &self.command,
        };
        workshop.engine.run_in(&container, runner)
    }

    /// The outputs that somebody else built.
    fn prebuilt(&self, path: &Path) -> Result<Made, ComponentError> {
        let outputs = &self.spec.outputs.value;
        let is_folder = path.is_dir();
        if !is_folder && outputs.len() > 1 {
            let place = &self.spec.outputs.place;
            let reason = format!("{} is one file, and these are several", path.display());
            return Err(self.spec.fault("outputs", place, &reason));
        }
        let found = outputs.iter().map(|output| {
            let file = if is_folder {
                path.join(file_name(output))
            } else {
                path.to_path_buf()
            };
            self.output(output, &file)
        });
        let license = match &self.spec.source {
            Some(source) => self.license_at(&source.value)?,
            None if is_folder => self.license_at(path)?,
            None => None,
        };
        Ok(Made {
            outputs: found.collect::<Result<_, _>>()?,
            license,
        })
    }

    /// An output by its name, if it is a regular file.
    fn output(&self, output: &str, path: &Path) -> Result<(String, PathBuf), ComponentError> {
        let missing = |reason: String| ComponentError::Output {
            name: self.spec.name.value.clone(),
            output: output.to_owned(),
            reason,
        };
        let found = fs::metadata(path).map_err(|error| missing(error.to_string()))?;
        if !found.is_file() {
            return Err(missing("it is no regular file".to_owned()));
        }
        Ok((file_name(output).to_owned(), path.to_path_buf()))
    }

    /// The licence in `folder`: one that is named must be there.
    fn license_at(&self, folder: &Path) -> Result<Option<PathBuf>, ComponentError> {
        let path = folder.join(self.license());
        match (path.is_file(), &self.spec.license) {
            (true, _) => Ok(Some(path)),
            (false, None) => Ok(None),
            (false, Some(license)) => {
                let reason = format!("{} is no file", path.display());
                Err(self.spec.fault("license", &license.place, &reason))
            }
        }
    }
}
