//! The steps of a manifest.

use std::path::{Path, PathBuf};

use super::error::ManifestError;
use super::places;
use super::spec::Manifest;
use super::{base, bundle, record, release};
use crate::aci::AciSpec;
use crate::base::{Engine, Stage};
use crate::chain::{Context, Graph, Input, Outputs, Step, StepError};
use crate::component::{ComponentSpec, Where, Workshop};
use crate::digest::Detail;
use crate::run::{Environment, Runner};

impl Manifest {
    /// The steps that make the system; programs that they run get this `environment`.
    pub fn graph<'a>(&'a self, environment: &'a Environment) -> Result<Graph<'a>, ManifestError> {
        let mut steps = base::steps(self, environment);
        steps.extend(
            self.components
                .iter()
                .map(|spec| self.component(spec, environment)),
        );
        for aci in &self.acis {
            let name = name_of(aci);
            let path = self.places.aci(name);
            let mut step = self.step(&format!("aci:{name}"), aci.inputs(), &["aci", name])?;
            step.outputs = Outputs::Files(vec![path.clone()]);
            step.run = Box::new(move |context| {
                make_folder(context, places::ACIS)?;
                aci.build(&context.folder.join(&path))?;
                Ok(())
            });
            steps.push(step);
        }
        if let Some(initrd) = &self.initrd {
            let mut step = self.step("initrd", initrd.inputs(), &["initrd"])?;
            step.outputs = Outputs::Files(vec![places::INITRD.to_owned()]);
            step.run = Box::new(move |context| {
                initrd.build(&context.folder.join(places::INITRD))?;
                Ok(())
            });
            steps.push(step);
        }
        steps.extend(bundle::step(self)?);
        steps.extend(release::step(self)?);
        if !steps.is_empty() {
            steps.push(record::step(&steps));
        }
        Ok(Graph::new(steps)?)
    }

