//! The record of a build, and the digests of all that it made.

use std::collections::BTreeMap;
use std::fmt::Write;

use kurmadisk::package::SUMS;
use serde_json::json;

use crate::chain::{Context, Made, Outputs, Step, StepError};
use crate::digest;

/// The record's file.
const RECORD: &str = "record.json";

/// The last step, which needs all others.
pub(super) fn step<'a>(steps: &[Step<'_>]) -> Step<'a> {
    Step {
        name: "record".to_owned(),
        needs: steps.iter().map(|step| step.name.clone()).collect(),
        inputs: Vec::new(),
        outputs: Outputs::Files(vec![RECORD.to_owned(), SUMS.to_owned()]),
        problem: None,
        run: Box::new(write),
    }
}

fn write(context: &Context<'_>) -> Result<(), StepError> {
    let steps: BTreeMap<_, _> = context
        .needs
        .iter()
        .map(|(name, made)| (name, told(made)))
        .collect();
    let record = json!({
        "kurmadisk": env!("CARGO_PKG_VERSION"),
        "steps": steps,
    });
    let path = context.folder.join(RECORD);
    std::fs::write(&path, serde_json::to_string_pretty(&record)? + "\n")?;
    let mut sums: BTreeMap<&str, digest::Digest> = BTreeMap::new();
    for made in context.needs.values() {
        sums.extend(
            made.outputs
                .iter()
                .map(|(path, file)| (path.as_str(), file.sha256)),
        );
    }
    sums.insert(RECORD, digest::file(&path)?.1);
    let mut text = String::new();
    for (path, sha256) in sums {
        writeln!(text, "{sha256}  {path}")?;
    }
    std::fs::write(context.folder.join(SUMS), text)?;
    Ok(())
}

/// What the record says of a step.
fn told(made: &Made) -> serde_json::Value {
    let outputs = made.outputs.iter();
    let outputs: BTreeMap<_, _> = outputs
        .map(|(path, file)| (path, json!({ "size": file.size, "sha256": file.sha256 })))
        .collect();
    json!({
        "inputs": made.inputs,
        "outputs": outputs,
        "commands": made.commands,
        "versions": made.versions,
    })
}
