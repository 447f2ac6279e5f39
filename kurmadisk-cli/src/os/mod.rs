//! `kurmadisk os`: whole systems.
//!
//! | file | holds |
//! |---|---|
//! | `draw` | the steps as a tree |
//! | `screen` | what is told while they run |

mod draw;
mod screen;

use std::error::Error;
use std::num::NonZero;

use kurmadisk_os::chain::{Cleaned, Planned, Standing, Summary};
use kurmadisk_os::manifest::Manifest;
use kurmadisk_os::run::Environment;
use serde_json::{Value, json};

use crate::args::{ManifestArgs, OsBuildArgs, OsCleanArgs, OsCommand, OsPlanArgs};
use crate::text;
use draw::drawn;
use screen::Screen;

pub fn run(command: &OsCommand) -> Result<String, Box<dyn Error>> {
    match command {
        OsCommand::Build(args) => build(args),
        OsCommand::Plan(args) => plan(args),
        OsCommand::Clean(args) => clean(args),
    }
}

fn manifest(args: &ManifestArgs) -> Result<Manifest, Box<dyn Error>> {
    Ok(Manifest::from_file(&args.manifest, args.output.as_deref())?)
}

fn build(args: &OsBuildArgs) -> Result<String, Box<dyn Error>> {
    let manifest = manifest(&args.manifest)?;
    let environment: Environment = std::env::vars_os().collect();
    let graph = manifest.graph(&environment)?;
    let jobs = args
        .jobs
        .or_else(|| std::thread::available_parallelism().ok());
    let jobs = jobs.unwrap_or(NonZero::<usize>::MIN);
    let screen = Screen::new(args.quiet || args.json);
    let (output, time) = (manifest.output(), manifest.time());
    let summary = graph.build(&args.steps, &output, jobs, time, &|event| {
        screen.tell(event);
    });
    screen.clear();
    let summary = summary?;
    if args.json {
        return Ok(serde_json::to_string_pretty(&report(&summary))? + "\n");
    }
    if args.quiet {
        return Ok(String::new());
    }
    let output = output.to_string_lossy();
    let output = text::shown(&output);
    let kept = summary.kept.len();
    Ok(match (summary.ran.len(), kept) {
        (0, _) => format!("nothing to do: all {kept} steps are made in {output}\n"),
        (ran, 0) => format!("{ran} steps made in {output}\n"),
        (ran, kept) => format!("{ran} steps made in {output}, {kept} were made already\n"),
    })
}

/// What was made, by step.
fn report(summary: &Summary) -> Value {
    let steps = summary.made.iter().map(|(name, made)| {
        let outputs = made
            .outputs
            .iter()
            .map(|(path, file)| json!({ "path": path, "size": file.size, "sha256": file.sha256 }));
        json!({
            "step": name,
            "ran": summary.ran.contains(name),
            "outputs": outputs.collect::<Vec<_>>(),
        })
    });
    json!({ "steps": steps.collect::<Vec<_>>() })
}

fn plan(args: &OsPlanArgs) -> Result<String, Box<dyn Error>> {
    let manifest = manifest(&args.manifest)?;
    let environment: Environment = std::env::vars_os().collect();
    let steps = manifest
        .graph(&environment)?
        .plan(&args.steps, &manifest.output())?;
    if args.json {
        let steps: Vec<_> = steps.iter().map(planned).collect();
        return Ok(serde_json::to_string_pretty(&json!({ "steps": steps }))? + "\n");
    }
    Ok(drawn(&steps)?)
}

fn planned(step: &Planned) -> Value {
    let mut told =
        json!({ "step": step.name, "needs": step.needs, "standing": word(&step.standing) });
    match &step.standing {
        Standing::Kept => {}
        Standing::Runs { why } | Standing::Blocked { why } => told["why"] = why.as_str().into(),
        Standing::Waits { on } => told["on"] = on.clone().into(),
    }
    told
}

fn word(standing: &Standing) -> &'static str {
    match standing {
        Standing::Kept => "cached",
        Standing::Runs { .. } => "run",
        Standing::Waits { .. } => "wait",
        Standing::Blocked { .. } => "missing",
    }
}

fn clean(args: &OsCleanArgs) -> Result<String, Box<dyn Error>> {
    let manifest = manifest(&args.manifest)?;
    let output = manifest.output();
    let cleaned = match args.steps.as_slice() {
        [] => Cleaned::all(&output)?,
        steps => {
            let environment: Environment = std::env::vars_os().collect();
            let graph = manifest.graph(&environment)?;
            if let Some(unknown) = steps
                .iter()
                .find(|step| !graph.names().any(|name| name == *step))
            {
                let names: Vec<_> = graph.names().collect();
                return Err(format!(
                    "there is no step {unknown:?}; there are {}",
                    names.join(", ")
                )
                .into());
            }
            Cleaned::steps(&output, steps)?
        }
    };
    if args.quiet {
        return Ok(String::new());
    }
    let changed = cleaned.changed.iter();
    let changed = changed.map(|path| {
        format!(
            "{} was changed since it was made, and stays\n",
            text::shown(path)
        )
    });
    Ok(changed.collect::<String>() + &format!("{} files removed\n", cleaned.removed.len()))
}
