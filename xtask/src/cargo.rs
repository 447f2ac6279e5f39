//! Running cargo and other programs as steps of a task.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

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

/// What cargo knows of a workspace package.
fn package(name: &str) -> Outcome<Value> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()?;
    let mut metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array_mut();
    let found = packages.and_then(|all| all.iter_mut().find(|each| each["name"] == name));
    let found = found.map(Value::take);
    found.ok_or_else(|| format!("cargo metadata has no package {name}").into())
}

/// The features of a workspace package that change what is compiled of it, by name.
///
/// Left out are those that no source of the package names and that bring no dependency: all they do is to
/// ask another package for something, whose own features are looked at there. So are those that only other features
/// ask for, whose names begin with `_`.
pub(crate) fn own_features(name: &str) -> Outcome<Vec<String>> {
    let package = package(name)?;
    let features = package["features"].as_object();
    let features = features.ok_or_else(|| format!("cargo metadata has no features of {name}"))?;
    let manifest = package["manifest_path"].as_str().map(Path::new);
    let folder = manifest.and_then(Path::parent);
    let sources = sources(
        &folder
            .ok_or("cargo metadata has no manifest's path")?
            .join("src"),
    )?;
    let own = |(feature, enables): &(&String, &Value)| {
        let brings = |value: &Value| {
            value
                .as_str()
                .is_some_and(|value| value.starts_with("dep:"))
        };
        let named = sources.contains(&format!("feature = \"{feature}\""));
        *feature != "default"
            && !feature.starts_with('_')
            && (named || enables.as_array().is_some_and(|all| all.iter().any(brings)))
    };
    let own = features.iter().filter(own);
    Ok(own.map(|(feature, _)| feature.clone()).collect())
}

/// All sources below a folder, one after another.
fn sources(folder: &Path) -> Outcome<String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            text.push_str(&sources(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(&path)?);
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_only_pass_on_are_left_out() {
        let formats = own_features("kurmadisk-formats").unwrap();
        assert!(formats.iter().any(|name| name == "vdi"), "{formats:?}");
        assert!(
            !formats.iter().any(|name| name == "_compressed-blocks"),
            "{formats:?}"
        );
        let whole = own_features("kurmadisk").unwrap();
        assert!(whole.iter().any(|name| name == "archives"), "{whole:?}");
        assert!(
            !whole.iter().any(|name| name == "vdi" || name == "default"),
            "{whole:?}"
        );
    }
}
