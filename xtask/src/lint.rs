//! `cargo xtask lint`: what must hold before anyone reads a change.

use crate::{Outcome, cargo};

const DENY: [&str; 3] = ["--", "-D", "warnings"];

/// Formatting, clippy for everything and for the smallest builds of the libraries, documentation.
pub(crate) fn run() -> Outcome {
    cargo::step(&["fmt", "--all", "--", "--check"])?;
    cargo::step(&[&["clippy", "--workspace", "--all-targets"], &DENY[..]].concat())?;
    for package in crate::test::LIBRARIES {
        let arguments = ["clippy", "--package", package, "--no-default-features"];
        cargo::step(&[&arguments, &DENY[..]].concat())?;
    }
    let mut documentation = cargo::cargo();
    documentation.args(["doc", "--workspace", "--lib", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    cargo::run("cargo doc --workspace --lib --no-deps", &mut documentation)
}
