//! kurmadisk's own jobs: the command as a process.

use std::path::Path;
use std::process::Command;

use kurmadisk_fixtures::debian::DebianRoot;
use kurmadisk_fixtures::oracle::EFI_STUB;

use super::job::{Job, quietly};
use crate::Outcome;

const FORMATS: [&str; 8] = [
    "raw",
    "vdi",
    "vmdk",
    "vmdk-stream",
    "qcow2",
    "qcow2-compressed",
    "vhd",
    "vhdx",
];

/// The name of a build in the report.
pub(super) fn name(format: &str) -> String {
    format!("kurmadisk, {format}")
}

/// What the images are called, and their files where only a folder is named.
pub(super) const NAME: &str = "bench";

const COMMAND_LINE: &str = "root=LABEL=ROOT rw console=ttyS0";

/// One job a format.
pub(super) fn jobs(root: &DebianRoot, programs: &Path, work: &Path) -> Outcome<Vec<Job>> {
    EFI_STUB.require()?;
    let job = |format| {
        let output = work.join(format!("ours.{format}"));
        let (root, programs, file) = (root.clone(), programs.to_owned(), output.clone());
        Job::new(name(format), [output], Vec::new(), move || {
            build(&root, &programs, format, &file)
        })
    };
    Ok(FORMATS.into_iter().map(job).collect())
}

/// The whole command: trees and boot files in, one image out.
pub(super) fn build(root: &DebianRoot, programs: &Path, format: &str, output: &Path) -> Outcome {
    let mut command = Command::new(programs.join("kurmadisk"));
    command.args(["build", "--quiet", "--layout", "efi", "--name", NAME]);
    command
        .arg("--kernel")
        .arg(&root.kernel)
        .arg("--initrd")
        .arg(&root.initrd);
    command
        .arg("--root")
        .arg(&root.tree)
        .arg("--efi-stub")
        .arg(EFI_STUB.path);
    command
        .args(["--cmdline", COMMAND_LINE, "--format", format])
        .arg("-o")
        .arg(output);
    quietly(&mut command)
}
