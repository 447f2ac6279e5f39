//! `kurmadisk component`.

use std::error::Error;
use std::fs;

use kurmadisk_os::base::{Record, Stage};
use kurmadisk_os::component::{Built, ComponentPlan, ComponentSpec, Workshop};
use kurmadisk_os::parts::Parts;
use kurmadisk_os::run::{Environment, Runner};
use serde_json::{Value, json};

use crate::args::{ComponentArgs, ComponentBuildArgs, ComponentCommand, ComponentListArgs};
use crate::base::show;
use crate::text::{self, Table};

pub fn run(command: &ComponentCommand) -> Result<String, Box<dyn Error>> {
    match command {
        ComponentCommand::Build(args) => build(args),
        ComponentCommand::List(args) => list(args),
    }
}

/// The manifest, and what is known of the image that components may be built in.
struct Setting {
    parts: Parts,
    image: String,
    image_id: Option<String>,
}

impl Setting {
    fn new(args: &ComponentArgs) -> Result<Self, Box<dyn Error>> {
        let mut parts = Parts::from_file(&args.manifest)?;
        parts.base.engine = args.engine.or(parts.base.engine);
        let image = parts.base.tag(Stage::Stage4);
        let record = args.output.join("base-stage4.json");
        let record = fs::read_to_string(record).ok();
        let record = record.and_then(|text| serde_json::from_str::<Record>(&text).ok());
        let record = record.filter(|record| record.tag.as_ref() == Some(&image));
        Ok(Self {
            parts,
            image,
            image_id: record.and_then(|record| record.id),
        })
    }

    fn workshop(&self) -> Workshop<'_> {
        Workshop {
            engine: self.parts.base.engine.unwrap_or_default(),
            image: &self.image,
            image_id: self.image_id.as_deref(),
        }
    }
}

fn build(args: &ComponentBuildArgs) -> Result<String, Box<dyn Error>> {
    let setting = Setting::new(&args.from)?;
    let chosen = chosen(&setting.parts.components, args)?;
    let environment: Environment = std::env::vars_os().collect();
    let quiet = args.quiet;
    let mut log = |line: &str| show(line, quiet);
    let mut runner = Runner::new(&environment, &mut log);
    let workshop = setting.workshop();
    let mut all = Vec::new();
    for spec in chosen {
        let plan = spec.plan(&args.from.output, &workshop, &mut runner)?;
        all.push(plan.build(&workshop, &mut runner)?);
    }
    if args.from.json {
        let all: Vec<_> = all.iter().map(report).collect();
        return Ok(serde_json::to_string_pretty(&json!({ "components": all }))? + "\n");
    }
    Ok(all.iter().map(describe).collect())
}

/// The components that are named, in the manifest's order; all if none is.
fn chosen<'a>(
    all: &'a [ComponentSpec],
    args: &ComponentBuildArgs,
) -> Result<Vec<&'a ComponentSpec>, String> {
    let named = |spec: &&ComponentSpec| args.names.contains(&spec.name.value);
    let known = |name: &&String| all.iter().any(|spec| spec.name.value == **name);
    let manifest = args.from.manifest.display();
    if let Some(name) = args.names.iter().find(|name| !known(name)) {
        let names: Vec<_> = all.iter().map(|spec| spec.name.value.as_str()).collect();
        return Err(format!(
            "{manifest} has no component {name:?}; it has {}",
            match names.as_slice() {
                [] => "none".to_owned(),
                names => names.join(", "),
            }
        ));
    }
    if all.is_empty() {
        return Err(format!("{manifest} has no [[component]]"));
    }
    let chosen = all
        .iter()
        .filter(|spec| args.names.is_empty() || named(spec));
    Ok(chosen.collect())
}

fn list(args: &ComponentListArgs) -> Result<String, Box<dyn Error>> {
    let setting = Setting::new(&args.from)?;
    let environment: Environment = std::env::vars_os().collect();
    let mut log = |_: &str| {};
    let mut runner = Runner::new(&environment, &mut log);
    let workshop = setting.workshop();
    let mut rows = Vec::new();
    for spec in &setting.parts.components {
        let plan = spec.plan(&args.from.output, &workshop, &mut runner)?;
        let built = plan.cached()?.is_some();
        rows.push((plan, built));
    }
    if args.from.json {
        let all: Vec<_> = rows
            .iter()
            .map(|(plan, built)| listed(plan, *built))
            .collect();
        return Ok(serde_json::to_string_pretty(&json!({ "components": all }))? + "\n");
    }
    let mut table = Table::new(["component", "version", "by", "built"]);
    for (plan, built) in &rows {
        let by = match plan.command.first() {
            Some(program) => text::shown(program),
            None => "prebuilt".to_owned(),
        };
        let built = if *built { "yes" } else { "no" };
        let name = plan.spec.name.value.clone();
        table.row([name, plan.version.clone(), by, built.to_owned()]);
    }
    Ok(table.to_string())
}

fn listed(plan: &ComponentPlan, built: bool) -> Value {
    json!({
        "name": plan.spec.name.value,
        "version": plan.version,
        "command": plan.command,
        "inputs": plan.digest,
        "outputs": plan.outputs().iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
        "built": built,
    })
}

fn report(built: &Built) -> Value {
    let mut said = json!({
        "tarball": built.tarball.to_string_lossy(),
        "outputs": built.files.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
        "cached": built.cached,
    });
    said["record"] = json!(built.record);
    said
}

/// A line for a component.
fn describe(built: &Built) -> String {
    let (name, version) = (&built.record.name, &built.record.version);
    let tarball = text::shown(&built.tarball.to_string_lossy());
    let done = if built.cached { "unchanged" } else { "built" };
    format!("{name} {version}: {done}, {tarball}\n")
}
