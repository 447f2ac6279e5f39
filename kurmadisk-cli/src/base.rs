//! `kurmadisk base`.

use std::error::Error;
use std::path::Path;

use kurmadisk::spec::Located;
use kurmadisk_os::base::{BaseSpec, Record, StagePlan};
use kurmadisk_os::parts::Parts;
use kurmadisk_os::run::{Environment, Runner};
use serde_json::json;

use crate::args::{BaseBuildArgs, BaseCommand};
use crate::text;

/// The manifest that is read when none is named.
const MANIFEST: &str = "kurmaos.toml";

pub fn run(command: &BaseCommand) -> Result<String, Box<dyn Error>> {
    match command {
        BaseCommand::Build(args) => build(args),
    }
}

fn build(args: &BaseBuildArgs) -> Result<String, Box<dyn Error>> {
    let spec = spec(args)?;
    let plan = spec.plan(args.stage, &args.output)?;
    if args.dry_run {
        return dry_run(&plan, args);
    }
    let environment: Environment = std::env::vars_os().collect();
    let quiet = args.quiet;
    let mut log = |line: &str| show(line, quiet);
    let record = plan.build(&mut Runner::new(&environment, &mut log))?;
    if args.json {
        return Ok(serde_json::to_string_pretty(&record)? + "\n");
    }
    Ok(describe(&record, &args.output))
}

/// What the manifest says, and above it the options.
fn spec(args: &BaseBuildArgs) -> Result<BaseSpec, Box<dyn Error>> {
    let mut spec = match &args.manifest {
        Some(path) => Parts::from_file(path)?.base,
        None if Path::new(MANIFEST).is_file() => Parts::from_file(Path::new(MANIFEST))?.base,
        None => BaseSpec::default(),
    };
    spec.engine = args.engine.or(spec.engine);
    let stage = spec.stage_mut(args.stage);
    if let Some(from) = &args.from {
        stage.from = Some(Located::by_option("--from", from.clone()));
    }
    for (name, value) in &args.build_arg {
        let value = Located::by_option("--build-arg", value.clone());
        stage.args.insert(name.clone(), value);
    }
    Ok(spec)
}

fn dry_run(plan: &StagePlan, args: &BaseBuildArgs) -> Result<String, Box<dyn Error>> {
    let command = plan.command();
    if !args.json {
        return Ok(command.line() + "\n");
    }
    let said = json!({
        "stage": plan.stage,
        "engine": plan.engine,
        "command": command.words(),
        "inputs": plan.digest()?,
        "outputs": plan.outputs().iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&said)? + "\n")
}

fn describe(record: &Record, output: &Path) -> String {
    let image = record.tag.iter().zip(&record.id);
    let image = image.map(|(tag, id)| format!("{tag}: {id}\n"));
    let files = record.files.iter().map(|(name, file)| {
        let path = output.join(name);
        let path = text::shown(&path.to_string_lossy());
        format!("{path}: {}\n", text::size(file.size))
    });
    image.chain(files).collect()
}

/// Shows a line of another program's log: what a terminal would obey is not passed on.
pub fn show(line: &str, quiet: bool) {
    if !quiet {
        eprintln!("{}", text::shown(line));
    }
}
