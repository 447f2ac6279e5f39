//! What the tests need of other people's programs: found, installed, or named.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use kurmadisk_fixtures::{is_root, oracle};

use crate::{Outcome, cargo};

/// Makes sure that every program and file of [`oracle::missing`]'s list is there: as root on a machine with
/// apt it installs the packages, elsewhere it says what is missing and fails. What the Python Package Index has is
/// installed below `target`.
pub(crate) fn ensure() -> Outcome {
    ensure_all(oracle::missing)?;
    for tool in oracle::PYPI_TOOLS {
        if !tool.is_installed() {
            eprintln!("== pip install {}", tool.requirement);
            tool.install()?;
        }
    }
    Ok(())
}

/// The same for what compiles a kernel.
pub(crate) fn ensure_for_kernel() -> Outcome {
    ensure_all(oracle::missing_for_kernel)
}

fn ensure_all(list: fn() -> Vec<(&'static str, &'static str)>) -> Outcome {
    /// Packages of other releases may have to give way to those that are installed first; the second
    /// round brings them back in this release's version.
    const ROUNDS: usize = 2;
    let mut missing = list();
    let mut rounds = 0..if is_root() && has_apt() { ROUNDS } else { 0 };
    while !missing.is_empty() {
        rounds.next().ok_or_else(|| advice(&missing))?;
        install(&packages(&missing))?;
        missing = list();
    }
    Ok(())
}

fn has_apt() -> bool {
    let version = Command::new("apt-get")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

fn install(packages: &BTreeSet<&str>) -> Outcome {
    cargo::run("apt-get update", &mut apt(&["-q", "update"]))?;
    let mut command = apt(&["-q", "install", "-y", "--no-install-recommends"]);
    command.args(packages);
    if packages.contains(MACHINES) {
        // The image tool of another release, if there is one, is older or newer than the machines allow.
        command.arg("--allow-downgrades");
        command.arg(format!("{IMAGE_TOOL}={}", candidate(MACHINES)?));
    }
    let names = packages.iter().copied().collect::<Vec<_>>().join(" ");
    cargo::run(&format!("apt-get install {names}"), &mut command)
}

/// The package of QEMU's machines, and that of its `qemu-img`, which is of the same version.
const MACHINES: &str = "qemu-system-x86";
const IMAGE_TOOL: &str = "qemu-utils";

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    // Standard output is left to the tests and their closing line.
    command.stdout(std::io::stderr());
    command
}

/// The version of a package that apt would install.
fn candidate(package: &str) -> Outcome<String> {
    let mut policy = Command::new("apt-cache");
    policy.args(["policy", package]).env("LC_ALL", "C");
    let output = policy.output()?;
    let text = String::from_utf8(output.stdout)?;
    let version = version_of_candidate(&text);
    Ok(version
        .ok_or_else(|| format!("apt has no {package}"))?
        .into())
}

fn version_of_candidate(policy: &str) -> Option<&str> {
    let mut lines = policy.lines().map(str::trim);
    let version = lines.find_map(|line| line.strip_prefix("Candidate: "))?;
    (version != "(none)").then_some(version)
}

fn packages<'m>(missing: &[(&str, &'m str)]) -> BTreeSet<&'m str> {
    missing.iter().map(|&(_, package)| package).collect()
}

fn advice(missing: &[(&str, &str)]) -> String {
    let lines = missing.iter();
    let lines = lines.map(|(what, package)| format!("  {what} (Debian package {package})"));
    let list = lines.collect::<Vec<_>>().join("\n");
    let names = packages(missing).into_iter().collect::<Vec<_>>().join(" ");
    format!(
        "the tests need programs and files that are missing here:\n{list}\n\
         On Debian and Ubuntu: sudo apt-get install --no-install-recommends {names}\n\
         As root there, `cargo xtask test` installs them by itself."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_apt_would_install_is_read() {
        let policy = |version: &str| {
            format!(
                "qemu-system-x86:\n  Installed: 1:10.0\n  Candidate: {version}\n  Version table:\n"
            )
        };
        assert_eq!(version_of_candidate(&policy("1:7.2+b3")), Some("1:7.2+b3"));
        assert_eq!(version_of_candidate(&policy("(none)")), None);
        assert_eq!(version_of_candidate(""), None);
    }

    #[test]
    fn advice_names_each_package_once() {
        let text = advice(&[("mdir", "mtools"), ("mcopy", "mtools"), ("sgdisk", "gdisk")]);
        assert!(text.contains("mdir (Debian package mtools)"));
        assert!(
            text.contains("--no-install-recommends gdisk mtools\n"),
            "{text}"
        );
    }
}
