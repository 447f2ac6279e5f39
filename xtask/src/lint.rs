//! `cargo xtask lint`: what must hold before anyone reads a change.

use crate::{Outcome, cargo};

const DENY: [&str; 2] = ["-D", "warnings"];

/// Takes the versions for hosts that are no Unix, here where they are not used otherwise.
const PORTABLE: [&str; 2] = ["--cfg", "kurmadisk_portable_host"];

/// The packages whose features are checked one by one.
const LIBRARIES: [&str; 2] = ["kurmadisk-formats", "kurmadisk"];

/// Formatting, clippy for everything and for the smallest builds of the libraries, the portable
/// versions of the host's calls, every feature alone, documentation.
pub(crate) fn run() -> Outcome {
    cargo::step(&["fmt", "--all", "--", "--check"])?;
    let everything = ["clippy", "--workspace", "--all-targets", "--"];
    cargo::step(&[&everything[..], &DENY].concat())?;
    // Both at once, so that what they depend on is checked once.
    let mut smallest = vec!["clippy", "--no-default-features"];
    for package in LIBRARIES {
        smallest.extend(["--package", package]);
    }
    smallest.push("--");
    cargo::step(&[&smallest[..], &DENY].concat())?;
    // By clippy, which hands its flags to this workspace's crates alone; others are not checked again.
    cargo::step(&[&smallest[..], &PORTABLE, &DENY].concat())?;
    for package in LIBRARIES {
        check_features(package)?;
    }
    let mut documentation = cargo::cargo();
    documentation.args(["doc", "--workspace", "--lib", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    cargo::run("cargo doc --workspace --lib --no-deps", &mut documentation)
}

/// clippy with each feature alone: nothing may lean on a neighbour.
fn check_features(package: &str) -> Outcome {
    for feature in cargo::own_features(package)? {
        let alone = ["--no-default-features", "--features", &feature];
        // Those of the other package are checked there.
        let check = ["clippy", "--no-deps", "--quiet", "--package", package];
        cargo::step(&[&check[..], &alone, &["--"], &DENY].concat())?;
    }
    Ok(())
}
