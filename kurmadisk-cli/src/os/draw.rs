//! The steps of a system as a tree.

use std::collections::BTreeSet;
use std::fmt::Write;

use kurmadisk_os::chain::{Planned, Standing};

use super::word;
use crate::text;

/// The most steps that a line names.
const MOST: usize = 4;

/// The graph as a tree: below each step what it needs. A step that was drawn already is not drawn again with all below
/// it.
pub fn drawn(steps: &[Planned]) -> Result<String, std::fmt::Error> {
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
        Standing::Waits { on } if on.len() > MOST => {
            writeln!(said, ": waits for {} steps", on.len())?;
        }
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
