//! `kurmadisk os`: whole systems.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;
use std::num::NonZero;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use kurmadisk_os::chain::{Cleaned, Event, Planned, Standing, Summary};
use kurmadisk_os::manifest::Manifest;
use kurmadisk_os::run::Environment;
use serde_json::{Value, json};

use crate::args::{ManifestArgs, OsBuildArgs, OsCleanArgs, OsCommand, OsPlanArgs};
use crate::text;

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
        screen.tell(event)
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

/// The graph as a tree: below each step what it needs. A step that was drawn already is not drawn again with all below
/// it.
fn drawn(steps: &[Planned]) -> Result<String, std::fmt::Error> {
    let mut said = String::new();
    let needed: BTreeSet<&str> = steps
        .iter()
        .flat_map(|step| step.needs.iter().map(String::as_str))
        .collect();
    let mut seen = BTreeSet::new();
    for step in steps
        .iter()
        .rev()
        .filter(|step| !needed.contains(step.name.as_str()))
    {
        draw(steps, step, "", "", &mut seen, &mut said)?;
    }
    let count = |wanted: &str| {
        steps
            .iter()
            .filter(|step| word(&step.standing) == wanted)
            .count()
    };
    let (cached, run, wait, missing) = (
        count("cached"),
        count("run"),
        count("wait"),
        count("missing"),
    );
    if cached == steps.len() {
        writeln!(said, "nothing to do: all {cached} steps are made")?;
    } else {
        writeln!(
            said,
            "{run} to run, {wait} waiting for those, {cached} cached, {missing} missing something"
        )?;
    }
    Ok(said)
}

fn draw<'s>(
    steps: &'s [Planned],
    step: &'s Planned,
    first: &str,
    rest: &str,
    seen: &mut BTreeSet<&'s str>,
    said: &mut String,
) -> std::fmt::Result {
    let again = !seen.insert(&step.name);
    write!(said, "{first}{}", text::shown(&step.name))?;
    if again {
        return writeln!(said, " (above)");
    }
    match &step.standing {
        Standing::Kept => writeln!(said, ": cached")?,
        Standing::Runs { why } => writeln!(said, ": runs, {}", text::shown(why))?,
        Standing::Waits { on } => writeln!(said, ": waits for {}", text::shown(&on.join(", ")))?,
        Standing::Blocked { why } => writeln!(said, ": missing, {}", text::shown(why))?,
    }
    for (number, need) in step.needs.iter().enumerate() {
        let Some(below) = steps.iter().find(|other| other.name == *need) else {
            continue;
        };
        let is_last = number + 1 == step.needs.len();
        let (branch, stem) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        draw(
            steps,
            below,
            &format!("{rest}{branch}"),
            &format!("{rest}{stem}"),
            seen,
            said,
        )?;
    }
    Ok(())
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

/// What happens, for somebody who looks on: lines that stay, and what runs at the moment below them.
struct Screen {
    quiet: bool,
    began: Instant,
    bars: MultiProgress,
    running: std::sync::Mutex<Vec<(String, ProgressBar)>>,
}

impl Screen {
    fn new(quiet: bool) -> Self {
        Self {
            quiet,
            began: Instant::now(),
            bars: MultiProgress::new(),
            running: std::sync::Mutex::default(),
        }
    }

    fn tell(&self, event: Event<'_>) {
        if self.quiet {
            return;
        }
        let Ok(mut running) = self.running.lock() else {
            return;
        };
        match event {
            Event::Begins { step, why } => {
                let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}");
                let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
                let bar = self.bars.add(ProgressBar::new_spinner().with_style(style));
                bar.set_prefix(step.to_owned());
                bar.enable_steady_tick(std::time::Duration::from_millis(200));
                running.push((step.to_owned(), bar));
                self.say(&format!("{step}: begins, {why}"));
            }
            Event::Line { step, line } => {
                let line = text::shown(line);
                match running.iter().find(|(name, _)| name == step) {
                    Some((_, bar)) if !bar.is_hidden() => bar.set_message(line),
                    _ => self.say(&format!("{step}: {line}")),
                }
            }
            Event::Done { step, done, of } => self.ended(
                &mut running,
                step,
                &format!("{step}: done ({done} of {of})"),
            ),
            Event::Kept { step, done, of } => {
                self.say(&format!("{step}: made already ({done} of {of})"))
            }
            Event::Failed { step } => self.ended(&mut running, step, &format!("{step}: failed")),
        }
    }

    fn ended(&self, running: &mut Vec<(String, ProgressBar)>, step: &str, said: &str) {
        running.retain(|(name, bar)| {
            if name == step {
                bar.finish_and_clear();
            }
            name != step
        });
        self.say(said);
    }

    /// A line that stays.
    fn say(&self, line: &str) {
        let line = format!("[{:>6.1}] {line}", self.began.elapsed().as_secs_f32());
        self.bars.suspend(|| eprintln!("{line}"));
    }

    fn clear(&self) {
        // What was drawn for somebody is gone, or nobody was there.
        let _ = self.bars.clear();
    }
}
