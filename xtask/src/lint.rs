//! `cargo xtask lint`: what must hold before anyone reads a change.

use crate::{Outcome, cargo};

const DENY: [&str; 3] = ["--", "-D", "warnings"];

/// Formatting, clippy for everything and for the smallest builds of the libraries, the portable
/// versions of the host's calls, documentation.
pub(crate) fn run() -> Outcome {
    cargo::step(&["fmt", "--all", "--", "--check"])?;
    cargo::step(&[&["clippy", "--workspace", "--all-targets"], &DENY[..]].concat())?;
    for package in crate::test::LIBRARIES {
        let arguments = ["clippy", "--package", package, "--no-default-features"];
        cargo::step(&[&arguments, &DENY[..]].concat())?;
    }
    for package in crate::test::LIBRARIES {
        check_portable(package)?;
    }
    let mut documentation = cargo::cargo();
    documentation.args(["doc", "--workspace", "--lib", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    cargo::run("cargo doc --workspace --lib --no-deps", &mut documentation)
}

/// Checks that the versions for hosts that are no Unix compile, here where they are not used.
fn check_portable(package: &str) -> Outcome {
    const FLAGS: &str = "--cfg kurmadisk_portable_host -D warnings";
    let arguments = ["check", "--package", package, "--no-default-features"];
    let mut check = cargo::cargo();
    check.args(arguments).env("RUSTFLAGS", FLAGS);
    // Other flags would make the ordinary builds start over.
    check.args(["--target-dir", "target/portable"]);
    let name = format!("RUSTFLAGS='{FLAGS}' cargo {}", arguments.join(" "));
    cargo::run(&name, &mut check)
}
