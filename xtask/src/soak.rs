//! `cargo xtask soak`: what takes too long, or too much memory, for every run of the tests.

use crate::{Outcome, cargo};

/// Makes directories of `names` names, and as many files in a thousand directories; e2fsck and the kernel say
/// whether they are good. Then all of this machine's `/usr/share`, there and back.
pub(crate) fn run(names: usize) -> Outcome {
    let program = ["-p", "kurmadisk-benches", "--example", "large_directory"];
    let names = names.to_string();
    let arguments = [&["run", "--release"], &program[..], &["--", &names]].concat();
    cargo::step(&arguments)?;
    let mut whole = cargo::cargo();
    whole.args(["test", "--release", "-p", "kurmadisk-cli"]);
    whole
        .args(["--test", "round_trip", "usr_share"])
        .env("KURMADISK_SOAK", "1");
    cargo::run("all of /usr/share, there and back", &mut whole)
}
