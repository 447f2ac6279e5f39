//! Running cargo and other programs as steps of a task.

use std::process::Command;

use crate::Outcome;

/// The cargo that runs this, in the checkout.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(kurmadisk_fixtures::workspace_root());
    command
}

/// cargo with these arguments, which are also what is shown of it.
pub(crate) fn step(arguments: &[&str]) -> Outcome {
    let mut command = cargo();
    command.args(arguments);
    run(&format!("cargo {}", arguments.join(" ")), &mut command)
}

/// Shows `name`, runs the command to its end, and fails if it fails.
pub(crate) fn run(name: &str, command: &mut Command) -> Outcome {
    eprintln!("== {name}");
    let status = command
        .status()
        .map_err(|error| format!("{name} could not be started: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{name} failed: {status}").into())
    }
}

/// The features of a workspace package, by name, from cargo itself.
pub(crate) fn features(package: &str) -> Outcome<Vec<String>> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata names no packages")?;
    let found = packages.iter().find(|each| each["name"] == package);
    let features = found.and_then(|each| each["features"].as_object());
    let features = features.ok_or_else(|| format!("cargo metadata has no package {package}"))?;
    Ok(features
        .keys()
        .filter(|name| *name != "default")
        .cloned()
        .collect())
}