    /// A step called so that reads these paths and is described by the manifest's table at `table`. What it reads of other
    /// steps it needs.
    pub(super) fn step<'a>(
        &self,
        name: &str,
        paths: Vec<PathBuf>,
        table: &[&str],
    ) -> Result<Step<'a>, ManifestError> {
        let output = self.output();
        let (mut needs, mut inputs) = (Vec::new(), vec![self.described(table)]);
        for path in paths {
            if let Ok(inner) = path.strip_prefix(&output) {
                let maker = inner
                    .to_str()
                    .and_then(|path| self.places.maker(path))
                    .filter(|maker| self.makes(maker));
                let Some(maker) = maker else {
                    return Err(ManifestError::Unmade {
                        step: name.to_owned(),
                        path,
                        known: self.makers(),
                    });
                };
                if !needs.contains(&maker) {
                    needs.push(maker);
                }
            } else {
                inputs.push(self.input(path));
            }
        }
        Ok(Step {
            name: name.to_owned(),
            needs,
            inputs,
            outputs: Outputs::Found,
            problem: None,
            run: Box::new(|_| Ok(())),
        })
    }

    /// A file or folder, called by its path from the manifest's folder if it is within it.
    pub(super) fn input(&self, path: PathBuf) -> Input {
        let shown = path.strip_prefix(&self.folder).unwrap_or(&path);
        Input::Path {
            key: shown.display().to_string(),
            // What a single file was called and when it was written is nothing that is made of it.
            detail: if path.is_dir() {
                Detail::Tree
            } else {
                Detail::Source
            },
            path,
        }
    }

    /// What the manifest says in the table at `path`: a name, or a name and that of one of its entries.
    pub(super) fn described(&self, path: &[&str]) -> Input {
        let table = path.first().and_then(|name| self.tables.get(*name));
        let is_called = |entry: &&toml::Value, name: &str| {
            entry.get("name").and_then(toml::Value::as_str) == Some(name)
        };
        let table = match (table, path.get(1)) {
            (Some(toml::Value::Array(entries)), Some(name)) => {
                entries.iter().find(|entry| is_called(entry, name))
            }
            (table, _) => table,
        };
        Input::Text {
            key: "description".to_owned(),
            value: table.map(ToString::to_string).unwrap_or_default()
                + &format!("\ntime = {}", self.time()),
        }
    }

    /// Whether there is a step called so.
    fn makes(&self, maker: &str) -> bool {
        self.makers().iter().any(|name| name == maker)
    }

    /// The steps whose outputs others can read.
    fn makers(&self) -> Vec<String> {
        let components = self
            .components
            .iter()
            .map(|component| format!("component:{}", component.name.value));
        let acis = self.acis.iter().map(|aci| format!("aci:{}", name_of(aci)));
        let initrd = self.initrd.as_ref().map(|_| "initrd".to_owned());
        let kernel = self.has_kernel().then(|| "kernel".to_owned());
        let bundle = self.bundle.as_ref().map(|_| self.places.bundle.clone());
        kernel
            .into_iter()
            .chain(components)
            .chain(acis)
            .chain(initrd)
            .chain(bundle)
            .collect()
    }

    /// Whether there is a kernel, compiled or not.
    pub(super) fn has_kernel(&self) -> bool {
        self.kernel.is_some() || self.tables.contains_key("base")
    }

    /// Whether something is built in the container image `stage4`.
    pub(super) fn uses_stage4(&self) -> bool {
        let compiled = self.kernel.is_none() && self.has_kernel();
        let built = |component: &ComponentSpec| {
            component.place == Where::Stage4 && component.prebuilt.is_none()
        };
        compiled || self.components.iter().any(built)
    }

    fn engine(&self) -> Engine {
        self.base.engine.unwrap_or_default()
    }

    /// The step that builds a component.
    fn component<'a>(&'a self, spec: &'a ComponentSpec, environment: &'a Environment) -> Step<'a> {
        let name = &spec.name.value;
        let image = self.base.tag(Stage::Stage4);
        let mut step = Step {
            name: format!("component:{name}"),
            needs: Vec::new(),
            inputs: vec![self.described(&["component", name])],
            outputs: Outputs::Found,
            problem: None,
            run: Box::new(|_| Ok(())),
        };
        if spec.place == Where::Stage4 && spec.prebuilt.is_none() {
            step.needs.push(Stage::Stage4.to_string());
        }
        let missing = spec.inputs().into_iter().find(|path| !path.exists());
        let workshop = Workshop {
            engine: self.engine(),
            image: &image,
            image_id: None,
        };
        if let Some(path) = missing {
            step.inputs.push(self.input(path));
        } else {
            let mut nobody = |_: &str| {};
            let mut runner = Runner::new(environment, &mut nobody);
            match spec.plan(Path::new(""), &workshop, &mut runner) {
                Ok(plan) => step.inputs.push(Input::Text {
                    key: "source".to_owned(),
                    value: plan.digest.to_string(),
                }),
                Err(error) => step.problem = Some(kurmadisk::formats::error::chain(&error)),
            }
        }
        step.run = Box::new(move |context| {
            let out = context.folder.join(places::COMPONENTS);
            make_folder(context, places::COMPONENTS)?;
            let mut log = |line: &str| context.say(line);
            let mut runner = Runner::new(environment, &mut log);
            let workshop = Workshop {
                engine: self.engine(),
                image: &self.base.tag(Stage::Stage4),
                image_id: None,
            };
            let plan = spec.plan(&out, &workshop, &mut runner)?;
            let built = plan.build(&workshop, &mut runner)?;
            if !built.record.command.is_empty() {
                context.command(built.record.command.join(" "));
            }
            context.version(name, &built.record.version);
            Ok(())
        });
        step
    }
}

/// An image's name, which every one has.
fn name_of(aci: &AciSpec) -> &str {
    aci.name.as_ref().map_or("", |name| &name.value)
}

/// Makes a folder among a step's outputs.
pub(super) fn make_folder(context: &Context<'_>, name: &str) -> Result<(), StepError> {
    Ok(std::fs::create_dir_all(context.folder.join(name))?)
}
